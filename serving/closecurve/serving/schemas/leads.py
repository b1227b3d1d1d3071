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


class LeadRow(Answer):
    """An open lead of the publication; `queue_rank` 1 is what to do first."""

    lead_id: str
    account_id: str | None
    owner_id: str | None
    team: str | None
    region: str | None
    source: str | None
    created_at: Instant
    age_days: float | None
    conversion_probability_eventual: Probability
    conversion_probability_30: Probability
    conversion_probability_90: Probability
    disqualification_probability_eventual: Probability
    grade: Grade
    response_due_at: Instant | None
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


class LeadScore(Score):
    """The score of a posted lead: its grade, and when the first answer is due by that grade."""

    conversion_probability_eventual: Probability
    conversion_probability_quarter: Probability
    conversion_probability_30: Probability
    conversion_probability_90: Probability
    disqualification_probability_eventual: Probability
    grade: Grade
    response_due_at: Instant
