"""Targets: what is reached with a probability, its split, and the pace."""

from datetime import date

from closecurve.serving.schemas.common import Answer, Instant, Probability, Published


class TargetRow(Answer):
    """One scope. Amounts are in the company's currency.

    `suggested_amount` is the scope's part of the company's amount: what it has booked, and `share`
    of what the company has still to win. `reached_amount` is what the scope reaches by itself with
    the asked probability: parts that are each that safe add up to less than a whole that is.
    `expected_attainment_rate` is the part of a period that is usually won by now.
    """

    scope_kind: str
    scope: str
    booked: float
    target: float | None
    target_probability: Probability | None
    attainment_rate: float | None
    expected_attainment_rate: Probability | None
    missing_amount: float | None
    suggested_amount: float | None
    suggested_probability: Probability | None
    reached_amount: float
    share: Probability | None
    share_history: Probability | None
    share_pipeline: Probability | None
    share_capacity: Probability | None


class PaceAnswer(Answer):
    """The part of earlier periods that was won by the same day before their end."""

    usual: Probability | None
    low: Probability | None
    high: Probability | None
    period_count: int


class Reading(Answer):
    """The forecast of the period as one publication had it."""

    publication_id: int
    as_of: Instant
    booked: float
    q10: float
    q50: float
    q90: float
    target: float | None
    target_probability: Probability | None


class TargetsAnswer(Published):
    """The targets of one period; `weights` say how much each basis of the split counts."""

    currency: str
    period_name: str
    period_start: date
    period_end: date
    probability: Probability
    amount: float
    weights: dict[str, float]
    weights_from: int
    pace: PaceAnswer | None
    readings: list[Reading]
    items: list[TargetRow]
