"""Deals: as published, as posted to be scored, and the score of a posted one."""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool, StrictFloat

from closecurve.serving.schemas.common import (
    Answer,
    Currency,
    Curve,
    Explained,
    Instant,
    Posted,
    PostedDay,
    PostedInstant,
    Probability,
    Published,
    Text,
    example,
)

Amount = Annotated[StrictFloat, Field(ge=0, le=1e15)]
Number = Annotated[StrictFloat, Field(ge=-1e300, le=1e300)]
AttributeValue = StrictBool | Number | Text | None
MOST_FACTS = 2_000
"""More changes or activities than this are the work of an import, not of one posted record."""


class DealFacts(Answer):
    """What the CRM says of an open deal; `amount_company` is in the company's currency."""

    deal_id: str
    account_id: str | None
    owner_id: str | None
    team: str | None
    region: str | None
    process: str | None
    stage: str | None
    currency: str | None
    amount: float | None
    amount_company: float | None
    created_at: Instant
    expected_close_date: date | None


class DealRow(DealFacts):
    """An open deal of the publication; probabilities are of winning, from the as-of on.

    Of ten intervals `win_probability_low` to `win_probability_high` around the eventual one, eight
    hold the share that deals which look the same are won at.
    """

    age_days: float | None
    days_in_stage: float | None
    win_probability_eventual: Probability
    win_probability_quarter: Probability
    win_probability_30: Probability
    win_probability_low: Probability | None
    win_probability_high: Probability | None
    loss_probability_eventual: Probability
    stage_rate_fixed: Probability | None
    stage_rate_history: Probability | None
    close_q10_date: date | None
    close_q50_date: date | None
    close_q90_date: date | None


class DealListed(DealRow):
    """A deal in a list: its row and the reason that weighs most."""

    top_reason: str | None


class DealPage(Published):
    """A page of deals; `next` continues it, null on the last page."""

    items: list[DealListed]
    next: str | None


class EarlierScore(Answer):
    """What an earlier publication said of the deal."""

    as_of: Instant
    win_probability_eventual: Probability
    win_probability_quarter: Probability
    stage: str | None
    amount: float | None


class DealDetail(DealRow, Explained, Published):
    """One deal: its row, curve and reasons, and its scores of earlier publications."""

    curve: Curve
    history: list[EarlierScore]


class PostedChange(Posted):
    """A field took a value: `event_at` when it happened, `known_at` when the CRM knew."""

    field: Text
    event_at: PostedInstant
    known_at: PostedInstant | None = None
    old_value: Text | None = None
    new_value: Text | None = None


class PostedActivity(Posted):
    """A call, mail, meeting or visit of the record."""

    event_at: PostedInstant
    kind: Text
    known_at: PostedInstant | None = None
    direction: Literal["inbound", "outbound"] | None = None
    owner_id: Text | None = None


class PostedRecord(Posted):
    """What a posted deal and a posted lead have in common; `as_of` is now where it is absent."""

    created_at: PostedInstant
    as_of: PostedInstant | None = None
    owner_id: Text | None = None
    account_id: Text | None = None
    attributes: Annotated[dict[Text, AttributeValue], Field(max_length=200)] = {}
    changes: Annotated[tuple[PostedChange, ...], Field(max_length=MOST_FACTS)] = ()
    activities: Annotated[tuple[PostedActivity, ...], Field(max_length=MOST_FACTS)] = ()


DEAL_EXAMPLE: dict[str, Any] = {
    "created_at": "2026-01-05T09:30:00Z",
    "stage": "Proposal",
    "amount": 48000,
    "currency": "USD",
    "expected_close_date": "2026-03-20",
    "owner_id": "o-17",
    "attributes": {"product": "Analytics"},
    "changes": [
        {
            "field": "stage",
            "event_at": "2026-01-19T14:00:00Z",
            "old_value": "Qualification",
            "new_value": "Proposal",
        }
    ],
    "activities": [
        {"event_at": "2026-01-20T10:00:00Z", "kind": "meeting", "direction": "outbound"}
    ],
}


class DealToScore(PostedRecord):
    """An open deal that the history does not hold.

    `stage`, `amount`, `expected_close_date` and `owner_id` are the values now; `changes` tell how
    they came to be, and a field without changes has had its value since the deal was created.
    """

    model_config = example(DEAL_EXAMPLE)

    stage: Text
    process: Text | None = None
    amount: Amount | None = None
    currency: Currency | None = None
    expected_close_date: PostedDay | None = None
    forecast_category: Text | None = None


class Score(Explained, Published):
    """What the models say of a posted record: the probability with its horizons, and why."""

    as_of: Instant
    model_version: str
    quarter_name: str
    quarter_end_date: date
    curve: Curve


class DealScore(Score):
    """The score of a posted deal; dates are given that it is won.

    `stall_probability` is of no move forward and no win in the next 30 days; null where the
    publication has no stall model.
    """

    win_probability_eventual: Probability
    win_probability_quarter: Probability
    win_probability_30: Probability
    win_probability_low: Probability | None
    win_probability_high: Probability | None
    loss_probability_eventual: Probability
    stall_probability: Probability | None
    close_q10_date: date | None
    close_q50_date: date | None
    close_q90_date: date | None
