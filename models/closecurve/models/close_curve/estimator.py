"""The close curve: for each day ahead, the probability that a deal is won, lost or still open."""

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from closecurve.crm.calendar import FiscalCalendar
from closecurve.crm.stages import Process
from closecurve.models.baselines import StageCurves
from closecurve.models.calibration import HazardCalibration
from closecurve.models.close_curve.cells import CellMatrix
from closecurve.models.close_curve.files import (
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
from closecurve.models.close_curve.ranges import CurveRanges, by_instant
from closecurve.models.close_curve.rows import CurveRows, row_of_record, rows_of_frame
from closecurve.models.close_curve.trees import (
    TreeRows,
    TreeSettings,
    first_rounds,
    grow,
    mean_hazards,
    scores,
)
from closecurve.models.encoding import Encoding, learn_encoding
from closecurve.models.incidence import at_times, days_ahead, from_hazards
from closecurve.models.panel import as_ofs_of, closed_count, feature_kinds, id_column, labels_of
from closecurve.models.unfold import (
    Cells,
    Grid,
    Labels,
    all_cells,
    choose_grid,
    row_hashes,
    thin,
    unfold,
)

Floats = NDArray[np.float64]

BATCH_CELLS = 200_000
"""Cells predicted at once: bounds the memory of a prediction (some 100 MB)."""

ROWS_PER_AS_OF = 50
"""Rows of one as-of from which they are answered together: reading the calendar then pays."""

CLOSES_PER_ROUND = 50
ROUNDS = (50, 200)
"""More deals bear more trees: 50 rounds were best on some 5,000 loans, 200 on 13,000 deals of the
demo company, where fewer leave the best and the worst too near the mean (docs/measured.md)."""

RAREST_ROWS = 50
"""A category value in fewer landmarks than this is pooled with the other rare ones."""


class CloseCurve(BaseEstimator):  # type: ignore[misc]
    """Discrete-time competing risks with boosted trees, shrunk to curves by stage and age.

    Each landmark of the panel is unfolded into intervals ahead; the trees predict open, won or lost
    in the interval from the snapshot with every clock moved there, and the interval's own place in
    time. With few closes the answer leans on `StageCurves`, and these on the fixed stage rates:
    n closed deals weigh the trees by n / (n + few_closes).

    Parameters: `calendar` places an interval in the fiscal quarter and the week (default: a plain
    one); `processes` give the fixed rates; `kinds` says how to read each feature column (default:
    the feature catalog; a panel without as-of and id: all its columns); `by` is the column of the
    curves that few data fall back on (`source` for leads); `half_life_share` halves the weight of a
    landmark for each such share of the panel's span that it is older (None: all weigh the same);
    `rounds` None grows with the data, one for `CLOSES_PER_ROUND` closed deals within `ROUNDS`;
    `most_cells` bounds the rows that each booster is grown on. The rest are LightGBM's.

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
        seeds: int = 2,
        half_life_share: float | None = 0.5,
        most_cells: int = 200_000,
        few_closes: float = 500.0,
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
        order = np.argsort(row_hashes(encoding.matrix(X), labels_of(X, y)), kind="stable")
        X, y = X.iloc[order], y.iloc[order]
        labels = labels_of(X, y)
        self.encoding_: Encoding = encoding
        self.grid_: Grid = choose_grid(labels.closing_days, longest_days=labels.longest_days)
        self.is_dated_: bool = as_ofs_of(X) is not None
        self.calibration_ = HazardCalibration()
        self.stage_curves_ = StageCurves(self.processes, by=self.by, grid=self.grid_).fit(X, y)
        cells = unfold(labels, self.grid_)
        self.closes_ = closes = closed_count(X, labels) if cells.outcome.any() else 0
        self.trees_weight_ = self._weight_of(closes)
        self.rounds_ = self.rounds or int(np.clip(closes / CLOSES_PER_ROUND, *ROUNDS))
        settings = self._settings().for_density(_cells_per_deal(X, cells))
        self.boosters_ = grow(self._samples(X, labels, cells), settings) if closes else []
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
            hazards = self.calibration_.apply(self._hazards(batch, intervals))
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
        return made

    def predict_hazards(self, X: pd.DataFrame) -> Floats:
        """The trees' own hazards (n, K, 3), neither calibrated nor shrunk."""
        made = np.empty((len(X), len(self.grid_), 3))
        for rows in self._batches(len(X), len(self.grid_)):
            made[rows] = self._hazards(X.iloc[rows], len(self.grid_))
        return made

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
            "trees_weight": self.trees_weight_,
            "calibration": self.calibration_.to_json(),
            "stage_curves": self.stage_curves_.to_json(),
        }
        write_json(folder / MODEL, value)
        write_json(folder / ENCODING, self.encoding_.to_json())
        write_trees(folder, self.boosters_)

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
        model.boosters_ = read_trees(folder, value["trees"])
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
            num_threads=self.num_threads,
        )

    def _cell_matrix(self) -> CellMatrix:
        return CellMatrix(
            encoding=self.encoding_, grid=self.grid_, calendar=self.calendar or FiscalCalendar()
        )

    def _samples(self, X: pd.DataFrame, labels: Labels, every: Cells) -> list[TreeRows]:
        """The cells of each booster: all of them, or of too many a part of its own.

        Boosters on parts of their own differ more, and their mean gains more, than by the seed
        (subagging, Buehlmann and Yu 2002).
        """
        features = self.encoding_.matrix(X)
        hashes = row_hashes(features, labels) + np.uint64(self.random_state)
        parts = self.seeds if len(every.row) > self.most_cells else 1
        return [
            self._tree_rows(features, X, labels, *thin(every, hashes + part, self.most_cells))
            for part in np.arange(parts, dtype=np.uint64)
        ]

    def _tree_rows(
        self,
        features: NDArray[np.float32],
        X: pd.DataFrame,
        labels: Labels,
        cells: Cells,
        weight: Floats,
    ) -> TreeRows:
        weight = weight * self._recency(labels)[cells.row]
        return TreeRows(
            matrix=self._cell_matrix().build(features, as_ofs_of(X), cells),
            outcome=cells.outcome,
            weight=weight * (len(weight) / max(weight.sum(), 1e-300)),
            start=self._start()[cells.interval],
            categories=self.encoding_.places("category"),
        )

    def _recency(self, labels: Labels) -> Floats:
        """The weight of each landmark: 1 for the newest, halved with each half-life."""
        if self.half_life_share is None or not self.is_dated_ or not len(labels):
            return np.ones(len(labels))
        span = float(np.ptp(labels.followed_days)) or 1.0
        back = labels.followed_days - labels.followed_days.min()
        weight: Floats = 0.5 ** (back / (span * self.half_life_share))
        return weight

    def _start(self) -> Floats:
        """The scores (K, 3) of each interval from which the trees start: its pooled hazards."""
        return scores(self.stage_curves_.pooled_hazards())

    def _intervals_to(self, days: Floats) -> int:
        """How many intervals it takes to answer up to the last of the days, at least one."""
        last = days.max(initial=0.0)
        return min(int(np.searchsorted(self.grid_.edges[1:], last)) + 1, len(self.grid_))

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
        by_trees = from_hazards(self.calibration_.apply(hazards))
        weight, by_stage = self.trees_weight_, self.ranges().stages.curves(rows.codes)
        return at_times(weight * by_trees + (1 - weight) * by_stage, self.grid_.edges, times)

    def ranges(self) -> CurveRanges:
        """The trees along all intervals ahead, read once."""
        held: CurveRanges | None = self.__dict__.get("_ranges")
        if held is None or held.boosters is not self.boosters_:
            held = CurveRanges.of(
                self.boosters_, self._cell_matrix(), self._start(), self.stage_curves_
            )
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
        cells: Cells = all_cells(len(features), intervals)
        matrix = self._cell_matrix().build(features, as_of, cells)
        start = self._start()[cells.interval]
        hazards = mean_hazards(self.boosters_, matrix, start, self.num_threads)
        return hazards.reshape(len(features), intervals, 3)


def _cells_per_deal(X: pd.DataFrame, cells: Cells) -> float:
    """The mean number of cells, before any are thinned out, of a deal that has one."""
    column = id_column(X)
    deals = len(np.unique(cells.row)) if column is None else X[column].iloc[cells.row].nunique()
    return len(cells.row) / max(deals, 1)


_LEARNED_PARAMS = ("calendar", "processes", "kinds", "num_threads")
"""Parameters that a saved model keeps otherwise, or takes from where it runs."""
