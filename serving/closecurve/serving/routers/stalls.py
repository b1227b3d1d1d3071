"""Stalled deals: who is flagged and why, what is to be reviewed, and snoozes."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query

from closecurve.models.explanation.words import LANGUAGES
from closecurve.serving.language import Language
from closecurve.serving.routers.deals import After, Limit, OwnerId, Stage, Team
from closecurve.serving.routers.documented import CsvRows, csv_route, responses
from closecurve.serving.schemas import examples_stalls as examples
from closecurve.serving.schemas.common import Text
from closecurve.serving.schemas.stalls import ReviewList, SnoozeAnswer, SnoozeToSet, StallPage
from closecurve.serving.service import LastPublication, UsedService
from closecurve.serving.stalls import (
    Checkpoint,
    StallFilters,
    StallOrder,
    Verdict,
    all_stalls,
    read_stalls,
    reviews,
    snooze_deal,
    wake_deal,
)
from closecurve.serving.strict import StrictRoute
from closecurve.stores.results.columns import STALL_OWNERS, STALLS

router = APIRouter(route_class=StrictRoute, tags=["stalls"])

STALL_COLUMNS = (*STALLS.names, "cause", "step", "snoozed_until", "snooze_reason")
LONGEST_KEY = 200


def read_filters(
    owner_id: OwnerId = None,
    team: Team = None,
    stage: Stage = None,
    checkpoint: Annotated[
        Checkpoint | None, Query(description="Only those that missed this checkpoint.")
    ] = None,
    verdict: Annotated[Verdict, Query(description="Which deals.")] = Verdict.FLAGGED,
) -> StallFilters:
    """The filters that stand in the address."""
    return StallFilters(
        owner_id=owner_id, team=team, stage=stage, checkpoint=checkpoint, verdict=verdict
    )


Filters = Annotated[StallFilters, Depends(read_filters)]
DealId = Annotated[Text, Path(description="The deal's id.", examples=["d-1042"])]
RequestKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=LONGEST_KEY,
        pattern="^[!-~]+$",
        description="A name of this request: sent again with it, it has no second effect.",
    ),
]


@router.get(
    "/v1/stalls",
    summary="Deals that stand still, the most money first",
    responses=responses(examples.STALL_PAGE, "nothing-published", "cursor-invalid"),
)
def list_stalls(
    service: UsedService,
    head: LastPublication,
    filters: Filters,
    order: Annotated[StallOrder, Query(description="What to sort by.")] = StallOrder.AMOUNT_FIRST,
    after: After = None,
    limit: Limit = 50,
    language: Language = LANGUAGES[0],
) -> StallPage:
    """A page of the flagged deals of the last publication; other deals by `verdict`."""
    found = read_stalls(service, head, filters, language, order=order, after=after, limit=limit)
    return StallPage.of(head, items=found.items, snoozed=found.snoozed, next=found.next_cursor)


@csv_route(
    router, "/v1/stalls.csv", STALL_COLUMNS, "All of them as CSV, snoozed ones with their snooze"
)
def stalls_csv(
    service: UsedService,
    head: LastPublication,
    filters: Filters,
    language: Language = LANGUAGES[0],
) -> CsvRows:
    """Every deal of the filters, by id."""
    rows = all_stalls(service, head, filters, language)
    return [_flat(row) for row in rows]


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    snooze = row["snooze"] or {}
    told = {"snoozed_until": snooze.get("until_date"), "snooze_reason": snooze.get("reason")}
    return {**row, **told}


@router.get(
    "/v1/stalls/reviews",
    summary="What each owner has to review by the 1-15-30 rule",
    responses=responses(examples.REVIEWS, "nothing-published"),
)
def list_reviews(
    service: UsedService, head: LastPublication, owner_id: OwnerId = None, team: Team = None
) -> ReviewList:
    """Counts by owner; `/v1/stalls?verdict=any&checkpoint=…` lists the deals behind them."""
    return ReviewList.of(head, items=reviews(service.results, head, owner_id, team))


@csv_route(router, "/v1/stalls/reviews.csv", STALL_OWNERS.names, "The same as CSV")
def reviews_csv(
    service: UsedService, head: LastPublication, owner_id: OwnerId = None, team: Team = None
) -> CsvRows:
    """One row for each owner with open deals."""
    return reviews(service.results, head, owner_id, team)


@router.post(
    "/v1/stalls/{deal_id:path}/snooze",
    summary="Put off the flag of a deal",
    responses=responses(
        examples.SNOOZE,
        "nothing-published",
        "not-found",
        "deal-not-flagged",
        "snooze-date",
        "snooze-reason",
        "idempotency-key-reused",
        "body-unreadable",
        "content-type-unsupported",
    ),
)
def snooze(
    service: UsedService,
    head: LastPublication,
    deal_id: DealId,
    asked: SnoozeToSet,
    idempotency_key: RequestKey = None,
) -> SnoozeAnswer:
    """The deal is shown apart up to and including the date, whatever is published meanwhile."""
    held = snooze_deal(service, head, deal_id, asked.until_date, asked.reason, idempotency_key)
    return SnoozeAnswer.model_validate(held, from_attributes=True)


@router.delete(
    "/v1/stalls/{deal_id:path}/snooze",
    summary="End a snooze",
    responses=responses(examples.SNOOZE, "not-found"),
)
def wake(service: UsedService, deal_id: DealId) -> SnoozeAnswer:
    """The deal is flagged again from now on; the answer is the snooze that ended."""
    return SnoozeAnswer.model_validate(wake_deal(service, deal_id), from_attributes=True)
