"""The OpenAPI document: examples on every route, true to what is answered, safe to be fuzzed."""

import json
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from pydantic import BaseModel
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from closecurve.serving.problems import KINDS
from closecurve.serving.schemas import (
    backtest,
    changes,
    company,
    deals,
    examples,
    examples_backtest,
    examples_changes,
    examples_forecast,
    examples_funnel,
    examples_stalls,
    examples_targets,
    forecast,
    funnel,
    leads,
    stalls,
    targets,
)

PAGE = Path(__file__).parents[3] / "docs" / "api.md"
MODE = {
    "what the schema allows": GenerationMode.POSITIVE,
    "what it forbids": GenerationMode.NEGATIVE,
}
CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
]
ROUTES = (
    "GET /v1/leads",
    "GET /v1/leads.csv",
    "GET /v1/leads/{lead_id}",
    "POST /v1/leads/score",
    "GET /v1/deals",
    "GET /v1/deals/{deal_id}",
    "POST /v1/deals/score",
    "GET /v1/stalls",
    "GET /v1/stalls.csv",
    "GET /v1/stalls/reviews",
    "GET /v1/stalls/reviews.csv",
    "POST /v1/stalls/{deal_id}/snooze",
    "DELETE /v1/stalls/{deal_id}/snooze",
    "GET /v1/forecast",
    "GET /v1/forecast.csv",
    "GET /v1/forecast/what-if",
    "GET /v1/targets",
    "GET /v1/targets.csv",
    "GET /v1/funnel",
    "GET /v1/funnel.csv",
    "GET /v1/funnel/leaks",
    "GET /v1/funnel/leaks.csv",
    "GET /v1/funnel/losses",
    "GET /v1/funnel/losses.csv",
    "GET /v1/funnel/concentration",
    "GET /v1/funnel/owners",
    "GET /v1/seasonality",
    "GET /v1/seasonality.csv",
    "GET /v1/changes",
    "GET /v1/changes.csv",
    "GET /v1/deals/{deal_id}/changes",
    "GET /v1/leads/{lead_id}/changes",
    "GET /v1/backtest",
    "GET /v1/backtest.csv",
    "GET /v1/model",
    "GET /v1/data-quality",
    "GET /health",
)
WITHOUT_INPUT = (
    "GET /v1/funnel/concentration",
    "GET /v1/funnel/owners",
    "GET /v1/model",
    "GET /v1/data-quality",
    "GET /health",
)
ANSWERS: list[tuple[type[BaseModel], dict[str, Any]]] = [
    (deals.DealPage, examples.DEAL_PAGE),
    (deals.DealDetail, examples.DEAL_DETAIL),
    (deals.DealScore, examples.DEAL_SCORE),
    (deals.DealToScore, deals.DEAL_EXAMPLE),
    (leads.LeadPage, examples.LEAD_PAGE),
    (leads.LeadDetail, examples.LEAD_DETAIL),
    (leads.LeadScore, examples.LEAD_SCORE),
    (leads.LeadToScore, leads.LEAD_EXAMPLE),
    (stalls.StallPage, examples_stalls.STALL_PAGE),
    (stalls.SnoozeAnswer, examples_stalls.SNOOZE),
    (stalls.ReviewList, examples_stalls.REVIEWS),
    (forecast.ForecastAnswer, examples_forecast.FORECAST),
    (forecast.WhatIfAnswer, examples_forecast.WHAT_IF),
    (backtest.RecordAnswer, examples_backtest.RECORD),
    (targets.TargetsAnswer, examples_targets.TARGETS),
    (funnel.FunnelAnswer, examples_funnel.FUNNEL),
    (funnel.LeaksAnswer, examples_funnel.LEAKS),
    (funnel.LossesAnswer, examples_funnel.LOSSES),
    (funnel.ConcentrationAnswer, examples_funnel.CONCENTRATION),
    (funnel.OwnerRanksAnswer, examples_funnel.OWNER_RANKS),
    (funnel.SeasonAnswer, examples_funnel.SEASON),
    (changes.ChangesAnswer, examples_changes.CHANGES),
    (changes.RecordChangeAnswer, examples_changes.RECORD_CHANGE),
    (company.ModelsAnswer, examples.MODELS),
    (company.DataQualityAnswer, examples.DATA_QUALITY),
    (company.HealthAnswer, examples.HEALTH),
]


@pytest.fixture(scope="module")
def document(client: Any) -> dict[str, Any]:
    answer: dict[str, Any] = client.get("/openapi.json").json()
    return answer


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, of_path in document["paths"].items()
        for method, operation in of_path.items()
    }


def test_the_document_lists_the_routes(document: dict[str, Any]) -> None:
    assert sorted(operations(document)) == sorted(ROUTES)


@pytest.mark.parametrize("route", ROUTES)
def test_a_route_shows_an_answer_a_summary_and_its_problems(
    document: dict[str, Any], route: str
) -> None:
    operation = operations(document)[route]
    assert operation["summary"]
    (content,) = operation["responses"]["200"]["content"].values()
    assert content["example"]
    problems = {
        code
        for status, response in operation["responses"].items()
        if status != "200"
        for code in response["content"]["application/problem+json"]["examples"]
    }
    assert problems
    assert problems <= set(KINDS)


@pytest.mark.parametrize(
    ("model", "example"), ANSWERS, ids=lambda part: getattr(part, "__name__", "")
)
def test_an_example_follows_its_schema(model: type[BaseModel], example: dict[str, Any]) -> None:
    """Field by field: nothing missing, nothing that the schema does not know."""
    shown = json.loads(model.model_validate(example).model_dump_json(exclude_unset=True))
    assert shown == json.loads(json.dumps(example))


@pytest.mark.parametrize(
    ("route", "mode"),
    [
        (route, mode)
        for route in ROUTES
        for mode in MODE
        if route not in WITHOUT_INPUT or MODE[mode] is GenerationMode.POSITIVE
    ],
)
def test_no_generated_request_makes_the_service_fail(
    document: dict[str, Any], live_address: str, route: str, mode: str
) -> None:
    method, path = route.split()
    operation = schemathesis.openapi.from_dict(document)[path][method]

    @settings(
        max_examples=15,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=MODE[mode]))
    def check(case: Any) -> None:
        case.call_and_validate(base_url=live_address, checks=CHECKS)

    check()


def test_the_page_on_the_api_names_every_route_and_problem() -> None:
    text = PAGE.read_text(encoding="utf-8")
    missing = [name for name in (*ROUTES, *KINDS) if f"`{name}`" not in text]
    assert not missing
