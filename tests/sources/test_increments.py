"""Reading on from a watermark: the rows read so far and the newer ones are what is there."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from closecurve.crm.errors import DataError, EnvironmentFailure
from closecurve.crm.mapping_sources import DatabaseSource
from closecurve.sources.databases import Database
from closecurve.sources.loading import loaded_sources
from closecurve.sources.state import SourceState

Row = tuple[Any, ...]
Change = tuple[int, int, object, bool]


class Crm:
    """A SQLite database with a table of deals, imported again and again into one home."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "crm.db"
        self.folder = folder / "sources"
        self.known: dict[str, str] = {}
        self.do("CREATE TABLE deals (id, region, modified_at, value)")

    def do(self, statement: str, values: Row = ()) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute(statement, values)

    def put(self, key: int, at: object, value: object) -> None:
        self.do("DELETE FROM deals WHERE id = ? AND region = 'north'", (key,))
        self.do("INSERT INTO deals VALUES (?, 'north', ?, ?)", (key, at, value))

    def source(self, **more: Any) -> DatabaseSource:
        given = {"table": "deals", "watermark": "modified_at", "row_key": ("id", "region")} | more
        return DatabaseSource(name="deals", url=f"sqlite:///{self.path}", **given)

    def read(self, state: SourceState | None, **more: Any) -> list[Row]:
        with loaded_sources([self.source(**more)], state) as (connection, loaded):
            if loaded["deals"].state is not None:
                self.known = {"deals": loaded["deals"].state}
            found = connection.execute("SELECT * FROM deals ORDER BY _line").fetchall()
            assert len(found) == loaded["deals"].row_count
            return found

    def import_on(self, **more: Any) -> list[Row]:
        return self.read(SourceState(folder=self.folder, known=self.known), **more)


@pytest.fixture
def crm(tmp_path: Path) -> Crm:
    found = Crm(tmp_path)
    for key in (2, 1, 3):
        found.put(key, f"2025-01-0{key}", key / 2)
    return found


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """From where each read of the database began; None where it was read whole."""
    found: list[object] = []
    plain: Callable[..., Iterator[Any]] = Database.batches

    def batches(self: Database, source: DatabaseSource, since: object = None) -> Iterator[Any]:
        found.append(since)
        return plain(self, source, since)

    monkeypatch.setattr(Database, "batches", batches)
    return found


def test_only_what_is_new_is_read_and_replaces_its_key(crm: Crm, asked: list[object]) -> None:
    first = crm.import_on()
    crm.put(2, "2025-01-03", None)
    crm.put(4, "2025-02-01", "x")
    crm.do("INSERT INTO deals VALUES (2, 'south', '2025-02-01', 7)")
    second = crm.import_on()
    assert asked == [None, "2025-01-03"]
    assert [row[0] for row in first] == [1, 2, 3]
    assert [row[:4] for row in second] == [
        (1, "north", "2025-01-01", "0.5"),
        (2, "north", "2025-01-03", None),
        (2, "south", "2025-02-01", "7"),
        (3, "north", "2025-01-03", "1.5"),
        (4, "north", "2025-02-01", "x"),
    ]
    assert [row[4:] for row in second] == [("sources.deals", line) for line in range(1, 6)]


def test_a_state_is_named_after_its_content_and_stays_until_it_is_pruned(crm: Crm) -> None:
    crm.import_on()
    first = dict(crm.known)
    assert crm.import_on() == crm.import_on()
    assert crm.known == first
    crm.put(4, "2025-02-01", 1)
    crm.import_on()
    assert crm.known != first
    assert sorted(path.name for path in crm.folder.iterdir()) == sorted(
        f"deals-{digest}.parquet" for digest in (first["deals"], crm.known["deals"])
    )


def test_an_import_goes_on_from_the_state_that_it_is_given(crm: Crm, asked: list[object]) -> None:
    crm.import_on()
    before = dict(crm.known)
    crm.put(4, "2025-02-01", 1)
    refused = crm.import_on()
    crm.known = before
    assert crm.import_on() == refused
    assert asked == [None, "2025-01-03", "2025-01-03"]


@pytest.mark.parametrize(
    "more",
    [{"row_key": ("id",)}, {"watermark": "id"}, {"query": "SELECT * FROM deals", "table": None}],
)
def test_another_mapping_of_the_source_reads_everything(
    crm: Crm, asked: list[object], more: dict[str, Any]
) -> None:
    crm.import_on()
    assert len(crm.import_on(**more)) == 3
    assert asked == [None, None]


def test_a_damaged_or_missing_state_reads_everything(crm: Crm, asked: list[object]) -> None:
    crm.import_on()
    path = SourceState(folder=crm.folder, known={}).path("deals", crm.known["deals"])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert len(crm.import_on()) == 3
    path.unlink()
    assert len(crm.import_on()) == 3
    assert asked == [None, None, None]
    assert path.read_bytes() == whole


def test_a_new_column_reads_everything(crm: Crm, asked: list[object]) -> None:
    crm.import_on()
    crm.do("ALTER TABLE deals ADD COLUMN owner DEFAULT 'o1'")
    assert [row[4] for row in crm.import_on()] == ["o1", "o1", "o1"]
    assert asked == [None, "2025-01-03", None]


def test_rows_without_a_watermark_are_always_read(crm: Crm) -> None:
    crm.import_on()
    crm.put(9, None, "late")
    assert [row[0] for row in crm.import_on()] == [1, 2, 3, 9]


@pytest.mark.parametrize("key", [3, None])
def test_a_key_names_one_row(crm: Crm, key: int | None) -> None:
    crm.do("INSERT INTO deals VALUES (?, 'north', '2025-02-01', 1)", (key,))
    with pytest.raises(DataError, match=r"sources\.deals\.key names each row once") as caught:
        crm.import_on()
    assert caught.value.code == "database-key"


def test_without_a_home_everything_is_read_and_nothing_is_kept(crm: Crm) -> None:
    assert len(crm.read(None)) == 3
    assert not crm.folder.exists()


def test_a_home_that_cannot_be_written_stops_the_import(crm: Crm) -> None:
    crm.folder.write_text("in the way")
    with pytest.raises(EnvironmentFailure) as caught:
        crm.import_on()
    assert caught.value.code == "disk-write"


VALUES = st.one_of(st.none(), st.integers(-5, 5), st.floats(-2, 2), st.sampled_from(["", "x", "1"]))
CHANGES = st.lists(
    st.tuples(st.integers(1, 5), st.integers(0, 2), VALUES, st.booleans()), max_size=5
)


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(batches=st.lists(CHANGES, min_size=2, max_size=2))
def test_a_first_import_and_increments_are_one_import_of_everything(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[Change]]
) -> None:
    crm, clock = Crm(tmp_path_factory.mktemp("crm")), 0
    for changes in batches:
        for key, later, value, is_dated in changes:
            clock += later
            crm.put(key, clock if is_dated else None, value)
        whole = crm.read(None)
        assert [tuple(map(said, row)) for row in crm.import_on()] == [
            tuple(map(said, row)) for row in whole
        ]


def said(value: object) -> object:
    """A value as a mapping takes it: what a column's other values make of a number is no more than
    the way it is written."""
    try:
        return float(str(value))
    except ValueError:
        return value
