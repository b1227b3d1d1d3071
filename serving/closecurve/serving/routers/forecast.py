"""The forecast of any period and scope, and what if."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from closecurve.serving.forecasts import COMPANY, Change, Node, Row, read_rows, read_what_if
from closecurve.serving.problems import Problem
from closecurve.serving.routers.documented import CsvRows, csv_route, responses
from closecurve.serving.schemas import examples_forecast as examples
from closecurve.serving.schemas.common import PostedDay, Text
from closecurve.serving.schemas.forecast import (
    ForecastAnswer,
    ForecastRow,
    ForecastScopeKind,
    PeriodKind,
    WhatIfAnswer,
)
from closecurve.serving.service import LastPublication, UsedService
from closecurve.serving.strict import StrictRoute

router = APIRouter(route_class=StrictRoute, tags=["company"])
MOST_REPS = 100
MOST_NAMED = 200
COLUMNS = (
    "scope_kind", "scope", "period_kind", "period_name", "period_start", "period_end",
    *(name for name in ForecastRow.model_fields if not name.startswith(("scope", "period"))),
)  # fmt: skip
AskedKind = Annotated[PeriodKind, Query(description="The kind of period.", examples=["month"])]
Without = Annotated[
    list[Text],
    Query(max_length=MOST_NAMED, description="Deals that are not won.", examples=[["D-1042"]]),
]
Slipped = Annotated[
    list[Text],
    Query(max_length=MOST_NAMED, description="Deals a quarter later.", examples=[["D-1042"]]),
]
Reps = Annotated[int, Query(ge=0, le=MOST_REPS, description="Reps more than there are.")]


def read_items(
    service: UsedService,
    head: LastPublication,
    scope_kind: Annotated[
        ForecastScopeKind | None, Query(description="Only this kind of scope.", examples=["team"])
    ] = None,
    scope: Annotated[Text | None, Query(description="The team, the owner … by name.")] = None,
    period: Annotated[
        PostedDay | None, Query(description="First day of the period.", examples=["2026-01-01"])
    ] = None,
    period_kind: AskedKind = "quarter",
) -> Sequence[Row]:
    """The rows that were asked for."""
    return read_rows(
        service.results,
        head,
        period_kind=period_kind,
        scope_kind=scope_kind,
        scope=scope,
        period_start=period,
    )


def read_change(
    without: Without = [],  # noqa: B006
    slipped: Slipped = [],  # noqa: B006
    without_biggest: Annotated[
        bool, Query(description="The scope's biggest deal of the period is not won.")
    ] = False,
    last_year_win_rates: Annotated[
        bool, Query(description="Deals are won as often as in the year before the last.")
    ] = False,
    more_reps: Reps = 0,
) -> Change:
    """The change that stands in the address."""
    return Change(
        without=tuple(without),
        slipped=tuple(slipped),
        without_biggest=without_biggest,
        last_year_win_rates=last_year_win_rates,
        more_reps=more_reps,
    )


Items = Annotated[Sequence[Row], Depends(read_items)]


@router.get(
    "/v1/forecast",
    summary="Won revenue of a running and a next period, with its spread",
    responses=responses(examples.FORECAST, "nothing-published"),
)
def read_forecast(head: LastPublication, items: Items) -> ForecastAnswer:
    """The forecast by scope and period, beside the weighted funnel, the categories, the target."""
    return ForecastAnswer.of(head, items=items)


@csv_route(router, "/v1/forecast.csv", COLUMNS, "The forecast as CSV")
def forecast_csv(items: Items) -> CsvRows:
    """The items of `/v1/forecast`."""
    return items


@router.get(
    "/v1/forecast/what-if",
    summary="The forecast with something changed, beside the old one",
    responses=responses(examples.WHAT_IF, "not-found", "what-if-deal", "nothing-published"),
)
def read_change_of_forecast(
    service: UsedService,
    head: LastPublication,
    change: Annotated[Change, Depends(read_change)],
    scope_kind: Annotated[ForecastScopeKind, Query(description="The kind of scope.")] = "company",
    scope: Annotated[Text, Query(description="The team, the owner … by name.")] = COMPANY,
    period_kind: AskedKind = "quarter",
    period: Annotated[
        PostedDay | None, Query(description="First day of the period; the running one else.")
    ] = None,
) -> WhatIfAnswer:
    """Without deals, with deals a quarter later, at last year's win rates, with more reps."""
    node = Node(kind=scope_kind, name=scope)
    rows = read_items(service, head, scope_kind, scope, period, period_kind)
    if not rows:
        raise Problem("not-found")
    read = read_what_if(service.results, head, node, rows[0], change)
    return WhatIfAnswer.of(
        head,
        **rows[0],
        without=read.without,
        slipped=read.slipped,
        last_year_win_rates=change.last_year_win_rates,
        win_rate_ratio=read.win_rate_ratio,
        more_reps=change.more_reps,
        before=read.before,
        before_target_probability=read.before["target_probability"],
        after=read.after,
        after_target_probability=read.after["target_probability"],
    )
