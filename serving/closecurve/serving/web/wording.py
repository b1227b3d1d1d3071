"""How the pages write money, shares, days and deadlines. Spaces inside a value do not break."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

UNKNOWN = "–"
SPACE = "\u00a0"
SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "CNY": "CN¥", "INR": "₹", "KRW": "₩"}
STEPS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))
RULES = {
    "bottom_up": "the deals' curves",
    "run_rate": "the run rate of 90 days",
    "same_days": "the same days of last quarter",
    "last_quarter": "last quarter's total",
    "last_year": "the same quarter of last year",
    "theta": "the series of won amounts (Theta method)",
}
"""What the forecast calls its rules, in words."""
MINUTES_IN_DAY = 24 * 60


def money(amount: float | None, currency: str | None) -> str:
    """An amount to two or three leading digits with its currency.

    >>> money(1_234_567, "USD").replace(SPACE, " "), money(950, "CHF").replace(SPACE, " ")
    ('$1.23 M', 'CHF 950')
    """
    if amount is None:
        return UNKNOWN
    prefix = SYMBOLS.get(currency or "", f"{currency}{SPACE}" if currency else "")
    sign = "−" if amount < 0 else ""
    return f"{sign}{prefix}{_short(abs(amount))}"


def _short(amount: float) -> str:
    for step, letter in STEPS:
        if amount >= step * 0.9995:
            scaled = amount / step
            digits = 2 if scaled < 9.995 else 1 if scaled < 99.95 else 0
            return f"{scaled:.{digits}f}{SPACE}{letter}"
    return f"{amount:.0f}"


def percent(share: float | None) -> str:
    """A share as a percentage; what is not quite none or all never reads as it.

    >>> percent(0.474), percent(0.003), percent(0.998), percent(0.0)
    ('47%', '<1%', '>99%', '0%')
    """
    if share is None:
        return UNKNOWN
    if 0 < share < 0.01:
        return "<1%"
    if 0.99 < share < 1:
        return ">99%"
    return f"{share * 100:.0f}%"


def rule(name: str | None) -> str:
    """The rule that carries a forecast, in words."""
    return UNKNOWN if name is None else RULES.get(name, name.replace("_", " "))


def number(value: float | None) -> str:
    """A whole number with thousands apart.

    >>> number(12345)
    '12,345'
    """
    return UNKNOWN if value is None else f"{value:,.0f}"


def days(value: float | None) -> str:
    """A number of days.

    >>> days(13.6).replace(SPACE, " ")
    '14 d'
    """
    return UNKNOWN if value is None else f"{value:,.0f}{SPACE}d"


def day(value: date | None) -> str:
    """A day for reading.

    >>> day(date(2026, 2, 3)).replace(SPACE, " ")
    '3 Feb 2026'
    """
    return UNKNOWN if value is None else f"{value.day}{SPACE}{value:%b}{SPACE}{value.year}"


def day_span(first: date | None, last: date | None) -> str:
    """Two days as a span; the year is said once where it is one.

    >>> day_span(date(2026, 2, 3), date(2026, 4, 1)).replace(SPACE, " ")
    '3 Feb – 1 Apr 2026'
    """
    if first is None or last is None:
        return UNKNOWN
    if first == last:
        return day(last)
    shown = f"{first.day}{SPACE}{first:%b}" if first.year == last.year else day(first)
    return f"{shown} – {day(last)}"


def instant(value: datetime | None, zone: ZoneInfo) -> str:
    """A stored instant on the company's clock.

    >>> instant(datetime(2026, 2, 3, 5), ZoneInfo("UTC")).replace(SPACE, " ")
    '3 Feb 2026, 05:00'
    """
    if value is None:
        return UNKNOWN
    local = pd.Timestamp(value).tz_localize("UTC").tz_convert(zone)
    return f"{day(local.date())}, {local:%H:%M}"


def duration(minutes: float) -> str:
    """A stretch of time in its two largest units.

    >>> duration(80).replace(SPACE, " "), duration(3000).replace(SPACE, " ")
    ('1 h 20 min', '2 d 2 h')
    """
    whole = max(int(minutes), 0)
    hours, rest = divmod(whole, 60)
    if whole < 60:
        return f"{whole}{SPACE}min"
    if whole < MINUTES_IN_DAY:
        return f"{hours}{SPACE}h {rest}{SPACE}min" if rest else f"{hours}{SPACE}h"
    full_days, hours = divmod(hours, 24)
    if full_days >= 10 or not hours:
        return f"{full_days:,}{SPACE}d"
    return f"{full_days}{SPACE}d {hours}{SPACE}h"


def deadline(due_at: datetime | None, responded_at: datetime | None, now: pd.Timestamp) -> str:
    """Where a lead stands against its deadline at `now`.

    >>> now = pd.Timestamp("2026-02-03 10:00")
    >>> deadline(datetime(2026, 2, 3, 11, 20), None, now).replace(SPACE, " ")
    'due in 1 h 20 min'
    >>> deadline(datetime(2026, 2, 3, 9), None, now).replace(SPACE, " ")
    'overdue by 1 h'
    """
    if responded_at is not None:
        return "answered"
    if due_at is None:
        return UNKNOWN
    minutes = (pd.Timestamp(due_at) - now).total_seconds() / 60
    if minutes < 0:
        return f"overdue by {duration(-minutes)}"
    return f"due in {duration(minutes)}"


def held_to(lead: Mapping[str, Any], now: pd.Timestamp) -> str:
    """The deadline that a lead is held to at `now`: of the first answer, then of the follow-up."""
    answered_at, follow_up_at = lead["responded_at"], lead["follow_up_due_at"]
    if answered_at is None or follow_up_at is None:
        return deadline(lead["response_due_at"], answered_at, now)
    return f"follow-up {deadline(follow_up_at, None, now)}"
