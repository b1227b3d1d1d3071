"""The funnel by stage and as a whole, its leaks, losses and concentration, and seasonality."""

from datetime import date
from typing import Literal

from closecurve.serving.schemas.common import Answer, Probability, Published

FunnelScopeKind = Literal["company", "region", "team", "owner"]


class FunnelRow(Answer):
    """A stage of the funnel over the past 365 days; `conversion_rate` is the share that reached a
    later stage. Intervals hold 95 %."""

    scope_kind: FunnelScopeKind
    scope: str
    process: str
    stage: str
    stage_order: int
    fixed_rate: Probability | None
    history_rate: Probability | None
    deal_count: int
    usual_count: float | None
    amount: float
    weighted_fixed: float | None
    weighted_history: float | None
    entered_count: int | None
    decided_count: int | None
    conversion_rate: Probability | None
    conversion_low: Probability | None
    conversion_high: Probability | None
    dwell_q50_days: float | None
    dwell_q50_days_low: float | None
    dwell_q50_days_high: float | None
    dwell_q80_days: float | None
    dwell_q80_days_low: float | None
    dwell_q80_days_high: float | None


class MetricRow(Answer):
    """A metric of a funnel, or of one of its stages, in a period; docs/metrics.md tells each.

    `process` and `stage` are `(all)` where it is of all of them. `low` to `high` is the 95 %
    interval, null where the metric has none; `count` what the value rests on.
    """

    scope_kind: FunnelScopeKind
    scope: str
    process: str
    period: str
    period_start: date
    period_end: date
    stage: str
    metric: str
    title: str
    unit: Literal["deals", "money", "share", "days", "a week", "a day", "ratio"]
    better: Literal["higher", "lower", "neither"]
    value: float
    low: float | None
    high: float | None
    count: int | None


class FunnelAnswer(Published):
    """The funnel by stage, and its metrics by period."""

    currency: str
    items: list[FunnelRow]
    metrics: list[MetricRow]


class LeakRow(Answer):
    """A stage's conversion beside the one to be expected: from its own past, or from its peers.

    `drop` is expected less seen, with its 95 % interval; `p_value` is corrected for every stage
    that was looked at. `detectable_drop` is what is found four times in five (null: none would be).
    `lost_money` is what the missing conversions would have brought.
    """

    scope_kind: FunnelScopeKind
    scope: str
    process: str
    against: Literal["past", "peers"]
    stage: str
    stage_order: int
    exit_count: int
    conversion_rate: Probability
    expected_rate: Probability
    drop: float
    drop_low: float
    drop_high: float
    p_value: Probability
    is_leak: bool
    detectable_drop: float | None
    missing_count: float
    mean_amount: float | None
    later_win_rate: Probability | None
    lost_money: float | None
    lost_money_low: float | None
    lost_money_high: float | None


class LeaksAnswer(Published):
    """Every stage that was looked at, the leaks first."""

    currency: str
    items: list[LeakRow]


class LossRow(Answer):
    """How many of the year's lost deals have a value: of a stage, a reason, a competitor, an
    owner; `share` of those of the same dimension, with its 95 % interval."""

    scope_kind: FunnelScopeKind
    scope: str
    process: str
    dimension: str
    value: str
    lost_count: int
    lost_amount: float
    share: Probability
    share_low: Probability
    share_high: Probability


class LossesAnswer(Published):
    """Why deals were lost in the past 365 days."""

    currency: str
    items: list[LossRow]


class ConcentrationRow(Answer):
    """How the year's won revenue is spread over owners or accounts.

    `gini` is 0 where all hold the same, 1 where one holds everything; `luck_gini` is what even luck
    makes of the same wins. `rule_count` holders, `rule_share` of all, carry three quarters.
    """

    holder_kind: Literal["owner", "account"]
    holder_count: int
    won_count: int
    won_amount: float
    gini: Probability
    gini_low: Probability
    gini_high: Probability
    luck_gini: Probability
    luck_gini_high: Probability
    top_share: Probability
    top_three_share: Probability
    rule_share: Probability
    rule_count: int
    is_at_risk: bool
    lorenz: list[tuple[float, float]]


class ConcentrationAnswer(Published):
    """On how few owners and accounts the won revenue hangs."""

    currency: str
    items: list[ConcentrationRow]


class OwnerRankRow(Answer):
    """An owner's win rate of the year, drawn towards the company's (`shrunk_rate`), with its 95 %
    interval, and how far it lies below the best."""

    owner_id: str
    team: str | None
    closed_count: int
    won_count: int
    win_rate: Probability
    shrunk_rate: Probability
    shrunk_low: Probability
    shrunk_high: Probability
    behind_best: Probability
    won_amount: float


class OwnerRanksAnswer(Published):
    """Owners side by side, the best first; from 20 closed deals on."""

    currency: str
    items: list[OwnerRankRow]


class SeasonMonth(Answer):
    """A month's won revenue beside the expected; 80 % of usual months lie in `low` to `high`.

    `season` is the month of the year against an average month: 0.1 is 10 % more.
    """

    month: date
    won_amount: float
    expected: float | None
    low: float | None
    high: float | None
    season: float | None


class SeasonRow(Answer):
    """Whether won revenue swings as usual or fell: since when, by which share of what was to be
    expected, with its 95 % interval; `swing_p_value` is the chance of such a swing if all months of
    the year were alike; `detectable_fall` is the share that is found four times in
    five when it began six months ago (null: none would be)."""

    scope_kind: FunnelScopeKind
    scope: str
    verdict: Literal["not-enough-history", "usual-swing", "fall"]
    month_count: int
    p_value: Probability | None
    swing_p_value: Probability | None
    fall_month: date | None
    fall: float | None
    fall_low: float | None
    fall_high: float | None
    monthly_loss: float | None
    growth_a_year: float | None
    detectable_fall: float | None
    months: list[SeasonMonth]


class SeasonAnswer(Published):
    """Won revenue by month: the usual swing, and an abnormal fall where there is one."""

    currency: str
    items: list[SeasonRow]
