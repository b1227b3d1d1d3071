"""The close curve: for each day ahead, the probability that a deal is won, lost or still open."""

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import lightgbm as lgb
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from closecurve.crm.calendar import FiscalCalendar
from closecurve.crm.stages import Process
from closecurve.models.baselines import StageCurves
from closecurve.models.calibration import HazardCalibration
from closecurve.models.close_curve.bending import bent, coarsened, spans_of
from closecurve.models.close_curve.cells import CellMatrix
from closecurve.models.close_curve.files import (
    COARSE,
    ENCODING,
    FORMAT,
    MODEL,
    calendar_from_json,
    calendar_to_json,
    read_json,
    read_model,
    read_trees,
    write_json,
    write_trees,
)
from closecurve.models.close_curve.landmarks import (
    Landmarks,
    at_arrival,
    deal_codes,
    raised_to,
    recency,
)
from closecurve.models.close_curve.ranges import CurveRanges, GridTrees, by_instant
from closecurve.models.close_curve.rows import CurveRows, row_of_record, rows_of_frame
from closecurve.models.close_curve.trees import TreeSettings, first_rounds, grow, scores
from closecurve.models.encoding import Encoding, learn_encoding
from closecurve.models.incidence import at_times, days_ahead, from_hazards
from closecurve.models.panel import (
    as_ofs_of,
    closed_count,
    feature_kinds,
    labels_of,
    rows_per_deal,
)
from closecurve.models.unfold import Grid, Labels, choose_grid, coarse_grid, row_hashes, unfold

Floats = NDArray[np.float64]

BATCH_CELLS = 200_000
"""Cells predicted at once: bounds the memory of a prediction (some 100 MB)."""

ROWS_PER_AS_OF = 50
"""Rows of one as-of from which they are answered together: reading the calendar then pays."""

CLOSES_PER_ROUND = 50
ROUNDS = (50, 200)
"""More deals bear more trees: 50 rounds were best on some 5,000 loans, 200 on 13,000 deals of the
demo company, where fewer leave the best and the worst too near the mean (docs/measured.md)."""

COARSE_CLOSES = 30
"""Deals that close in a coarse interval: fewer cannot tell the level there."""

COARSE_ROUNDS = 2
"""Rounds on the coarse grid for each on the fine one: a tenth of the cells, less alike."""

RAREST_ROWS = 50
"""A category value in fewer landmarks than this is pooled with the other rare ones."""


