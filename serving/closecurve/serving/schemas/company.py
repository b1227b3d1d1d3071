"""The forecast, the funnel, the models and the state of the service."""

from datetime import date
from typing import Any, Literal

from closecurve.serving.schemas.common import Answer, Instant, Probability, Published

ScopeKind = Literal["company", "region", "team", "owner", "product"]


class ForecastRow(Answer):
    """Won revenue of one period and scope, in the company's currency.

    `q10` to `q90` holds 80 % of outcomes; `weighted_pipeline_…` is the classic funnel beside it.
    """

    scope_kind: ScopeKind
    scope: str
    period_name: str
    period_start: date
    period_end: date
    booked: float
    open_mean: float
    new_mean: float
    mean: float
    q05: float
    q10: float
    q25: float
    q50: float
    q75: float
    q90: float
    q95: float
    weighted_pipeline_fixed: float | None
    weighted_pipeline_history: float | None
    target: float | None
    target_probability: Probability | None
    actual: float | None
    carried_by: str | None


class ForecastAnswer(Published):
    """The forecast by scope and period."""

    currency: str
    items: list[ForecastRow]


class FunnelRow(Answer):
    """A stage of the funnel; `conversion_rate` is the share that reached the next stage."""

    scope_kind: ScopeKind
    scope: str
    process: str
    stage: str
    stage_order: int
    fixed_rate: Probability | None
    history_rate: Probability | None
    deal_count: int
    amount: float
    weighted_fixed: float | None
    weighted_history: float | None
    entered_count: int | None
    conversion_rate: Probability | None
    conversion_low: Probability | None
    conversion_high: Probability | None
    dwell_q50_days: float | None
    dwell_q80_days: float | None


class FunnelAnswer(Published):
    """The funnel by stage."""

    currency: str
    items: list[FunnelRow]


class ModelAnswer(Answer):
    """A model: its version, whether it beats the stage rates on held-back time, and its report."""

    version: str
    is_better: bool | None
    report: dict[str, Any]


class ModelsAnswer(Published):
    """The models that the publication was scored with; null where there is none."""

    deal: ModelAnswer | None
    lead: ModelAnswer | None


class FindingRow(Answer):
    """What was found of the data: `count` of `total` rows of a table; `days` an age or a delay."""

    code: Literal["over-age", "owner-left", "bulk-close", "late", "missing"]
    table: str
    column: str | None
    count: int
    total: int
    share: Probability
    amount: float | None
    days: float | None
    day: date | None
    sentence: str


class DataQualityAnswer(Published):
    """How good the data are that the publication rests on, the most telling first."""

    currency: str
    items: list[FindingRow]


class HealthAnswer(Answer):
    """Whether the service answers, and from how old a publication (null: none yet)."""

    status: Literal["ok"]
    is_published: bool
    publication_id: int | None
    as_of: Instant | None
    published_at: Instant | None
    publication_age_seconds: float | None
