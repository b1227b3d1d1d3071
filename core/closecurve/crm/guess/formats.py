"""How a table writes dates and numbers, guessed from every value of its sample."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import pandas as pd

from closecurve.crm.values import USUAL_FORMATS, ValueFormat

LEAST_DATES: Final = 0.8
"""Share of a column's values that are dates, from which on it is a column of dates."""
MOST_DISTINCT: Final = 5000
"""Distinct values of a column that are looked at."""

_TIME = r"(?P<join>,? |T)?(?P<hour>\d{1,2}:\d\d)?(?P<second>:\d\d)?(?P<half> ?[AaPp][Mm])?"
_DAY = re.compile(
    rf"(?P<a>\d\d?)(?P<sign>[/.\-])(?P<b>\d\d?)(?P=sign)(?P<year>\d{{4}}|\d\d){_TIME}"
)
_MONTH_OF_YEAR, _DAY_OF_MONTH = r"(?:0?[1-9]|1[0-2])", r"(?:0?[1-9]|[12]\d|3[01])"
_YEAR = re.compile(
    rf"\d{{4}}(?P<sign>[/.年]){_MONTH_OF_YEAR}[/.月]{_DAY_OF_MONTH}(?P<end>日?){_TIME}"
)
_ISO = re.compile(
    rf"\d{{4}}-{_MONTH_OF_YEAR}-{_DAY_OF_MONTH}(?:[T ]\d{{1,2}}:\d\d.*)?"
    r"|(?:19|20)\d\d(?:0\d|1[0-2])(?:[0-2]\d|3[01])"
)
_NAMED = re.compile(r"\d\d?[- ][A-Za-z]{3}[- ]\d{4}|[A-Za-z]{3} \d\d?, \d{4}")
_DECIMAL_COMMA = re.compile(r"\D{0,4}-?(?:\d+|\d{1,3}(?:[.\s']\d{3})+),(?:\d{1,2}|\d{4,})\D{0,4}")
_DECIMAL_POINT = re.compile(r"\D{0,4}-?(?:\d+|\d{1,3}(?:[,\s']\d{3})+)\.(?:\d{1,2}|\d{4,})\D{0,4}")
_NUMBER = re.compile(r"(?:[A-Z]{3}|[$€£¥])? ?-?\d[\d.,\s']*(?:[A-Z]{3}|[$€£¥])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatGuess:
    """How a table's values are written, and what is to be said of it.

    `date_note` and `decimal_note` are None where there was nothing to decide.
    """

    written: ValueFormat
    dates_sure: bool = True
    date_note: str | None = None
    decimal_note: str | None = None


def is_date(text: str) -> bool:
    """Whether the text looks like a day or an instant in any usual order."""
    return any(shape.fullmatch(text) for shape in (_ISO, _DAY, _YEAR, _NAMED))


def date_share(values: pd.Series) -> float:
    """The share of values that look like dates, 0..1."""
    distinct = values.drop_duplicates()[:MOST_DISTINCT]
    return sum(is_date(each) for each in distinct) / len(distinct) if len(distinct) else 0.0


def number_share(values: pd.Series) -> float:
    """The share of values that look like numbers, 0..1."""
    distinct = values.drop_duplicates()[:MOST_DISTINCT]
    return (
        sum(bool(_NUMBER.fullmatch(each)) for each in distinct) / len(distinct)
        if len(distinct)
        else 0.0
    )


def guess_formats(rows: pd.DataFrame) -> FormatGuess:
    """The formats of a table's text columns; the order of day and month is one for the table."""
    dates: list[str] = []
    numbers: list[str] = []
    for name in rows:
        values = rows[name].dropna().str.strip().drop_duplicates()[:MOST_DISTINCT]
        if date_share(values) >= LEAST_DATES:
            dates += values.tolist()
        elif number_share(values) >= LEAST_DATES:
            numbers += values.tolist()
    decimal, decimal_note = _decimal(numbers)
    formats, sure, note = _date_formats(dates, day_first=decimal == ",")
    return FormatGuess(
        written=ValueFormat(decimal=decimal, date_formats=formats),
        dates_sure=sure,
        date_note=note,
        decimal_note=decimal_note,
    )


def _decimal(numbers: Iterable[str]) -> tuple[str, str | None]:
    listed = list(numbers)
    comma = sum(bool(_DECIMAL_COMMA.fullmatch(each)) for each in listed)
    point = sum(bool(_DECIMAL_POINT.fullmatch(each)) for each in listed)
    if comma > point:
        return ",", f"sure: {comma} numbers such as {_example(listed, _DECIMAL_COMMA)}"
    return ".", None


def _example(values: list[str], shape: re.Pattern[str]) -> str:
    return repr(next(each for each in values if shape.fullmatch(each)))


def _date_formats(dates: list[str], day_first: bool) -> tuple[tuple[str, ...], bool, str | None]:
    """Formats to be written (none: the usual ones do), whether sure, and the reason."""
    found = [match for each in dates if (match := _DAY.fullmatch(each))]
    ordered = {sign: _order(found, sign) for sign in sorted({match["sign"] for match in found})}
    is_day_first = {
        sign: day_first or sign != "/" if order is None else order
        for sign, order in ordered.items()
    }
    formats = Counter(_format(match, is_day_first[match["sign"]]) for match in found)
    formats.update(_year_format(m) for each in dates if (m := _YEAR.fullmatch(each)))
    open_signs = [sign for sign, order in ordered.items() if order is None and sign != "."]
    note = _order_note(found, is_day_first, open_signs) if is_day_first else None
    needed = [each for each, _ in formats.most_common()]
    if all(each in USUAL_FORMATS for each in needed):
        return (), not open_signs, note
    if any(_NAMED.fullmatch(each) for each in dates):
        needed += [each for each in USUAL_FORMATS if "%b" in each]
    return tuple(needed), not open_signs, note or "sure: every date reads so"


def _order(found: list[re.Match[str]], sign: str) -> bool | None:
    """Whether the day comes first; None where no value decides. The majority counts."""
    ours = [match for match in found if match["sign"] == sign]
    day_first = sum(int(match["a"]) > 12 for match in ours)
    month_first = sum(int(match["b"]) > 12 for match in ours)
    return None if day_first == month_first == 0 else day_first > month_first


def _order_note(found: list[re.Match[str]], order: dict[str, bool], open_signs: list[str]) -> str:
    shown = {sign: next(m for m in found if m["sign"] == sign)[0] for sign in order}
    if open_signs:
        sign = open_signs[0]
        chosen = "day/month" if order[sign] else "month/day"
        return (
            f"unsure: no value tells day from month ({shown[sign]!r}); taken as {chosen}."
            " Correct it here if that is wrong"
        )
    told = ", ".join(
        f"{shown[s]!r} {'day' if first else 'month'} first" for s, first in order.items()
    )
    return f"sure: the whole sample agrees on {told}"


def _format(match: re.Match[str], day_first: bool) -> str:
    sign = match["sign"]
    year = "%Y" if len(match["year"]) == 4 else "%y"
    days = ("%d", "%m") if day_first else ("%m", "%d")
    return sign.join((*days, year)) + _time(match)


def _year_format(match: re.Match[str]) -> str:
    sign = match["sign"]
    day = f"%Y年%m月%d{match['end']}" if sign == "年" else f"%Y{sign}%m{sign}%d"
    return day + _time(match)


def _time(match: re.Match[str]) -> str:
    if not match["hour"]:
        return ""
    seconds, half = ":%S" if match["second"] else "", match["half"] or ""
    hour = "%I" if half else "%H"
    space = " " if half.startswith(" ") else ""
    return f"{match['join'] or ' '}{hour}:%M{seconds}{space}{'%p' if half else ''}"
