"""The survival peers: hazardous' SurvivalBoost and scikit-survival's forest, a forest a cause."""

from typing import Self

import numpy as np
import pandas as pd
from hazardous import SurvivalBoost
from numpy.typing import ArrayLike, NDArray
from sklearn.impute import SimpleImputer
from sksurv.ensemble import RandomSurvivalForest
from sksurv.util import Surv

from closecurve.models.encoding import Encoding
from closecurve.models.incidence import at_times, from_hazards

Floats = NDArray[np.float64]

SOONEST_DAYS = 1e-3
"""A duration is above 0 for these packages; a close within the minute counts as one."""

BATCH = 2_000
"""Rows that a forest answers at once: each has a number for every time that was seen."""


class Incidence:
    """SurvivalBoost: boosted trees of the incidence of each cause at a time that is a feature."""

    def __init__(self, encoding: Encoding, *, rounds: int) -> None:
        self.encoding = encoding
        self.rounds = rounds

    def fit(self, X: pd.DataFrame, y: pd.DataFrame) -> Self:
        """Learn from all rows."""
        duration = y["duration_days"].clip(lower=SOONEST_DAYS)
        known = pd.DataFrame({"event": y["event"].astype(int), "duration": duration})
        self.longest_days_ = float(duration[y["event"] > 0].max())
        self.model_ = SurvivalBoost(n_iter=self.rounds, show_progressbar=False, random_state=0)
        self.model_.fit(self.encoding.matrix(X), known)
        return self

    def predict_cumulative_incidence(self, X: pd.DataFrame, times: ArrayLike) -> Floats:
        """Curves; beyond the last close that was seen they stay flat: its weights explode."""
        days = np.minimum(np.asarray(times, dtype=np.float64), self.longest_days_)
        said = self.model_.predict_cumulative_incidence(self.encoding.matrix(X), days)
        cif = np.zeros((len(X), 3, len(days)))
        cif[:, : said.shape[1]] = said
        return cif


class CauseSpecificForest:
    """A random survival forest for each cause, the other counted as censored, put together.

    Leaves of 15 as in scikit-survival's own guide. The hazards of a time that both saw share what
    is left open before it.
    """

    def __init__(self, encoding: Encoding, *, most_rows: int, num_threads: int) -> None:
        self.encoding = encoding
        self.most_rows = most_rows
        self.num_threads = num_threads

    def fit(self, X: pd.DataFrame, y: pd.DataFrame) -> Self:
        """Learn from a random sample of the rows, in whole days."""
        generator = np.random.default_rng(0)
        kept = generator.permutation(len(X))[: self.most_rows]
        self.imputer_ = SimpleImputer(strategy="median", keep_empty_features=True)
        matrix = self.imputer_.fit_transform(self.encoding.matrix(X)[kept])
        event = y["event"].to_numpy()[kept]
        days = np.maximum(np.ceil(y["duration_days"].to_numpy()[kept]), 1.0)
        self.forests_ = {
            cause: self._forest().fit(matrix, Surv.from_arrays(event == cause, days))
            for cause in np.unique(event[event > 0]).tolist()
        }
        self.edges_ = (0.0, *next(iter(self.forests_.values())).unique_times_.tolist())
        return self

    def predict_cumulative_incidence(self, X: pd.DataFrame, times: ArrayLike) -> Floats:
        """Curves; beyond the longest time that was seen they are flat."""
        matrix = self.imputer_.transform(self.encoding.matrix(X))
        parts = [
            at_times(from_hazards(self._hazards(matrix[first : first + BATCH])), self.edges_, times)
            for first in range(0, len(matrix), BATCH)
        ]
        return np.concatenate(parts)

    def _forest(self) -> RandomSurvivalForest:
        return RandomSurvivalForest(
            n_estimators=100, min_samples_leaf=15, n_jobs=self.num_threads, random_state=0
        )

    def _hazards(self, matrix: NDArray[np.float32]) -> Floats:
        """The hazards (n, K, 3) of each day that was seen, from the cumulative ones."""
        steps = np.zeros((len(matrix), len(self.edges_) - 1, 3))
        for cause, forest in self.forests_.items():
            total = forest.predict_cumulative_hazard_function(matrix, return_array=True)
            steps[:, :, cause] = np.diff(total, axis=1, prepend=0.0)
        rate = steps.sum(axis=2, keepdims=True)
        closing = 1 - np.exp(-rate)
        hazards: Floats = closing * steps / np.maximum(rate, 1e-300)
        hazards[:, :, 0] = np.exp(-rate[:, :, 0])
        return hazards
