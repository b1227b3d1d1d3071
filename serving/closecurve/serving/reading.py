"""What is read off one close curve: probabilities by a day, and the dates it passes its shares."""

from dataclasses import dataclass
from datetime import date
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from closecurve.crm.calendar import FiscalCalendar, Period

Floats = NDArray[np.float64]
SHARES = (0.1, 0.5, 0.9)
FIRST_DAYS = np.array([0.0, 1, 2, 3, 5, 7, 10, 14, 21, 30, 45, 60, 75, 90])
"""Close together where a team acts on them; from here on a month apart."""
MONTH_DAYS = 30.0
DECIMALS = 5


class Curves(Protocol):
    """What live scoring needs of a model: see closecurve.models.close_curve."""

    @property
    def horizon_days_(self) -> float: ...

    def predict_cumulative_incidence(self, X: pd.DataFrame, times: ArrayLike) -> Floats: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One curve: `days` ahead of `as_of`, and the probability of each end by then."""

    as_of: pd.Timestamp
    calendar: FiscalCalendar
    days: Floats
    won: Floats
    lost: Floats

    @property
    def quarter(self) -> Period:
        """The fiscal quarter that the as-of lies in."""
        return self.calendar.quarter_at(self.as_of)

    @property
    def won_eventual(self) -> float:
        """Where the won curve ends."""
        return float(self.won[-1])

    @property
    def lost_eventual(self) -> float:
        """Where the lost curve ends."""
        return float(self.lost[-1])

    def won_within(self, days: float) -> float:
        """The probability of a win within so many days."""
        return float(np.interp(days, self.days, self.won))

    def won_in_quarter(self) -> float:
        """The probability of a win by the end of the running quarter."""
        return self.won_within((self.quarter.end_at - self.as_of) / pd.Timedelta(days=1))

    def close_date(self, share: float) -> date | None:
        """The company's day at which the won curve passes `share` of its height; None if flat."""
        if self.won_eventual <= 0:
            return None
        height = share * self.won_eventual
        after = int(np.searchsorted(self.won, height))
        days = np.interp(height, self.won[after - 1 : after + 1], self.days[after - 1 : after + 1])
        return self.calendar.local(self.as_of + pd.Timedelta(days=float(days))).date()

    def curve(self) -> dict[str, list[float]]:
        """The curve as the API shows it."""
        parts = {"days": self.days, "won": self.won, "lost": self.lost}
        return {name: part.round(DECIMALS).tolist() for name, part in parts.items()}


def read(
    model: Curves, row: pd.DataFrame, as_of: pd.Timestamp, calendar: FiscalCalendar
) -> Reading:
    """The curve of a snapshot (a frame of one row)."""
    quarter_days = (calendar.quarter_at(as_of).end_at - as_of) / pd.Timedelta(days=1)
    days = curve_days(model.horizon_days_, quarter_days)
    incidence = model.predict_cumulative_incidence(row, days)[0]
    # Sums of three floats may miss 1 by a rounding; a probability never leaves 0..1.
    won, lost = np.clip(incidence[1:], 0.0, 1.0)
    return Reading(as_of=as_of, calendar=calendar, days=days, won=won, lost=lost)


def curve_days(horizon_days: float, quarter_days: float) -> Floats:
    """The days that a curve is shown at: to its end, with the quarter's end among them."""
    months = np.arange(FIRST_DAYS[-1], horizon_days, MONTH_DAYS)
    inside = np.concatenate([FIRST_DAYS, months, [quarter_days]])
    return np.unique(np.append(inside[inside < horizon_days], max(horizon_days, 1.0)))
