"""Forecast, funnel, models and health."""

from typing import Any

import pandas as pd
import pytest

from closecurve.stores.results import MemoryResultsStore


def test_the_forecast_holds_every_scope_and_both_quarters(client: Any) -> None:
    answer = client.get("/v1/forecast").json()
    assert answer["currency"] == "USD"
    assert {row["period_name"] for row in answer["items"]} == {"2026 Q1", "2026 Q2"}
    assert {row["scope_kind"] for row in answer["items"]} == {"company", "team", "owner"}


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("scope_kind=company", 2),
        ("scope_kind=team", 8),
        ("scope_kind=team&scope=North", 2),
        ("scope_kind=team&scope=North&period=2026-04-01", 1),
        ("period=2026-04-02", 0),
        ("scope_kind=region", 0),
    ],
)
def test_the_forecast_can_be_narrowed(client: Any, query: str, rows: int) -> None:
    assert len(client.get(f"/v1/forecast?{query}").json()["items"]) == rows


def test_the_funnel_is_the_companys_where_nothing_is_asked(client: Any) -> None:
    items = client.get("/v1/funnel").json()["items"]
    assert [row["stage_order"] for row in items] == [1, 2, 3, 4]
    assert {row["scope_kind"] for row in items} == {"company"}


def test_the_funnel_of_a_team(client: Any) -> None:
    items = client.get("/v1/funnel?scope_kind=team&scope=North").json()["items"]
    assert {row["scope"] for row in items} == {"North"}


def test_the_models_answer_with_their_reports(serve: Any, client: Any, publication: Any) -> None:
    store = MemoryResultsStore()
    report = {"is_better": False, "rows": 12}
    store.publish(publication(summary={"models": {"deal": report}}, lead_model_version=None))
    answer = type(client)(serve(store)).get("/v1/model").json()
    assert answer["deal"] == {"version": "7", "is_better": False, "report": report, "drift": None}
    assert answer["lead"] is None


def test_the_data_quality_is_that_of_the_publication_with_shares(client: Any) -> None:
    answer = client.get("/v1/data-quality").json()
    assert [(item["code"], item["share"]) for item in answer["items"]] == [
        ("over-age", 0.2),
        ("bulk-close", 0.1),
    ]
    assert answer["items"][1]["day"] == "2025-12-31"
    assert (answer["currency"], answer["publication_id"]) == ("USD", 2)


def test_the_first_page_tells_how_good_the_data_is_of_the_whole_company(client: Any) -> None:
    sentence = "12 of 60 open deals are older than any deal that ever closed (212 days)."
    assert sentence in client.get("/").text
    assert sentence not in client.get("/?team=North").text


def test_a_publication_that_says_nothing_of_its_data_has_no_findings(
    serve: Any, client: Any, publication: Any
) -> None:
    store = MemoryResultsStore()
    store.publish(publication(summary={}))
    other = type(client)(serve(store))
    assert other.get("/v1/data-quality").json()["items"] == []
    assert "How good the data is" not in other.get("/").text


def test_health_tells_the_publication_and_its_age(client: Any) -> None:
    answer = client.get("/health").json()
    assert answer["is_published"] is True
    assert answer["publication_id"] == 2
    expected = pd.Timestamp("2026-02-02 10:15") - pd.Timestamp("2026-02-02 05:03")
    assert answer["publication_age_seconds"] == expected.total_seconds()


def test_health_is_well_before_the_first_publication(empty_client: Any) -> None:
    response = empty_client.get("/health")
    assert response.status_code == 200
    assert response.json()["is_published"] is False
