"""The rows that trees are grown on: a landmark's features as they will be in an interval ahead."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.crm.calendar import WEEKDAYS, FiscalCalendar
from closecurve.models.encoding import Encoding
from closecurve.models.unfold import Cells, Grid

Floats = NDArray[np.float64]

SHORT_DAYS = 3.5
"""An interval up to half a week has a weekday of its own."""

INTERVAL_COLUMNS = (
    "interval_days_ahead",
    "interval_quarter_place",
    "interval_quarter_turns",
    "interval_weekday",
    "interval_workday_share",
)
"""What the interval itself adds to a matrix; of an undated model only the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellMatrix:
    """Builds the matrix of cells: features with clocks moved, then the interval's own columns.

    Every clock is moved to the middle of the interval that it predicts, and countdowns the other
    way: a deal silent for 5 days is silent for 15 in the interval 10 days ahead, unless it moves.
    """

    encoding: Encoding
    grid: Grid
    calendar: FiscalCalendar

    @property
    def columns(self) -> list[str]:
        """The columns of a dated model's matrix, in their order."""
        return [*self.encoding.columns, *INTERVAL_COLUMNS]

    def build(
        self, features: NDArray[np.float32], as_of: pd.Series | None, cells: Cells
    ) -> NDArray[np.float32]:
        """The matrix (n_cells, p + interval columns), where `features` is (n, p)."""
        ahead = self.grid.middles[cells.interval].astype(np.float32)
        moved = features[cells.row]
        for sign, kind in ((1, "clock"), (-1, "countdown")):
            places = self.encoding.places(kind)
            moved[:, places] += sign * ahead[:, None]
        own = self._interval_values(as_of, cells)
        return np.concatenate([moved, own], axis=1, dtype=np.float32)

    def interval_values(self, as_of: pd.Timestamp | None) -> NDArray[np.float32]:
        """The interval's own columns (K, q) at one as-of, which is None for an undated model."""
        middles = self.grid.middles[:, None]
        if as_of is None:
            return middles.astype(np.float32)
        dated = self._dated(np.array([as_of], dtype="datetime64[us]"))[0]
        return np.concatenate([middles, dated], axis=1, dtype=np.float32)

    def _interval_values(self, as_of: pd.Series | None, cells: Cells) -> Floats:
        middles = self.grid.middles[cells.interval][:, None]
        if as_of is None:
            return middles
        instants, place = np.unique(as_of.to_numpy(dtype="datetime64[us]"), return_inverse=True)
        table = self._dated(instants)
        return np.concatenate([middles, table[place[cells.row], cells.interval]], axis=1)

    def _dated(self, instants: NDArray[np.datetime64]) -> Floats:
        """The calendar columns (n_instants, K, 4) of the intervals ahead of each instant."""
        ahead = np.concatenate([self.grid.edges, self.grid.middles])
        local = self.calendar.local_clock(_after(instants, ahead))
        places, middles = np.split(
            self.calendar.quarter_place_of(local), [len(self.grid.edges)], axis=1
        )
        turns = (np.diff(places, axis=1) < 0).astype(np.float64)
        days = local[:, : len(self.grid.edges)].astype("datetime64[D]")
        short = self.grid.widths <= SHORT_DAYS
        weekday = np.where(short, (days[:, :-1].astype(np.int64) - 4) % 7, np.nan)
        return np.stack([middles, turns, weekday, self._workday_share(days, short)], axis=2)

    def _workday_share(self, days: NDArray[np.datetime64], short: NDArray[np.bool_]) -> Floats:
        mask = [day in self.calendar.business_days for day in WEEKDAYS]
        worked = np.busday_count(days[:, :-1], days[:, 1:], weekmask=mask)
        length = np.maximum((days[:, 1:] - days[:, :-1]).astype(np.int64), 1)
        return np.where(short, worked / length, np.nan)


def _after(instants: NDArray[np.datetime64], days: Floats) -> NDArray[np.datetime64]:
    steps = np.round(days * 86_400e6).astype("timedelta64[us]")
    result: NDArray[np.datetime64] = instants[:, None] + steps[None, :]
    return result
