"""An import from end to end: reported, published whole, or refused with the old one left."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from closecurve.crm.errors import DataError, EnvironmentFailure
from closecurve.sources.importing import ImportReport
from closecurve.stores.history import HistoryStore

DEALS = """deal_id,created_at,closed_at,outcome,stage,amount,industry
D1,2025-01-01,2025-02-01,won,Proposal,100,steel
D2,2025-01-02,,,Proposal,200,wood
D3,2025-01-03,2025-02-03,lost,Closing,300,
"""
MAPPING = '[sources.deals]\npath = "deals.csv"\n[tables.deals]\nattributes = ["industry"]\n'
Import = Callable[..., ImportReport]


def test_an_export_becomes_the_current_history(imported: Import, tmp_path: Path) -> None:
    report = imported({"deals.csv": DEALS}, MAPPING)
    handle = HistoryStore(tmp_path / "home").current()
    assert (report.is_new, report.history_id) == (True, handle.history_id)
    assert report.data_until == handle.data_until == pd.Timestamp("2025-02-03")
    assert report.set_aside == 0
    assert handle.meta.files == report.digests
    assert (handle.meta.company, handle.meta.currency) == ("Test", "EUR")
    assert handle.row_counts["deals"] == 3
    assert handle.tables().deals.industry.to_pyarrow().to_pylist() == ["steel", "wood", None]


def test_the_same_again_changes_nothing_and_a_change_is_taken(imported: Import) -> None:
    first = imported({"deals.csv": DEALS}, MAPPING)
    again = imported({}, MAPPING)
    changed = imported({"deals.csv": DEALS.replace("200", "250")}, MAPPING)
    assert (again.is_new, again.history_id) == (False, first.history_id)
    assert (changed.is_new, changed.history_id == first.history_id) == (True, False)


def test_a_row_set_aside_is_written_to_the_report(imported: Import) -> None:
    rows = "".join(f"E{i},2025-01-01,,,Proposal,1,\n" for i in range(40))
    bad = 'E1,2025-01-01,,,Proposal,1,\nF1,2025-01-01,,,Proposal,"=1+1",\n'
    report = imported({"deals.csv": DEALS + rows + bad}, MAPPING)
    written = pd.read_csv(report.report_path)
    assert written.columns.tolist() == ["table", "file", "line", "column", "value", "rule"]
    assert written[["line", "rule"]].to_numpy().tolist() == [
        [45, "id-duplicate"],
        [46, "number-unreadable"],
    ]
    assert written["value"].tolist() == ["E1", "'=1+1"]
    deals = report.tables[0]
    assert (deals.read, deals.kept, deals.set_aside) == (45, 43, 2)


def test_too_many_bad_rows_stop_the_import_and_name_the_report(
    imported: Import, tmp_path: Path
) -> None:
    first = imported({"deals.csv": DEALS}, MAPPING)
    with pytest.raises(DataError, match=r"33\.3% of 3 rows of deals.*date-unreadable") as caught:
        imported({"deals.csv": DEALS.replace("2025-01-02", "soon")}, MAPPING)
    assert caught.value.code == "too-many-bad-rows"
    path = Path(str(caught.value).rsplit(" ", 1)[1])
    assert pd.read_csv(path)["value"].tolist() == ["soon"]
    assert HistoryStore(tmp_path / "home").current().history_id == first.history_id


def test_more_bad_rows_are_taken_where_the_mapping_says_so(imported: Import) -> None:
    mapping = "[import]\nmost_bad_share = 0.5\n" + MAPPING
    report = imported({"deals.csv": DEALS.replace("2025-01-02", "soon")}, mapping)
    assert report.tables[0].set_aside == 1


@pytest.mark.parametrize(
    ("content", "mapping"),
    [
        (DEALS.splitlines()[0] + "\n", MAPPING),
        (DEALS, MAPPING + "where = 'FALSE'\n"),
        ("deal_id,created_at,industry\n1,x,\n", "[import]\nmost_bad_share = 1\n" + MAPPING),
    ],
)
def test_without_a_deal_nothing_can_be_done(
    imported: Import, tmp_path: Path, content: str, mapping: str
) -> None:
    first = imported({"deals.csv": DEALS}, MAPPING)
    with pytest.raises(DataError, match="at least one deal") as caught:
        imported({"deals.csv": content}, mapping)
    assert caught.value.code == "deals-empty"
    assert HistoryStore(tmp_path / "home").current().history_id == first.history_id


def test_a_refused_file_leaves_no_home(imported: Import, tmp_path: Path) -> None:
    with pytest.raises(DataError):
        imported({"deals.csv": ""}, MAPPING)
    assert not (tmp_path / "home").exists()


def outcomes(home: Path) -> dict[str, str]:
    """The last outcome of each deal that has one."""
    facts = HistoryStore(home).current().frames()["deal_changes"]
    ends = facts[facts["field"] == "outcome"].drop_duplicates("deal_id", keep="last")
    return dict(zip(ends["deal_id"], ends["new_value"], strict=True))


def test_a_second_import_is_put_on_top_of_the_first(imported: Import, tmp_path: Path) -> None:
    imported({"deals.csv": DEALS}, MAPPING)
    later = "D4,2025-03-01,,,Proposal,5,\n"
    without = DEALS.replace("D2,2025-01-02,,,Proposal,200,wood\n", "") + later
    report = imported({"deals.csv": without}, MAPPING)
    (deals, _) = report.changes
    assert (deals.new, deals.deleted, report.other_mapping) == (1, 1, False)
    assert outcomes(tmp_path / "home") == {"D1": "won", "D2": "deleted", "D3": "lost"}
    assert report.data_until == pd.Timestamp("2025-03-01")
    assert imported({}, MAPPING).history_id == report.history_id


def test_afresh_forgets_what_was_known(imported: Import, tmp_path: Path) -> None:
    whole = DEALS + "D4,2025-03-01,,,Proposal,5,\n"
    alone = imported({"deals.csv": whole}, MAPPING).history_id
    imported({"deals.csv": DEALS}, MAPPING)
    imported({"deals.csv": whole}, MAPPING)
    assert outcomes(tmp_path / "home")["D4"] == "open"
    report = imported({}, MAPPING, afresh=True)
    assert (report.history_id, report.changes) == (alone, ())


def test_a_damaged_history_can_be_made_afresh(imported: Import, tmp_path: Path) -> None:
    first = imported({"deals.csv": DEALS}, MAPPING)
    (tmp_path / "home/history" / first.history_id / "deals.parquet").write_bytes(b"PAR1")
    with pytest.raises(EnvironmentFailure, match="--afresh") as caught:
        imported({}, MAPPING)
    assert caught.value.code == "history-damaged"
    imported({}, MAPPING, afresh=True)
    assert len(HistoryStore(tmp_path / "home").current().frames()["deals"]) == 3


def test_another_mapping_is_told_and_what_was_known_stays(imported: Import) -> None:
    imported({"deals.csv": DEALS}, MAPPING)
    other = MAPPING + 'columns = { amount = "CAST(amount AS DOUBLE) * 2" }\n'
    report = imported({}, other)
    assert report.other_mapping
    assert report.changes[0].noticed == 3
    assert not imported({}, other).other_mapping


def test_a_row_that_cannot_be_read_does_not_delete_its_deal(
    imported: Import, tmp_path: Path
) -> None:
    mapping = "[import]\nmost_bad_share = 0.9\n" + MAPPING
    imported({"deals.csv": DEALS}, mapping)
    broken = DEALS.replace("D2,2025-01-02,,,", "D2,soon,,,").replace("D3,", "D3,too,many,")
    report = imported({"deals.csv": broken}, mapping)
    assert sorted(report.rejected["rule"]) == ["date-unreadable", "row-shape"]
    assert report.changes[0].deleted == 0
    assert outcomes(tmp_path / "home") == {"D1": "won", "D3": "lost"}


def test_a_date_after_the_import_moves_nothing(imported: Import) -> None:
    began_at = pd.Timestamp("2025-02-10")
    mapping = "[import]\nmost_bad_share = 0.5\n" + MAPPING
    slip = DEALS + "D4,2190-01-01,,,Proposal,5,\n"
    report = imported({"deals.csv": slip}, mapping, began_at=began_at)
    assert report.data_until == pd.Timestamp("2025-02-03")
    assert report.rejected[["line", "column", "value", "rule"]].to_numpy().tolist() == [
        [5, "created_at", "2190-01-01", "date-future"]
    ]


HEAD = "deal_id,created_at,closed_at,outcome,stage,amount,industry\n"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("D1,2025-01-01,,,Proposal,1,x\n", id="one deal"),
        pytest.param("D1,2025-01-01,2025-01-09,lost,,,\n", id="no win"),
        pytest.param(
            "D1,2025-01-01,2025-01-09,won,,,\nD2,2025-01-01,2025-01-09,won,,,\n", id="wins"
        ),
        pytest.param("".join(f"商机{i},2025-01-01,,,Proposal,1,\n" for i in range(3)), id="中文"),
        pytest.param("D1,2025-01-01T23:30:00-08:00,,,,,\nD2,2025-01-02,,,,,\n", id="zones"),
        pytest.param(
            "".join(f"D{i},2025-01-01,,,,,c{i}\n" for i in range(10_000)), id="10,000 categories"
        ),
        pytest.param("D1,2025-01-01,,,,,\nD2,2025-01-01,,,,,\n", id="columns full of nulls"),
    ],
)
def test_an_odd_export_is_taken_and_taken_again(imported: Import, content: str) -> None:
    first = imported({"deals.csv": HEAD + content}, MAPPING)
    again = imported({}, MAPPING)
    assert first.tables[0].kept == content.count("\n")
    assert (again.is_new, again.history_id) == (False, first.history_id)
