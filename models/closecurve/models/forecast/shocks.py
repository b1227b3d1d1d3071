"""How far teams, owners, regions and products stray from the company, learnt from past origins.

At a past origin each scope has what curves and arrivals gave it, scaled so that the company comes
out right, and what it brought. What is left, beyond the noise of counting, is the error of the
kind: one for all its scopes, shrunk to the prior where origins are few. A scope strays by its own
shock and by those of the finer kinds inside it, from a company that keeps the error of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.models.forecast.combination import LEAST_ERROR, PRIOR_WINDOWS, Prior
from closecurve.models.forecast.simulation import Shocks, shares_of
from closecurve.models.product_limit import codes_of
from closecurve.models.scopes import COMPANY, labels_of

SCOPE_SUMS = ("expected", "actual", "squares")
"""By origin, scope kind and scope: the forecast amount of the rest of a period, what came, and the
sum of the squared amounts that came, which estimates the variance that counting alone gives."""


def scope_errors(past: pd.DataFrame, kinds: tuple[str, ...], prior: Prior) -> dict[str, float]:
    """The error of each kind from its sums at past origins: as_of, scope_kind, scope, `SCOPE_SUMS`.

    The mean squared deviation beyond counting, in parts of the forecast, over scopes and origins;
    large scopes weigh more.
    """
    company = past[past["scope_kind"] == COMPANY].set_index("as_of")
    ratio = (company["actual"] / company["expected"]).where(company["expected"] > 0)
    fair = past["expected"] * past["as_of"].map(ratio)
    beyond = (past["actual"] - fair) ** 2 - past["squares"]
    parts = past.assign(fair=fair, beyond=beyond).dropna(subset=["fair"])
    return {kind: _error(parts[parts["scope_kind"] == kind], prior) for kind in kinds}


def _error(parts: pd.DataFrame, prior: Prior) -> float:
    windows = prior.overlap * parts["as_of"].nunique()
    size = float((parts["fair"] ** 2).sum())
    found = max(float(parts["beyond"].sum()) / size, 0.0) if size > 0 else 0.0
    known = windows if size > 0 else 0.0
    variance = (known * found + PRIOR_WINDOWS * prior.variance) / (known + PRIOR_WINDOWS)
    return float(np.sqrt(variance))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Structure:
    """Leaves with their weight (leaves,), the expected amount: who lies inside whom."""

    leaves: pd.DataFrame
    weight: NDArray[np.float64]

    def concentration(self, kind: str, inside: str) -> float:
        """The squared shares that the scopes of `kind` have of those of `inside`, on average.

        1 where each holds the whole; small where many share.
        """
        pairs = pd.DataFrame(
            {"part": labels_of(kind, self.leaves), "whole": labels_of(inside, self.leaves)}
        ).assign(weight=self.weight)
        parts = pairs.groupby(["whole", "part"])["weight"].sum()
        wholes = pairs.groupby("whole")["weight"].sum()
        size = float((wholes**2).sum())
        return float((parts**2).sum()) / size if size > 0 else 0.0

    def own_shocks(self, errors: Mapping[str, float]) -> dict[str, float]:
        """What is left of each kind's error once the shocks of finer kinds are taken out."""
        own: dict[str, float] = {}
        finest_first = sorted(errors, key=lambda kind: self.concentration(kind, COMPANY))
        for kind in finest_first:
            inside = sum(own[part] ** 2 * self.concentration(part, kind) for part in own)
            own[kind] = float(np.sqrt(max(errors[kind] ** 2 - inside, 0.0)))
        return own

    def shocks(
        self,
        company: NDArray[np.float64],
        cell: NDArray[np.float64],
        within: NDArray[np.float64],
        errors: Mapping[str, float],
    ) -> Shocks:
        """The shocks that give the company its own error, and every kind how it strays.

        `company` (cells,) is the error of the pivot of each cell, `cell` (cells,) how far it strays
        within, and `within` (cells,) the variance that this alone gives the pivot.
        """
        least = np.minimum(company, LEAST_ERROR) ** 2
        labels = {kind: self._labels(kind) for kind in errors}
        return Shocks(
            company=np.sqrt(np.maximum(company**2 - within, least)),
            cell=cell,
            kinds=self.own_shocks(errors),
            labels=labels,
            shares={kind: shares_of(found, self.weight) for kind, found in labels.items()},
        )

    def _labels(self, kind: str) -> NDArray[np.intp]:
        group, _ = codes_of(pd.DataFrame({kind: labels_of(kind, self.leaves)}))
        return np.asarray(group, dtype=np.intp)
