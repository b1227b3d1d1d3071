"""Stalls as they are read and snoozed: rows of the publication beside the snoozes that hold now."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

import pandas as pd

from closecurve.models.stall.rules import CHECKPOINTS, FLAGGED, ON_COURSE
from closecurve.models.stall.words import (
    cause_sentence,
    checkpoint_name,
    reason_sentence,
    step_sentence,
)
from closecurve.serving.problems import Problem
from closecurve.serving.schemas.common import MOST_TEXT
from closecurve.serving.service import Service
from closecurve.serving.summary import Summary
from closecurve.stores.results import PublicationHead, ResultsStore, Snooze

Row = Mapping[str, Any]

TABLE = "stalls"
OWNERS = "stall_owners"
LONGEST_SNOOZE = timedelta(days=366)
"""A deal that nobody wants to hear of for more than a year is one to close."""


class Checkpoint(StrEnum):
    """The checkpoints of the 1-15-30 rule that a deal can miss."""

    WEEKLY_REVIEW = "weekly_review"
    FOLLOW_UP = "follow_up"
    DECISION = "decision"


class Verdict(StrEnum):
    """Which deals are asked for."""

    FLAGGED = FLAGGED
    ON_COURSE = ON_COURSE
    ANY = "any"


class StallOrder(StrEnum):
    """What a list of stalls is sorted by; a minus sign puts the largest first."""

    AMOUNT_FIRST = "-amount_company"
    PROBABILITY_FIRST = "-stall_probability"
    STILL_FIRST = "-still_days"
    QUIET_FIRST = "-quiet_days"


@dataclass(frozen=True, slots=True, kw_only=True)
class StallFilters:
    """What a list of stalls is narrowed to."""

    owner_id: str | None = None
    team: str | None = None
    stage: str | None = None
    checkpoint: Checkpoint | None = None
    verdict: Verdict = Verdict.FLAGGED

    def columns(self) -> dict[str, str | None]:
        """The filters as the store takes them."""
        return {
            "owner_id": self.owner_id,
            "team": self.team,
            "stage": self.stage,
            "checkpoint": self.checkpoint,
            "verdict": None if self.verdict is Verdict.ANY else self.verdict,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class StallList:
    """A stretch of the deals that are awake, and all snoozed ones of the same filters."""

    items: Sequence[Row]
    snoozed: Sequence[Row]
    next_cursor: str | None


def read_stalls(
    service: Service,
    head: PublicationHead,
    filters: StallFilters,
    language: str,
    *,
    order: StallOrder = StallOrder.AMOUNT_FIRST,
    after: str | None = None,
    limit: int = 50,
) -> StallList:
    """The deals of one page in words. Those that are snoozed stand apart: a page may be shorter.

    Raises UsageError for a cursor that is none.
    """
    snoozes = active_snoozes(service, head)
    page = service.results.page(
        head.publication_id,
        TABLE,
        filters.columns(),
        order=order.value,
        after=after,
        limit=limit,
    )
    awake = [row for row in page.rows if row["deal_id"] not in snoozes]
    snoozed = _snoozed_rows(service.results, head, filters, snoozes)
    return StallList(
        items=in_words(awake, snoozes, language),
        snoozed=in_words(snoozed, snoozes, language),
        next_cursor=page.next_cursor,
    )


def all_stalls(
    service: Service, head: PublicationHead, filters: StallFilters, language: str
) -> list[Row]:
    """Every deal of the filters in words, awake or snoozed, by id."""
    rows = service.results.rows(head.publication_id, TABLE, filters.columns())
    return in_words(rows, active_snoozes(service, head), language)


def stall_of(service: Service, head: PublicationHead, deal_id: str, language: str) -> Row | None:
    """The stall of one deal in words; None where the publication has none."""
    row = _row(service.results, head, deal_id)
    snoozes = active_snoozes(service, head)
    return None if row is None else in_words([row], snoozes, language)[0]


def reviews(
    results: ResultsStore, head: PublicationHead, owner_id: str | None, team: str | None
) -> list[Row]:
    """What each owner has to review, those with most deals past the 30-day decision first."""
    found = results.rows(head.publication_id, OWNERS, {"owner_id": owner_id, "team": team})
    missed = [f"{name}_count" for name in CHECKPOINTS]
    return sorted(found, key=lambda row: ([-row[name] for name in missed], row["owner_id"]))


def active_snoozes(service: Service, head: PublicationHead) -> dict[str, Snooze]:
    """The snoozes that hold today, by deal."""
    held = service.results.snoozes.active(today(service, head))
    return {snooze.deal_id: snooze for snooze in held}


def today(service: Service, head: PublicationHead) -> date:
    """The day at the company."""
    now = pd.Timestamp(service.clock()).tz_localize("UTC")
    day: date = now.tz_convert(Summary.of(head).time_zone).date()
    return day


def snooze_deal(
    service: Service,
    head: PublicationHead,
    deal_id: str,
    until_date: date,
    reason: str,
    key: str | None,
) -> Snooze:
    """Put off the flag of a deal until a day has passed.

    Raises Problem: not-found, deal-not-flagged, snooze-date, snooze-reason; UsageError:
    snooze-reason, idempotency-key-reused.
    """
    row = _row(service.results, head, deal_id)
    if row is None:
        raise Problem("not-found")
    if row["verdict"] != FLAGGED:
        raise Problem("deal-not-flagged")
    day = today(service, head)
    if not day <= until_date <= day + LONGEST_SNOOZE:
        raise Problem("snooze-date")
    if len(reason) > MOST_TEXT:
        raise Problem("snooze-reason")
    asked = Snooze(
        deal_id=deal_id, until_date=until_date, reason=reason.strip(), snoozed_at=service.clock()
    )
    return service.results.snoozes.put(asked, key=key)


def wake_deal(service: Service, deal_id: str) -> Snooze:
    """End a snooze and return it. Raises Problem `not-found` where there is none."""
    ended = service.results.snoozes.remove(deal_id)
    if ended is None:
        raise Problem("not-found")
    return ended


def in_words(rows: Iterable[Row], snoozes: Mapping[str, Snooze], language: str) -> list[Row]:
    """The rows with their reasons, cause, step and checkpoint in words, and their snooze."""
    return [
        {
            **row,
            "reasons": [
                {**reason, "sentence": reason_sentence(reason, language)}
                for reason in row["reasons"] or ()
            ],
            "checkpoint_name": checkpoint_name(row["checkpoint"], language),
            "cause": cause_sentence(row["funnel_part"], language),
            "step": step_sentence(row["next_step"], language),
            "snooze": _plain(snoozes.get(row["deal_id"])),
        }
        for row in rows
    ]


def _plain(snooze: Snooze | None) -> dict[str, Any] | None:
    if snooze is None:
        return None
    return {
        "deal_id": snooze.deal_id,
        "until_date": snooze.until_date,
        "reason": snooze.reason,
        "snoozed_at": snooze.snoozed_at,
    }


def _row(results: ResultsStore, head: PublicationHead, deal_id: str) -> Row | None:
    return next(iter(results.rows(head.publication_id, TABLE, {"deal_id": deal_id})), None)


def _snoozed_rows(
    results: ResultsStore,
    head: PublicationHead,
    filters: StallFilters,
    snoozes: Mapping[str, Snooze],
) -> list[Row]:
    """Snoozed deals are few: each is looked up by its id."""
    return [
        row
        for deal_id in snoozes
        for row in results.rows(
            head.publication_id, TABLE, filters.columns() | {"deal_id": deal_id}
        )
    ]
