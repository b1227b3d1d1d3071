"""Files of a history: the same bytes whatever parts they come in, read by ranges of ids."""

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from closecurve.crm.ranges import CUTS, Cut, IdRange
from closecurve.stores import history_files
from closecurve.stores.history_files import GrowingFile, HistoryFiles, ids_in, read_rows

AT = pd.Timestamp("2025-01-01")
ACTIVITIES = pd.DataFrame(
    {
        "deal_id": [None, None, "D1", "D2", "D2", "D3"],
        "lead_id": ["L1", "L2", None, None, "L9", None],
        "event_at": AT,
        "known_at": AT,
        "kind": ["a", "b", "c", "d", "e", "f"],
    }
)


def cut(name: str) -> Cut:
    return next(each for each in CUTS if each.name == name)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A history of activities with two rows to a row group, and deals that stated otherwise."""
    monkeypatch.setattr(history_files, "ROW_GROUP", 2)
    files = HistoryFiles(tmp_path / "history")
    said = {"id": ["D1", "D2", "D3"], "field": "stage", "value": "x"}
    for rows in (ACTIVITIES.iloc[:1], ACTIVITIES.iloc[1:]):
        files.add({"activities": rows})
    files.add({"stated": pd.DataFrame({"table": ["leads", "deals", "deals"], **said})})
    files.finish()
    return tmp_path / "history"


def test_a_file_depends_on_its_rows_and_not_on_their_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_files, "ROW_GROUP", 300)
    rows = pa.table({"id": [f"D{i % 7}" for i in range(1000)], "n": range(1000)})
    written = {}
    for size in (1000, 301, 7):
        file = GrowingFile(tmp_path / f"{size}.parquet")
        for first in range(0, 1000, size):
            file.add(rows.slice(first, size))
        written[size] = file.finish()
        assert file.row_count == 1000
    assert len(set(written.values())) == 1
    assert pq.ParquetFile(tmp_path / "7.parquet").metadata.num_row_groups == 4
    assert pq.read_table(tmp_path / "7.parquet") == rows


@pytest.mark.parametrize(
    ("name", "bounds", "kinds"),
    [
        ("of_deals", {}, "cdef"),
        ("of_deals", {"end": "D2"}, "c"),
        ("of_deals", {"first": "D2", "end": "D3"}, "de"),
        ("of_deals", {"first": "D20"}, "f"),
        ("of_leads", {}, "ab"),
        ("of_leads", {"first": "L2"}, "b"),
        ("of_leads", {"end": "L1"}, ""),
    ],
)
def test_a_range_of_ids_is_read_alone(
    folder: Path, name: str, bounds: dict[str, Any], kinds: str
) -> None:
    rows = read_rows(folder, "activities", IdRange(cut=cut(name), **bounds))
    assert "".join(rows["kind"]) == kinds


def test_what_was_stated_is_read_by_table_and_id(folder: Path) -> None:
    rows = read_rows(folder, "stated", IdRange(cut=cut("deals"), end="D3"))
    assert rows["id"].tolist() == ["D2"]


def test_cells_are_counted_by_the_ids_of_a_cut(folder: Path) -> None:
    counted = {
        name: pa.concat_tables(ids_in(folder, "activities", cut(name))).to_pylist()
        for name in ("of_deals", "of_leads")
    }
    width = len(pq.read_schema(folder / "activities.parquet"))
    of_leads = {(each["id"], each["cells"]) for each in counted["of_leads"]}
    assert of_leads == {("L1", width), ("L2", width)}
    assert sum(each["cells"] for each in counted["of_deals"]) == 4 * width
