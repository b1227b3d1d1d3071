"""Tables cut into ranges of ids: by cells, all rows of an id together."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from closecurve.crm.mapping import ImportMapping
from closecurve.crm.ranges import CUTS, IdRange
from closecurve.sources import cutting
from closecurve.sources.cutting import CutTables
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
            cut: CutTables = extract.cut(CUTS[0], known)
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
