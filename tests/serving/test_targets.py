"""Targets: the amount that is reached, its parts, the pace, and how the period was read before."""

import csv
import io
from typing import Any

import pandas as pd
import pytest

from closecurve.stores.results import MemoryResultsStore

SHARES = pd.DataFrame(
    {
        "scope_kind": ["company", "team", "team"],
        "scope": ["company", "North", "South"],
        "period_name": "2026 Q1",
        "period_start": pd.Timestamp("2026-01-01"),
        "period_end": pd.Timestamp("2026-04-01"),
        "share": [1.0, 0.6, 0.4],
        "share_history": [1.0, 0.5, 0.5],
        "share_pipeline": [1.0, 0.7, 0.3],
        "share_capacity": [1.0, 0.6, 0.4],
    }
)
SAID = {
    "weights": {"history": 0.5, "pipeline": 0.3, "capacity": 0.2},
    "weights_from": 6,
    "pace": {"2026 Q1": {"usual": 0.4, "low": 0.3, "high": 0.5, "period_count": 6}},
}


@pytest.fixture(scope="module")
def asked(serve: Any, client: Any, publication: Any) -> Any:
    """A service with two publications that have a split."""
    store = MemoryResultsStore()
    whole = publication()
    summary = whole.summary | {"targets": SAID}
    for days in (7, 0):
        as_of = whole.as_of - pd.Timedelta(days=days)
        store.publish(publication(as_of=as_of, summary=summary, target_shares=SHARES))
    return type(client)(serve(store))


def by_scope(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["scope"]: row for row in answer["items"]}


def test_the_running_quarter_is_told_with_its_pace_and_readings(asked: Any) -> None:
    answer = asked.get("/v1/targets").json()
    assert answer["period_name"] == "2026 Q1"
    assert answer["pace"] == SAID["pace"]["2026 Q1"]  # type: ignore[index]
    assert answer["weights"] == SAID["weights"]
    assert [reading["publication_id"] for reading in answer["readings"]] == [1, 2]
    company = by_scope(answer)["company"]
    assert company["attainment_rate"] == pytest.approx(company["booked"] / company["target"])
    assert company["missing_amount"] == pytest.approx(company["target"] - company["booked"])
    assert company["expected_attainment_rate"] == 0.4


def test_what_is_booked_stays_and_the_rest_goes_by_share(asked: Any) -> None:
    rows = by_scope(asked.get("/v1/targets?amount=6000000").json())
    rest = 6_000_000 - rows["company"]["booked"]
    assert rows["company"]["suggested_amount"] == 6_000_000
    for scope, share in (("North", 0.6), ("South", 0.4)):
        assert rows[scope]["suggested_amount"] == pytest.approx(
            rows[scope]["booked"] + share * rest
        )


def test_surer_means_less(asked: Any) -> None:
    amounts = [asked.get(f"/v1/targets?probability={p}").json()["amount"] for p in (0.5, 0.8, 0.95)]
    assert amounts == sorted(amounts, reverse=True)
    rows = by_scope(asked.get("/v1/targets?probability=0.5").json())
    forecast = asked.get("/v1/forecast?scope_kind=company").json()["items"][0]
    assert amounts[0] == pytest.approx(forecast["q50"])
    assert rows["company"]["suggested_probability"] == pytest.approx(0.5)


def test_an_amount_below_what_is_booked_is_certain(asked: Any) -> None:
    rows = by_scope(asked.get("/v1/targets?amount=1000").json())
    assert rows["company"]["suggested_probability"] == 1.0
    assert rows["company"]["suggested_amount"] == pytest.approx(1000)


def test_the_csv_has_the_same_rows(asked: Any) -> None:
    answer = asked.get("/v1/targets.csv?probability=0.7")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    items = asked.get("/v1/targets?probability=0.7").json()["items"]
    assert [row["scope"] for row in rows] == [item["scope"] for item in items]
    assert float(rows[0]["suggested_amount"]) == items[0]["suggested_amount"]


@pytest.mark.parametrize("query", ["probability=0.01", "probability=nan", "amount=-1", "amount=x"])
def test_a_question_that_makes_no_sense_is_refused(asked: Any, query: str) -> None:
    assert asked.get(f"/v1/targets?{query}").status_code == 422


def test_a_period_without_a_forecast_is_not_found(asked: Any) -> None:
    assert asked.get("/v1/targets?period=1999 Q1").status_code == 404
    assert asked.get("/targets?period=1999 Q1").status_code == 404


def test_without_a_split_the_company_is_still_told(client: Any) -> None:
    answer = client.get("/v1/targets").json()
    assert answer["weights"] == {}
    assert answer["pace"] is None
    assert by_scope(answer)["company"]["share"] == 1.0
    assert client.get("/targets").status_code == 200


def test_the_page_tells_the_amount_the_parts_and_how_they_come_about(asked: Any) -> None:
    text = asked.get("/targets?amount=6000000&probability=0.7").text.replace("\u00a0", " ")
    for words in ("$6.00 M", "North", "what they won in the last year (50%)", "last 6 quarters"):
        assert words in text
    assert 'aria-current="page">Targets' in text
