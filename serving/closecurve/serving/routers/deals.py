"""Open deals: by probability, one by one, and a posted one scored."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from closecurve.models.explanation.words import LANGUAGES, Wording, explained, told
from closecurve.serving.language import Language, wording
from closecurve.serving.problems import Problem
from closecurve.serving.routers.documented import responses
from closecurve.serving.schemas import examples
from closecurve.serving.schemas.common import Cursor, Text
from closecurve.serving.schemas.deals import DealDetail, DealPage, DealScore, DealToScore
from closecurve.serving.service import LastPublication, UsedService
from closecurve.serving.strict import StrictRoute

router = APIRouter(prefix="/v1/deals", tags=["deals"], route_class=StrictRoute)
MOST_HISTORY = 400
"""A score a night for a year and a month: the history that an answer carries at most."""

SCORE_PROBLEMS = (
    "nothing-published",
    "model-absent",
    "model-unavailable",
    "record-refused",
    "record-contradicts-itself",
    "created-after-as-of",
    "as-of-in-future",
    "body-unreadable",
    "content-type-unsupported",
)
"""What can be said of a posted record instead of its score."""


class DealOrder(StrEnum):
    """What a list of deals is sorted by; a minus sign puts the largest first."""

    WIN_PROBABILITY_QUARTER = "win_probability_quarter"
    WIN_PROBABILITY_QUARTER_FIRST = "-win_probability_quarter"
    WIN_PROBABILITY_EVENTUAL = "win_probability_eventual"
    WIN_PROBABILITY_EVENTUAL_FIRST = "-win_probability_eventual"
    AMOUNT = "amount_company"
    AMOUNT_FIRST = "-amount_company"


OwnerId = Annotated[Text | None, Query(description="Only this owner's.", examples=["o-17"])]
Team = Annotated[Text | None, Query(description="Only this team's.", examples=["North"])]
Stage = Annotated[Text | None, Query(description="Only in this stage.", examples=["Proposal"])]
Order = Annotated[DealOrder, Query(description="What to sort by.")]
After = Annotated[Cursor | None, Query(description="`next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=200, description="Rows on a page.", examples=[50])]


@router.get(
    "",
    summary="Open deals, the most probable first",
    responses=responses(examples.DEAL_PAGE, "nothing-published", "cursor-invalid"),
)
def list_deals(
    service: UsedService,
    head: LastPublication,
    owner_id: OwnerId = None,
    team: Team = None,
    stage: Stage = None,
    order: Order = DealOrder.WIN_PROBABILITY_QUARTER_FIRST,
    after: After = None,
    limit: Limit = 50,
    language: Language = LANGUAGES[0],
) -> DealPage:
    """A page of the open deals of the last publication."""
    page = service.results.deals(
        head.publication_id,
        owner_id=owner_id,
        team=team,
        stage=stage,
        order=order.value,
        after=after,
        limit=limit,
    )
    words = wording(head, "deal", language)
    items = [with_reason(row, words) for row in page.rows]
    return DealPage.of(head, items=items, next=page.next_cursor)


@router.get(
    "/{deal_id:path}",
    summary="One open deal: its curve, its reasons, its earlier scores",
    responses=responses(examples.DEAL_DETAIL, "nothing-published", "not-found"),
)
def read_deal(
    service: UsedService,
    head: LastPublication,
    deal_id: Annotated[Text, Path(description="The deal's id.", examples=["d-1042"])],
    language: Language = LANGUAGES[0],
) -> DealDetail:
    """The deal as the last publication holds it. An id may hold slashes, written `%2F`."""
    row = service.results.deal(head.publication_id, deal_id)
    if row is None:
        raise Problem("not-found")
    history = service.results.deal_history(deal_id, MOST_HISTORY, until=head.publication_id)
    told_row = row | explained(row["reasons"], wording(head, "deal", language))
    return DealDetail.of(head, **told_row, history=history)


@router.post(
    "/score",
    summary="Score a deal that the history does not hold",
    responses=responses(examples.DEAL_SCORE, *SCORE_PROBLEMS),
)
def score_deal(
    service: UsedService,
    head: LastPublication,
    record: DealToScore,
    language: Language = LANGUAGES[0],
) -> DealScore:
    """The curve of a posted deal, by the model of the last publication. Nothing is stored."""
    words = wording(head, "deal", language)
    return service.scorers.score_deal(head, record, service.clock(), words)


def with_reason(row: Mapping[str, Any], words: Wording) -> dict[str, Any]:
    """A row as lists show it: `top_reason` is the sentence of what moves the probability most."""
    reasons = told(row.get("reasons"), words)
    return {**row, "top_reason": str(reasons[0]["sentence"]) if reasons else None}
