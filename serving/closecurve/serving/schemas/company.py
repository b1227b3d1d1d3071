"""The models, the data and the state of the service."""

from datetime import date
from typing import Any, Literal

from closecurve.serving.schemas.common import Answer, Instant, Probability, Published

ScopeKind = Literal["company", "region", "team", "owner", "product"]


class DriftRow(Answer):
    """One feature: its stability index now against training, and what chance alone may give."""

    feature: str
    stability_index: float
    chance: float
    absent_then: Probability
    absent_now: Probability
    is_finding: bool


class DriftAnswer(Answer):
    """How many features were compared, how many drifted, and those that drifted most."""

    features: int
    found: int
    rows: list[DriftRow]


class ModelAnswer(Answer):
    """A model: its version, whether it beats the stage rates on held-back time, its report, and
    how far what is open lies from what it was trained on (null: not known)."""

    version: str
    is_better: bool | None
    report: dict[str, Any]
    drift: DriftAnswer | None


class StallModelAnswer(Answer):
    """The model of deals that stand still: whether it beats the rate by stage and dwell on
    held-back time, and its report."""

    is_better: bool | None
    report: dict[str, Any]


class GradeConversionRow(Answer):
    """A grade of leads: how many there were, and the share that converted with its 95 %
    interval."""

    grade: Literal["A", "B", "C", "D"]
    count: int
    converted_count: int
    conversion_rate: Probability | None
    conversion_low: Probability | None
    conversion_high: Probability | None


class GradesAnswer(Answer):
    """What became of each grade on held-back time: leads since then, converted within the days."""

    within_days: int
    since: Instant
    items: list[GradeConversionRow]


class ModelsAnswer(Published):
    """The models that the publication was scored with, and what became of the grades of leads;
    null where there is none."""

    deal: ModelAnswer | None
    lead: ModelAnswer | None
    stall: StallModelAnswer | None
    grades: GradesAnswer | None


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
