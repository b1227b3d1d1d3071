"""What changed between two publications. Registered before deals and leads: an id may hold
slashes, so that their routes would take `…/changes` for a part of it."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query

from closecurve.models.changes.words import kind_name
from closecurve.serving.changes import Row, Span, record_change, span_of
from closecurve.serving.compared import COMPANY, FORECAST, Question, compared
from closecurve.serving.language import Language, wording
from closecurve.serving.routers.documented import CsvRows, csv_route, responses
from closecurve.serving.schemas import examples_changes as examples
from closecurve.serving.schemas.changes import ChangesAnswer, Measure, RecordChangeAnswer
from closecurve.serving.schemas.common import Text
from closecurve.serving.schemas.forecast import ForecastScopeKind
from closecurve.serving.service import LastPublication, UsedService
from closecurve.serving.strict import StrictRoute
from closecurve.serving.summary import Summary

router = APIRouter(route_class=StrictRoute)

CSV_COLUMNS = ("deal_id", "kind", "name", "effect", "before", "after", "owner_id", "team", "stage")
PROBLEMS = ("nothing-published", "nothing-earlier", "not-found")

From = Annotated[
    Text | None,
    Query(alias="from", description="A publication's id or a day.", examples=["2026-01-26"]),
]
To = Annotated[
    Text | None, Query(description="The later publication's id or a day.", examples=["2026-02-02"])
]


def read_span(
    service: UsedService, head: LastPublication, start: From = None, to: To = None
) -> Span:
    """The two publications that the address names: by default the newest and the one before."""
    return span_of(service.results, start, to or str(head.publication_id))


def read_question(
    measure: Annotated[Measure, Query(description="What is compared.")] = FORECAST,
    scope_kind: Annotated[ForecastScopeKind, Query(description="The kind of scope.")] = COMPANY,
    scope: Annotated[
        Text, Query(description="The team, the owner … by name.", examples=["company"])
    ] = COMPANY,
    period: Annotated[
        Text | None, Query(description="The period by its name.", examples=["2026 Q1"])
    ] = None,
) -> Question:
    """The question that stands in the address."""
    return Question(measure=measure, scope_kind=scope_kind, scope=scope, period=period)


AskedSpan = Annotated[Span, Depends(read_span)]
Asked = Annotated[Question, Depends(read_question)]


@router.get(
    "/v1/changes",
    tags=["company"],
    summary="What changed in the forecast or the pipeline between two publications",
    responses=responses(examples.CHANGES, *PROBLEMS),
)
def read_changes(
    service: UsedService,
    span: AskedSpan,
    question: Asked,
    language: Language,
    limit: Annotated[int, Query(ge=1, le=200, description="Moves to list.", examples=[50])] = 50,
) -> ChangesAnswer:
    """The bridge from the earlier publication's number to the later one's, deal by deal."""
    found = compared(service.results, span, question)
    return ChangesAnswer.model_validate(
        _ends(span)
        | {
            "currency": Summary.of(span.end).currency,
            "measure": found.question.measure,
            "scope_kind": found.question.scope_kind,
            "scope": found.question.scope,
            "period": found.question.period,
            "start": found.start,
            "end": found.end,
            "is_complete": found.is_complete,
            "kinds": [_named(row, language) for row in found.kinds],
            "items": [_named(row, language) for row in found.moves[:limit]],
        }
    )


@csv_route(
    router,
    "/v1/changes.csv",
    CSV_COLUMNS,
    "What changed between two publications as CSV",
    problems=PROBLEMS,
    tags=["company"],
)
def changes_csv(
    service: UsedService, span: AskedSpan, question: Asked, language: Language
) -> CsvRows:
    """Every move, one row for each deal and kind."""
    moves = compared(service.results, span, question).moves
    return [_named(row, language) for row in moves]


@router.get(
    "/v1/deals/{deal_id:path}/changes",
    tags=["deals"],
    summary="Why the probability of one deal changed",
    responses=responses(examples.RECORD_CHANGE, *PROBLEMS),
)
def deal_changes(
    service: UsedService,
    span: AskedSpan,
    deal_id: Annotated[Text, Path(description="The deal's id.", examples=["d-1042"])],
    language: Language,
) -> RecordChangeAnswer:
    """The eventual probability of a win then and now, and what each group of features added."""
    return _record_answer(service, "deal", deal_id, span, language)


@router.get(
    "/v1/leads/{lead_id:path}/changes",
    tags=["leads"],
    summary="Why the probability of one lead changed",
    responses=responses(examples.RECORD_CHANGE, *PROBLEMS),
)
def lead_changes(
    service: UsedService,
    span: AskedSpan,
    lead_id: Annotated[Text, Path(description="The lead's id.", examples=["l-311"])],
    language: Language,
) -> RecordChangeAnswer:
    """The eventual probability of a conversion then and now, and what each group added."""
    return _record_answer(service, "lead", lead_id, span, language)


def _record_answer(
    service: UsedService, subject: str, record_id: str, span: Span, language: str
) -> RecordChangeAnswer:
    change = record_change(service.results, subject, record_id, span)
    words = wording(span.end, subject, language)
    parts = [
        {"group": group, "name": words.group(group), "effect": effect}
        for group, effect in change.parts.items()
    ]
    told = {"before": change.before, "after": change.after, "sentence": change.sentence(words)}
    return RecordChangeAnswer.model_validate(_ends(span) | told | {"items": parts})


def _ends(span: Span) -> dict[str, Any]:
    return {
        "from_publication_id": span.start.publication_id,
        "from_as_of": span.start.as_of,
        "to_publication_id": span.end.publication_id,
        "to_as_of": span.end.as_of,
    }


def _named(row: Row, language: str) -> dict[str, Any]:
    return {**row, "name": kind_name(row["kind"], language)}
