"""The peers of the quality benchmark: what a user could pick instead, each at its usual settings.

A peer is fitted on the rows that Closecurve learned from, and answers with curves (n, 3, n_times):
index 0 still open, 1 won, 2 lost. `PEERS` makes each of them for a case.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, Self

import numpy as np
import pandas as pd
from catboost import CatBoostClassifier
from lightgbm import LGBMClassifier
from numpy.typing import ArrayLike, NDArray
from quality_data import Case
from quality_rates import OdooNaiveBayes
from quality_survival import CauseSpecificForest, Incidence
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from xgboost import XGBClassifier

from closecurve.models.baselines import HistoricalStageRate, StageCurves
from closecurve.models.encoding import Encoding, as_text, learn_encoding
from closecurve.models.held_back import days_between
from closecurve.pipelines.fitting import free_cores

Floats = NDArray[np.float64]

RAREST_ROWS = 50
"""Values of a category in fewer rows are one, for every peer as for Closecurve."""

MOST_CODES = 254
"""HistGradientBoosting takes a column with more values than this as a number."""


class Peer(Protocol):
    """What answers with curves."""

    def fit(self, X: pd.DataFrame, y: pd.DataFrame) -> Any:
        """Learn from snapshots and their event and duration_days."""

    def predict_cumulative_incidence(self, X: pd.DataFrame, times: ArrayLike) -> Floats:
        """Curves (n, 3, n_times)."""


class PerHorizon:
    """A classifier of open, won and lost for each horizon, on the rows that were watched to it.

    This is how a probability within a horizon is usually learned. For the horizon "ever", the
    outcome that is known at the cutoff counts, as it does in the usual lead scoring.
    """

    def __init__(
        self, make: Callable[[], Any], read: Callable[[pd.DataFrame], Any], case: Case
    ) -> None:
        self.make = make
        self.read = read
        self.cutoff = case.cutoff
        self.horizons = case.data.horizons

    def fit(self, X: pd.DataFrame, y: pd.DataFrame) -> Self:
        """One classifier for each horizon."""
        matrix, watched_days = self.read(X), days_between(X["as_of"], self.cutoff)
        self.models_ = {}
        for days in self.horizons:
            rows = np.flatnonzero((watched_days >= days) | np.isinf(days))
            closed = y["duration_days"].to_numpy() <= days
            outcome = np.where(closed, y["event"], 0)[rows]
            self.models_[days] = self.make().fit(_taken(matrix, rows), outcome)
        return self

    def predict_cumulative_incidence(self, X: pd.DataFrame, times: ArrayLike) -> Floats:
        """Curves at horizons that were learned, and at no other time."""
        matrix = self.read(X)
        days = np.atleast_1d(np.asarray(times, dtype=np.float64))
        cif = np.zeros((len(X), 3, len(days)))
        for place, horizon in enumerate(days.tolist()):
            model = self.models_[horizon]
            cif[:, np.ravel(model.classes_).astype(int), place] = model.predict_proba(matrix)
        return cif


def _taken(matrix: Any, rows: NDArray[np.int64]) -> Any:
    return matrix.iloc[rows] if isinstance(matrix, pd.DataFrame) else matrix[rows]


def encoding_of(case: Case) -> Encoding:
    """Numbers as they are, categories as codes: what trees read."""
    return learn_encoding(case.learned.rows, case.kinds, rarest=RAREST_ROWS)


def texts_of(case: Case) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Reads numbers as floats and categories as text, for what has an encoding of its own."""

    def read(X: pd.DataFrame) -> pd.DataFrame:
        columns = {
            name: as_text(X[name]).fillna("missing").astype(object)
            if kind == "category"
            else X[name].to_numpy(dtype=np.float64, na_value=np.nan)
            for name, kind in case.kinds.items()
        }
        return pd.DataFrame(columns, index=X.index)

    return read


