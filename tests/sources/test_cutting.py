"""Tables cut into ranges of ids: by cells, all rows of an id together."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from closecurve.crm.mapping import ImportMapping
from closecurve.crm.ranges import CUTS, IdRange
from closecurve.sources import cutting
from closecurve.sources.cutting import CutTables, KnownIds
from closecurve.sources.extract import extracted

MAPPING = """
[sources.deals]
path = "deals.csv"
[tables.deals]
columns = { created_at = "born" }
"""
WIDTH = 4
"""Columns of a mapped row: deal_id, created_at, and where it stands."""


@pytest.fixture
def ids_by_range(
    mapped: Callable[[str], ImportMapping], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[list[IdRange], list[list[str]]]]:
    """The ranges and the ids of their rows, with as many rows to a range as are asked for."""

    def run(ids: str, rows: int, known: list[pa.Table]) -> tuple[list[IdRange], list[list[str]]]:
        monkeypatch.setattr(cutting, "RANGE_CELLS", rows * WIDTH)
        lines = "".join(f"{each},2025-01-01\n" for each in ids)
        (tmp_path / "deals.csv").write_text(f"deal_id,born\n{lines}")
        with extracted(mapped(MAPPING)) as extract:
            cut: CutTables = extract.cut(CUTS[0], KnownIds(rows=len(known), cells=known))
            frames = [cut.read(ids)["deals"].parts[0].frame for ids in cut.ranges]
        return [*cut.ranges], [frame["deal_id"].tolist() for frame in frames]

    return run


def test_ranges_follow_the_ids_and_rows_their_file(
    ids_by_range: Callable[..., tuple[list[IdRange], list[list[str]]]],
) -> None:
    ranges, ids = ids_by_range("dacbabd", 3, [])
    assert ids == [["a", "b", "a", "b"], ["d", "c", "d"]]
    assert [(each.number, each.first, each.end) for each in ranges] == [
        (0, None, "c"),
        (1, "c", None),
    ]


def test_what_the_history_holds_counts_too(
    ids_by_range: Callable[..., tuple[list[IdRange], list[list[str]]]],
) -> None:
    known = pa.table({"id": ["a", "a"], "cells": [WIDTH, WIDTH]})
    _, ids = ids_by_range("abcd", 3, [known])
    assert ids == [["a"], ["b", "c", "d"]]


def test_many_ranges_are_told_apart(
    ids_by_range: Callable[..., tuple[list[IdRange], list[list[str]]]],
) -> None:
    ids = "the quick brown fox".replace(" ", "")
    assert ids_by_range(ids, 1, [])[1] == [[each] * ids.count(each) for each in sorted(set(ids))]


def test_a_share_of_many_ids_tells_where_ranges_begin(
    ids_by_range: Callable[..., tuple[list[IdRange], list[list[str]]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One id in eleven is counted: ranges are about as large, and nobody is lost."""
    monkeypatch.setattr(cutting, "_MOST_COUNTED", 600)
    known = [pa.table({"id": [f"{i:04}"], "cells": [WIDTH]}) for i in range(0, 3000, 2)]
    everyone = [f"{i:04}" for i in range(0, 9000, 2)]
    _, ids = ids_by_range(everyone, 500, known)
    assert [each for some in ids for each in some] == everyone
    sizes = [sum(1 + (int(each) < 3000) for each in some) for some in ids]
    assert max(sizes) < 2 * 500
    assert 9 <= len(sizes) <= 16