class CloseCurve(BaseEstimator):  # type: ignore[misc]
    """Discrete-time competing risks with boosted trees, shrunk to curves by stage and age.

    Each landmark of the panel is unfolded into intervals ahead; the trees predict open, won or lost
    in the interval from the snapshot with every clock moved there, and the interval's own place in
    time. Other trees do the same on a few wide intervals, and the curve is bent half-way to them
    (`bending`). With few closes the answer leans on `StageCurves`, and these on the fixed stage
    rates: n closed deals weigh the trees by n / (n + few_closes).

    Parameters: `calendar` places an interval in the fiscal quarter and the week (default: a plain
    one); `processes` give the fixed rates; `kinds` says how to read each feature column (default:
    the feature catalog; a panel without as-of and id: all its columns); `by` is the column of the
    curves that few data fall back on (`source` for leads); `half_life_share` halves the weight of a
    landmark for each such share of the panel's span that it is older (None: all weigh the same);
    `rounds` None grows with the data, one for `CLOSES_PER_ROUND` closed deals within `ROUNDS`;
    `most_cells` bounds the rows that each booster is grown on; `seeds` boosters are grown on either
    grid, twice as many where there is but one; landmarks at a record's arrival weigh at least
    `arrival_share` of all. The rest are LightGBM's.

    >>> X = pd.DataFrame({"size": [1.0, 2.0, 3.0]})
    >>> y = pd.DataFrame({"event": [1, 2, 0], "duration_days": [5.0, 9.0, 20.0]})
    >>> CloseCurve().fit(X, y).predict_cumulative_incidence(X, [7, 30]).shape
    (3, 3, 2)
    """

    def __init__(
        self,
        *,
        calendar: FiscalCalendar | None = None,
        processes: Sequence[Process] = (),
        kinds: Mapping[str, str] | None = None,
        by: str = "stage",
        rounds: int | None = None,
        leaves: int = 7,
        learning_rate: float = 0.1,
        min_rows: int = 300,
        column_share: float = 0.5,
        l2: float = 20.0,
        seeds: int = 1,
        half_life_share: float | None = 0.5,
        most_cells: int = 100_000,
        few_closes: float = 500.0,
        arrival_share: float | None = None,
        random_state: int = 0,
        num_threads: int = 1,
    ) -> None:
        self.calendar = calendar
        self.processes = processes
        self.kinds = kinds
        self.by = by
        self.rounds = rounds
        self.leaves = leaves
        self.learning_rate = learning_rate
        self.min_rows = min_rows
        self.column_share = column_share
        self.l2 = l2
        self.seeds = seeds
        self.half_life_share = half_life_share
        self.most_cells = most_cells
        self.few_closes = few_closes
        self.arrival_share = arrival_share
        self.random_state = random_state
        self.num_threads = num_threads

    def fit(self, X: pd.DataFrame, y: pd.DataFrame) -> Self:
        """Learn from a panel X and its labels y (event 0 censored, 1 won, 2 lost; duration_days).

        X may have `as_of` (naive UTC) and an id beside its features; the order of its rows does not
        matter. An empty panel, one without closes or without wins is taken too: the answer is then
        that of the fixed rates, or leans on it. Raises DataError for wrong labels or as-ofs.
        """
        kinds = dict(self.kinds) if self.kinds is not None else feature_kinds(X)
        encoding = learn_encoding(X, kinds, rarest=RAREST_ROWS)
        features = encoding.matrix(X)
        hashes = row_hashes(features, labels_of(X, y))
        order = np.argsort(hashes, kind="stable")
        X, y, features, hashes = X.iloc[order], y.iloc[order], features[order], hashes[order]
        labels = labels_of(X, y)
        self.encoding_: Encoding = encoding
        self.grid_: Grid = choose_grid(labels.closing_days, longest_days=labels.longest_days)
        self.is_dated_: bool = as_ofs_of(X) is not None
        self.calibration_ = HazardCalibration()
        self.stage_curves_ = StageCurves(self.processes, by=self.by, grid=self.grid_).fit(X, y)
        learnable = unfold(labels, self.grid_).outcome.any()
        self.closes_ = closes = closed_count(X, labels) if learnable else 0
        self.trees_weight_ = self._weight_of(closes)
        self.rounds_ = self.rounds or int(np.clip(closes / CLOSES_PER_ROUND, *ROUNDS))
        least = COARSE_CLOSES * rows_per_deal(X)
        self.coarse_grid_ = coarse_grid(self.grid_, labels, least=least) if closes else None
        self.boosters_: list[lgb.Booster] = []
        self.coarse_boosters_: list[lgb.Booster] = []
        if closes:
            self._grow(
                Landmarks(
                    features=features,
                    as_of=as_ofs_of(X),
                    labels=labels,
                    weight=self._weights(X, labels),
                    deal=deal_codes(X),
                    hashes=hashes,
                )
            )
        return self

    @property
    def horizon_days_(self) -> float:
        """Where the curve ends: the longest time that the closes support. Beyond it, it is flat."""
        return self.grid_.horizon_days

    def predict_cumulative_incidence(self, X: pd.DataFrame, times: ArrayLike) -> Floats:
        """Curves (n, 3, n_times) at `times` in days from each row's as-of, infinity for eventually.

        Index 0 is still open, 1 won, 2 lost: they sum to 1, won and lost never fall. Linear inside
        an interval. Raises UsageError where a column that the model knows is absent.
        """
        days = days_ahead(times)
        intervals = self._intervals_to(days)
        made = np.empty((len(X), 3, len(days)))
        for rows in self._batches(len(X), intervals):
            batch = X.iloc[rows]
            hazards = self.calibrated(self._hazards(batch, intervals))
            made[rows] = self.incidence_from_hazards(batch, hazards, days)
        return made

    def read_with(self, *, rounds: int | None = None, few_closes: float | None = None) -> Self:
        """A copy as if fitted with fewer rounds or another `few_closes`, from the same trees."""
        changed = {"rounds": rounds, "few_closes": few_closes}
        made = copy(self)
        made.set_params(**{name: value for name, value in changed.items() if value is not None})
        made.trees_weight_ = made._weight_of(self.closes_)
        if rounds is not None:
            made.rounds_ = min(rounds, self.rounds_)
            made.boosters_ = [first_rounds(each, made.rounds_) for each in self.boosters_]
            made.coarse_boosters_ = [
                first_rounds(each, COARSE_ROUNDS * made.rounds_) for each in self.coarse_boosters_
            ]
        return made

    def predict_hazards(self, X: pd.DataFrame, times: ArrayLike | None = None) -> Floats:
        """The trees' own hazards (n, J, 3), neither calibrated nor shrunk.

        Of all intervals, or of the first J that reach the last of `times` in days.
        """
        intervals = len(self.grid_) if times is None else self._intervals_to(days_ahead(times))
        made = np.empty((len(X), intervals, 3))
        for rows in self._batches(len(X), intervals):
            made[rows] = self._hazards(X.iloc[rows], intervals)
        return made

    def calibrated(self, hazards: Floats) -> Floats:
        """The trees' hazards (…, J, 3) as recalibrated."""
        return self.calibration_.apply(hazards, self.stage_curves_.pooled_hazards())

    def incidence_from_hazards(self, X: pd.DataFrame, hazards: Floats, times: ArrayLike) -> Floats:
        """Curves (n, 3, n_times) from hazards (n, J, 3) of the first J intervals, shrunk."""
        edges = self.grid_.edges[: hazards.shape[1] + 1]
        by_stage = self.stage_curves_.predict_cumulative_incidence(X, edges)
        weight = self.trees_weight_
        return at_times(weight * from_hazards(hazards) + (1 - weight) * by_stage, edges, times)

    def save(self, folder: Path) -> None:
        """Write the model into a folder: the same model writes the same bytes."""
        folder.mkdir(parents=True, exist_ok=True)
        plain = {k: v for k, v in self.get_params(deep=False).items() if k not in _LEARNED_PARAMS}
        value = {
            "format": FORMAT,
            "parameters": plain | {"calendar": calendar_to_json(self.calendar)},
            "edges": list(self.grid_.edges),
            "is_dated": self.is_dated_,
            "trees": len(self.boosters_),
            "coarse_edges": [] if self.coarse_grid_ is None else list(self.coarse_grid_.edges),
            "coarse_trees": len(self.coarse_boosters_),
            "trees_weight": self.trees_weight_,
            "calibration": self.calibration_.to_json(),
            "stage_curves": self.stage_curves_.to_json(),
        }
        write_json(folder / MODEL, value)
        write_json(folder / ENCODING, self.encoding_.to_json())
        write_trees(folder, self.boosters_)
        write_trees(folder, self.coarse_boosters_, COARSE)

    @classmethod
    def load(cls, folder: Path, *, num_threads: int = 1) -> Self:
        """The model that `save` wrote: its curves are equal bit for bit.

        Only from a folder whose seal was checked. Raises EnvironmentFailure for an unknown format.
        """
        value = read_model(folder)
        parameters = value["parameters"] | {"num_threads": num_threads}
        calendar = calendar_from_json(parameters.pop("calendar"))
        model = cls(calendar=calendar, **parameters)
        model.encoding_ = Encoding.from_json(read_json(folder / ENCODING))
        model.grid_ = Grid(edges=tuple(value["edges"]))
        model.is_dated_ = value["is_dated"]
        model.trees_weight_ = value["trees_weight"]
        model.calibration_ = HazardCalibration(**value["calibration"])
        model.stage_curves_ = StageCurves.from_json(value["stage_curves"])
        coarse = tuple(value["coarse_edges"])
        model.coarse_grid_ = Grid(edges=coarse) if coarse else None
        model.boosters_ = read_trees(folder, value["trees"])
        model.coarse_boosters_ = read_trees(folder, value["coarse_trees"], COARSE)
        return model

    def _weight_of(self, closes: int) -> float:
        return closes / (closes + self.few_closes) if closes else 0.0

    def _settings(self) -> TreeSettings:
        return TreeSettings(
            rounds=self.rounds_,
            leaves=self.leaves,
            learning_rate=self.learning_rate,
            min_rows=self.min_rows,
            column_share=self.column_share,
            l2=self.l2,
            seeds=self.seeds,
            random_state=self.random_state,
        )

    def _grow(self, landmarks: Landmarks) -> None:
        """The boosters of both grids, beside each other."""
        grids, fine = self._grids(), self._settings()
        coarse = replace(fine, rounds=COARSE_ROUNDS * fine.rounds)
        if len(grids) == 1:
            fine = replace(fine, seeds=2 * fine.seeds)
        plans = [
            landmarks.plan(grid.cells, scores(grid.start), settings, self.most_cells)
            for grid, settings in zip(grids, (fine, coarse), strict=False)
        ]
        self.boosters_, *others = grow(plans, self.num_threads)
        self.coarse_boosters_ = others[0] if others else []

    def _grids(self) -> list[GridTrees]:
        """The trees over the fine grid, and those over the coarse one where there is one."""
        start = self.stage_curves_.pooled_hazards()
        found = [
            GridTrees(boosters=self.boosters_, cells=self._cell_matrix(self.grid_), start=start)
        ]
        if self.coarse_grid_ is not None:
            spans = spans_of(self.coarse_grid_, self.grid_)
            found.append(
                GridTrees(
                    boosters=self.coarse_boosters_,
                    cells=self._cell_matrix(self.coarse_grid_),
                    start=coarsened(start[None], spans)[0],
                )
            )
        return found

    def _cell_matrix(self, grid: Grid) -> CellMatrix:
        return CellMatrix(
            encoding=self.encoding_, grid=grid, calendar=self.calendar or FiscalCalendar()
        )

    def _weights(self, X: pd.DataFrame, labels: Labels) -> Floats:
        """The weight of each landmark (n,): by its age, then by what it was taken at."""
        weight = np.ones(len(X))
        if self.half_life_share is not None and self.is_dated_:
            weight = recency(labels, self.half_life_share)
        if self.arrival_share is not None:
            weight = raised_to(self.arrival_share, at_arrival(X), weight)
        return weight

    def _intervals_to(self, days: Floats) -> int:
        """How many intervals it takes to answer up to the last of the days, at least one."""
        edges = np.asarray(self.grid_.edges[1:])
        last = days.max(initial=0.0)
        if self.coarse_grid_ is not None and last <= self.coarse_grid_.horizon_days:
            # To the end of the coarse interval: what closes in it bends all of it.
            coarse = np.asarray(self.coarse_grid_.edges)
            last = coarse[max(np.searchsorted(coarse, last), 1)]
        return min(int(np.searchsorted(edges, last)) + 1, len(edges))

    def _batches(self, rows: int, intervals: int) -> Iterator[slice]:
        step = max(BATCH_CELLS // intervals, 1)
        return (slice(first, first + step) for first in range(0, rows, step))

    def rows(self, X: pd.DataFrame) -> CurveRows:
        """Snapshots as the model reads them. Raises UsageError where a column is absent."""
        return rows_of_frame(X, self.encoding_, self.ranges().stages)

    def row(self, values: Mapping[str, Any]) -> CurveRows:
        """One snapshot of plain values, as `rows` reads it from a frame."""
        return row_of_record(values, self.encoding_, self.ranges().stages)

    def incidence_at(self, rows: CurveRows, as_of: pd.Timestamp, times: ArrayLike) -> Floats:
        """Curves (n, 3, n_times) of deals at one as-of, which an undated model does not look at.

        As `predict_cumulative_incidence` gives them, but for rounding.
        """
        instant = as_of if self.is_dated_ else None
        hazards = self.ranges().hazards(rows.features, instant, self.num_threads)
        by_trees = from_hazards(self.calibrated(hazards))
        weight, by_stage = self.trees_weight_, self.ranges().stages.curves(rows.codes)
        return at_times(weight * by_trees + (1 - weight) * by_stage, self.grid_.edges, times)

    def ranges(self) -> CurveRanges:
        """The trees along all intervals ahead, read once."""
        held: CurveRanges | None = self.__dict__.get("_ranges")
        if held is None or held.fine.boosters is not self.boosters_:
            fine, *coarse = self._grids()
            held = CurveRanges.of(fine, coarse[0] if coarse else None, self.stage_curves_)
            self._ranges = held
        return held

    def _hazards(self, X: pd.DataFrame, intervals: int) -> Floats:
        """Along all intervals at once where many rows share an as-of, else cell by cell.

        Both give the same but for rounding; the first is some ten times faster.
        """
        as_of = as_ofs_of(X, required=self.is_dated_) if self.is_dated_ else None
        features = self.encoding_.matrix(X)
        codes, instants = by_instant(as_of, len(X))
        if len(instants) > 1 and len(X) < ROWS_PER_AS_OF * len(instants):
            return self._hazards_of_cells(features, as_of, intervals)
        made = np.empty((len(X), len(self.grid_), 3))
        for code, instant in enumerate(instants):
            rows = codes == code
            made[rows] = self.ranges().hazards(features[rows], instant, self.num_threads)
        return made[:, :intervals]

    def _hazards_of_cells(
        self, features: NDArray[np.float32], as_of: pd.Series | None, intervals: int
    ) -> Floats:
        fine, *others = self._grids()
        made = fine.hazards(features, as_of, intervals, self.num_threads)
        for coarse in others:
            spans = spans_of(coarse.cells.grid, self.grid_)
            count = sum(span.stop <= intervals for span in spans)
            wanted = coarse.hazards(features, as_of, count, self.num_threads)
            made = bent(made, wanted, spans[:count])
        return made


_LEARNED_PARAMS = ("calendar", "processes", "kinds", "num_threads")
"""Parameters that a saved model keeps otherwise, or takes from where it runs."""
