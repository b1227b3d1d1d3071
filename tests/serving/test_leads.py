"""The lead queue."""

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


def test_a_lead_carries_its_deadline_curve_and_reasons(client: Any) -> None:
    lead = client.get("/v1/leads/l-2").json()
    assert lead["response_due_at"].endswith("Z")
    assert lead["responded_at"] == "2026-02-02T04:00:00Z"
    assert lead["curve"]["won"][-1] == pytest.approx(lead["conversion_probability_eventual"])
    assert lead["reasons"][0]["group"] == "engagement"
