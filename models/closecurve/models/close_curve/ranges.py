"""The trees of a close curve along all intervals ahead, without a row for each cell.

Rows of one as-of are answered together: the interval's own columns are then the same for all.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import lightgbm as lgb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.models.baselines.curves import StageCurves
from closecurve.models.close_curve.bending import bent, spans_of
from closecurve.models.close_curve.cells import CellMatrix
from closecurve.models.close_curve.trees import mean_hazards, scores, softmax
from closecurve.models.stage_lookup import StageLookup
from closecurve.models.trees.nodes import flat_trees
from closecurve.models.trees.places import Features
from closecurve.models.trees.ranges import Runs, TreeRanges
from closecurve.models.unfold import Cells, all_cells

Floats = NDArray[np.float64]

ROWS_AT_ONCE = 256
"""Rows evaluated together: their ranges then stay in a core's cache."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GridTrees:
    """Boosters over the intervals of one grid; `start` (K, 3) are the hazards they start from."""

    boosters: Sequence[lgb.Booster]
    cells: CellMatrix
    start: Floats

    def hazards(
        self,
        features: Features,
        as_of: pd.Series | None,
        intervals: int,
        num_threads: int,
    ) -> Floats:
        """Hazards (n, J, 3) of the first J intervals, cell by cell."""
        cells: Cells = all_cells(len(features), intervals)
        matrix = self.cells.build(features, as_of, cells)
        start = scores(self.start)[cells.interval]
        found = mean_hazards(self.boosters, matrix, start, num_threads)
        return found.reshape(len(features), intervals, 3)

    def hazards_of(self, sums: Floats) -> Floats:
        """Hazards (…, n, K, 3) from the trees' sums (…, outputs, n, K): the mean over boosters."""
        *leading, outputs, rows, intervals = sums.shape
        start = scores(self.start)
        if not outputs:
            return np.broadcast_to(softmax(start), (*leading, rows, intervals, 3))
        by_booster = sums.reshape(*leading, outputs // 3, 3, rows, intervals)
        raised = by_booster + start.T[:, None, :]
        raised -= raised.max(axis=-3, keepdims=True)
        np.exp(raised, out=raised)
        raised /= raised.sum(axis=-3, keepdims=True)
        return np.moveaxis(raised.mean(axis=-4), -3, -1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CurveRanges:
    """The trees of one model and the curves that they are shrunk to, ready to be looked up.

    The trees of both grids are looked up along one row of intervals, in the order of their middles:
    `places` are those of the fine and of the coarse ones.
    """

    fine: GridTrees
    coarse: GridTrees | None
    ranges: TreeRanges
    order: NDArray[np.int64]
    places: Sequence[NDArray[np.int64]]
    stages: StageLookup
    latest: dict[pd.Timestamp | None, Runs] = field(default_factory=dict)
    alike: dict[bytes, Runs] = field(default_factory=dict)

    @classmethod
    def of(
        cls, fine: GridTrees, coarse: GridTrees | None, stage_curves: StageCurves
    ) -> "CurveRanges":
        """Read the trees; some 0.1 s for a thousand of them."""
        grids = [fine] if coarse is None else [fine, coarse]
        ahead = np.concatenate([each.cells.grid.middles for each in grids]).astype(np.float32)
        order = np.argsort(ahead, kind="stable")
        boosters = [booster for each in grids for booster in each.boosters]
        return cls(
            fine=fine,
            coarse=coarse,
            ranges=TreeRanges(flat_trees(boosters), fine.cells.encoding, ahead[order]),
            order=order,
            places=np.split(np.argsort(order), [len(fine.cells.grid)]),
            stages=StageLookup(stage_curves),
        )

    def runs(self, as_of: pd.Timestamp | None) -> Runs:
        """The leaves' runs at an as-of; those of the last one asked for are kept."""
        found = self.latest.get(as_of)
        if found is None:
            values = [each.cells.interval_values(as_of) for each in self._grids]
            found = self._runs_of(np.concatenate(values)[self.order])
            self.latest.clear()
            self.latest[as_of] = found
        return found

    def _runs_of(self, interval_values: Features) -> Runs:
        """As-ofs of one hour mostly share their interval values, and with them the runs."""
        key = interval_values.tobytes()
        found = self.alike.get(key)
        if found is None:
            found = self.ranges.runs(interval_values)
            self.alike.clear()
            self.alike[key] = found
        return found

    def hazards(self, features: Features, as_of: pd.Timestamp | None, num_threads: int) -> Floats:
        """The trees' hazards (n, K, 3) of rows with one as-of."""
        runs = self.runs(as_of)

        def answer(rows: slice) -> Floats:
            return self.hazards_of(self.ranges.sums(self.ranges.places(features[rows]), runs))

        return np.concatenate(in_parts(answer, len(features), num_threads))

    def hazards_of(self, sums: Floats) -> Floats:
        """Hazards (…, n, K, 3) from the trees' sums (…, outputs, n, all intervals)."""
        if self.coarse is None:
            return self.fine.hazards_of(sums)
        split = 3 * len(self.fine.boosters)
        fine = self.fine.hazards_of(sums[..., :split, :, self.places[0]])
        coarse = self.coarse.hazards_of(sums[..., split:, :, self.places[1]])
        return bent(fine, coarse, spans_of(self.coarse.cells.grid, self.fine.cells.grid))

    @property
    def _grids(self) -> list[GridTrees]:
        return [self.fine] if self.coarse is None else [self.fine, self.coarse]


def in_parts(answer: Callable[[slice], Floats], rows: int, num_threads: int) -> list[Floats]:
    """What `answer` gives for slices of so many rows, in their order; at least one slice."""
    starts = range(0, max(rows, 1), ROWS_AT_ONCE)
    parts = [slice(first, first + ROWS_AT_ONCE) for first in starts]
    if num_threads == 1 or len(parts) == 1:
        return [answer(part) for part in parts]
    with ThreadPoolExecutor(num_threads) as pool:
        return list(pool.map(answer, parts))


def by_instant(
    as_of: pd.Series | None, rows: int
) -> tuple[NDArray[np.int64], Sequence[pd.Timestamp | None]]:
    """Which of the instants each row belongs to, and the instants; one, None, without as-ofs."""
    if as_of is None:
        return np.zeros(rows, dtype=np.int64), [None]
    codes, instants = pd.factorize(as_of)
    return codes.astype(np.int64), list(instants)
