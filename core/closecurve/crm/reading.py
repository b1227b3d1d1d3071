"""Raw parts as typed rows: every column read as its type, unreadable values set aside."""

from functools import cache

import pandas as pd

from closecurve.crm.review import FILE, LINE, RawPart, RawTable, RowReview
from closecurve.crm.rules import CELL_ERRORS, MOST_NUMBER
from closecurve.crm.tables import CANONICAL, Column, ColumnType
from closecurve.crm.values import (
    DTYPES,
    ValueFormat,
    day_text,
    in_range,
    number_text,
    read_days,
    read_instants,
    read_numbers,
)

CHANGED_AS = {"amount": ColumnType.NUMBER, "expected_close_date": ColumnType.DAY}
"""Fields whose changes are text of another type."""


def read_table(raw: RawTable, company_zone: str) -> RowReview:
    """The table's rows, typed, with the rules of single values applied.

    Every canonical column is there, null where the mapping has none.
    """
    parts = raw.parts or (RawPart(frame=pd.DataFrame(), written=ValueFormat()),)
    frame = _together([_mapped(raw, part) for part in parts])
    typed = _together([_typed(raw, part, company_zone) for part in parts])
    review = RowReview(raw.name, frame, typed)
    for part in parts:
        review.set_aside_lines(part.shapeless)
    _check_text(review)
    for column in (*review.table.columns, *_attribute_columns(raw)):
        _check_value(review, column)
    if raw.name.endswith("_changes"):
        _check_changes(review)
    return review


def nothing_read(name: str) -> RowReview:
    """A table without rows, such as one that is not given."""
    return RowReview(name, pd.DataFrame(), no_rows(name))


@cache
def no_rows(name: str) -> pd.DataFrame:
    """A canonical table without rows; every column has its type."""
    columns = CANONICAL[name].columns
    return pd.DataFrame({each.name: pd.Series(dtype=DTYPES[each.type]) for each in columns})


def _together(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """One frame of all rows; a single one is not copied, for an export is large."""
    if len(frames) == 1:
        return frames[0].reset_index(drop=True)
    return pd.concat(frames, ignore_index=True)


def _attribute_columns(raw: RawTable) -> list[Column]:
    kinds = {True: ColumnType.NUMBER, False: ColumnType.TEXT}
    return [Column(name=name, type=kinds[name in raw.numbers]) for name in raw.attributes]


def _mapped(raw: RawTable, part: RawPart) -> pd.DataFrame:
    """The part's text: its mapped columns only, with FILE and LINE."""
    names = [*CANONICAL[raw.name].names, *raw.attributes]
    text = {name: part.frame[name].astype("str") for name in names if name in part.frame}
    place = {name: part.frame[name] for name in (FILE, LINE) if name in part.frame}
    return pd.DataFrame(text | place, index=part.frame.index)


def _typed(raw: RawTable, part: RawPart, company_zone: str) -> pd.DataFrame:
    columns = (*CANONICAL[raw.name].columns, *_attribute_columns(raw))
    text = _mapped(raw, part)
    typed = {
        each.name: read_as(text[each.name], each.type, part.format_of(each.name), company_zone)
        if each.name in text
        else pd.Series(None, text.index, DTYPES[each.type])
        for each in columns
    }
    if raw.name.endswith("_changes"):
        for name in ("new_value", "old_value"):
            typed[name] = _changed_values(typed["field"], typed[name], part, company_zone)
    return pd.DataFrame(typed)


def read_as(
    text: pd.Series, kind: ColumnType, written: ValueFormat, company_zone: str
) -> pd.Series:
    """The column read as its type; text is stripped, and null where nothing is left."""
    if kind is ColumnType.INSTANT:
        return read_instants(text, written)
    if kind is ColumnType.DAY:
        return read_days(text, written, company_zone)
    if kind is ColumnType.NUMBER:
        return read_numbers(text, written.decimal)
    stripped = text.str.strip()
    return stripped.mask(stripped == "")


def _changed_values(
    field: pd.Series, text: pd.Series, part: RawPart, company_zone: str
) -> pd.Series:
    """The values of changes with amounts and days in the one form that a history has."""
    values = text.copy()
    amounts, days = field == "amount", field == "expected_close_date"
    decimal = part.format_of("amount").decimal
    values[amounts] = number_text(read_numbers(text[amounts], decimal))
    written = part.format_of("expected_close_date")
    values[days] = day_text(read_days(text[days], written, company_zone))
    return values


def _check_text(review: RowReview) -> None:
    for name in review.rows.columns.intersection(review.raw.columns):
        broken = review.text(name).str.contains("\x00", regex=False, na=False).astype(bool)
        review.set_aside(broken, name, "text-invalid")
        review.set_aside(review.text(name).isin(CELL_ERRORS), name, "cell-error")


def _check_value(review: RowReview, column: Column) -> None:
    name, is_number = column.name, column.type is ColumnType.NUMBER
    if name not in review.raw and not column.required:
        return
    if column.type is not ColumnType.TEXT:
        review.set_aside(_unread(review, name), name, _unreadable(is_number))
    if column.type in (ColumnType.INSTANT, ColumnType.DAY):
        review.set_aside(~in_range(review.rows[name]), name, "date-range")
    if column.required:
        review.set_aside(review.rows[name].isna(), name, "value-missing")


def _unreadable(is_number: bool) -> str:
    return "number-unreadable" if is_number else "date-unreadable"


def _unread(review: RowReview, name: str) -> pd.Series:
    """Whether there was text and nothing was read; `nan` is how a Parquet file writes nothing."""
    unread = review.rows[name].isna()
    if unread.any():
        said = review.text(name)[unread].str.strip().str.lower()
        unread[said.index] = said.notna() & ~said.isin(["", "nan"])
    return unread


def _check_changes(review: RowReview) -> None:
    for name in ("new_value", "old_value"):
        unread = _unread(review, name)
        for field, kind in CHANGED_AS.items():
            broken = unread & (review.rows["field"] == field)
            broken = broken.loc[review.rows.index]
            review.set_aside(broken, name, _unreadable(kind is ColumnType.NUMBER))
        amounts = review.rows[name].where(review.rows["field"] == "amount")
        review.set_aside(out_of_range(pd.to_numeric(amounts)), name, "number-range")
        days = review.rows[name].where(review.rows["field"] == "expected_close_date")
        years = pd.to_numeric(days.str.slice(0, 4), errors="coerce")
        review.set_aside(days.notna() & ~years.between(1900, 2200), name, "date-range")


def out_of_range(numbers: pd.Series) -> pd.Series:
    """Whether a number is negative, absurdly large or not finite (null is not)."""
    return numbers.notna() & ~numbers.between(0, MOST_NUMBER)
