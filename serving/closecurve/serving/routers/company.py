"""The models of the last publication, how good its data are, and the service's health."""

from fastapi import APIRouter

from closecurve.serving.routers.documented import responses
from closecurve.serving.schemas import examples
from closecurve.serving.schemas.company import (
    DataQualityAnswer,
    HealthAnswer,
    ModelsAnswer,
)
from closecurve.serving.service import LastPublication, UsedService
from closecurve.serving.strict import StrictRoute
from closecurve.serving.summary import Summary, share_of

router = APIRouter(route_class=StrictRoute)


@router.get(
    "/v1/model",
    tags=["company"],
    summary="How good the models were on held-back time, beside the stage rates",
    responses=responses(examples.MODELS, "nothing-published"),
)
def read_models(head: LastPublication) -> ModelsAnswer:
    """The report of each model that the last publication was scored with."""
    summary = Summary.of(head)
    return ModelsAnswer.of(
        head,
        deal=summary.model_answer("deal", head.deal_model_version),
        lead=summary.model_answer("lead", head.lead_model_version),
        stall=summary.stall_answer(),
        grades=summary.grades,
    )


@router.get(
    "/v1/data-quality",
    tags=["company"],
    summary="How good the data are: too old to be open, missing, late, closed in bulk",
    responses=responses(examples.DATA_QUALITY, "nothing-published"),
)
def read_data_quality(head: LastPublication) -> DataQualityAnswer:
    """What was found of the data that the last publication rests on."""
    found = Summary.of(head).findings
    return DataQualityAnswer.of(head, items=[{**each, "share": share_of(each)} for each in found])


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
