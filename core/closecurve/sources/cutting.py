"""Canonical tables cut into ranges of ids, each small enough for memory."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from closecurve.crm.ranges import RANGE_CELLS, Cut, IdRange, row_cells
from closecurve.crm.review import RawTable
from closecurve.sources.growing import quoted
from closecurve.sources.mapped import MappedPart, MappedTable
from closecurve.sources.relations import count_of
from closecurve.sources.room import fitting
from closecurve.sources.spreading import RANGE, RangeFiles

_BATCH_CELLS = 200_000
"""Cells that leave DuckDB at a time."""

_FEWEST_ROWS = 2048
"""What DuckDB works on at a time: smaller batches are only slower."""

_MOST_COUNTED = 100_000
"""Rows whose ids are counted. Of more, a share of the ids stands for all: to count every id takes
memory that grows with them."""

_COUNTED = pa.schema({"id": pa.string(), "cells": pa.int64()})


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownIds:
    """How many rows the history holds of a cut, and how many cells each id has in them.

    `cells` are tables of `id` and `cells`; an id may be in several.
    """

    rows: int = 0
    cells: Iterable[pa.Table] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CutTables:
    """The tables of a cut, whose rows lie in files by their range. A range can be read once."""

    ranges: tuple[IdRange, ...]
    tables: Mapping[str, MappedTable]
    files: Mapping[str, Sequence[RangeFiles]]

    def read(self, ids: IdRange) -> dict[str, RawTable]:
        """A range of the tables in memory.

        What is no row (lines without the shape of one, rows left out) is told once: with the first
        range of the cut that takes everyone.
        """
        is_first = ids.number == 0 and ids.cut.everyone
        found = {}
        for name, table in self.tables.items():
            with fitting(OSError, pa.ArrowException):
                rows = [each.take(ids.number) for each in self.files[name]]
            found[name] = table.raw_of(rows, with_shapeless=is_first)
        return found


def cut_tables(
    connection: duckdb.DuckDBPyConnection,
    cut: Cut,
    tables: Mapping[str, MappedTable],
    known: KnownIds,
    folder: Path,
) -> CutTables:
    """Cuts those of the tables that the cut names; their rows then lie in the folder, too.

    A range has about `RANGE_CELLS` of them and of the history. Ranges are numbered from 0 in the
    order of their ids; rows without an id are in the first.
    """
    ours = {name: tables[name] for name in cut.tables if name in tables}
    firsts = [] if cut.key is None else _bounds(connection, cut, cut.key, ours, known)
    bounds = pairwise([None, *firsts, None])
    return CutTables(
        ranges=tuple(
            IdRange(cut=cut, number=number, first=first, end=end)
            for number, (first, end) in enumerate(bounds)
        ),
        tables=ours,
        files={
            name: [_spread(connection, cut, part, firsts, folder) for part in table.parts]
            for name, table in ours.items()
        },
    )


def _bounds(
    connection: duckdb.DuckDBPyConnection,
    cut: Cut,
    key: str,
    tables: Mapping[str, MappedTable],
    known: KnownIds,
) -> list[str]:
    """The first id of each range but the first."""
    parts = [part for table in tables.values() for part in table.parts]
    rows = known.rows + sum(count_of(connection, part.table) for part in parts)
    every = 1 + rows // _MOST_COUNTED
    counted = pa.concat_tables(
        [_COUNTED.empty_table(), *_counted(connection, cut, key, parts, known, every)]
    )
    ids = counted.group_by("id").aggregate([("cells", "sum")]).sort_by("id")
    cells = ids["cells_sum"].to_numpy() * every
    steps = (np.cumsum(cells) - cells) // RANGE_CELLS
    firsts: list[str] = ids["id"].filter(pa.array(np.diff(steps, prepend=0) > 0)).to_pylist()
    return firsts


def _counted(
    connection: duckdb.DuckDBPyConnection,
    cut: Cut,
    key: str,
    parts: Iterable[MappedPart],
    known: KnownIds,
    every: int,
) -> Iterator[pa.Table]:
    """How many cells one of `every` ids has, as `_COUNTED`; an id in any number of rows."""
    ours = f"WHERE id IS NOT NULL AND hash(id) % {every} = 0"
    for part in parts:
        yield connection.execute(
            f"SELECT id, {row_cells(len(part.columns))}::BIGINT AS cells"
            f" FROM (SELECT {part.id_sql(key)} AS id FROM {quoted(part.table)}"
            f" WHERE {_belongs(cut, part)}) {ours}"
        ).to_arrow_table()
    for batch in known.cells:
        connection.register("arrow_rows", batch)
        yield connection.execute(
            f"SELECT id, cells::BIGINT AS cells FROM arrow_rows {ours}"
        ).to_arrow_table()
        connection.unregister("arrow_rows")


def _spread(
    connection: duckdb.DuckDBPyConnection,
    cut: Cut,
    part: MappedPart,
    firsts: Sequence[str],
    folder: Path,
) -> RangeFiles:
    """The rows of a part by their range; those of other cuts are left out."""
    query = (
        f"SELECT * EXCLUDE (_id), CASE WHEN _id IS NULL THEN 0 ELSE {_number(len(firsts))} END"
        f" AS {RANGE} FROM (SELECT {part.sql}, {part.id_sql(cut.key or '')} AS _id"
        f" FROM {quoted(part.table)} WHERE {_belongs(cut, part)})"
    )
    rows = connection.execute(query, firsts).to_arrow_reader(_rows_of(len(part.columns)))
    files = RangeFiles(folder, f"{cut.name}-{part.table}", rows.schema)
    with fitting(OSError, pa.ArrowException):
        for batch in rows:
            files.add(batch)
        files.flush()
    return files


def _number(count: int, lowest: int = 0) -> str:
    """The number of the range of `_id` in SQL, found by halves.

    The parameters from `lowest` + 1 on are the `count` first ids of the ranges after the lowest.
    """
    if not count:
        return str(lowest)
    half = count // 2
    middle = lowest + half + 1
    below, above = _number(half, lowest), _number(count - half - 1, middle)
    return f"CASE WHEN _id < ${middle} THEN {below} ELSE {above} END"


def _rows_of(width: int) -> int:
    """How many rows of a width are one batch."""
    return max(_FEWEST_ROWS, _BATCH_CELLS // width)


def _belongs(cut: Cut, part: MappedPart) -> str:
    """Which rows are of the cut, in SQL."""
    if cut.unless is not None:
        return f"{part.id_sql(cut.unless)} IS NULL"
    return "TRUE" if cut.everyone or cut.key is None else f"{part.id_sql(cut.key)} IS NOT NULL"
