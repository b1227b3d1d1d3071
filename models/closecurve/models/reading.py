"""What is read off close curves: probabilities by a day, and the dates they pass their shares.

The nightly run reads thousands of curves and the service one, both here, so they never differ.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from closecurve.crm.calendar import FiscalCalendar, Period

if TYPE_CHECKING:
    from closecurve.models.close_curve.rows import CurveRows

Floats = NDArray[np.float64]

FIRST_DAYS = np.array([0.0, 1, 2, 3, 5, 7, 10, 14, 21, 30, 45, 60, 75, 90])
"""Close together where a team acts on them; from here on a month apart."""
MONTH_DAYS = 30.0
DECIMALS = 5
MICROSECONDS_IN_DAY = 86_400e6


class EndingCurves(Protocol):
    """What is read: curves that end somewhere, such as the close curve's."""

    @property
    def horizon_days_(self) -> float:
        """Where the curves end."""

    def incidence_at(self, rows: "CurveRows", as_of: pd.Timestamp, times: ArrayLike) -> Floats:
        """Curves (n, 3, n_times) of deals at one as-of."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Readings:
    """Curves of n snapshots at one as-of: `days` (k,) ahead, `won` and `lost` (n, k) by then.

    `quarter` is the fiscal quarter that the as-of lies in.
    """

    as_of: pd.Timestamp
    calendar: FiscalCalendar
    quarter: Period
    days: Floats
    won: Floats
    lost: Floats

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
        return self.dates_passed([share])[0]

    def dates_passed(self, shares: Sequence[float]) -> list[list[date | None]]:
        """`close_dates` of each share."""
        found = np.stack([self._passes(share) for share in shares])
        is_flat = np.isnan(found)
        passed = np.round(np.where(is_flat, 0.0, found) * MICROSECONDS_IN_DAY)
        moments = self.as_of.to_datetime64() + passed.astype("timedelta64[us]")
        days = self.calendar.local_clock(moments).astype("datetime64[D]")
        days[is_flat] = np.datetime64("NaT")
        made: list[list[date | None]] = days.tolist()
        return made

    def _passes(self, share: float) -> Floats:
        """(n,) days until each curve passes a share of its height; NaN for a flat one."""
        heights = share * self.won[:, -1]
        after = np.clip((self.won < heights[:, None]).sum(axis=1), 1, len(self.days) - 1)
        rows = np.arange(len(self.won))
        low, high = self.won[rows, after - 1], self.won[rows, after]
        first, last = self.days[after - 1], self.days[after]
        with np.errstate(divide="ignore", invalid="ignore"):
            passed = first + (last - first) * (heights - low) / (high - low)
        return np.where(heights > 0, passed, np.nan)

    def curves(self) -> list[dict[str, list[float]]]:
        """Each curve as results and API show it: days, won, lost."""
        days = self.days.round(DECIMALS).tolist()
        pairs = zip(self.won.round(DECIMALS), self.lost.round(DECIMALS), strict=True)
        return [{"days": days, "won": won.tolist(), "lost": lost.tolist()} for won, lost in pairs]


def read_curves(
    model: EndingCurves, rows: "CurveRows", as_of: pd.Timestamp, calendar: FiscalCalendar
) -> Readings:
    """The curves of n snapshots, as the model reads them, that were all taken at `as_of`."""
    quarter = calendar.quarter_at(as_of)
    days = curve_days(model.horizon_days_, (quarter.end_at - as_of) / pd.Timedelta(days=1))
    incidence = model.incidence_at(rows, as_of, days)
    # Sums of three floats may miss 1 by a rounding; a probability never leaves 0..1.
    won, lost = np.clip(incidence[:, 1], 0.0, 1.0), np.clip(incidence[:, 2], 0.0, 1.0)
    return Readings(as_of=as_of, calendar=calendar, quarter=quarter, days=days, won=won, lost=lost)


def curve_days(horizon_days: float, quarter_days: float) -> Floats:
    """The days that a curve is shown at: to its end, with the quarter's end among them."""
    months = np.arange(FIRST_DAYS[-1], horizon_days, MONTH_DAYS)
    inside = np.concatenate([FIRST_DAYS, months, [quarter_days]])
    return np.unique(np.append(inside[inside < horizon_days], max(horizon_days, 1.0)))
