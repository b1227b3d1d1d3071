"""The stretch of time a forecast looks over: the periods that are asked, cut into cells.

Draws are made by cell, and a period is the sum of its cells: months add up to their quarter,
quarters to their half and year, in every draw. What past origins teach is learnt by *pivot*, the
fiscal quarter: shorter windows hold too few wins to weigh rules by, longer ones come too rarely.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.crm.calendar import SPAN_MONTHS, FiscalCalendar, Period
from closecurve.models.forecast.inputs import rest_days

PIVOT = "quarter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Horizon:
    """Contiguous `cells` from the as-of on, the `periods` made of them with their kind, and the
    `pivots` that hold them; a period's cells are those that lie inside it."""

    as_of: pd.Timestamp
    cells: tuple[Period, ...]
    pivots: tuple[Period, ...]
    periods: tuple[tuple[str, Period], ...]

    @property
    def bound_days(self) -> NDArray[np.float64]:
        """(cells + 1,) days from the as-of to where each cell's rest begins, then the last end."""
        starts = [rest_days(cell, self.as_of)[0] for cell in self.cells]
        return np.array([*starts, rest_days(self.cells[-1], self.as_of)[1]])

    @property
    def pivot_of_cell(self) -> NDArray[np.intp]:
        """(cells,) the place of the pivot that holds each."""
        inside = self._inside(self.pivots)
        return np.asarray(inside.argmax(axis=0), dtype=np.intp)

    @property
    def cells_of_period(self) -> NDArray[np.bool_]:
        """(periods, cells) whether the cell lies in the period."""
        return self._inside(tuple(period for _, period in self.periods))

    def _inside(self, holders: tuple[Period, ...]) -> NDArray[np.bool_]:
        rows = [[cell.start_at in holder for cell in self.cells] for holder in holders]
        return np.array(rows, dtype=bool).reshape(len(holders), len(self.cells))


def one_period(period: Period, as_of: pd.Timestamp) -> Horizon:
    """The horizon of one quarter alone."""
    return Horizon(as_of=as_of, cells=(period,), pivots=(period,), periods=((PIVOT, period),))


def near_quarters(calendar: FiscalCalendar, as_of: pd.Timestamp) -> Horizon:
    """The running quarter and the next, as a back-test asks for them."""
    found = _running_and_next(calendar, PIVOT, as_of)
    return Horizon(
        as_of=as_of, cells=found, pivots=found, periods=tuple((PIVOT, each) for each in found)
    )


def all_periods(calendar: FiscalCalendar, as_of: pd.Timestamp) -> Horizon:
    """The running and the next month, quarter, half and year, by fiscal months."""
    periods = tuple(
        (kind, period)
        for kind in SPAN_MONTHS
        for period in _running_and_next(calendar, kind, as_of)
    )
    end_at = max(period.end_at for _, period in periods)
    return Horizon(
        as_of=as_of,
        cells=_until(calendar, "month", as_of, end_at),
        pivots=_until(calendar, PIVOT, as_of, end_at),
        periods=periods,
    )


def _running_and_next(
    calendar: FiscalCalendar, kind: str, as_of: pd.Timestamp
) -> tuple[Period, Period]:
    running = calendar.period_at(kind, as_of)
    return running, calendar.period_at(kind, running.end_at)


def _until(
    calendar: FiscalCalendar, kind: str, as_of: pd.Timestamp, end_at: pd.Timestamp
) -> tuple[Period, ...]:
    found = [calendar.period_at(kind, as_of)]
    while found[-1].end_at < end_at:
        found.append(calendar.period_at(kind, found[-1].end_at))
    return tuple(found)
