"""The forecast, the funnel and the models of the last publication, and the service's health."""

from typing import Annotated

import pandas as pd
from fastapi import APIRouter, Query

from closecurve.serving.routers.documented import responses
from closecurve.serving.schemas import examples
from closecurve.serving.schemas.common import PostedDay, Text
from closecurve.serving.schemas.company import (
    DataQualityAnswer,
    ForecastAnswer,
    FunnelAnswer,
    HealthAnswer,
    ModelsAnswer,
    ScopeKind,
)
from closecurve.serving.service import LastPublication, UsedService
from closecurve.serving.strict import StrictRoute
from closecurve.serving.summary import Summary, share_of

router = APIRouter(route_class=StrictRoute)
Scope = Annotated[Text | None, Query(description="The team, the owner … by name.")]
FunnelScope = Annotated[
    Text, Query(description="The team, the owner … by name.", examples=["North"])
]


@router.get(
    "/v1/forecast",
    tags=["company"],
    summary="Won revenue of the running and the next quarter, with its spread",
    responses=responses(examples.FORECAST, "nothing-published"),
)
def read_forecast(
    service: UsedService,
    head: LastPublication,
    scope_kind: Annotated[
        ScopeKind | None, Query(description="Only this kind of scope.", examples=["team"])
    ] = None,
    scope: Scope = None,
    period: Annotated[
        PostedDay | None, Query(description="First day of the period.", examples=["2026-01-01"])
    ] = None,
) -> ForecastAnswer:
    """The forecast by scope and period, beside the weighted funnel and the target."""
    rows = service.results.forecast(
        head.publication_id, scope_kind, scope, None if period is None else pd.Timestamp(period)
    )
    return ForecastAnswer.model_validate(
        {
            "publication_id": head.publication_id,
            "as_of": head.as_of,
            "currency": Summary.of(head).currency,
            "items": rows,
        }
    )


@router.get(
    "/v1/funnel",
    tags=["company"],
    summary="The funnel by stage: count, amount, conversion, dwell",
    responses=responses(examples.FUNNEL, "nothing-published"),
)
def read_funnel(
    service: UsedService,
    head: LastPublication,
    scope_kind: Annotated[
        ScopeKind, Query(description="The kind of scope.", examples=["team"])
    ] = "company",
    scope: FunnelScope = "company",
) -> FunnelAnswer:
    """The open funnel as of the last publication."""
    return FunnelAnswer.model_validate(
        {
            "publication_id": head.publication_id,
            "as_of": head.as_of,
            "currency": Summary.of(head).currency,
            "items": service.results.funnel(head.publication_id, scope_kind, scope),
        }
    )


@router.get(
    "/v1/model",
    tags=["company"],
    summary="How good the models were on held-back time, beside the stage rates",
    responses=responses(examples.MODELS, "nothing-published"),
)
def read_models(head: LastPublication) -> ModelsAnswer:
    """The report of each model that the last publication was scored with."""
    summary = Summary.of(head)
    return ModelsAnswer.model_validate(
        {
            "publication_id": head.publication_id,
            "as_of": head.as_of,
            "deal": summary.model_answer("deal", head.deal_model_version),
            "lead": summary.model_answer("lead", head.lead_model_version),
        }
    )


@router.get(
    "/v1/data-quality",
    tags=["company"],
    summary="How good the data are: too old to be open, missing, late, closed in bulk",
    responses=responses(examples.DATA_QUALITY, "nothing-published"),
)
def read_data_quality(head: LastPublication) -> DataQualityAnswer:
    """What was found of the data that the last publication rests on."""
    summary = Summary.of(head)
    return DataQualityAnswer.model_validate(
        {
            "publication_id": head.publication_id,
            "as_of": head.as_of,
            "currency": summary.currency,
            "items": [{**found, "share": share_of(found)} for found in summary.findings],
        }
    )


@router.get(
    "/health",
    tags=["service"],
    summary="Whether the service answers, and how old its publication is",
    responses=responses(examples.HEALTH, "results-unavailable"),
)
def read_health(service: UsedService) -> HealthAnswer:
    """200 also before the first publication; `is_published` tells which."""
    head = service.results.latest()
    if head is None:
        return HealthAnswer(
            status="ok",
            is_published=False,
            publication_id=None,
            as_of=None,
            published_at=None,
            publication_age_seconds=None,
        )
    return HealthAnswer(
        status="ok",
        is_published=True,
        publication_id=head.publication_id,
        as_of=head.as_of,
        published_at=head.published_at,
        publication_age_seconds=(service.clock() - head.published_at).total_seconds(),
    )
