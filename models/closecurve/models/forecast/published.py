"""The basis of a forecast as it is published, and read again by the service."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closecurve.crm.errors import UsageError
from closecurve.models.forecast.simulation import Basis, Shocks, no_shocks, shares_of
from closecurve.models.scopes import COMPANY, MANAGER, NOBODY, Chains, below

DIGITS = 6
"""Probabilities are kept to a millionth."""

Floats = NDArray[np.float64]
Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PublishedBasis:
    """A basis with the names of what is in it.

    `labels` by scope kind: (leaves,) the scope of each leaf; `bound_days` (cells + 1,) from the
    as-of to the bounds of the cells; `periods` by name: the places of their cells;
    `win_rate_ratio` the win rate of the year before the last over that of the last.
    """

    basis: Basis
    deal_ids: tuple[str, ...]
    labels: Mapping[str, NDArray[np.str_]]
    chains: Chains
    bound_days: Floats
    periods: Mapping[str, tuple[int, ...]]
    win_rate_ratio: float
    draws: int

    def places(self, deals: Iterable[str]) -> list[int]:
        """The places of deals. Raises UsageError for one that is not open."""
        known = {deal: place for place, deal in enumerate(self.deal_ids)}
        for deal in deals:
            if deal not in known:
                raise UsageError("what-if-deal", f"a named deal is an open one, got {deal!r}")
        return [known[deal] for deal in deals]

    def cells_of(self, period: str) -> NDArray[np.bool_]:
        """(cells,) whether the cell lies in a period. Raises UsageError for an unknown name."""
        if period not in self.periods:
            raise UsageError(
                "what-if-period", f"a period is one of {', '.join(self.periods)}, got {period!r}"
            )
        made = np.zeros(len(self.bound_days) - 1, dtype=bool)
        made[list(self.periods[period])] = True
        return made

    def inside(self, kind: str, scope: str) -> NDArray[np.bool_]:
        """(leaves,) whether the leaf lies in a scope; nowhere in one that has none."""
        if kind == COMPANY:
            return np.ones(self.basis.leaves, dtype=bool)
        if kind == MANAGER:
            return np.isin(self.labels["owner"], sorted(below(scope, self.chains)))
        found = self.labels[kind] == scope if kind in self.labels else None
        return np.zeros(self.basis.leaves, dtype=bool) if found is None else found

    def reps(self, inside: NDArray[np.bool_]) -> int:
        """How many owners of some leaves got deals lately."""
        owners = self.labels["owner"][inside & (self.basis.created_count > 0)]
        return len(set(owners.tolist()) - {NOBODY})

    def to_json(self) -> Json:
        """Everything as plain values."""
        basis, shocks = self.basis, self.basis.shocks
        return {
            "deals": {
                "deal_id": list(self.deal_ids),
                "leaf": basis.leaf.tolist(),
                "amount": basis.amount.tolist(),
                "won_by": basis.won_by.round(DIGITS).tolist(),
            },
            "leaves": {kind: labels.tolist() for kind, labels in self.labels.items()},
            "chains": {owner: list(chain) for owner, chain in self.chains.items()},
            "new": {
                "created_count": basis.created_count.tolist(),
                "expected_count": basis.expected_count.tolist(),
                "stratum": basis.stratum.tolist(),
                "amounts": [each.tolist() for each in basis.amounts],
            },
            "taught": {
                "ratios": basis.ratios.tolist(),
                "scale": basis.scale.tolist(),
                "company": shocks.company.tolist(),
                "cell": shocks.cell.tolist(),
                "kinds": dict(shocks.kinds),
            },
            "bound_days": self.bound_days.tolist(),
            "periods": {name: list(cells) for name, cells in self.periods.items()},
            "win_rate_ratio": self.win_rate_ratio,
            "seed": basis.seed,
            "draws": self.draws,
        }

    @classmethod
    def from_json(cls, said: Json) -> "PublishedBasis":
        """What `to_json` wrote."""
        labels = {kind: np.array(names, dtype=str) for kind, names in said["leaves"].items()}
        plain = _basis(said)
        return cls(
            basis=replace(plain, shocks=_shocks(said["taught"], labels, plain.leaf_expected())),
            deal_ids=tuple(said["deals"]["deal_id"]),
            labels=labels,
            chains={owner: tuple(chain) for owner, chain in said["chains"].items()},
            bound_days=_floats(said["bound_days"]),
            periods={name: tuple(cells) for name, cells in said["periods"].items()},
            win_rate_ratio=float(said["win_rate_ratio"]),
            draws=int(said["draws"]),
        )


def _floats(values: Iterable[Any]) -> Floats:
    return np.array(list(values), dtype=np.float64)


def _basis(said: Json) -> Basis:
    """The basis without its shocks."""
    new, learnt, deals = said["new"], said["taught"], said["deals"]
    cells = len(learnt["scale"])
    return Basis(
        leaf=np.array(deals["leaf"], dtype=np.intp),
        amount=_floats(deals["amount"]),
        ratios=_floats(learnt["ratios"]),
        won_by=_floats(deals["won_by"]).reshape(-1, cells + 1),
        created_count=_floats(new["created_count"]),
        expected_count=_floats(new["expected_count"]).reshape(-1, cells),
        stratum=np.array(new["stratum"], dtype=np.intp),
        amounts=tuple(_floats(each) for each in new["amounts"]),
        scale=_floats(learnt["scale"]),
        shocks=no_shocks(cells),
        seed=said["seed"],
    )


def _shocks(learnt: Json, names: Mapping[str, NDArray[np.str_]], weight: Floats) -> Shocks:
    """The shocks of leaves with these `names` by kind and expected amounts `weight` (leaves,)."""
    kinds = learnt["kinds"]
    labels = {kind: np.unique(names[kind], return_inverse=True)[1] for kind in kinds}
    return Shocks(
        company=_floats(learnt["company"]),
        cell=_floats(learnt["cell"]),
        kinds=kinds,
        labels=labels,
        shares={kind: shares_of(found, weight) for kind, found in labels.items()},
    )
