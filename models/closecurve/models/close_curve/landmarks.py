"""From landmarks to the rows that trees are grown on: unfolded, thinned out, weighted."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.models.close_curve.cells import CellMatrix
from closecurve.models.close_curve.trees import Plan, TreeRows, TreeSettings
from closecurve.models.panel import id_column
from closecurve.models.unfold import Cells, Labels, thin, unfold

Floats = NDArray[np.float64]

ARRIVAL_DAYS = 1e-3
"""A landmark of a record younger than this was taken at its arrival."""

WEEK, QUARTER = pd.Timedelta(days=7), pd.Timedelta(days=91)
CYCLES = {
    "created_weekday": WEEK,
    "interval_weekday": WEEK,
    "interval_workday_share": WEEK,
    "days_to_quarter_end": QUARTER,
    "interval_quarter_place": QUARTER,
    "interval_quarter_turns": QUARTER,
}
"""How long it takes until a column has shown each of its places. Trees that saw less take a rise
from Monday to Thursday, or through the first weeks of a quarter, for a season."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Landmarks:
    """n landmarks as trees learn from them: `features` (n, p), `weight` (n,), `deal` codes (n,).

    `hashes` (n,) settle which cells stay where there are too many.
    """

    features: NDArray[np.float32]
    as_of: pd.Series | None
    labels: Labels
    weight: Floats
    deal: NDArray[np.int64]
    hashes: NDArray[np.uint64]

    def plan(
        self, matrix: CellMatrix, start: Floats, settings: TreeSettings, most_cells: int
    ) -> Plan:
        """The boosters to grow over the intervals of a matrix; `start` (K, 3) are their scores.

        Each has all cells, or of too many a part of its own: boosters on parts of their own differ
        more, and their mean gains more, than by the seed (subagging, Buehlmann and Yu 2002).
        """
        every = unfold(self.labels, matrix.grid)
        hashes = self.hashes + np.uint64(settings.random_state)
        parts = settings.seeds if len(every.row) > most_cells else 1
        samples = [
            self._tree_rows(matrix, start, *thin(every, hashes + part, most_cells))
            for part in np.arange(parts, dtype=np.uint64)
        ]
        return Plan(samples=samples, settings=settings.for_density(self._cells_per_deal(every)))

    def _tree_rows(
        self, matrix: CellMatrix, start: Floats, cells: Cells, weight: Floats
    ) -> TreeRows:
        weight = weight * self.weight[cells.row]
        rows = matrix.build(self.features, self.as_of, cells)
        rows[:, self._unseen_cycles(matrix)] = np.nan
        return TreeRows(
            matrix=rows,
            outcome=cells.outcome,
            weight=weight * (len(weight) / max(weight.sum(), 1e-300)),
            start=start[cells.interval],
            categories=matrix.encoding.places("category"),
        )

    def _unseen_cycles(self, matrix: CellMatrix) -> list[int]:
        """The columns whose cycle is longer than the time from the first landmark to the last."""
        if self.as_of is None:
            return []
        span = self.as_of.max() - self.as_of.min()
        return [
            place for place, column in enumerate(matrix.columns) if CYCLES.get(column, span) > span
        ]

    def _cells_per_deal(self, cells: Cells) -> float:
        """The mean number of cells, before any are thinned out, of a deal that has one."""
        return len(cells.row) / max(len(np.unique(self.deal[cells.row])), 1)


def deal_codes(X: pd.DataFrame) -> NDArray[np.int64]:
    """A number for each deal or lead (n,); each row is its own where there are no ids."""
    column = id_column(X)
    if column is None:
        return np.arange(len(X))
    return pd.factorize(X[column])[0].astype(np.int64)


def recency(labels: Labels, half_life_share: float) -> Floats:
    """A weight for each landmark: 1 for the newest, halved with each such share of the span."""
    if not len(labels):
        return np.ones(0)
    span = float(np.ptp(labels.followed_days)) or 1.0
    back = labels.followed_days - labels.followed_days.min()
    weight: Floats = 0.5 ** (back / (span * half_life_share))
    return weight


def at_arrival(X: pd.DataFrame) -> NDArray[np.bool_]:
    """Whether each landmark was taken when its record arrived (n,)."""
    if "age_days" not in X:
        return np.zeros(len(X), dtype=np.bool_)
    ages = X["age_days"].to_numpy(dtype=np.float64, na_value=np.nan)
    return np.asarray(ages < ARRIVAL_DAYS)


def raised_to(share: float, chosen: NDArray[np.bool_], weight: Floats) -> Floats:
    """The same weights (n,), but that the chosen have at least this share of the whole."""
    own, others = weight[chosen].sum(), weight[~chosen].sum()
    if not own or not others:
        return weight
    factor = max(share / (1 - share) * others / own, 1.0)
    return np.where(chosen, weight * factor, weight)