def split_columns(kinds: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """The names of the number columns and of the categories."""
    categories = [name for name, kind in kinds.items() if kind == "category"]
    return [name for name in kinds if name not in categories], categories


def one_hot(case: Case, *, scaled: bool) -> Any:
    """Medians for missing numbers, with a column that says so; a column for each common value."""
    numbers, categories = split_columns(case.kinds)
    imputed = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    return make_column_transformer(
        (make_pipeline(imputed, StandardScaler()) if scaled else imputed, numbers),
        (
            OneHotEncoder(min_frequency=RAREST_ROWS, handle_unknown="infrequent_if_exist"),
            categories,
        ),
    )


def with_codes(make: Callable[[Encoding], Callable[[], Any]]) -> Callable[[Case], Peer]:
    """A peer that reads codes."""

    def made(case: Case) -> Peer:
        encoding = encoding_of(case)
        return PerHorizon(make(encoding), encoding.matrix, case)

    return made


def with_texts(make: Callable[[Case], Any]) -> Callable[[Case], Peer]:
    """A peer that reads texts."""
    return lambda case: PerHorizon(lambda: make(case), texts_of(case), case)


def base_rate(case: Case) -> Peer:
    """The share of the rows watched to the horizon: what a model has to beat."""
    return PerHorizon(lambda: DummyClassifier(strategy="prior"), texts_of(case), case)


def logistic_regression(case: Case) -> Pipeline:
    """Ridge penalty 1, the default; 1,000 steps, as the default 100 do not converge."""
    return make_pipeline(one_hot(case, scaled=True), LogisticRegression(max_iter=1_000))


def random_forest(case: Case) -> Pipeline:
    """300 trees; leaves of 20, as leaves of 1 (the default) give probabilities of 0 and 1."""
    forest = RandomForestClassifier(
        n_estimators=300, min_samples_leaf=20, n_jobs=free_cores(), random_state=0
    )
    return make_pipeline(one_hot(case, scaled=False), forest)


def hist_gradient_boosting(encoding: Encoding) -> Callable[[], Any]:
    """As LightGBM is set here. Its own early stopping holds rows back at random: landmarks of one
    deal then stand on both sides, and it stops too late (bpic2012: log loss .514, so .466).
    """
    columns = [
        place
        for place, (name, kind) in enumerate(encoding.kinds.items())
        if kind == "category" and len(set(encoding.codes[name].values())) < MOST_CODES
    ]
    return lambda: HistGradientBoostingClassifier(
        max_iter=100,
        learning_rate=0.05,
        max_leaf_nodes=8,
        min_samples_leaf=100,
        max_features=0.5,
        l2_regularization=20.0,
        categorical_features=columns,
        early_stopping=False,
        random_state=0,
    )


def lightgbm(encoding: Encoding) -> Callable[[], Any]:
    """Strongly regularised: with its default of 31 leaves it overfits rows that are alike."""
    return lambda: LGBMClassifier(
        n_estimators=100,
        learning_rate=0.05,
        num_leaves=8,
        min_child_samples=100,
        colsample_bytree=0.5,
        subsample=0.8,
        subsample_freq=1,
        reg_lambda=20.0,
        n_jobs=free_cores(),
        random_state=0,
        verbose=-1,
    )


def xgboost(encoding: Encoding) -> Callable[[], Any]:
    """300 shallow trees at a twentieth: its defaults (100 of depth 6 at 0.3) overfit."""
    return lambda: XGBClassifier(
        n_estimators=300,
        learning_rate=0.05,
        max_depth=4,
        min_child_weight=20,
        subsample=0.8,
        colsample_bytree=0.5,
        n_jobs=free_cores(),
        random_state=0,
    )


def catboost(case: Case) -> Any:
    """Its defaults, which are its strength: 1,000 rounds at a rate of its own choice."""
    return CatBoostClassifier(
        cat_features=split_columns(case.kinds)[1],
        loss_function="MultiClass",
        thread_count=free_cores(),
        random_seed=0,
        verbose=False,
        allow_writing_files=False,
    )


def historical_stage_rate(case: Case) -> Peer:
    """By stage: the share of past rows won and lost within each horizon."""
    return HistoricalStageRate(by=case.by)


def aalen_johansen(case: Case) -> Peer:
    """Curves by stage and age, shrunk to wider groups: Closecurve's own few-data answer."""
    return StageCurves(by=case.by)


def odoo_naive_bayes(case: Case) -> Peer:
    """Odoo's predictive lead scoring."""
    return OdooNaiveBayes(kinds=case.kinds, is_lead=case.by == "source")


def survival_boost(case: Case) -> Peer:
    """hazardous: 60 rounds, as more took longer and were no better."""
    return Incidence(encoding_of(case), rounds=60)


def random_survival_forest(case: Case) -> Peer:
    """scikit-survival: a forest for each cause, on 4,000 rows as it is slow on more."""
    return CauseSpecificForest(encoding_of(case), most_rows=4_000, num_threads=free_cores())


PEERS: dict[str, Callable[[Case], Peer]] = {
    "base_rate": base_rate,
    "historical_stage_rate": historical_stage_rate,
    "aalen_johansen": aalen_johansen,
    "odoo_naive_bayes": odoo_naive_bayes,
    "logistic_regression": with_texts(logistic_regression),
    "random_forest": with_texts(random_forest),
    "hist_gradient_boosting": with_codes(hist_gradient_boosting),
    "lightgbm": with_codes(lightgbm),
    "xgboost": with_codes(xgboost),
    "catboost": with_texts(catboost),
    "survival_boost": survival_boost,
    "random_survival_forest": random_survival_forest,
}


def peers_of(case: Case, wanted: Sequence[str]) -> dict[str, Peer]:
    """The wanted peers of a case; a lead has no stage, so it has no stage rate."""
    return {
        name: PEERS[name](case)
        for name in wanted
        if case.by == "stage" or name != "historical_stage_rate"
    }
