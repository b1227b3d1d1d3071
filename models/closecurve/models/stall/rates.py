"""How many deals of a stage stall, by how long they have stood in it: what the model must beat."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from closecurve.models.baselines.rates import TYPICAL_CYCLE_DAYS
from closecurve.models.panel import age_bins, rows_per_deal, strata_keys, stratum

Floats = NDArray[np.float64]

STALL_DAYS = 30.0
"""Days ahead in which a deal moves or stalls (`closecurve.features.progress.STALL_DAYS`)."""

UNSEEN_RATE = float(np.exp(-STALL_DAYS / TYPICAL_CYCLE_DAYS))
"""The rate before anything was seen: deals move at a constant pace, once in the usual cycle."""

STAGE = ("process", "stage")
DWELL_BAND = "dwell_band"


class StallRate(BaseEstimator):  # type: ignore[misc]
    """The share of landmarks that stalled, by process, stage and dwell band.

    The rate of a group is (stalled + m r) / (landmarks + m), r being the rate of the wider group
    (stage, process, all) and m `strength` deals in landmarks: empirical Bayes, as in `StageCurves`.
    There is an answer before the first landmark.

    >>> X = pd.DataFrame({"stage": ["a", "a", "b"], "days_in_stage": [1.0, 2.0, 3.0]})
    >>> StallRate(strength=1.0).fit(X, [1, 1, 0]).predict_stall_probability(X).round(2).tolist()
    [0.94, 0.94, 0.16]
    """

    def __init__(
        self, *, dwell: str = "days_in_stage", dwell_groups: int = 5, strength: float = 10.0
    ) -> None:
        self.dwell = dwell
        self.dwell_groups = dwell_groups
        self.strength = strength

    def fit(self, X: pd.DataFrame, y: ArrayLike) -> Self:
        """Learn from landmarks X (n rows, maybe none) and whether each stalled, y (n,) of 0, 1."""
        stalled = np.asarray(y, dtype=np.float64)
        self.band_edges_ = self._band_edges(X)
        self.levels_ = self._levels(X)
        self.rates_ = {"": _shrunk(stalled.sum(), len(stalled), UNSEEN_RATE, self.strength)}
        if len(X):
            self._learn(X, stalled, self.strength * rows_per_deal(X))
        return self

    def predict_stall_probability(self, X: pd.DataFrame) -> Floats:
        """The rate (n,) of each row's group, the narrowest that was seen."""
        return self._read(X, self._keys(X))

    def usual(self, X: pd.DataFrame) -> Floats:
        """The rate (n,) of each row's stage, however long the deal has stood there."""
        return self._read(X, [keys for level, keys in self._by_level(X) if DWELL_BAND not in level])

    def rate_of(self, values: Mapping[str, Any]) -> float:
        """The same of one snapshot of plain values: a text, a number, or None for each column."""
        known = {name: str(values.get(name) or "") for name in STAGE}
        if self.band_edges_:
            days = values.get(self.dwell) or 0.0
            known[DWELL_BAND] = str(np.searchsorted(self.band_edges_, days, side="right"))
        for level in reversed(self.levels_):
            rate = self.rates_.get(stratum([known[name] for name in level]))
            if rate is not None:
                return float(rate)
        return float(self.rates_[""])

    def _band_edges(self, X: pd.DataFrame) -> list[float]:
        if self.dwell not in X.columns:
            return []
        days = X[self.dwell].dropna().to_numpy(dtype=np.float64)
        shares = np.arange(1, self.dwell_groups) / self.dwell_groups
        return np.unique(np.quantile(days, shares)).tolist() if len(days) else []

    def _levels(self, X: pd.DataFrame) -> list[list[str]]:
        used = [column for column in STAGE if column in X.columns]
        used += [DWELL_BAND] if self.band_edges_ else []
        return [used[: depth + 1] for depth in range(len(used))]

    def _by_level(self, X: pd.DataFrame) -> list[tuple[list[str], pd.Series]]:
        """Each level with the key of every row, the widest first."""
        if self.band_edges_:
            X = X.assign(**{DWELL_BAND: age_bins(X, self.dwell, self.band_edges_)})
        return [(level, strata_keys(X, level)) for level in self.levels_]

    def _keys(self, X: pd.DataFrame) -> list[pd.Series]:
        return [keys for _, keys in self._by_level(X)]

    def _learn(self, X: pd.DataFrame, stalled: Floats, strength: float) -> None:
        prior = np.full(len(X), self.rates_[""])
        for keys in self._keys(X):
            rows = pd.DataFrame({"key": keys.to_numpy(), "stalled": stalled, "prior": prior})
            found = rows.groupby("key", sort=True).agg(
                hits=("stalled", "sum"), count=("stalled", "size"), prior=("prior", "first")
            )
            rates = _shrunk(found["hits"], found["count"], found["prior"], strength)
            self.rates_ |= {str(key): float(rate) for key, rate in rates.items()}
            prior = keys.map(rates).to_numpy(dtype=np.float64)

    def _read(self, X: pd.DataFrame, levels: Sequence[pd.Series]) -> Floats:
        rates = np.full(len(X), self.rates_[""])
        for keys in levels:
            found = keys.map(self.rates_).to_numpy(dtype=np.float64, na_value=np.nan)
            rates = np.where(np.isnan(found), rates, found)
        return rates

    def to_json(self) -> dict[str, Any]:
        """What was learned, for `from_json`."""
        return {
            "dwell": self.dwell,
            "band_edges": self.band_edges_,
            "levels": self.levels_,
            "rates": self.rates_,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The rates that `to_json` wrote."""
        made = cls(dwell=value["dwell"])
        made.band_edges_, made.levels_ = list(value["band_edges"]), list(value["levels"])
        made.rates_ = dict(value["rates"])
        return made


def _shrunk(hits: Any, count: Any, prior: Any, strength: float) -> Any:
    return (hits + strength * prior) / (count + strength)
