"""Rows in files by their range: each range comes back once, in the order it was added."""

from pathlib import Path

import pyarrow as pa
import pytest

from closecurve.sources import spreading
from closecurve.sources.spreading import RANGE, RangeFiles

SCHEMA = pa.schema({"id": pa.string(), RANGE: pa.int32()})


def batch(ids: list[str | None], ranges: list[int]) -> pa.RecordBatch:
    return pa.record_batch([pa.array(ids, pa.string()), pa.array(ranges, pa.int32())], SCHEMA)


@pytest.mark.parametrize("waiting", [0, 1 << 20])
def test_a_range_has_its_rows_of_every_batch_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waiting: int
) -> None:
    monkeypatch.setattr(spreading, "_WAITING_BYTES", waiting)
    files = RangeFiles(tmp_path, "deals", SCHEMA)
    files.add(batch(["b", "a", None], [1, 0, 1]))
    files.add(batch(["d", "c"], [1, 3]))
    files.flush()
    found = [files.take(number)["id"].to_pylist() for number in range(4)]
    assert found == [["a"], ["b", None, "d"], [], ["c"]]
    assert list(tmp_path.iterdir()) == []


def test_a_table_without_rows_keeps_its_columns(tmp_path: Path) -> None:
    files = RangeFiles(tmp_path, "deals", SCHEMA)
    files.flush()
    assert files.take(0) == SCHEMA.empty_table()
