"""What a lead is worth if it converts: what the deals of converted leads brought.

The value of a conversion is the mean won amount of such deals, those that were lost counting 0:
the win rate times the mean won amount. It is learned from the wide to the narrow, each group shrunk
to the wider one as if that were `PSEUDO_DEALS` deals more (empirical Bayes): all deals, those of
converted leads, those of the lead's source; and times a factor for the one feature of fit that
tells most. A lead with an estimate of its own has that instead of the mean won amount.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.models.explanation.facts import LEAST_DEALS, LEAST_OWNERS

Floats = NDArray[np.float64]

PSEUDO_DEALS = 20.0
"""As many as an owner's rate is shrunk with (features.context.OWNER_PSEUDO_COUNT)."""

BANDS = 4
"""A number is a feature of fit by its quarters."""

COUNT, WON, AMOUNT = "count", "won_count", "won_amount"


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """Closed deals of one group: how many, how many won, and what was won, in all.

    `win_rate` (0..1) and `mean_amount` (of a won one, in the company's currency) are shrunk.
    `owner_count` are the owners who closed them; None where deals have none.
    """

    count: int
    won_count: int
    won_amount: float
    win_rate: float
    mean_amount: float
    owner_count: int | None = None

    @property
    def is_told(self) -> bool:
        """Whether it is a fact about a population, as with reasons: deals and owners enough."""
        return self.count >= LEAST_DEALS and (
            self.owner_count is None or self.owner_count >= LEAST_OWNERS
        )

    @property
    def value(self) -> float:
        """What one conversion is expected to bring."""
        return self.win_rate * self.mean_amount


