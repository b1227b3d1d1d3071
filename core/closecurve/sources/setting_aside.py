"""Rows that a shape cannot take, found on the locked connection: set aside with file and line."""

from collections.abc import Sequence

import duckdb
import pandas as pd

from closecurve.crm.mapping_sources import FILE_COLUMN, LINE_COLUMN
from closecurve.sources.growing import quoted


def refused_where(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    condition: str,
    value: str,
    shown: str,
    rule: str,
) -> pd.DataFrame:
    """The rows of a table that a condition finds, as rows that break a rule.

    Gives FILE, LINE, value, column and rule. `table`, `condition` and `value` are SQL; `shown` is
    what the report calls the column.
    """
    place = f"{quoted(FILE_COLUMN)}, {quoted(LINE_COLUMN)}"
    found = connection.execute(
        f'SELECT {place}, CAST({value} AS VARCHAR) AS "value" FROM {table}'
        f" WHERE {condition} ORDER BY {place}"
    )
    frame: pd.DataFrame = found.to_arrow_table().to_pandas()
    return frame.assign(column=shown, rule=rule)


def together(refused: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Rows set aside at several places; those without rows would only blur the types."""
    filled = [each for each in refused if len(each)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame()
