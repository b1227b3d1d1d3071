"""Sources as tables: what is too large for memory lies in a folder that goes with the import."""

import resource
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from closecurve.crm.errors import EnvironmentFailure
from closecurve.crm.mapping_sources import DatabaseSource, FileSource
from closecurve.sources import loading
from closecurve.sources.growing import GROUP_ROWS, GrowingTable
from closecurve.sources.loading import loaded_sources


@pytest.fixture
def source(tmp_path: Path) -> FileSource:
    """A Parquet file of 40 MB that no compression makes smaller."""
    random = np.random.default_rng(3)
    table = pa.table({f"x{i}": random.random(500_000) for i in range(10)})
    pq.write_table(table, tmp_path / "large.parquet")
    return FileSource(name="large", path=tmp_path / "large.parquet")


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's temporary folders lie."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_more_rows_than_memory_holds_are_read_and_ordered(
    source: FileSource, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "WRITING_KB", 24_000)
    with loaded_sources([source]) as (connection, loaded):
        rows = connection.execute("SELECT x0, _line FROM large ORDER BY x0").to_arrow_reader(10_000)
        lines = np.concatenate([batch.column("_line").to_numpy() for batch in rows])
        assert any(path.is_file() for path in temporary.rglob("*"))
    assert loaded["large"].row_count == 500_000
    assert sorted(lines.tolist()) == list(range(1, 500_001))
    assert list(temporary.iterdir()) == []


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file of this process grows beyond 4 MB, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_temporary_folder_is_the_machines_fault(
    source: FileSource, temporary: Path, monkeypatch: pytest.MonkeyPatch, small_files: None
) -> None:
    monkeypatch.setattr(loading, "WRITING_KB", 24_000)
    with pytest.raises(EnvironmentFailure) as caught, loaded_sources([source]):
        pass
    assert caught.value.code == "memory"
    assert list(temporary.iterdir()) == []


def test_a_very_wide_table_is_read_and_a_narrow_one_after_it(tmp_path: Path) -> None:
    names = [f"x{i}" for i in range(600)]
    wide = FileSource(name="wide", path=tmp_path / "wide.parquet")
    pq.write_table(pa.table({name: pa.array(range(2500)).cast("str") for name in names}), wide.path)
    narrow = FileSource(name="narrow", path=tmp_path / "narrow.csv")
    narrow.path.write_text("id\n1\n")
    with loaded_sources([wide, narrow]) as (connection, loaded):
        connection.execute("CREATE TABLE copy AS SELECT * FROM wide")
        assert connection.execute("SELECT max(x599), count(*) FROM copy").fetchone() == (
            "999",
            2500,
        )
    assert loaded["wide"].row_count == 2500


@pytest.mark.parametrize("width", [31, 62])
def test_whole_pieces_of_a_table_fit_into_the_memory_for_its_width(
    tmp_path: Path, width: int
) -> None:
    path = tmp_path / "wide.parquet"
    texts = pa.array([f"value {i} of a column" for i in range(GROUP_ROWS + 1)])
    pq.write_table(pa.table({f"x{i}": texts for i in range(width)}), path)
    with loaded_sources([FileSource(name="wide", path=path)]) as (connection, _):
        connection.execute("CREATE TABLE copy AS SELECT upper(COLUMNS(*)::VARCHAR) FROM wide")
        found = connection.execute(f"SELECT count(x{width - 1}) FROM copy").fetchall()
    assert found == [(GROUP_ROWS + 1,)]


def test_files_and_databases_are_tables_side_by_side(tmp_path: Path) -> None:
    (tmp_path / "deals.csv").write_text("id\n1\n")
    url = f"sqlite:///{tmp_path}/crm.db"
    (tmp_path / "crm.db").touch()
    owners = DatabaseSource(name="owners", url=url, query="SELECT 1 AS id")
    deals = FileSource(name="deals", path=tmp_path / "deals.csv")
    with loaded_sources([owners, deals]) as (connection, loaded):
        joined = "SELECT count(*) FROM deals JOIN owners ON deals.id = owners.id::VARCHAR"
        assert connection.execute(joined).fetchall() == [(1,)]
    assert list(loaded["deals"].digests) == ["deals.csv"]
    assert loaded["owners"].digests == {}
    assert loaded["owners"].state is None


def test_a_column_without_a_value_takes_the_type_of_the_first_one(tmp_path: Path) -> None:
    with loaded_sources([]) as (connection, _):
        table = GrowingTable(connection, "grown")
        table.add(pa.table({"a": pa.nulls(1), 'b "x"': ["1"]}))
        table.add(pa.table({'b "x"': pa.array([2.5]), "late": pa.array([1], pa.int16())}))
        table.add(pa.table({"a": pa.array([7], pa.date32()), "late": [2**40]}))
        table.flush()
        found = connection.execute('SELECT a, "b ""x""", late FROM grown').fetchall()
        types = connection.execute("SELECT typeof(COLUMNS(*)) FROM grown LIMIT 1").fetchall()
    assert [(str(row[0]), row[1], row[2]) for row in found] == [
        ("None", "1", None),
        ("None", "2.5", 1),
        ("1970-01-08", None, 2**40),
    ]
    assert types == [("DATE", "VARCHAR", "BIGINT")]


def test_rows_wait_for_a_whole_piece_and_none_is_lost() -> None:
    with loaded_sources([]) as (connection, _):
        table = GrowingTable(connection, "grown")
        added = 0
        for count in (3, 7 * GROUP_ROWS + 5, 0, GROUP_ROWS - 9, 2):
            table.add(pa.table({"a": pa.array(range(added, added + count), pa.int64())}))
            added += count
            whole = connection.execute("SELECT count(*), max(a) FROM grown").fetchall()[0]
            assert whole[0] % GROUP_ROWS == 0
            assert whole[1] in (None, whole[0] - 1)
        table.flush()
        found = connection.execute("SELECT a FROM grown").to_arrow_table()
    assert found.column("a").to_pylist() == [*range(added)]
