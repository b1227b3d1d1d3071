"""The probability that a deal stalls within 30 days: trees on top of the rate of its stage."""

import math
from collections.abc import Mapping
from copy import copy
from pathlib import Path
from typing import Any, Self

import lightgbm as lgb
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit
from sklearn.base import BaseEstimator

from closecurve.crm.errors import DataError
from closecurve.models.close_curve.files import (
    ENCODING,
    FORMAT,
    MODEL,
    read_json,
    read_model,
    read_trees,
    write_json,
    write_trees,
)
from closecurve.models.close_curve.trees import (
    BINS,
    ERRORS_ONLY,
    LEAF_DEALS,
    ONE_THREAD,
    first_rounds,
)
from closecurve.models.encoding import Encoding, learn_encoding
from closecurve.models.panel import feature_kinds, rows_per_deal
from closecurve.models.stall.rates import StallRate

Floats = NDArray[np.float64]

RAREST_ROWS = 50
"""A category value in fewer landmarks than this is pooled with the other rare ones."""

LEAF_ROWS = 300
"""Landmarks of a leaf, where so many deals' landmarks are not more than `LEAF_DEALS` deals'."""


class StallModel(BaseEstimator):  # type: ignore[misc]
    """Boosted trees that start from `StallRate`: what a snapshot says beyond stage and dwell.

    `fit` takes landmarks whose `STALL_DAYS` are over, so nothing is censored (see
    `closecurve.features.progress.stall_labels`). `rounds` 0 leaves the rate alone. `kinds` says how
    to read each feature column (default: the feature catalog). The rest are LightGBM's.
    """

    def __init__(
        self,
        *,
        kinds: Mapping[str, str] | None = None,
        rounds: int = 50,
        leaves: int = 7,
        learning_rate: float = 0.1,
        column_share: float = 0.5,
        l2: float = 20.0,
        seeds: int = 2,
        random_state: int = 0,
    ) -> None:
        self.kinds = kinds
        self.rounds = rounds
        self.leaves = leaves
        self.learning_rate = learning_rate
        self.column_share = column_share
        self.l2 = l2
        self.seeds = seeds
        self.random_state = random_state

    def fit(self, X: pd.DataFrame, y: ArrayLike) -> Self:
        """Learn from landmarks X (n rows, maybe none) and whether each stalled, y (n,) of 0, 1.

        Raises DataError `stall-labels` where y is not so many zeros and ones.
        """
        stalled = _checked(y, len(X))
        kinds = dict(self.kinds) if self.kinds is not None else feature_kinds(X)
        self.encoding_ = learn_encoding(X, kinds, rarest=RAREST_ROWS)
        self.rate_ = StallRate().fit(X, stalled)
        has_both = bool(len(X)) and 0 < stalled.mean() < 1
        self.boosters_ = self._grown(X, stalled) if has_both and self.rounds else []
        return self

    def predict_stall_probability(self, X: pd.DataFrame) -> Floats:
        """(n,): no move to a later stage and no win within `STALL_DAYS` of each row's as-of.

        Raises UsageError where a column that the model knows is absent.
        """
        start = logit(self.rate_.predict_stall_probability(X))
        if not self.boosters_ or not len(X):
            return np.asarray(expit(start), dtype=np.float64)
        return np.asarray(expit(start + self._raised(self.encoding_.matrix(X))), dtype=np.float64)

    def stall_probability_of(self, values: Mapping[str, Any]) -> float:
        """The same of one snapshot of plain values, in a twentieth of the time.

        Raises UsageError where a column that the model knows is absent.
        """
        start = logit(self.rate_.rate_of(values))
        if not self.boosters_:
            return float(expit(start))
        return float(expit(start + self._raised(self.encoding_.row(values))[0]))

    def with_rounds(self, rounds: int) -> Self:
        """A copy as if fitted with fewer rounds, from the same trees."""
        made = copy(self).set_params(rounds=rounds)
        made.boosters_ = [first_rounds(each, rounds) for each in self.boosters_ if rounds]
        result: Self = made
        return result

    def save(self, folder: Path) -> None:
        """Write the model into a folder: LightGBM text and JSON, the same model the same bytes."""
        folder.mkdir(parents=True, exist_ok=True)
        plain = {k: v for k, v in self.get_params(deep=False).items() if k != "kinds"}
        write_json(
            folder / MODEL,
            {
                "format": FORMAT,
                "parameters": plain,
                "trees": len(self.boosters_),
                "rate": self.rate_.to_json(),
            },
        )
        write_json(folder / ENCODING, self.encoding_.to_json())
        write_trees(folder, self.boosters_)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The model that `save` wrote, from a folder whose seal was checked.

        Raises EnvironmentFailure for an unknown format.
        """
        value = read_model(folder)
        model = cls(**value["parameters"])
        model.encoding_ = Encoding.from_json(read_json(folder / ENCODING))
        model.rate_ = StallRate.from_json(value["rate"])
        model.boosters_ = read_trees(folder, value["trees"])
        return model

    def _raised(self, matrix: NDArray[np.float32]) -> Floats:
        """(n,) what the trees add to the log odds of the rate."""
        raised = [
            booster.predict(matrix, raw_score=True, num_threads=ONE_THREAD, verbosity=ERRORS_ONLY)
            for booster in self.boosters_
        ]
        return np.asarray(np.mean(raised, axis=0), dtype=np.float64)

    def _grown(self, X: pd.DataFrame, stalled: Floats) -> list[lgb.Booster]:
        parameters = self._parameters(rows_per_deal(X))
        matrix = self.encoding_.matrix(X)
        data = lgb.Dataset(
            matrix,
            label=stalled,
            init_score=logit(self.rate_.predict_stall_probability(X)),
            # By place only: a model file names no attribute of a company.
            feature_name=[f"column_{place}" for place in range(matrix.shape[1])],
            categorical_feature=self.encoding_.places("category"),
            params=parameters,
        )
        return [self._booster(data, parameters, seed) for seed in range(self.seeds)]

    def _booster(self, data: lgb.Dataset, parameters: dict[str, Any], seed: int) -> lgb.Booster:
        """One booster, as it reads back from its text: what is saved is what was tried."""
        own = parameters | {"feature_fraction_seed": self.random_state + seed}
        booster = lgb.Booster(own, data)
        for _ in range(self.rounds):
            booster.update()
        return lgb.Booster(model_str=booster.model_to_string())

    def _parameters(self, landmarks_per_deal: float) -> dict[str, Any]:
        fewest = max(math.ceil(LEAF_DEALS * landmarks_per_deal), 1)
        return {
            "objective": "binary",
            "boost_from_average": False,
            "num_leaves": self.leaves,
            "learning_rate": self.learning_rate,
            "min_data_in_leaf": min(LEAF_ROWS, fewest),
            "min_data_per_group": min(LEAF_ROWS, fewest),
            "cat_l2": fewest,
            "cat_smooth": fewest,
            "feature_fraction": self.column_share,
            "lambda_l2": self.l2,
            "max_bin": BINS,
            "seed": self.random_state,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": ERRORS_ONLY,
            "num_threads": ONE_THREAD,
        }


def _checked(y: ArrayLike, rows: int) -> Floats:
    stalled = np.asarray(y, dtype=np.float64)
    if stalled.shape != (rows,) or not np.isin(stalled, (0.0, 1.0)).all():
        raise DataError(
            "stall-labels",
            f"each landmark has one label, 0 or 1, got {stalled.shape} labels for {rows} rows",
        )
    return stalled
