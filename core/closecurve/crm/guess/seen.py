"""A source as it was looked at: the header and a sample of each table, all values as text."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from closecurve.crm.expressions import reads_one_column
from closecurve.crm.guess.names import columns_by_name, find_column, normal
from closecurve.crm.values import ValueFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenTable:
    """A table of the source.

    `name` is its name in `[sources.NAME]`, `label` what a person calls it (file, sheet, table),
    `keys` what `[sources.NAME]` says to find it. `rows` holds the sample as text, null where
    empty; `typed` names the columns that are no text in the source. `is_whole`: nothing is left
    out of the sample.
    """

    name: str
    label: str
    keys: Mapping[str, str | int]
    rows: pd.DataFrame
    typed: frozenset[str] = frozenset()
    is_whole: bool = True
    written: ValueFormat = field(default_factory=ValueFormat)

    @property
    def columns(self) -> list[str]:
        """The names of the columns in order."""
        return [str(name) for name in self.rows.columns]

    def find(self, words: str) -> str | None:
        """The first column of these names (`names.normal`)."""
        return find_column(columns_by_name(self.columns), words)

    def text(self, column: str) -> pd.Series:
        """The column's values that are not null, stripped."""
        values: pd.Series = self.rows[column].dropna().str.strip()
        return values[values != ""]

    def distinct(self, column: str, most: int = 200) -> list[str]:
        """The values of a column by how often they stand there, at most so many."""
        return [str(value) for value in self.text(column).value_counts().index[:most]]

    def filled_share(self, column: str) -> float:
        """The share of rows with a value, 0..1."""
        return len(self.text(column)) / max(len(self.rows), 1)

    def is_key(self, column: str) -> bool:
        """Whether every row has a value of its own in the column."""
        values = self.text(column)
        return len(values) == len(self.rows) > 0 and values.is_unique


_SIMPLE = r"[A-Za-z_][A-Za-z0-9_]*"
RESERVED = frozenset(
    "all analyse analyze and any array as asc asymmetric both case cast check collate column"
    " constraint create default deferrable desc describe distinct do else end except false fetch"
    " for foreign from group having in initially intersect into lambda lateral leading limit not"
    " null offset on only or order pivot pivot_longer pivot_wider placing primary qualify"
    " references returning select show some summarize symmetric table then to trailing true union"
    " unique unpivot using variadic when where window with"
    " anti asof at authorization binary by collation concurrently freeze full is isnull left"
    " natural overlaps right semi similar unpack verbose".split()
)
"""Words that DuckDB's SQL keeps for itself, or for functions: a column so called is quoted."""


def quoted(column: str) -> str:
    """The column as an SQL expression.

    >>> [quoted(each) for each in ("CloseDate", "Close Date", "order")]
    ['CloseDate', '"Close Date"', '"order"']
    """
    is_simple = re.fullmatch(_SIMPLE, column) and column.lower() not in RESERVED
    if is_simple and reads_one_column(column):
        return column
    return '"' + column.replace('"', '""') + '"'


def literal(text: str) -> str:
    """The text as an SQL literal.

    >>> literal("It's")
    "'It''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def one_of(expression: str, values: list[str]) -> str:
    """The condition that an expression has one of these values."""
    listed = ", ".join(literal(value) for value in values)
    return f"{expression} = {listed}" if len(values) == 1 else f"{expression} IN ({listed})"


def overlap(values: pd.Series, known: pd.Series) -> float:
    """The share of the distinct values that are among the known ones, 0..1."""
    distinct = values.drop_duplicates()
    return float(distinct.isin(known).mean()) if len(distinct) else 0.0


def same_name(left: str, right: str) -> bool:
    """Whether two names are one but for case, spaces and signs."""
    return normal(left) == normal(right)
