"""The track record of the forecast: the newest back-test."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from closecurve.serving.backtest import COMPANY, RECORD_COLUMNS, Question, read_record
from closecurve.serving.routers.documented import CsvRows, csv_route, responses
from closecurve.serving.schemas import examples_backtest as examples
from closecurve.serving.schemas.backtest import RecordAnswer
from closecurve.serving.schemas.common import Text
from closecurve.serving.service import UsedService
from closecurve.serving.strict import StrictRoute

router = APIRouter(route_class=StrictRoute, tags=["company"])
PROBLEMS = ("nothing-backtested", "not-found")


def read_question(
    scope_kind: Annotated[
        Text, Query(description="company, region, team or owner.", examples=["team"])
    ] = COMPANY,
    scope: Annotated[
        Text, Query(description="Its name; `(each)` for all owners.", examples=["North"])
    ] = COMPANY,
    period: Annotated[
        Text | None, Query(description="A quarter by its name.", examples=["2025 Q4"])
    ] = None,
) -> Question:
    """The question that stands in the address."""
    return Question(scope_kind=scope_kind, scope=scope, period_name=period)


Asked = Annotated[Question, Depends(read_question)]


@router.get(
    "/v1/backtest",
    summary="What was forecast at past origins, what came, and the scores beside the peers",
    responses=responses(examples.RECORD, *PROBLEMS),
)
def backtest(service: UsedService, question: Asked) -> RecordAnswer:
    """The newest back-test of one node, the company where none is named."""
    return RecordAnswer.model_validate(read_record(service.results, question).document)


@csv_route(
    router,
    "/v1/backtest.csv",
    RECORD_COLUMNS,
    "The origins of a track record as CSV",
    problems=PROBLEMS,
)
def backtest_csv(service: UsedService, question: Asked) -> CsvRows:
    """The items of `/v1/backtest`, one row for each origin."""
    return read_record(service.results, question).rows
