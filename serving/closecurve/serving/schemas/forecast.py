"""The forecast of every period and scope, and what if."""

from datetime import date
from typing import Literal

from closecurve.serving.schemas.common import Answer, Probability, Published

ForecastScopeKind = Literal["company", "region", "team", "manager", "owner", "product"]
PeriodKind = Literal["month", "quarter", "half", "year"]


class Spread(Answer):
    """A distribution by its mean and quantiles: `q10` to `q90` holds 80 % of outcomes."""

    mean: float
    q05: float
    q10: float
    q25: float
    q50: float
    q75: float
    q90: float
    q95: float


class ForecastRow(Spread):
    """Won revenue of one period and scope, in the company's currency.

    `weighted_pipeline_…` is the classic funnel of the open deals due, `commit_amount` and
    `best_case_amount` what their owners promise (null where the CRM has no forecast categories);
    none of them holds what is booked. `rule_weights` is how much each rule carries,
    `carried_by` the largest.
    """

    scope_kind: ForecastScopeKind
    scope: str
    period_kind: PeriodKind
    period_name: str
    period_start: date
    period_end: date
    booked: float
    open_mean: float
    new_mean: float
    weighted_pipeline_fixed: float | None
    weighted_pipeline_history: float | None
    commit_amount: float | None
    best_case_amount: float | None
    target: float | None
    target_probability: Probability | None
    actual: float | None
    carried_by: str | None
    rule_weights: dict[str, Probability] | None


class ForecastAnswer(Published):
    """The forecast by scope and period."""

    currency: str
    items: list[ForecastRow]


class WhatIfAnswer(Published):
    """A forecast beside the same with something changed: both from the same draws.

    `without` and `slipped` are the deals that were taken out or moved, the biggest one by name too.
    """

    currency: str
    scope_kind: ForecastScopeKind
    scope: str
    period_name: str
    without: list[str]
    slipped: list[str]
    last_year_win_rates: bool
    win_rate_ratio: float
    more_reps: int
    target: float | None
    before: Spread
    before_target_probability: Probability | None
    after: Spread
    after_target_probability: Probability | None
