"""The funnel: stages and metrics, leaks, losses, concentration, owners, and seasonality."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response

from closecurve.serving.exports import csv_answer
from closecurve.serving.funnel import (
    METRIC_COLUMNS,
    Row,
    Scope,
    month_rows,
    read_leaks,
    read_losses,
    read_metrics,
    read_season,
    read_stages,
)
from closecurve.serving.problems import Problem
from closecurve.serving.routers.documented import csv_responses, responses
from closecurve.serving.schemas import examples_funnel as examples
from closecurve.serving.schemas.common import Text
from closecurve.serving.schemas.funnel import (
    ConcentrationAnswer,
    FunnelAnswer,
    FunnelScopeKind,
    LeakRow,
    LeaksAnswer,
    LossesAnswer,
    LossRow,
    OwnerRanksAnswer,
    SeasonAnswer,
    SeasonMonth,
)
from closecurve.serving.service import LastPublication, UsedService
from closecurve.serving.strict import StrictRoute
from closecurve.serving.summary import Summary
from closecurve.stores.results import PublicationHead

router = APIRouter(route_class=StrictRoute, tags=["company"])
LEAK_COLUMNS = tuple(LeakRow.model_fields)
LOSS_COLUMNS = tuple(LossRow.model_fields)
MONTH_COLUMNS = ("scope_kind", "scope", *SeasonMonth.model_fields)


def read_scope(
    scope_kind: Annotated[
        FunnelScopeKind, Query(description="The kind of scope.", examples=["team"])
    ] = "company",
    scope: Annotated[
        Text, Query(description="The team, the owner … by name.", examples=["North"])
    ] = "company",
    process: Annotated[
        Text | None, Query(description="Only this sales process.", examples=["default"])
    ] = None,
) -> Scope:
    """The scope that stands in the address."""
    return Scope(kind=scope_kind, name=scope, process=process)


AskedScope = Annotated[Scope, Depends(read_scope)]
AskedPeriod = Annotated[
    Text | None, Query(description="Only this period.", examples=["2026 Q1", "last 365 days"])
]


def _answered(head: PublicationHead, items: Sequence[Row], **more: Any) -> dict[str, Any]:
    return {
        "publication_id": head.publication_id,
        "as_of": head.as_of,
        "currency": Summary.of(head).currency,
        "items": items,
        **more,
    }


@router.get(
    "/v1/funnel",
    summary="The funnel by stage, and its metrics by period",
    responses=responses(examples.FUNNEL, "nothing-published"),
)
def read_funnel(
    service: UsedService, head: LastPublication, scope: AskedScope, period: AskedPeriod = None
) -> FunnelAnswer:
    """Count, amount, conversion and dwell of each stage, and what the whole funnel measures."""
    stages = read_stages(service.results, head, scope)
    metrics = read_metrics(service.results, head, scope, period)
    return FunnelAnswer.model_validate(_answered(head, stages, metrics=metrics))


@router.get(
    "/v1/funnel.csv",
    summary="Every metric of a funnel as CSV, one row each",
    response_class=Response,
    responses=csv_responses(METRIC_COLUMNS, "nothing-published"),
)
def funnel_csv(
    service: UsedService, head: LastPublication, scope: AskedScope, period: AskedPeriod = None
) -> Response:
    """The metrics of `/v1/funnel`, those of stages and of the whole funnel alike."""
    rows = read_metrics(service.results, head, scope, period)
    return csv_answer(rows, METRIC_COLUMNS, "funnel.csv")


@router.get(
    "/v1/funnel/leaks",
    summary="Stages whose conversion fell below their past, or lies below their peers'",
    responses=responses(examples.LEAKS, "nothing-published"),
)
def read_funnel_leaks(
    service: UsedService, head: LastPublication, scope: AskedScope
) -> LeaksAnswer:
    """Every stage that was compared, with what could have been seen there; leaks first."""
    return LeaksAnswer.model_validate(_answered(head, read_leaks(service.results, head, scope)))


@router.get(
    "/v1/funnel/leaks.csv",
    summary="The comparison of stages as CSV",
    response_class=Response,
    responses=csv_responses(LEAK_COLUMNS, "nothing-published"),
)
def leaks_csv(service: UsedService, head: LastPublication, scope: AskedScope) -> Response:
    """The items of `/v1/funnel/leaks`."""
    return csv_answer(read_leaks(service.results, head, scope), LEAK_COLUMNS, "leaks.csv")


@router.get(
    "/v1/funnel/losses",
    summary="Why deals were lost: by stage, reason, competitor, owner",
    responses=responses(examples.LOSSES, "nothing-published"),
)
def read_funnel_losses(
    service: UsedService, head: LastPublication, scope: AskedScope
) -> LossesAnswer:
    """The deals lost in the past 365 days; owners have none of their own."""
    return LossesAnswer.model_validate(_answered(head, read_losses(service.results, head, scope)))


@router.get(
    "/v1/funnel/losses.csv",
    summary="Why deals were lost, as CSV",
    response_class=Response,
    responses=csv_responses(LOSS_COLUMNS, "nothing-published"),
)
def losses_csv(service: UsedService, head: LastPublication, scope: AskedScope) -> Response:
    """The items of `/v1/funnel/losses`."""
    return csv_answer(read_losses(service.results, head, scope), LOSS_COLUMNS, "losses.csv")


@router.get(
    "/v1/funnel/concentration",
    summary="On how few owners and accounts the won revenue hangs",
    responses=responses(examples.CONCENTRATION, "nothing-published"),
)
def read_concentration(service: UsedService, head: LastPublication) -> ConcentrationAnswer:
    """Of the whole company over the past 365 days, against what even luck makes."""
    rows = service.results.rows(head.publication_id, "concentrations")
    return ConcentrationAnswer.model_validate(_answered(head, rows))


@router.get(
    "/v1/funnel/owners",
    summary="Owners side by side by win rate, where the company asked for it",
    responses=responses(examples.OWNER_RANKS, "nothing-published", "owner-ranking-off"),
)
def read_owner_ranks(service: UsedService, head: LastPublication) -> OwnerRanksAnswer:
    """Shrunk for small numbers, from 20 closed deals on, the best first."""
    rows = service.results.rows(head.publication_id, "owner_ranks")
    if not rows:
        raise Problem("owner-ranking-off")
    ranked = sorted(rows, key=lambda row: (row["behind_best"], row["owner_id"]))
    return OwnerRanksAnswer.model_validate(_answered(head, ranked))


@router.get(
    "/v1/seasonality",
    summary="Won revenue by month: the usual swing, and an abnormal fall with date and size",
    responses=responses(examples.SEASON, "nothing-published"),
)
def read_seasonality(
    service: UsedService, head: LastPublication, scope: AskedScope
) -> SeasonAnswer:
    """Of the company, a region or a team, from three years of won revenue on."""
    return SeasonAnswer.model_validate(_answered(head, read_season(service.results, head, scope)))


@router.get(
    "/v1/seasonality.csv",
    summary="Won revenue by month as CSV",
    response_class=Response,
    responses=csv_responses(MONTH_COLUMNS, "nothing-published"),
)
def seasonality_csv(service: UsedService, head: LastPublication, scope: AskedScope) -> Response:
    """The months of `/v1/seasonality`."""
    rows = month_rows(read_season(service.results, head, scope))
    return csv_answer(rows, MONTH_COLUMNS, "seasonality.csv")
