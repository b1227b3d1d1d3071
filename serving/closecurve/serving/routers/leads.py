"""Open leads: the queue in the order to work it, one by one, and a posted one scored."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Response

from closecurve.models.explanation.words import LANGUAGES, explained
from closecurve.serving.exports import csv_answer
from closecurve.serving.language import Language, wording
from closecurve.serving.problems import Problem
from closecurve.serving.routers.deals import After, Limit, OwnerId, top_reason
from closecurve.serving.routers.documented import csv_responses, responses
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
    return LeadPage.model_validate(
        {
            "publication_id": head.publication_id,
            "as_of": head.as_of,
            "items": [row | {"top_reason": top_reason(row, words)} for row in page.rows],
            "next": page.next_cursor,
        }
    )


@router.get(
    "/v1/leads.csv",
    summary="The whole queue as CSV",
    response_class=Response,
    responses=csv_responses(CSV_COLUMNS, "nothing-published"),
)
def leads_csv(
    service: UsedService,
    head: LastPublication,
    filters: Filters,
    language: Language = LANGUAGES[0],
) -> Response:
    """The leads of `/v1/leads`, all pages, one row each."""
    words = wording(head, "lead", language)
    rows = (row | {"top_reason": top_reason(row, words)} for row in _queue(service, head, filters))
    return csv_answer(rows, CSV_COLUMNS, "leads.csv")


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
    return LeadDetail.model_validate(
        row
        | explained(row["reasons"], wording(head, "lead", language))
        | {"publication_id": head.publication_id, "as_of": head.as_of}
    )


@router.post(
    "/v1/leads/score",
    summary="Score and grade a lead that the history does not hold",
    responses=responses(
        examples.LEAD_SCORE,
        "nothing-published",
        "model-absent",
        "model-unavailable",
        "record-refused",
        "record-contradicts-itself",
        "created-after-as-of",
        "as-of-in-future",
        "body-unreadable",
        "content-type-unsupported",
    ),
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
