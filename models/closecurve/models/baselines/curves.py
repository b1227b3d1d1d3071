"""Aalen-Johansen curves by process, stage and age, each shrunk to the wider group it belongs to."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from closecurve.crm.stages import Process
from closecurve.models.baselines.rates import FixedStageRate
from closecurve.models.incidence import at_times, from_hazards
from closecurve.models.panel import age_bins, closed_count, labels_of, rows_per_deal, strata_keys
from closecurve.models.unfold import Cells, Grid, Labels, choose_grid, unfold

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
AGE_BIN = "age_bin"


class StageCurves(BaseEstimator):  # type: ignore[misc]
    """Curves by process, stage and age at the landmark: empirical Bayes on the interval hazards.

    In each interval the hazard of a group is (closes + m h) / (at risk + m), h being the hazard of
    the wider group (stage and age, stage, process, all) and m `strength` deals in landmarks; where
    nothing was watched at all it is that of `FixedStageRate.unseen_hazards`. The
    pooled answer is mixed with the fixed stage rates as if these were `prior_closes` closes, more
    where less than a usual cycle was watched: there is an answer before the first close, and what
    closes in the first days says little of those that stay. Without shrinkage and with an edge at
    each close it is the Aalen-Johansen estimate (Aalen and Johansen 1978). A group holds the
    landmarks that reached its age: left truncation is met by construction.
    """

    def __init__(
        self,
        processes: Sequence[Process] = (),
        *,
        by: str = "stage",
        age: str = "age_days",
        grid: Grid | None = None,
        age_groups: int = 5,
        strength: float = 10.0,
        prior_closes: float = 5.0,
    ) -> None:
        self.processes = processes
        self.by = by
        self.age = age
        self.grid = grid
        self.age_groups = age_groups
        self.strength = strength
        self.prior_closes = prior_closes

    def fit(self, X: pd.DataFrame, y: pd.DataFrame) -> Self:
        """Learn the hazards from a panel, which may be empty; absent columns are not used."""
        labels = labels_of(X, y)
        grid = self.grid or choose_grid(labels.closing_days, longest_days=labels.longest_days)
        self.edges_ = grid.edges
        self.age_edges_ = self._age_edges(X)
        self.levels_ = self._levels(X)
        self.fixed_ = FixedStageRate(self.processes, by=self.by).fit(X, y)
        closes = closed_count(X, labels)
        weight = closes / (closes + self.prior_closes) if closes else 0.0
        self.weight_ = weight * self.fixed_.cycle_seen(labels)
        self.hazards_ = self._learn(X, labels, grid, self.strength * rows_per_deal(X))
        self.tables_ = from_hazards(np.stack(list(self.hazards_.values())))
        return self

    @property
    def horizon_days_(self) -> float:
        """Where the curves end, in days."""
        return self.edges_[-1]

    def predict_cumulative_incidence(self, X: pd.DataFrame, times: ArrayLike) -> Floats:
        """Curves (n, 3, n_times) of each row's group, the narrowest that was seen."""
        return at_times(self._curves(X), self.edges_, times)

    def pooled_hazards(self) -> Floats:
        """Hazards (K, 3) of all landmarks together, in the intervals of the grid."""
        return self.hazards_[""]

    def _curves(self, X: pd.DataFrame) -> Floats:
        place = {key: place for place, key in enumerate(self.hazards_)}
        rows = np.zeros(len(X), dtype=np.int64)
        for keys in self._keys(X):
            found = keys.map(place).to_numpy(dtype=np.float64, na_value=-1).astype(np.int64)
            rows = np.where(found >= 0, found, rows)
        fixed = self.fixed_.predict_cumulative_incidence(X, self.edges_)
        mixed: Floats = self.weight_ * self.tables_[rows] + (1 - self.weight_) * fixed
        return mixed

    def _age_edges(self, X: pd.DataFrame) -> list[float]:
        if self.age not in X.columns or not len(X):
            return []
        ages = X[self.age].dropna().to_numpy(dtype=np.float64)
        shares = np.arange(1, self.age_groups) / self.age_groups
        return np.unique(np.quantile(ages, shares)).tolist() if len(ages) else []

    def _levels(self, X: pd.DataFrame) -> list[list[str]]:
        used = [column for column in ("process", self.by) if column in X.columns]
        used += [AGE_BIN] if self.age_edges_ else []
        return [used[: depth + 1] for depth in range(len(used))]

    def _keys(self, X: pd.DataFrame) -> list[pd.Series]:
        """The key of each row at each level, the widest first."""
        if self.age_edges_:
            X = X.assign(**{AGE_BIN: age_bins(X, self.age, self.age_edges_)})
        return [strata_keys(X, level) for level in self.levels_]

    def _learn(self, X: pd.DataFrame, labels: Labels, grid: Grid, rows: float) -> dict[str, Floats]:
        cells = unfold(labels, grid)
        everyone = np.zeros(len(X), dtype=np.int64)
        unseen = self.fixed_.unseen_hazards(labels, grid)[None]
        pooled = _hazards(cells, everyone, unseen, 0.0)
        hazards = {"": pooled[0]}
        if not len(X):
            return hazards
        parents = np.full(len(X), "", dtype=object)
        for keys in self._keys(X):
            values = keys.to_numpy(dtype=object)
            names, first, codes = np.unique(
                values.astype(str), return_index=True, return_inverse=True
            )
            prior = np.stack([hazards[parents[row]] for row in first])
            hazards |= dict(zip(names.tolist(), _hazards(cells, codes, prior, rows), strict=True))
            parents = values
        return hazards

    def to_json(self) -> dict[str, Any]:
        """What was learned, for `from_json`."""
        return {
            "by": self.by,
            "age": self.age,
            "edges": list(self.edges_),
            "age_edges": self.age_edges_,
            "levels": self.levels_,
            "weight": self.weight_,
            "hazards": {key: table.tolist() for key, table in self.hazards_.items()},
            "fixed": self.fixed_.to_json(),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The curves that `to_json` wrote."""
        made = cls(by=value["by"], age=value["age"])
        made.edges_, made.age_edges_ = tuple(value["edges"]), value["age_edges"]
        made.levels_, made.weight_ = value["levels"], value["weight"]
        made.hazards_ = {key: np.asarray(table) for key, table in value["hazards"].items()}
        made.tables_ = from_hazards(np.stack(list(made.hazards_.values())))
        made.fixed_ = FixedStageRate.from_json(value["fixed"])
        return made


def _hazards(cells: Cells, codes: Ints, prior: Floats, rows: float) -> Floats:
    """Hazards (groups, K, 3): counts of each group with its prior counted as so many landmarks."""
    groups, intervals = prior.shape[:2]
    place = (codes[cells.row] * intervals + cells.interval) * 3 + cells.outcome
    counts = np.bincount(place, minlength=groups * intervals * 3).reshape(groups, intervals, 3)
    total = counts.sum(axis=2, keepdims=True) + rows
    blend: Floats = (counts + rows * prior) / np.maximum(total, 1e-300)
    return np.where(total > 0, blend, prior)
