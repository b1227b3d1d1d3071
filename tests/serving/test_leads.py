"""The lead queue."""

import csv
import io
from typing import Any

import pytest


def test_the_queue_comes_in_the_order_to_work_it(client: Any) -> None:
    first = client.get("/v1/leads?limit=20").json()
    second = client.get(f"/v1/leads?limit=20&after={first['next']}").json()
    ranks = [item["queue_rank"] for item in first["items"] + second["items"]]
    assert ranks == list(range(1, 31))
    assert second["next"] is None


@pytest.mark.parametrize("grade", ["A", "B", "C", "D"])
def test_the_queue_can_be_narrowed_to_a_grade(client: Any, grade: str) -> None:
    items = client.get(f"/v1/leads?grade={grade}").json()["items"]
    assert {item["grade"] for item in items} <= {grade}


def test_the_grades_divide_the_queue(client: Any) -> None:
    by_grade = [len(client.get(f"/v1/leads?grade={g}").json()["items"]) for g in "ABCD"]
    assert sum(by_grade) == 30
    assert max(by_grade) < 30


def test_the_queue_can_be_narrowed_to_an_owner(client: Any) -> None:
    items = client.get("/v1/leads?owner_id=o-2").json()["items"]
    assert [item["lead_id"] for item in items] == ["l-2", "l-8", "l-14", "l-20", "l-26"]


@pytest.mark.parametrize(
    ("query", "column", "value"),
    [("source=event", "source", "event"), ("status=answered", "status", "answered")],
)
def test_the_queue_can_be_narrowed_to_a_source_and_to_a_status(
    client: Any, query: str, column: str, value: str
) -> None:
    items = client.get(f"/v1/leads?{query}").json()["items"]
    assert {item[column] for item in items} == {value}
    assert len(items) < 30


def test_a_status_that_is_none_is_refused(client: Any) -> None:
    assert client.get("/v1/leads?status=late").status_code == 422


def test_the_whole_queue_is_a_csv_file(client: Any) -> None:
    answer = client.get("/v1/leads.csv")
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert answer.headers["content-type"].startswith("text/csv")
    assert [int(row["queue_rank"]) for row in rows] == list(range(1, 31))
    assert next(iter(rows[0])) == "lead_id"
    assert rows[0]["top_reason"]
    narrowed = client.get("/v1/leads.csv?owner_id=o-2").text
    assert narrowed.count("\n") == 6


def test_a_lead_carries_what_it_is_worth_and_how_sure_that_is(client: Any) -> None:
    lead = client.get("/v1/leads/l-3").json()
    low, high = lead["conversion_probability_low"], lead["conversion_probability_high"]
    assert low < lead["conversion_probability_eventual"] < high
    assert lead["expected_amount"] == pytest.approx(
        lead["value_amount"] * lead["conversion_probability_eventual"]
    )
    assert lead["value_basis"]["fact"]["count"] == 64
    assert lead["sub_scores"]["authority"] is None


def test_a_lead_carries_its_deadline_curve_and_reasons(client: Any) -> None:
    lead = client.get("/v1/leads/l-2").json()
    assert lead["response_due_at"].endswith("Z")
    assert lead["responded_at"] == "2026-02-02T04:00:00Z"
    assert lead["curve"]["won"][-1] == pytest.approx(lead["conversion_probability_eventual"])
    assert lead["reasons"][0]["group"] == "engagement"
