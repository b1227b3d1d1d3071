"""What is read off close curves: probabilities by a day, and the dates they pass their shares.

The nightly run reads thousands of curves and the service one, both here, so they never differ.
"""

from dataclasses import dataclass
from datetime import date
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from closecurve.crm.calendar import FiscalCalendar, Period

Floats = NDArray[np.float64]

FIRST_DAYS = np.array([0.0, 1, 2, 3, 5, 7, 10, 14, 21, 30, 45, 60, 75, 90])
"""Close together where a team acts on them; from here on a month apart."""
MONTH_DAYS = 30.0
DECIMALS = 5


class EndingCurves(Protocol):
    """What is read: curves that end somewhere, such as the close curve's."""

    @property
    def horizon_days_(self) -> float:
        """Where the curves end."""

    def predict_cumulative_incidence(self, X: pd.DataFrame, times: ArrayLike) -> Floats:
        """Curves (n, 3, n_times)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Readings:
    """Curves of n snapshots at one as-of: `days` (k,) ahead, `won` and `lost` (n, k) by then."""

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
    def won_eventual(self) -> Floats:
        """(n,) where the won curves end."""
        return self.won[:, -1]

    @property
    def lost_eventual(self) -> Floats:
        """(n,) where the lost curves end."""
        return self.lost[:, -1]

    def won_within(self, days: float) -> Floats:
        """(n,) probability of a win within so many days."""
        place = np.clip(np.searchsorted(self.days, days), 1, len(self.days) - 1)
        low, high = self.days[place - 1], self.days[place]
        share = np.clip((days - low) / (high - low), 0.0, 1.0)
        found: Floats = self.won[:, place - 1] * (1 - share) + self.won[:, place] * share
        return found

    def won_in_quarter(self) -> Floats:
        """(n,) probability of a win by the end of the running quarter."""
        return self.won_within((self.quarter.end_at - self.as_of) / pd.Timedelta(days=1))

    def close_dates(self, share: float) -> list[date | None]:
        """The company's day at which each won curve passes `share` of its height; None if flat."""
        found = [self._passes(curve, share) for curve in self.won]
        moments = self.as_of + pd.to_timedelta(np.array(found), unit="D")
        local = moments.tz_localize("UTC").tz_convert(self.calendar.time_zone)
        return [None if pd.isna(moment) else moment.date() for moment in local]

    def _passes(self, curve: Floats, share: float) -> float:
        """Days until a curve passes a share of its height; NaN for a flat one."""
        height = share * curve[-1]
        if height <= 0:
            return float("nan")
        after = int(np.searchsorted(curve, height))
        ends = slice(after - 1, after + 1)
        return float(np.interp(height, curve[ends], self.days[ends]))

    def curves(self) -> list[dict[str, list[float]]]:
        """Each curve as results and API show it: days, won, lost."""
        days = self.days.round(DECIMALS).tolist()
        pairs = zip(self.won.round(DECIMALS), self.lost.round(DECIMALS), strict=True)
        return [{"days": days, "won": won.tolist(), "lost": lost.tolist()} for won, lost in pairs]


def read_curves(
    model: EndingCurves, rows: pd.DataFrame, as_of: pd.Timestamp, calendar: FiscalCalendar
) -> Readings:
    """The curves of snapshots (n rows) that were all taken at `as_of`."""
    quarter_days = (calendar.quarter_at(as_of).end_at - as_of) / pd.Timedelta(days=1)
    days = curve_days(model.horizon_days_, quarter_days)
    incidence = model.predict_cumulative_incidence(rows, days)
    # Sums of three floats may miss 1 by a rounding; a probability never leaves 0..1.
    won, lost = np.clip(incidence[:, 1], 0.0, 1.0), np.clip(incidence[:, 2], 0.0, 1.0)
    return Readings(as_of=as_of, calendar=calendar, days=days, won=won, lost=lost)


def curve_days(horizon_days: float, quarter_days: float) -> Floats:
    """The days that a curve is shown at: to its end, with the quarter's end among them."""
    months = np.arange(FIRST_DAYS[-1], horizon_days, MONTH_DAYS)
    inside = np.concatenate([FIRST_DAYS, months, [quarter_days]])
    return np.unique(np.append(inside[inside < horizon_days], max(horizon_days, 1.0)))
