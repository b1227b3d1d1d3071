"""Canonical tables on the locked connection: text as the mapping gives it, read range by range."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import duckdb
import pandas as pd
import pyarrow as pa

from closecurve.crm.ranges import RANGE_ROWS, Cut, IdRange
from closecurve.crm.review import RawPart, RawTable
from closecurve.crm.values import ValueFormat
from closecurve.sources.growing import quoted
from closecurve.sources.relations import trimmed

_NUMBER = '"_range"'


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedPart:
    """A part as a `table` of the connection: its `columns` as text, FILE and LINE among them, and
    those that `order` its rows. The rest is as in `RawPart`."""

    table: str
    columns: tuple[str, ...]
    order: tuple[str, ...]
    written: ValueFormat
    formats: Mapping[str, ValueFormat]
    shapeless: pd.DataFrame
    left_out: int

    def id_sql(self, key: str) -> str:
        """An id in SQL, null where the part has none."""
        return f"nullif({trimmed(quoted(key))}, '')" if key in self.columns else "NULL::VARCHAR"

    def rows(self, connection: duckdb.DuckDBPyConnection, where: str = "TRUE") -> pd.DataFrame:
        """The rows of a condition in their order, in memory."""
        columns, order = (", ".join(map(quoted, each)) for each in (self.columns, self.order))
        found = connection.execute(
            f"SELECT {columns} FROM {quoted(self.table)} WHERE {where} ORDER BY {order}"
        )
        frame: pd.DataFrame = found.to_arrow_table().to_pandas()
        return frame


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedTable:
    """The parts of a canonical table; `attributes` and `numbers` are as in `RawTable`."""

    name: str
    parts: tuple[MappedPart, ...]
    attributes: tuple[str, ...]
    numbers: frozenset[str]

    def raw(self, connection: duckdb.DuckDBPyConnection, ids: IdRange | None = None) -> RawTable:
        """The table in memory, or a range of one that is cut.

        What is no row (lines without the shape of one, rows left out) is told once: with the first
        range of the cut that takes everyone.
        """
        where = "TRUE" if ids is None or ids.cut.key is None else f"{_NUMBER} = {ids.number}"
        is_first = ids is None or (ids.number == 0 and ids.cut.everyone)
        return RawTable(
            name=self.name,
            parts=tuple(
                RawPart(
                    frame=part.rows(connection, where),
                    written=part.written,
                    formats=part.formats,
                    shapeless=part.shapeless if is_first else part.shapeless.iloc[:0],
                    left_out=part.left_out if is_first else 0,
                )
                for part in self.parts
            ),
            attributes=self.attributes,
            numbers=self.numbers,
        )

    def drop(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Gives the room of its rows back."""
        for part in self.parts:
            connection.execute(f"DROP TABLE {quoted(part.table)}")


def cut_tables(
    connection: duckdb.DuckDBPyConnection,
    cut: Cut,
    tables: Mapping[str, MappedTable],
    known: Iterable[pa.Table],
) -> tuple[list[IdRange], dict[str, MappedTable]]:
    """The ranges of a cut, and its tables, sorted by them.

    `known` counts the rows of ids (`id`, `rows`) that the history holds: a range has about
    `RANGE_ROWS` rows of both. Ranges are numbered from 0 in the order of their ids; rows without
    an id are in the first.
    """
    ours = {name: tables[name] for name in cut.tables if name in tables}
    if cut.key is None:
        return [IdRange(cut=cut)], ours
    _count(connection, cut, cut.key, ours, known)
    ranges = _number(connection, cut)
    made = {name: _sorted(connection, cut, cut.key, table) for name, table in ours.items()}
    connection.execute('DROP TABLE "_numbered"')
    return ranges, made


def _count(
    connection: duckdb.DuckDBPyConnection,
    cut: Cut,
    key: str,
    tables: Mapping[str, MappedTable],
    known: Iterable[pa.Table],
) -> None:
    """Makes the table of how many rows each id has."""
    connection.execute('CREATE TABLE "_counted" (id VARCHAR, "rows" BIGINT)')
    for part in (part for table in tables.values() for part in table.parts):
        connection.execute(
            f'INSERT INTO "_counted" SELECT {part.id_sql(key)}, count(*) FROM {quoted(part.table)}'
            f" WHERE {_belongs(cut, part)} GROUP BY 1"
        )
    for batch in known:
        connection.register("arrow_rows", batch)
        connection.execute('INSERT INTO "_counted" SELECT id, "rows" FROM arrow_rows')
        connection.unregister("arrow_rows")


def _number(connection: duckdb.DuckDBPyConnection, cut: Cut) -> list[IdRange]:
    """Numbers the ids by their ranges; gives the ranges."""
    connection.execute(
        f"""
        CREATE TABLE "_numbered" AS
        SELECT id, CAST(dense_rank() OVER (ORDER BY step) - 1 AS INTEGER) AS {_NUMBER} FROM (
            SELECT id, (sum("rows") OVER (ORDER BY id) - "rows") // {RANGE_ROWS} AS step
            FROM (SELECT id, sum("rows") AS "rows" FROM "_counted" WHERE id IS NOT NULL GROUP BY id)
        )
        """
    )
    connection.execute('DROP TABLE "_counted"')
    found = connection.execute(
        f'SELECT min(id) FROM "_numbered" GROUP BY {_NUMBER} ORDER BY {_NUMBER}'
    )
    firsts: list[str | None] = [None, *(first for (first,) in found.fetchall()[1:])]
    ends = [*firsts[1:], None]
    return [
        IdRange(cut=cut, number=number, first=first, end=end)
        for number, (first, end) in enumerate(zip(firsts, ends, strict=True))
    ]


def _sorted(
    connection: duckdb.DuckDBPyConnection, cut: Cut, key: str, table: MappedTable
) -> MappedTable:
    """The rows of the cut in the order of their ranges."""
    parts = [replace(part, table=f"{part.table}_{cut.name}") for part in table.parts]
    for old, new in zip(table.parts, parts, strict=True):
        connection.execute(
            f"CREATE TABLE {quoted(new.table)} AS"
            f" SELECT mapped.*, coalesce({_NUMBER}, 0) AS {_NUMBER}"
            f" FROM (SELECT *, {old.id_sql(key)} AS _id FROM {quoted(old.table)}"
            f' WHERE {_belongs(cut, old)}) AS mapped LEFT JOIN "_numbered" ON _id = "_numbered".id'
            f" ORDER BY {_NUMBER}"
        )
    return replace(table, parts=tuple(parts))


def _belongs(cut: Cut, part: MappedPart) -> str:
    """Which rows are of the cut, in SQL."""
    if cut.unless is not None:
        return f"{part.id_sql(cut.unless)} IS NULL"
    return "TRUE" if cut.everyone or cut.key is None else f"{part.id_sql(cut.key)} IS NOT NULL"
