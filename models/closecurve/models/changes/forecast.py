"""What changed in the forecast of a period: each deal's effect and what is of no single deal.

A forecast's mean is booked + scale x (sum over open deals of chance x amount) + arrivals, where the
scale is what rules and past amounts make of the curves' own sum. Deals are moved as in the pipeline
at the mean of both scales; what the scale itself changed is the part of the rule.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from closecurve.crm.calendar import Period
from closecurve.crm.errors import UsageError
from closecurve.models.changes.pairs import paired
from closecurve.models.changes.pipeline import (
    CHANCE_DOWN,
    CHANCE_UP,
    COLUMNS,
    PIPELINE_KINDS,
    PULLED_IN,
    PUSHED_OUT,
    REOPENED,
    ROUNDING,
    WON,
    Changes,
    open_moves,
    ordered,
)
from closecurve.models.changes.standing import Choice, Floats, Standing
from closecurve.models.weighted import due

BOOKED, WON_OUTSIDE, ARRIVALS, RULE = "booked", "won_outside", "arrivals", "rule"

FORECAST_KINDS = (WON, BOOKED, *PIPELINE_KINDS[:-1], WON_OUTSIDE, ARRIVALS, RULE)
"""Every kind, in the order that a waterfall shows them."""

LEAST_SUM = 0.01
"""In the company's currency: chances x amounts that sum to less say nothing of a scale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """The means of one scope's forecast of a period, in the company's currency."""

    booked: float
    open_mean: float
    new_mean: float

    @classmethod
    def of(cls, row: Mapping[str, Any] | None) -> "Outlook":
        """From a row of a publication's forecasts; nothing where there is none."""
        booked, opened, new = (
            float(row[name]) if row else 0.0 for name in ("booked", "open_mean", "new_mean")
        )
        return cls(booked=booked, open_mean=opened, new_mean=new)

    @property
    def mean(self) -> float:
        """What is expected in all."""
        return self.booked + self.open_mean + self.new_mean


def forecast_changes(
    before: Standing, after: Standing, outlooks: tuple[Outlook, Outlook], choice: Choice
) -> Changes:
    """The change of the forecast's mean for a scope and period; the chance is that of the period.

    `won` is what a win brought over what was expected of the deal; `won_outside` what is no longer
    expected of a deal that was won in another period; `booked` wins that were never seen open, and
    corrections of earlier ones; `arrivals` deals not created yet. `pulled_in` and `pushed_out` are
    changes of chance of deals whose expected close crossed the period's edge that way. Raises
    UsageError without a period.
    """
    period = choice.period
    if period is None:
        raise UsageError("change-period", "a forecast is compared for a period, got none")
    start, end = outlooks
    moves = _of_deals(before, after, outlooks, choice, period)
    arrivals = end.new_mean - start.new_mean
    rest = end.mean - start.mean - float(moves["effect"].sum()) - arrivals
    is_rounding = abs(rest) <= ROUNDING * (start.mean + end.mean)
    others = _of_no_deal({ARRIVALS: arrivals, RULE: 0.0 if is_rounding else rest})
    whole = pd.concat([moves, others], ignore_index=True)
    return Changes(start=start.mean, end=end.mean, moves=ordered(whole, FORECAST_KINDS))


def _of_deals(
    before: Standing,
    after: Standing,
    outlooks: tuple[Outlook, Outlook],
    choice: Choice,
    period: Period,
) -> pd.DataFrame:
    """The moves of open deals at the mean of both scales, and those of wins."""
    scope = Choice(scope_kind=choice.scope_kind, scope=choice.scope)
    pairs = paired(before, after, scope)
    worths = (pairs.before.worth, pairs.after.worth)
    scale = _mean_scale(
        *(_scale(said, worth) for said, worth in zip(outlooks, worths, strict=True))
    )
    opened = _by_dates(open_moves(pairs, before, after), before, after, period)
    columns = ["effect", "before", "after"]
    opened[columns] = opened[columns] * scale
    booked = _booked(before, after, scope, period)
    both = pd.concat([_won_where(opened, after, period), booked], ignore_index=True)
    summed: pd.DataFrame = both.groupby(["deal_id", "kind"], sort=False, as_index=False).sum()
    return summed


def _scale(outlook: Outlook, worth: Floats) -> float | None:
    """What the sum of chances x amounts was multiplied by; None where there is no sum."""
    total = float(worth.sum())
    return outlook.open_mean / total if total >= LEAST_SUM else None


def _mean_scale(*scales: float | None) -> float:
    """The mean of those that are known."""
    known = [scale for scale in scales if scale is not None]
    return sum(known) / len(known) if known else 0.0


def _by_dates(
    moves: pd.DataFrame, before: Standing, after: Standing, period: Period
) -> pd.DataFrame:
    """Changes of chance that follow an expected close over the period's edge, told as such."""
    was, now = (_due_ids(standing.deals, period) for standing in (before, after))
    came, went = (moves["deal_id"].isin(ids) for ids in (now - was, was - now))
    kind = moves["kind"].mask(came & (moves["kind"] == CHANCE_UP), PULLED_IN)
    return moves.assign(kind=kind.mask(went & (kind == CHANCE_DOWN), PUSHED_OUT))


def _due_ids(deals: pd.DataFrame, period: Period) -> set[str]:
    return set(deals["deal_id"][due(deals, period)])


def _won_where(moves: pd.DataFrame, after: Standing, period: Period) -> pd.DataFrame:
    inside = set(_wins(after, period)["deal_id"])
    is_outside = (moves["kind"] == WON) & ~moves["deal_id"].isin(inside)
    return moves.assign(kind=moves["kind"].mask(is_outside, WON_OUTSIDE))


def _booked(before: Standing, after: Standing, scope: Choice, period: Period) -> pd.DataFrame:
    """What each win that is booked now and was not then (or the reverse) adds."""
    then, now = (_amounts(standing, scope, period) for standing in (before, after))
    ids = then.index.union(now.index)
    was, is_now = (side.reindex(ids).fillna(0.0).to_numpy() for side in (then, now))
    was_open, is_open = (ids.isin(side.deals["deal_id"]) for side in (before, after))
    kind = np.where(was_open, WON, np.where(is_open, REOPENED, BOOKED))
    made = {"deal_id": ids, "kind": kind, "effect": is_now - was, "before": was, "after": is_now}
    return pd.DataFrame(made)


def _wins(standing: Standing, period: Period) -> pd.DataFrame:
    closed = standing.closed
    at = pd.to_datetime(closed["closed_at"])
    is_won = closed["outcome"] == WON
    return closed[is_won & (at >= period.start_at) & (at < period.end_at)]


def _amounts(standing: Standing, scope: Choice, period: Period) -> pd.Series:
    wins = _wins(standing, period)
    inside = wins[scope.in_scope(wins, standing.chains)]
    return inside.set_index("deal_id")["amount_company"].astype("float64").fillna(0.0)


def _of_no_deal(effects: Mapping[str, float]) -> pd.DataFrame:
    rows = [
        {"deal_id": None, "kind": kind, "effect": effect, "before": 0.0, "after": 0.0}
        for kind, effect in effects.items()
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))
