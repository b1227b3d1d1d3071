"""Canonical tables on the locked connection: text as the mapping gives it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import duckdb
import pandas as pd
import pyarrow as pa

from closecurve.crm.review import RawPart, RawTable
from closecurve.crm.values import ValueFormat
from closecurve.sources.growing import quoted
from closecurve.sources.relations import trimmed


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

    @property
    def sql(self) -> str:
        """The columns and what orders the rows, as a list in SQL."""
        return ", ".join(map(quoted, (*self.columns, *self.order)))

    def raw(self, rows: pa.Table, *, with_shapeless: bool) -> RawPart:
        """Rows of the part, in any order, as text; all that is no row may be told with them."""
        ordered = rows.sort_by([(each, "ascending") for each in self.order])
        return RawPart(
            frame=ordered.select(self.columns).to_pandas(),
            written=self.written,
            formats=self.formats,
            shapeless=self.shapeless if with_shapeless else self.shapeless.iloc[:0],
            left_out=self.left_out if with_shapeless else 0,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedTable:
    """The parts of a canonical table; `attributes` and `numbers` are as in `RawTable`."""

    name: str
    parts: tuple[MappedPart, ...]
    attributes: tuple[str, ...]
    numbers: frozenset[str]

    def raw(self, connection: duckdb.DuckDBPyConnection) -> RawTable:
        """The whole table in memory."""
        return self.raw_of(
            [
                connection.execute(f"SELECT {each.sql} FROM {quoted(each.table)}").to_arrow_table()
                for each in self.parts
            ]
        )

    def raw_of(self, rows: Iterable[pa.Table], *, with_shapeless: bool = True) -> RawTable:
        """Some rows of each part, and what is no row (`MappedPart.raw`)."""
        parts = zip(self.parts, rows, strict=True)
        return RawTable(
            name=self.name,
            parts=tuple(part.raw(table, with_shapeless=with_shapeless) for part, table in parts),
            attributes=self.attributes,
            numbers=self.numbers,
        )

    def drop(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Gives the room of its rows back."""
        for part in self.parts:
            connection.execute(f"DROP TABLE {quoted(part.table)}")
