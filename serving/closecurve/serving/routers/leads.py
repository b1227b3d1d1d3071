"""Open leads: the queue in the order to work it, one by one, and a posted one scored."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from closecurve.models.explanation.words import LANGUAGES, explained
from closecurve.serving.language import Language, wording
from closecurve.serving.problems import Problem
from closecurve.serving.routers.deals import After, Limit, OwnerId, top_reason
from closecurve.serving.routers.documented import responses
from closecurve.serving.schemas import examples
from closecurve.serving.schemas.common import Text
from closecurve.serving.schemas.leads import Grade, LeadDetail, LeadPage, LeadScore, LeadToScore
from closecurve.serving.service import LastPublication, UsedService
from closecurve.serving.strict import StrictRoute

router = APIRouter(prefix="/v1/leads", tags=["leads"], route_class=StrictRoute)
QUEUE = "queue_rank"


@router.get(
    "",
    summary="The lead queue: what to do first comes first",
    responses=responses(examples.LEAD_PAGE, "nothing-published", "cursor-invalid"),
)
def list_leads(
    service: UsedService,
    head: LastPublication,
    grade: Annotated[Grade | None, Query(description="Only this grade.", examples=["A"])] = None,
    owner_id: OwnerId = None,
    after: After = None,
    limit: Limit = 50,
    language: Language = LANGUAGES[0],
) -> LeadPage:
    """A page of the queue of the last publication, by `queue_rank`."""
    page = service.results.leads(
        head.publication_id, grade=grade, owner_id=owner_id, order=QUEUE, after=after, limit=limit
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
    "/{lead_id:path}",
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
    "/score",
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
