"""Tables of rows on the locked connection: sources as they were read, and what is derived."""

from dataclasses import dataclass

import duckdb
import pandas as pd

from closecurve.crm.errors import DataError
from closecurve.crm.mapping_sources import FILE_COLUMN, LINE_COLUMN
from closecurve.crm.values import ValueFormat
from closecurve.sources.growing import quoted
from closecurve.sources.room import NO_ROOM

IN_FILE_ORDER = (FILE_COLUMN, LINE_COLUMN)

_WHITE_SPACE = "".join(each for each in map(chr, range(0x3001)) if each.isspace())
"""All of Unicode's: nothing beyond U+3000 is any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """A table of rows, each with FILE_COLUMN and LINE_COLUMN beside the `columns` of its source.

    `name` is the table, `file` what messages call it. `order` has the columns that order the rows.
    `shapeless` has the rows that cannot be among them: FILE, LINE, value, and the column and the
    rule where it is not the shape of the line that is wrong.
    """

    name: str
    file: str
    columns: tuple[str, ...]
    count: int
    written: ValueFormat
    shapeless: pd.DataFrame
    order: tuple[str, ...] = IN_FILE_ORDER

    def sql(self, column: str) -> str:
        """A column of the relation in SQL."""
        return f'"{self.name}".{quoted(column)}'


def literal(text: str) -> str:
    """A text in SQL.

    >>> literal("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def texts(expression: str) -> str:
    """The expression as text in SQL; the line breaks end whatever it holds."""
    return f"CAST((\n{expression}\n) AS VARCHAR)"


def written_text(expression: str, decimal: str) -> str:
    """The expression as text in SQL, a number with the decimal sign its source is read with."""
    if decimal == ".":
        return texts(expression)
    kind = f"typeof((\n{expression}\n))"
    is_number = f"{kind} IN ('DOUBLE', 'FLOAT') OR {kind} LIKE 'DECIMAL%'"
    number = f"replace({texts(expression)}, '.', {literal(decimal)})"
    return f"CASE WHEN {is_number} THEN {number} ELSE {texts(expression)} END"


def stripped(expression: str) -> str:
    """The expression as text without blanks around it, null where nothing is left, in SQL."""
    return f"nullif(trim({texts(expression)}), '')"


def trimmed(text: str) -> str:
    """A text in SQL without white space around it, as pandas strips it."""
    return f"trim({text}, {literal(_WHITE_SPACE)})"


def run(
    connection: duckdb.DuckDBPyConnection, query: str, key: str, file: str
) -> duckdb.DuckDBPyConnection:
    """Runs what the mapping says under `key`. Raises DataError where it fails on the data."""
    try:
        return connection.execute(query)
    except NO_ROOM:
        raise
    except duckdb.Error as error:
        raise DataError(
            "mapping-failed",
            f"the expressions of {key} hold for every row of {file}"
            f" (TRY_CAST gives null where CAST fails), got {str(error).splitlines()[0]}",
        ) from error


def count_of(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    """How many rows a table of the connection has."""
    found = connection.execute(f"SELECT count(*) FROM {quoted(table)}").fetchone()
    return int(found[0]) if found else 0


def columns_of(connection: duckdb.DuckDBPyConnection, table: str) -> tuple[str, ...]:
    """The columns of a table of the connection, in order."""
    found = connection.execute(f"SELECT * FROM {quoted(table)} LIMIT 0").description or []
    return tuple(each[0] for each in found)
