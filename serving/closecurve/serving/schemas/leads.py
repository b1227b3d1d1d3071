"""Leads: the queue as published, a lead as posted to be scored, and its score."""

from typing import Any, Literal

from closecurve.serving.schemas.common import (
    Answer,
    Curve,
    Explained,
    Instant,
    Probability,
    Published,
    Text,
    example,
)
from closecurve.serving.schemas.deals import PostedRecord, Score

Grade = Literal["A", "B", "C", "D"]
Status = Literal["waiting", "overdue", "answered", "follow_up_overdue"]


class Brought(Answer):
    """Closed deals of converted leads: how many, and what they brought in the company's currency.

    `win_rate` and `mean_amount` of a won one are shrunk to the company's where deals are few.
    """

    count: int
    won_count: int
    won_amount: float
    win_rate: Probability
    mean_amount: float


class ValueBasis(Answer):
    """What the value of a conversion rests on: deals from `source` (null: all deals), a factor for
    a feature of fit, or the lead's own estimate in place of the mean amount."""

    source: str | None
    fact: Brought | None
    fit_feature: str | None
    fit_factor: float
    own_amount: float | None


class Judged(Answer):
    """How a lead is judged: its grade, by when it is answered and followed up, and its worth.

    `value_amount` is what a conversion is expected to bring, `expected_amount` that times the
    probability, in the company's currency; null where nothing was won yet. `sub_scores` are the
    percentiles of fit, authority, budget and timing, engagement and source among the open leads,
    null where the company records nothing of the kind or it tells no lead from another.
    """

    grade: Grade
    response_due_at: Instant | None
    follow_up_due_at: Instant | None
    status: Status | None
    value_amount: float | None
    value_basis: ValueBasis | None
    expected_amount: float | None
    sub_scores: dict[str, int | None] | None


class LeadRow(Judged):
    """An open lead of the publication; `queue_rank` 1 is what to do first.

    `is_overdue`: the first answer is late. Of ten intervals `conversion_probability_low` to
    `conversion_probability_high` around the eventual probability, eight hold the share that leads
    which look the same convert at.
    """

    lead_id: str
    account_id: str | None
    owner_id: str | None
    team: str | None
    region: str | None
    source: str | None
    created_at: Instant
    age_days: float | None
    conversion_probability_eventual: Probability
    conversion_probability_low: Probability | None
    conversion_probability_high: Probability | None
    conversion_probability_30: Probability
    conversion_probability_90: Probability
    disqualification_probability_eventual: Probability
    responded_at: Instant | None
    is_overdue: bool
    queue_rank: int


class LeadListed(LeadRow):
    """A lead in the queue: its row and the reason that weighs most."""

    top_reason: str | None


class LeadPage(Published):
    """A page of the queue; `next` continues it, null on the last page."""

    items: list[LeadListed]
    next: str | None


class LeadDetail(LeadRow, Explained, Published):
    """One lead: its row, its curve (won means converted, lost disqualified) and its reasons."""

    curve: Curve


LEAD_EXAMPLE: dict[str, Any] = {
    "created_at": "2026-01-05T09:30:00Z",
    "source": "search",
    "owner_id": "o-17",
    "attributes": {"industry": "Manufacturing"},
    "activities": [{"event_at": "2026-01-05T09:40:00Z", "kind": "visit", "direction": "inbound"}],
}


class LeadToScore(PostedRecord):
    """An open lead that the history does not hold."""

    model_config = example(LEAD_EXAMPLE)

    source: Text | None = None
    region: Text | None = None


class LeadScore(Score, Judged):
    """The score of a posted lead, judged as the leads of the publication are."""

    conversion_probability_eventual: Probability
    conversion_probability_low: Probability | None
    conversion_probability_high: Probability | None
    conversion_probability_quarter: Probability
    conversion_probability_30: Probability
    conversion_probability_90: Probability
    disqualification_probability_eventual: Probability
