"""Histories on disk: whole or not at all, the same content once, old ones pruned."""

import json
import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import ibis
import pandas as pd
import pytest

from closecurve.crm.calendar import FiscalCalendar
from closecurve.crm.continuing_facts import STATED
from closecurve.crm.errors import DataError, EnvironmentFailure, ExitCode, UsageError
from closecurve.crm.history import history_tables
from closecurve.crm.stages import DEFAULT_PROCESS
from closecurve.stores.history import KEPT, HistoryMeta, HistoryStore

DAY = pd.Timestamp("2025-03-31")
META = HistoryMeta(
    company="Test",
    currency="EUR",
    calendar=FiscalCalendar(year_start_month=4, time_zone="Europe/Berlin"),
    files={"deals.csv": "0" * 64},
)


def tables(count: int, amount: float = 1.0) -> dict[str, pd.DataFrame]:
    deals = pd.DataFrame(
        {
            "deal_id": [f"D{i:06}" for i in range(count)],
            "created_at": pd.Timestamp("2025-01-01") + pd.to_timedelta(range(count), unit="s"),
            "amount": amount,
            "sector": "steel",
            "seats": 5.0,
        }
    )
    return history_tables({"deals": deals}, [DEFAULT_PROCESS])


def visible(home: Path) -> list[str]:
    return sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.is_file())


def test_what_is_published_is_current(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path)
    published = store.publish(tables(3), META)
    handle = store.current()
    assert (published.is_new, published.history_id) == (True, handle.history_id)
    assert handle.meta == META
    assert handle.data_until == pd.Timestamp("2025-01-01 00:00:02")
    assert (handle.row_counts["deals"], handle.row_counts["deal_changes"]) == (3, 3)


def test_tables_are_typed_views_of_one_engine(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path)
    store.publish(tables(3), META)
    engine = ibis.duckdb.connect()
    found = store.current().tables(engine)
    assert found.attributes("deals") == ("sector", "seats")
    assert found.deals.schema()["seats"].is_float64()
    assert found.deals.created_at.type().is_timestamp()
    assert found.owners.hired_date.type().is_date()
    assert found.deal_changes.count().to_pyarrow().as_py() == 3
    assert engine.raw_sql("SELECT count(*) FROM stages").fetchall() == [(7,)]


def test_the_same_content_is_one_history(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path)
    first = store.publish(tables(3), META)
    before = visible(tmp_path)
    again = store.publish(tables(3), META)
    assert (again.is_new, again.history_id) == (False, first.history_id)
    assert visible(tmp_path) == before


def test_the_company_is_part_of_the_content(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path)
    other = HistoryMeta(company="Test", currency="USD", calendar=META.calendar, files=META.files)
    assert store.publish(tables(3), META).history_id != store.publish(tables(3), other).history_id


def test_old_histories_are_pruned_and_a_handle_outlives_the_next(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path)
    store.publish(tables(1), META)
    handle = store.current()
    ids = [store.publish(tables(count), META).history_id for count in (2, 3)]
    assert handle.tables().deals.count().to_pyarrow().as_py() == 1
    ids += [store.publish(tables(count), META).history_id for count in (4, 5)]
    folders = {path.name for path in (tmp_path / "history").iterdir() if path.is_dir()}
    assert folders == set(ids[-KEPT:])


def test_going_back_to_an_old_history_makes_it_current(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path)
    first = store.publish(tables(1), META)
    store.publish(tables(2), META)
    assert store.publish(tables(1), META).is_new
    assert store.current().history_id == first.history_id


def test_a_history_without_a_fact_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="at least one fact"):
        HistoryStore(tmp_path).publish({}, META)


def test_without_an_import_there_is_no_history(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="imported first") as caught:
        HistoryStore(tmp_path).current()
    assert caught.value.code == "history-missing"


def test_a_failure_before_the_switch_leaves_the_old_history_alone(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path)
    first = store.publish(tables(1), META)
    before = visible(tmp_path)

    def fail(history_id: str) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(EnvironmentFailure) as caught:
        store.publish(tables(2), META, before=fail)
    assert (caught.value.code, caught.value.exit_code) == ("disk-write", ExitCode.ENVIRONMENT)
    assert visible(tmp_path) == before
    assert store.current().history_id == first.history_id


