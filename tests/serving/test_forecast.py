"""The forecast of any period, its page, and what if."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from fastapi import FastAPI
from tests.serving.conftest import NAMES, NOW, Client, forecasts, publication

from closecurve.models.forecast.published import PublishedBasis
from closecurve.models.forecast.simulation import Basis, Shocks
from closecurve.serving.app import create_app
from closecurve.stores.results import MemoryResultsStore

OWNERS = [f"o-{i}" for i in range(len(NAMES))]


def basis() -> dict[str, Any]:
    """One open deal for each owner, the first by far the biggest."""
    count = len(OWNERS)
    labels = {kind: np.array(["(none)"] * count) for kind in ("team", "region", "product")}
    shocks = Shocks(company=np.array([0.1]), cell=np.zeros(1), kinds={}, labels={}, shares={})
    return PublishedBasis(
        basis=Basis(
            leaf=np.arange(count),
            amount=np.array([9e5, *[1e5] * (count - 1)]),
            ratios=np.ones(1),
            won_by=np.tile([0.0, 0.5], (count, 1)),
            created_count=np.ones(count),
            expected_count=np.full((count, 1), 0.5),
            stratum=np.zeros(count, dtype=np.intp),
            amounts=(np.array([5e4]),),
            scale=np.ones(1),
            shocks=shocks,
        ),
        deal_ids=tuple(f"d-{i}" for i in range(count)),
        labels={"owner": np.array(OWNERS), **labels},
        chains={},
        bound_days=np.array([0.0, 58.0]),
        periods={"2026 Q1": (0,)},
        win_rate_ratio=0.8,
        draws=509,
    ).to_json()


def months() -> pd.DataFrame:
    """Two months beside the quarters."""
    rows = forecasts().assign(period_kind="month")
    names = {"2026 Q1": "2026-02", "2026 Q2": "2026-03"}
    starts = {"2026 Q1": "2026-02-01", "2026 Q2": "2026-03-01"}
    return rows.assign(
        period_start=rows["period_name"].map(starts), period_name=rows["period_name"].map(names)
    )


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Client:
    store = MemoryResultsStore()
    parts = pd.DataFrame({"part": ["all"], "content": [basis()]})
    store.publish(publication(period_forecasts=months(), forecast_basis=parts))
    app: FastAPI = create_app(
        results=store, bundles_dir=tmp_path_factory.mktemp("bundles"), clock=lambda: NOW
    )
    return Client(app)


def test_months_are_asked_for_by_kind(asked: Client) -> None:
    items = asked.get("/v1/forecast?period_kind=month&scope_kind=company").json()["items"]
    assert [item["period_name"] for item in items] == ["2026-02", "2026-03"]
    assert items[0]["rule_weights"] == {"bottom_up": 0.6, "run_rate": 0.4}
    assert items[0]["commit_amount"] < items[0]["best_case_amount"]
    quarters = asked.get("/v1/forecast?scope_kind=company").json()["items"]
    assert [item["period_kind"] for item in quarters] == ["quarter", "quarter"]


def test_the_csv_holds_the_rows_of_the_json(asked: Client) -> None:
    lines = asked.get("/v1/forecast.csv?scope_kind=team").text.splitlines()
    items = asked.get("/v1/forecast?scope_kind=team").json()["items"]
    assert len(lines) == len(items) + 1
    assert lines[0].startswith("\ufeffscope_kind,scope,period_kind,period_name")


def test_without_the_biggest_deal_the_forecast_falls_by_its_share(asked: Client) -> None:
    found = asked.get("/v1/forecast/what-if?without_biggest=true").json()
    assert found["without"] == ["d-0"]
    fall = found["before"]["mean"] - found["after"]["mean"]
    assert fall == pytest.approx(0.5 * 9e5, rel=0.03)
    assert found["after_target_probability"] <= found["before_target_probability"]


@pytest.mark.parametrize(
    ("query", "direction"),
    [("last_year_win_rates=true", -1), ("more_reps=3", 1), ("slipped=d-1&slipped=d-2", -1)],
)
def test_each_question_moves_the_mean(asked: Client, query: str, direction: int) -> None:
    found = asked.get(f"/v1/forecast/what-if?{query}").json()
    assert np.sign(found["after"]["mean"] - found["before"]["mean"]) == direction


def test_only_the_asked_scope_changes(asked: Client) -> None:
    other = "scope_kind=owner&scope=o-1"
    found = asked.get(f"/v1/forecast/what-if?without=d-0&{other}").json()
    assert found["before"] == found["after"]


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("without=gone", 422, "what-if-deal"),
        ("scope_kind=team&scope=nowhere", 404, "not-found"),
        ("more_reps=101", 422, "request-invalid"),
    ],
)
def test_a_question_that_cannot_be_asked_is_told_why(
    asked: Client, query: str, status: int, code: str
) -> None:
    answer = asked.get(f"/v1/forecast/what-if?{query}")
    assert answer.status_code == status
    assert answer.json()["type"].endswith(code)


def test_a_publication_without_a_basis_has_no_what_if(client: Any) -> None:
    assert client.get("/v1/forecast/what-if").status_code == 404


def test_the_page_shows_the_chosen_scope_and_period(asked: Client) -> None:
    text = asked.get("/forecast?scope=owner:o-1&kind=month").text
    assert "2026-02" in text
    assert "王小明" in text
    assert "the deals&#39; curves" in text.lower()


def test_the_page_asks_what_if_and_keeps_the_question_in_its_form(asked: Client) -> None:
    text = asked.get("/forecast?without_biggest=true&more_reps=2&slipped=d-3").text
    assert "d-0 is not won" in text
    assert "d-3 slips by a quarter" in text
    assert "2 more reps" in text
    assert 'value="d-3"' in text
    assert "what-if-chart" in text


def test_the_page_says_that_a_deal_is_not_open(asked: Client) -> None:
    assert "not open in this publication" in asked.get("/forecast?without=gone").text


def test_a_form_without_choices_is_the_plain_page(asked: Client) -> None:
    empty = "/forecast?scope=&kind=&without=&slipped=&more_reps="
    assert asked.get(empty).status_code == 200
    assert asked.get("/forecast?scope=team:nowhere").status_code == 404


def test_the_company_is_shown_in_parts_by_the_kind_that_is_asked(asked: Client) -> None:
    text = asked.get("/forecast?by=owner").text
    assert "By owner: every draw adds up" in text
    assert "/forecast?scope=owner%3Ao-1&amp;by=owner" in text


def test_an_earlier_release_s_rows_read_as_quarters(client: Any) -> None:
    assert client.get("/forecast").status_code == 200
    assert client.get("/forecast?kind=year").status_code == 200
