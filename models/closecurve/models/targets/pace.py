"""The pace of a period: how much of it is usually won by this day, and what is left to win."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.crm.calendar import FiscalCalendar, Period
from closecurve.models.forecast.inputs import known
from closecurve.models.forecast.rules import WonAmounts

MOST_PERIODS = 8
"""Two years of quarters: enough to see the habit, few enough to see today's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The part of a period's won amount that was won by the same day before its end.

    `usual`, `low` and `high` are the median, the least and the most of `period_count` earlier
    periods; None where there was none. 0 before the period begins.
    """

    usual: float | None
    low: float | None
    high: float | None
    period_count: int


def pace(wins: pd.DataFrame, period: Period, as_of: pd.Timestamp, calendar: FiscalCalendar) -> Pace:
    """How far periods of this kind usually are by now, as far as was known at each of them.

    Days are counted from the end: the rush of the last days is what makes periods alike. `wins`
    has closed_at, known_at and amount_company; what was known at or after `as_of` is not looked at.
    """
    if as_of <= period.start_at:
        return Pace(usual=0.0, low=0.0, high=0.0, period_count=0)
    shares = _shares(known(wins, as_of), period, as_of, calendar)
    if not len(shares):
        return Pace(usual=None, low=None, high=None, period_count=0)
    return Pace(
        usual=float(np.median(shares)),
        low=float(shares.min()),
        high=float(shares.max()),
        period_count=len(shares),
    )


def _shares(
    wins: pd.DataFrame, period: Period, as_of: pd.Timestamp, calendar: FiscalCalendar
) -> NDArray[np.float64]:
    """(periods,) the part won by the same day of each earlier period that won anything."""
    won = WonAmounts.of(wins)
    left = period.end_at - as_of
    rows = []
    for earlier in periods_before(period, calendar, won.first_close_at):
        then = max(earlier.end_at - left, earlier.start_at)
        rows.append((earlier.start_at, earlier.end_at, then))
    grid = pd.DataFrame(rows, columns=["start", "end", "then"], dtype="datetime64[us]")
    total = won.between(grid["start"], grid["end"], pd.Series(as_of, index=grid.index))
    by_then = won.between(grid["start"], grid["then"], grid["then"])
    return np.asarray(by_then[total > 0] / total[total > 0], dtype=np.float64)


def periods_before(
    period: Period, calendar: FiscalCalendar, first_at: pd.Timestamp, most: int = MOST_PERIODS
) -> list[Period]:
    """The periods of the same kind before this one, latest first, that began at `first_at` or
    later."""
    found: list[Period] = []
    kind = calendar.kind_of(period)
    at = period.start_at
    while len(found) < most:
        earlier = calendar.period_at(kind, at - pd.Timedelta(microseconds=1))
        if earlier.start_at < first_at:
            break
        found.append(earlier)
        at = earlier.start_at
    return found
