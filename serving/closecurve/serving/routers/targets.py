"""Targets: what is reached with a chosen probability, its split, the pace and the re-readings."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from closecurve.serving.forecasts import COMPANY
from closecurve.serving.routers.documented import CsvRows, csv_route, responses
from closecurve.serving.schemas import examples_targets as examples
from closecurve.serving.schemas.common import Text
from closecurve.serving.schemas.targets import TargetsAnswer
from closecurve.serving.service import LastPublication, UsedService
from closecurve.serving.strict import StrictRoute
from closecurve.serving.targets import (
    TARGET_COLUMNS,
    Question,
    read_readings,
    read_targets,
)

router = APIRouter(route_class=StrictRoute, tags=["company"])


def read_question(
    period: Annotated[
        Text | None, Query(description="The period by its name.", examples=["2026 Q1"])
    ] = None,
    probability: Annotated[
        float, Query(ge=0.05, le=0.95, description="How likely the amount is to be reached.")
    ] = 0.8,
    amount: Annotated[
        float | None,
        Query(ge=0, le=1e15, description="The company's amount to split instead."),
    ] = None,
) -> Question:
    """The question that stands in the address."""
    return Question(period_name=period, probability=probability, amount=amount)


Asked = Annotated[Question, Depends(read_question)]


@router.get(
    "/v1/targets",
    summary="The target that is hit with a chosen probability, its split, and the pace",
    responses=responses(examples.TARGETS, "nothing-published", "not-found"),
)
def targets(service: UsedService, head: LastPublication, question: Asked) -> TargetsAnswer:
    """The targets of one period, company first, then regions, teams and owners."""
    found = read_targets(service.results, head, question)
    readings = read_readings(service.results, head, COMPANY, COMPANY, found.period)
    return TargetsAnswer.of(
        head,
        **{name: found.period[name] for name in ("period_name", "period_start", "period_end")},
        probability=question.probability,
        amount=found.amount,
        weights=found.weights,
        weights_from=found.weights_from,
        pace=found.pace or None,
        readings=readings,
        items=found.items,
    )


@csv_route(
    router,
    "/v1/targets.csv",
    TARGET_COLUMNS,
    "The targets of one period as CSV",
    problems=("nothing-published", "not-found"),
)
def targets_csv(service: UsedService, head: LastPublication, question: Asked) -> CsvRows:
    """The items of `/v1/targets`, one row for each scope."""
    return read_targets(service.results, head, question).items
