"""Open leads: the queue in the order to work it, one by one, and a posted one scored."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query

from closecurve.models.explanation.words import LANGUAGES, explained
from closecurve.serving.language import Language, wording
from closecurve.serving.problems import Problem
from closecurve.serving.routers.deals import SCORE_PROBLEMS, After, Limit, OwnerId, with_reason
from closecurve.serving.routers.documented import CsvRows, csv_route, responses
from closecurve.serving.schemas import examples
from closecurve.serving.schemas.common import Text
from closecurve.serving.schemas.leads import (
    Grade,
    LeadDetail,
    LeadListed,
    LeadPage,
    LeadScore,
    LeadToScore,
    Status,
)
from closecurve.serving.service import LastPublication, Service, UsedService
from closecurve.serving.strict import StrictRoute
from closecurve.stores.results import PublicationHead

router = APIRouter(tags=["leads"], route_class=StrictRoute)
QUEUE = "queue_rank"
TABLE = "lead_scores"
CSV_COLUMNS = ("lead_id", *(name for name in LeadListed.model_fields if name != "lead_id"))
PAGE_ROWS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadFilters:
    """What a list of leads is narrowed to; None leaves all."""

    grade: str | None = None
    owner_id: str | None = None
    source: str | None = None
    status: str | None = None

    def as_columns(self) -> dict[str, str | None]:
        """The value that each column of a result table must have."""
        return {
            "grade": self.grade,
            "owner_id": self.owner_id,
            "source": self.source,
            "status": self.status,
        }


def read_lead_filters(
    grade: Annotated[Grade | None, Query(description="Only this grade.", examples=["A"])] = None,
    owner_id: OwnerId = None,
    source: Annotated[
        Text | None, Query(description="Only from this source.", examples=["search"])
    ] = None,
    status: Annotated[
        Status | None,
        Query(description="Only those that stand so: overdue is the first answer."),
    ] = None,
) -> LeadFilters:
    """The filters of a list of leads."""
    return LeadFilters(grade=grade, owner_id=owner_id, source=source, status=status)


Filters = Annotated[LeadFilters, Depends(read_lead_filters)]


@router.get(
    "/v1/leads",
    summary="The lead queue: what to do first comes first",
    responses=responses(examples.LEAD_PAGE, "nothing-published", "cursor-invalid"),
)
def list_leads(
    service: UsedService,
    head: LastPublication,
    filters: Filters,
    after: After = None,
    limit: Limit = 50,
    language: Language = LANGUAGES[0],
) -> LeadPage:
    """A page of the queue of the last publication, by `queue_rank`."""
    page = service.results.page(
        head.publication_id, TABLE, filters.as_columns(), order=QUEUE, after=after, limit=limit
    )
    words = wording(head, "lead", language)
    items = [with_reason(row, words) for row in page.rows]
    return LeadPage.of(head, items=items, next=page.next_cursor)


@csv_route(router, "/v1/leads.csv", CSV_COLUMNS, "The whole queue as CSV")
def leads_csv(
    service: UsedService,
    head: LastPublication,
    filters: Filters,
    language: Language = LANGUAGES[0],
) -> CsvRows:
    """The leads of `/v1/leads`, all pages, one row each."""
    words = wording(head, "lead", language)
    return (with_reason(row, words) for row in _queue(service, head, filters))


def _queue(
    service: Service, head: PublicationHead, filters: LeadFilters
) -> Iterator[dict[str, Any]]:
    """The rows of all pages."""
    after, chosen = None, filters.as_columns()
    while True:
        page = service.results.page(
            head.publication_id, TABLE, chosen, order=QUEUE, after=after, limit=PAGE_ROWS
        )
        yield from page.rows
        after = page.next_cursor
        if after is None:
            return


@router.get(
    "/v1/leads/{lead_id:path}",
    summary="One open lead: its grade, its curve, its reasons",
    responses=responses(examples.LEAD_DETAIL, "nothing-published", "not-found"),
)
def read_lead(
    service: UsedService,
    head: LastPublication,
    lead_id: Annotated[Text, Path(description="The lead's id.", examples=["l-77"])],
    language: Language = LANGUAGES[0],
) -> LeadDetail:
    """The lead as the last publication holds it. An id may hold slashes, written `%2F`."""
    row = service.results.lead(head.publication_id, lead_id)
    if row is None:
        raise Problem("not-found")
    told_row = row | explained(row["reasons"], wording(head, "lead", language))
    return LeadDetail.of(head, **told_row)


@router.post(
    "/v1/leads/score",
    summary="Score and grade a lead that the history does not hold",
    responses=responses(examples.LEAD_SCORE, *SCORE_PROBLEMS),
)
def score_lead(
    service: UsedService,
    head: LastPublication,
    record: LeadToScore,
    language: Language = LANGUAGES[0],
) -> LeadScore:
    """The grade of a posted lead, by the model of the last publication. Nothing is stored."""
    words = wording(head, "lead", language)
    return service.scorers.score_lead(head, record, service.clock(), words)
