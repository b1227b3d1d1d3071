"""The rows of one table on their way through the rules: kept, or set aside with the reason."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from closecurve.crm.rules import NO_FAULT, RULES
from closecurve.crm.tables import CANONICAL
from closecurve.crm.values import ValueFormat

FILE, LINE = "_file", "_line"
"""Columns of a raw frame beside its values: where the row stands."""

REJECTED_COLUMNS = ("table", "file", "line", "column", "value", "rule")


@dataclass(frozen=True, slots=True, kw_only=True)
class RawPart:
    """Rows of one source, mapped and still text: canonical columns, attributes, FILE and LINE.

    `formats` has the columns (of changes: fields) that are written in another way than the rest.
    `shapeless` has the lines that did not fit the header (FILE, LINE, value), and the rows that a
    shape could not take (column and rule beside them); `left_out` counts the rows that the
    mapping's `where` left out on purpose.
    """

    frame: pd.DataFrame
    written: ValueFormat
    formats: Mapping[str, ValueFormat] = field(default_factory=dict)
    shapeless: pd.DataFrame = field(default_factory=pd.DataFrame)
    left_out: int = 0

    def format_of(self, column: str) -> ValueFormat:
        """How a column (of changes: the values of a field) is written."""
        return self.formats.get(column, self.written)


@dataclass(frozen=True, slots=True, kw_only=True)
class RawTable:
    """The parts of one canonical table; `numbers` names the attributes that are numbers."""

    name: str
    parts: tuple[RawPart, ...]
    attributes: tuple[str, ...] = ()
    numbers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class TableReport:
    """What became of a table's rows: `read` = `kept` + `set_aside`.

    `at_fault` are the rows set aside for a fault of their own; `left_out` were never read, because
    the mapping says so.
    """

    table: str
    read: int
    kept: int
    set_aside: int
    at_fault: int
    left_out: int = 0

    def joined(self, other: "TableReport") -> "TableReport":
        """The counts of two ranges of a table together."""
        return TableReport(
            table=self.table,
            read=self.read + other.read,
            kept=self.kept + other.kept,
            set_aside=self.set_aside + other.set_aside,
            at_fault=self.at_fault + other.at_fault,
            left_out=self.left_out + other.left_out,
        )

    @property
    def bad_share(self) -> float:
        """The share of rows at fault, 0..1."""
        return self.at_fault / self.read if self.read else 0.0


class RowReview:
    """Rows that are still kept (`rows`, typed), and those set aside so far.

    `raw` holds every row as it stood, under the same index.
    """

    def __init__(self, name: str, raw: pd.DataFrame, rows: pd.DataFrame) -> None:
        self.table = CANONICAL[name]
        self.rows = rows
        self.raw = raw
        self._found: list[pd.DataFrame] = []

    def set_aside(self, broken: pd.Series, column: str, rule: str) -> None:
        """Sets the kept rows aside that break a rule in a column; `broken` has their index."""
        if not broken.any():
            return
        raw = self.raw.loc[broken.index[broken]]
        value = raw[column] if column in raw else None
        self._found.append(_rejected(raw, self.table.name, column, value, rule))
        self.rows = self.rows[~broken]

    def text(self, column: str) -> pd.Series:
        """The column as it stood, of the rows that are still kept."""
        if column not in self.raw:
            return pd.Series(None, self.rows.index, "str")
        text = self.raw[column]
        return text if len(text) == len(self.rows) else text.loc[self.rows.index]

    def seen(self) -> pd.Series:
        """The ids of all rows that were read, kept or not."""
        key = self.table.key or ""
        ids = self.raw[key] if key in self.raw else pd.Series(dtype="str")
        return ids.str.strip()

    def set_aside_lines(self, lines: pd.DataFrame) -> None:
        """Sets aside lines that did not fit the header, and rows that a shape could not take.

        `column` and `rule` of a row say what was wrong with it, where it is not its shape.
        """
        told = {"column": "", "rule": "row-shape"}
        given = lines.assign(**{name: told[name] for name in told if name not in lines}).fillna(
            told
        )
        for rule, rows in given.groupby("rule"):
            found = _rejected(rows, self.table.name, rows["column"], rows["value"], str(rule))
            self._found.append(found)

    def rejected(self) -> pd.DataFrame:
        """The rows set aside: REJECTED_COLUMNS, one row each with the first rule it broke."""
        if not self._found:
            return pd.DataFrame(columns=list(REJECTED_COLUMNS))
        return pd.concat(self._found, ignore_index=True)

    def report(self, left_out: int) -> TableReport:
        """The counts of the table."""
        rules = self.rejected()["rule"]
        return TableReport(
            table=self.table.name,
            read=len(self.rows) + len(rules),
            kept=len(self.rows),
            set_aside=len(rules),
            at_fault=int((~rules.isin(NO_FAULT)).sum()),
            left_out=left_out,
        )


def _rejected(
    raw: pd.DataFrame, table: str, column: str | pd.Series, value: pd.Series | None, rule: str
) -> pd.DataFrame:
    found = pd.DataFrame({"file": raw[FILE], "line": raw[LINE]})
    return found.assign(table=table, column=column, value=value, rule=RULES[rule].code)[
        list(REJECTED_COLUMNS)
    ]
