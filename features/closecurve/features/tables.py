"""The history tables as Ibis expressions, whatever engine holds them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa

from closecurve.crm.errors import DataError
from closecurve.crm.tables import HISTORY_TABLES, Column, ColumnType
from closecurve.features.engines import duckdb_engine, load_rows

ARROW_TYPES = {
    ColumnType.TEXT: pa.string(),
    ColumnType.NUMBER: pa.float64(),
    ColumnType.INSTANT: pa.timestamp("us"),
    ColumnType.DAY: pa.date32(),
}
"""How a column of a history table is stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryTables:
    """One `ibis.Table` per history table (docs/history.md), all of one engine.

    Raises DataError where a table lacks one of its fixed columns.

    >>> tables = HistoryTables.from_frames({})
    >>> tables.deals.count().execute()
    0
    """

    deals: ir.Table
    deal_changes: ir.Table
    leads: ir.Table
    lead_changes: ir.Table
    activities: ir.Table
    accounts: ir.Table
    owners: ir.Table
    targets: ir.Table
    fx_rates: ir.Table
    stages: ir.Table

    def __post_init__(self) -> None:
        for name in HISTORY_TABLES:
            _check_columns(name, self.table(name))

    def attributes(self, name: str) -> tuple[str, ...]:
        """The columns of a table beyond its fixed ones, in order."""
        fixed = {column.name for column in HISTORY_TABLES[name]}
        return tuple(column for column in self.table(name).columns if column not in fixed)

    def table(self, name: str) -> ir.Table:
        """The table of that name."""
        found: ir.Table = getattr(self, name)
        return found

    def once(self, name: str, make: Callable[[], ir.Table]) -> ir.Table:
        """The table that `make` gives, under a name that stands for it.

        A plan works it out once, however many features ask for it (`plans.PlannedTables`).
        """
        return make()

    @classmethod
    def from_frames(
        cls, frames: Mapping[str, pd.DataFrame], connection: ibis.BaseBackend | None = None
    ) -> "HistoryTables":
        """The tables in an engine, by default an in-memory DuckDB of their own.

        Tables and columns that are missing are made empty with their types; further columns are
        attributes, numbers where they are numeric and text otherwise. On a given connection,
        tables of the same names are replaced. Raises DataError for an unknown table name or a
        value that is not of its column's type.
        """
        unknown = sorted(set(frames) - set(HISTORY_TABLES))
        if unknown:
            raise DataError(
                "history-table", f"a table is one of {sorted(HISTORY_TABLES)}, got {unknown}"
            )
        engine = connection or duckdb_engine()
        made = {
            name: load_rows(engine, name, arrow_table(name, frames.get(name)))
            for name in HISTORY_TABLES
        }
        return cls(**made)


def arrow_table(name: str, frame: pd.DataFrame | None) -> pa.Table:
    """A frame as the Arrow table of that name: fixed columns typed, attributes after them."""
    columns = HISTORY_TABLES[name]
    given = pd.DataFrame() if frame is None else frame
    fixed = {column.name: _typed(name, column, given) for column in columns}
    rest = {str(column): _attribute(given[column]) for column in given if column not in fixed}
    return pa.table(fixed | rest)


def _check_columns(name: str, table: ir.Table) -> None:
    missing = sorted({column.name for column in HISTORY_TABLES[name]} - set(table.columns))
    if missing:
        raise DataError(
            "history-columns", f"table {name} has its fixed columns, got none for {missing}"
        )


def _typed(name: str, column: Column, frame: pd.DataFrame) -> pa.Array:
    target = ARROW_TYPES[column.type]
    if column.name not in frame:
        return pa.nulls(len(frame), target)
    try:
        return pa.array(_prepared(frame[column.name], column.type), target, from_pandas=True)
    except (ValueError, TypeError, pa.ArrowException) as error:
        raise DataError(
            "history-type", f"{name}.{column.name} holds {column.type} values, got {error}"
        ) from error


def _prepared(values: pd.Series, kind: ColumnType) -> pd.Series:
    """The values such that Arrow takes them: text as text, instants naive in UTC."""
    if kind is ColumnType.TEXT:
        return _as_text(values)
    if kind is ColumnType.NUMBER:
        return pd.to_numeric(values).astype("float64")
    instants = pd.to_datetime(values, utc=True).dt.tz_localize(None).astype("datetime64[us]")
    return instants if kind is ColumnType.INSTANT else instants.dt.date


def _attribute(values: pd.Series) -> pa.Array:
    is_number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    if is_number:
        return pa.array(values.astype("float64"), pa.float64(), from_pandas=True)
    return pa.array(_as_text(values), pa.string(), from_pandas=True)


def _as_text(values: pd.Series) -> pd.Series:
    return values.astype("object").map(str, na_action="ignore")
