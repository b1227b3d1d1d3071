"""The funnel: stages and metrics, leaks, losses, concentration, owners, and seasonality."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from closecurve.serving.funnel import (
    METRIC_COLUMNS,
    Scope,
    month_rows,
    read_leaks,
    read_losses,
    read_metrics,
    read_season,
    read_stages,
)
from closecurve.serving.problems import Problem
from closecurve.serving.routers.documented import CsvRows, csv_route, responses
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
    return FunnelAnswer.of(head, items=stages, metrics=metrics)


@csv_route(
    router, "/v1/funnel.csv", METRIC_COLUMNS, "Every metric of a funnel as CSV, one row each"
)
def funnel_csv(
    service: UsedService, head: LastPublication, scope: AskedScope, period: AskedPeriod = None
) -> CsvRows:
    """The metrics of `/v1/funnel`, those of stages and of the whole funnel alike."""
    return read_metrics(service.results, head, scope, period)


@router.get(
    "/v1/funnel/leaks",
    summary="Stages whose conversion fell below their past, or lies below their peers'",
    responses=responses(examples.LEAKS, "nothing-published"),
)
def read_funnel_leaks(
    service: UsedService, head: LastPublication, scope: AskedScope
) -> LeaksAnswer:
    """Every stage that was compared, with what could have been seen there; leaks first."""
    return LeaksAnswer.of(head, items=read_leaks(service.results, head, scope))


@csv_route(router, "/v1/funnel/leaks.csv", LEAK_COLUMNS, "The comparison of stages as CSV")
def leaks_csv(service: UsedService, head: LastPublication, scope: AskedScope) -> CsvRows:
    """The items of `/v1/funnel/leaks`."""
    return read_leaks(service.results, head, scope)


@router.get(
    "/v1/funnel/losses",
    summary="Why deals were lost: by stage, reason, competitor, owner",
    responses=responses(examples.LOSSES, "nothing-published"),
)
def read_funnel_losses(
    service: UsedService, head: LastPublication, scope: AskedScope
) -> LossesAnswer:
    """The deals lost in the past 365 days; owners have none of their own."""
    return LossesAnswer.of(head, items=read_losses(service.results, head, scope))


@csv_route(router, "/v1/funnel/losses.csv", LOSS_COLUMNS, "Why deals were lost, as CSV")
def losses_csv(service: UsedService, head: LastPublication, scope: AskedScope) -> CsvRows:
    """The items of `/v1/funnel/losses`."""
    return read_losses(service.results, head, scope)


@router.get(
    "/v1/funnel/concentration",
    summary="On how few owners and accounts the won revenue hangs",
    responses=responses(examples.CONCENTRATION, "nothing-published"),
)
def read_concentration(service: UsedService, head: LastPublication) -> ConcentrationAnswer:
    """Of the whole company over the past 365 days, against what even luck makes."""
    rows = service.results.rows(head.publication_id, "concentrations")
    return ConcentrationAnswer.of(head, items=rows)


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
    return OwnerRanksAnswer.of(head, items=ranked)


@router.get(
    "/v1/seasonality",
    summary="Won revenue by month: the usual swing, and an abnormal fall with date and size",
    responses=responses(examples.SEASON, "nothing-published"),
)
def read_seasonality(
    service: UsedService, head: LastPublication, scope: AskedScope
) -> SeasonAnswer:
    """Of the company, a region or a team, from three years of won revenue on."""
    return SeasonAnswer.of(head, items=read_season(service.results, head, scope))


@csv_route(router, "/v1/seasonality.csv", MONTH_COLUMNS, "Won revenue by month as CSV")
def seasonality_csv(service: UsedService, head: LastPublication, scope: AskedScope) -> CsvRows:
    """The months of `/v1/seasonality`."""
    return month_rows(read_season(service.results, head, scope))