@pytest.mark.parametrize("harm", ["missing", "cut", "schema", "pointer"])
def test_a_damaged_history_is_named(tmp_path: Path, harm: str) -> None:
    store = HistoryStore(tmp_path)
    folder = tmp_path / "history" / store.publish(tables(1), META).history_id
    document = json.loads((folder / "history.json").read_text())
    if harm == "missing":
        (folder / "deals.parquet").unlink()
    elif harm == "cut":
        (folder / "history.json").write_text("{")
    elif harm == "schema":
        (folder / "history.json").write_text(json.dumps(document | {"schema": 99}))
    else:
        (tmp_path / "history" / "CURRENT").write_text("nowhere\n")
    with pytest.raises(EnvironmentFailure, match="import again with --afresh") as caught:
        store.current().tables()
    assert caught.value.code == ("history-unknown" if harm == "schema" else "history-damaged")


def test_a_disk_that_is_full_changes_nothing(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path)
    first = store.publish(tables(1), META)
    before = visible(tmp_path)
    large = tables(20_000)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
        with pytest.raises(EnvironmentFailure) as caught:
            store.publish(large, META)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    assert caught.value.code == "disk-write"
    assert visible(tmp_path) == before
    assert store.current().history_id == first.history_id


WRITER = """
import sys
from pathlib import Path
import pandas as pd
from closecurve.stores.history import HistoryMeta, HistoryStore
store = HistoryStore(Path(sys.argv[1]))
known = pd.Timestamp("2025-01-01")
made = [pd.DataFrame({"deal_id": [f"{n}"] * n, "known_at": known}) for n in range(1000, 5000, 1000)]
print("ready", flush=True)
while True:
    for deals in made:
        store.publish({"deals": deals}, HistoryMeta(company="Test", currency="EUR"))
"""


def test_readers_see_one_whole_history_however_often_the_writer_is_killed(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path)
    store.publish(tables(1), META)
    for kill in range(3):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)],
            stdout=subprocess.PIPE,
        )
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        time.sleep(0.01 + 0.023 * kill)
        writer.kill()
        writer.communicate()
        handle = store.current()
        deals = handle.tables().deals.to_pyarrow()
        assert len(deals) == handle.row_counts["deals"]
        assert len(set(deals["deal_id"].to_pylist())) == 1
    store.publish(tables(1), META)
    left = [p.name for p in (tmp_path / "history").iterdir() if p.name.startswith(".")]
    assert left == []


def test_a_history_is_read_back_as_it_was_made(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path)
    made = tables(3) | {"owners": pd.DataFrame({"owner_id": ["O"], "left_date": [DAY]})}
    said = pd.DataFrame([("deals", "D1", "amount", "5")], columns=list(STATED), dtype="str")
    store.publish(made, META, stated=said)
    handle = store.current()
    assert handle.frames()["owners"]["left_date"].tolist() == [DAY]
    assert handle.frames()["deals"]["deal_id"].tolist() == made["deals"]["deal_id"].tolist()
    pd.testing.assert_frame_equal(handle.stated(), said)


def test_what_was_read_of_databases_stays_as_long_as_a_history_names_it(tmp_path: Path) -> None:
    store, folder = HistoryStore(tmp_path), tmp_path / "sources"
    folder.mkdir()
    for number in range(1, KEPT + 2):
        (folder / f"crm-{number}.parquet").write_bytes(b"rows")
        store.publish(tables(number), replace(META, source_states={"crm": str(number)}))
        assert store.current().meta.source_states == {"crm": str(number)}
    (folder / "crm-9.parquet").write_bytes(b"left by an import that was killed")
    store.publish(tables(KEPT + 2), META)
    assert sorted(path.stem for path in folder.iterdir()) == ["crm-3", "crm-4"]


def test_another_mapping_makes_another_history(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path)
    first = store.publish(tables(1), META)
    other = store.publish(tables(1), replace(META, mapping="other"))
    assert other.is_new
    assert other.history_id != first.history_id
    assert store.current().meta.mapping == "other"
