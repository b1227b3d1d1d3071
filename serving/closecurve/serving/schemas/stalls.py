"""Stalls: flagged deals with their reasons, snoozes, and what each owner has to review."""

from datetime import date
from typing import Literal

from closecurve.serving.schemas.common import (
    Answer,
    Instant,
    Posted,
    PostedDay,
    Probability,
    Published,
    Text,
)
from closecurve.serving.schemas.deals import DealFacts
from closecurve.serving.stalls import Checkpoint


class StallFact(Answer):
    """How often deals that stood so stalled within 30 days, and the others."""

    rate: Probability
    count: int
    other_rate: Probability
    other_count: int


class StallReason(Answer):
    """One circumstance of a deal: what it holds, where that begins, and the population behind."""

    code: Literal["silence", "pushed", "dwell", "overdue"]
    value: float
    bound: float
    sentence: str
    fact: StallFact | None


class SnoozeAnswer(Answer):
    """A snooze: the deal is shown apart up to and including `until_date`."""

    deal_id: str
    until_date: date
    reason: str
    snoozed_at: Instant


class SnoozeToSet(Posted):
    """Until when a flag is put off, and why."""

    until_date: PostedDay
    reason: Text


class Stall(DealFacts):
    """An open deal against the usual of its stage; days are whole days and fractions."""

    win_probability_eventual: Probability
    stall_probability: Probability
    usual_probability: Probability
    verdict: Literal["flagged", "on_course"]
    checkpoint: Checkpoint | None
    checkpoint_name: str | None
    funnel_part: Literal["upper", "middle", "lower"]
    next_step: str
    cause: str
    step: str
    days_in_stage: float | None
    dwell_q50_days: float | None
    dwell_q80_days: float | None
    quiet_days: float
    still_days: float
    reasons: list[StallReason]
    snooze: SnoozeAnswer | None


class StallPage(Published):
    """A page of stalls; `snoozed` holds those of the same filters that are put off."""

    items: list[Stall]
    snoozed: list[Stall]
    next: str | None


class OwnerReview(Answer):
    """What an owner has open, flagged and to review; amounts in the company's currency."""

    owner_id: str
    team: str | None
    open_count: int
    open_amount: float
    flagged_count: int
    flagged_amount: float
    weekly_review_count: int
    follow_up_count: int
    decision_count: int


class ReviewList(Published):
    """The reviews of the 1-15-30 rule by owner."""

    items: list[OwnerReview]