@dataclass(frozen=True, slots=True, kw_only=True)
class FitFactor:
    """What one feature of fit does to the value: a factor and the count of each of its levels.

    `edges` cut a number into bands, whose levels are "0", "1" and so on; None: a category.
    """

    feature: str
    edges: tuple[float, ...] | None
    factors: Mapping[str, float]
    counts: Mapping[str, int]

    def level(self, value: Any) -> str | None:
        """The level that a lead's value belongs to; None where it is absent."""
        if value is None or (isinstance(value, float) and np.isnan(value)):
            return None
        if self.edges is None:
            return str(value)
        return str(int(np.searchsorted(self.edges, float(value), side="right")))


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadValues:
    """The values of conversions as known at one instant; without any won deal there are none."""

    company: Brought | None
    sources: Mapping[str, Brought]
    fit: FitFactor | None

    @classmethod
    def learned(cls, closes: pd.DataFrame, fit: pd.DataFrame) -> Self:
        """From closed deals: lead_id (null: of no lead), source of the lead, outcome, amount, and
        owner_id where deals have owners.

        `amount` is in the company's currency; a won deal without one does not count. `fit` are the
        features of fit of the leads as they converted, by lead_id, numbers and texts.
        """
        known = closes[~(closes["outcome"].eq("won") & closes["amount"].isna())]
        every = _brought(known, None)
        if every is None:
            return cls(company=None, sources={}, fit=None)
        of_leads = known[known["lead_id"].notna()]
        company = _brought(of_leads, every) or every
        sources = {
            str(source): found
            for source, part in of_leads.groupby("source")
            if (found := _brought(part, company)) is not None
        }
        return cls(
            company=company, sources=sources, fit=_fit_factor(of_leads, fit, company, sources)
        )

    def of(self, lead: Mapping[str, Any], own_amount: float | None = None) -> "LeadValue | None":
        """The value of one lead: its `source`, its feature of fit, and its own estimate if any.

        None where nothing was ever won.
        """
        if self.company is None:
            return None
        group = self.sources.get(str(lead.get("source")), self.company)
        level = None if self.fit is None else self.fit.level(lead.get(self.fit.feature))
        factor = 1.0 if self.fit is None or level is None else self.fit.factors.get(level, 1.0)
        amount = group.value * factor if own_amount is None else group.win_rate * own_amount
        told = next((each for each in (group, self.company) if each.is_told), None)
        return LeadValue(
            amount=amount,
            source=None if told is None or told is self.company else str(lead["source"]),
            fact=told,
            fit_feature=None if own_amount is not None or level is None else self._fit_feature,
            fit_factor=1.0 if own_amount is not None else factor,
            own_amount=own_amount,
        )

    @property
    def _fit_feature(self) -> str | None:
        return None if self.fit is None else self.fit.feature

    def to_json(self) -> dict[str, Any]:
        """A value that `from_json` reads back."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The values that `to_json` wrote."""
        company, fit = value["company"], value["fit"]
        edges = None if fit is None or fit["edges"] is None else tuple(fit["edges"])
        return cls(
            company=None if company is None else Brought(**company),
            sources={name: Brought(**found) for name, found in value["sources"].items()},
            fit=None if fit is None else FitFactor(**(dict(fit) | {"edges": edges})),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadValue:
    """What one lead is worth if it converts, and what that rests on.

    `amount` is in the company's currency. `fact` are the closed deals behind it (None: too few, or
    of too few owners, to tell), of converted leads from `source`, or from all where it is None.
    """

    amount: float
    source: str | None
    fact: Brought | None
    fit_feature: str | None
    fit_factor: float
    own_amount: float | None

    def basis(self) -> dict[str, Any]:
        """What it rests on, for JSON; how many owners closed the deals is not told."""
        told = {name: value for name, value in asdict(self).items() if name != "amount"}
        if self.fact is not None:
            del told["fact"]["owner_count"]
        return told


def _brought(deals: pd.DataFrame, wider: Brought | None) -> Brought | None:
    """The deals of a group, shrunk to the wider one; None where nothing was won and none is."""
    won = deals["outcome"].eq("won")
    count, won_count, amount = len(deals), int(won.sum()), float(deals.loc[won, "amount"].sum())
    if wider is None:
        if not amount > 0:
            return None
        rate, mean = won_count / count, amount / won_count
    else:
        rate = (won_count + PSEUDO_DEALS * wider.win_rate) / (count + PSEUDO_DEALS)
        mean = (amount + PSEUDO_DEALS * wider.mean_amount) / (won_count + PSEUDO_DEALS)
    return Brought(
        count=count,
        won_count=won_count,
        won_amount=amount,
        win_rate=rate,
        mean_amount=mean,
        owner_count=int(deals["owner_id"].nunique()) if "owner_id" in deals else None,
    )


def _fit_factor(
    deals: pd.DataFrame, fit: pd.DataFrame, company: Brought, sources: Mapping[str, Brought]
) -> FitFactor | None:
    """The feature whose levels differ most in value, weighted by their deals; None without any."""
    expected = deals["source"].map({name: found.value for name, found in sources.items()})
    won = np.where(deals["outcome"].eq("won"), deals["amount"], 0.0)
    ratio = pd.Series(won / expected.fillna(company.value).to_numpy(), index=deals.index)
    found = [_factor_of(fit[name].reindex(deals["lead_id"]), ratio) for name in fit.columns]
    return max(found, key=_spread, default=None)


def _factor_of(values: pd.Series, ratio: pd.Series) -> FitFactor:
    """The factors of one feature: the mean ratio of each level, shrunk to 1."""
    edges = _edges(values)
    shape = FitFactor(feature=str(values.name), edges=edges, factors={}, counts={})
    levels = [shape.level(value) for value in values.astype(object)]
    groups = ratio.groupby(np.array(levels, dtype=object), dropna=True)
    factor = (groups.sum() + PSEUDO_DEALS) / (groups.count() + PSEUDO_DEALS)
    return FitFactor(
        feature=shape.feature,
        edges=edges,
        factors={str(level): float(value) for level, value in factor.items()},
        counts={str(level): int(count) for level, count in groups.count().items()},
    )


def _edges(values: pd.Series) -> tuple[float, ...] | None:
    if not pd.api.types.is_numeric_dtype(values):
        return None
    known = values.dropna().to_numpy(dtype=np.float64)
    if not len(known):
        return ()
    return tuple(np.unique(np.quantile(known, np.arange(1, BANDS) / BANDS)).tolist())


def _spread(factor: FitFactor) -> float:
    """How much the levels tell: the squared logarithms of the factors, weighted by their deals."""
    return sum(math.log(factor.factors[level]) ** 2 * n for level, n in factor.counts.items())
