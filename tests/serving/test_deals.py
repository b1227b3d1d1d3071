"""Deals by probability, one by one."""

from itertools import pairwise
from typing import Any
from urllib.parse import quote

import pytest

from closecurve.models.explanation.words import Wording
from closecurve.serving.routers.deals import with_reason

AS_OF = "2026-02-02T05:00:00Z"


def every_deal(client: Any, query: str) -> list[dict[str, Any]]:
    """The items of all pages of a list."""
    items, after = [], ""
    while after is not None:
        answer = client.get(f"/v1/deals?{query}{after and '&after=' + quote(after)}").json()
        items += answer["items"]
        after = answer["next"]
    return items


def test_a_page_tells_its_publication_and_where_it_goes_on(client: Any) -> None:
    answer = client.get("/v1/deals?limit=7").json()
    assert answer["publication_id"] == 2
    assert answer["as_of"] == AS_OF
    assert len(answer["items"]) == 7
    assert answer["next"]


@pytest.mark.parametrize(
    ("order", "column", "sign"),
    [
        ("-win_probability_quarter", "win_probability_quarter", -1),
        ("win_probability_eventual", "win_probability_eventual", 1),
        ("-amount_company", "amount_company", -1),
    ],
)
def test_pages_hold_every_deal_once_and_in_order(
    client: Any, order: str, column: str, sign: int
) -> None:
    items = every_deal(client, f"limit=7&order={order}")
    assert len({item["deal_id"] for item in items}) == len(items) == 60
    assert all(sign * a[column] <= sign * b[column] for a, b in pairwise(items))


@pytest.mark.parametrize(
    ("query", "column", "value"),
    [
        ("owner_id=o-3", "owner_id", "o-3"),
        ("team=Greater+China", "team", "Greater China"),
        ("stage=Proposal", "stage", "Proposal"),
    ],
)
def test_a_list_can_be_narrowed(client: Any, query: str, column: str, value: str) -> None:
    everyone = every_deal(client, "limit=200")
    expected = {item["deal_id"] for item in everyone if item[column] == value}
    assert {item["deal_id"] for item in every_deal(client, query)} == expected
    assert 0 < len(expected) < len(everyone)


def test_an_owner_that_nobody_knows_has_no_deals(client: Any) -> None:
    assert client.get("/v1/deals?owner_id=nobody").json()["items"] == []


@pytest.mark.parametrize("deal_id", ["d-1001", 'd/7 ?#%2F&"<b>商机</b>'])
def test_a_deal_carries_its_curve_reasons_and_history(client: Any, deal_id: str) -> None:
    response = client.get(f"/v1/deals/{quote(deal_id, safe='')}")
    deal = response.json()
    assert deal["deal_id"] == deal_id
    assert deal["created_at"].endswith("Z")
    assert deal["curve"]["won"][-1] == pytest.approx(deal["win_probability_eventual"], abs=1e-5)
    assert [reason["direction"] for reason in deal["reasons"]] == ["raises", "lowers"]
    assert [row["as_of"] for row in deal["history"]] == [AS_OF, "2026-02-01T05:00:00Z"]


def test_before_the_first_publication_there_is_a_problem(empty_client: Any) -> None:
    for path in ("/v1/deals", "/v1/deals/d-1", "/v1/leads", "/v1/forecast", "/v1/model"):
        response = empty_client.get(path)
        assert response.status_code == 503
        assert response.json()["type"] == "urn:closecurve:problem:nothing-published"


def test_missing_deals_and_leads_have_one_body(client: Any) -> None:
    bodies = {client.get(path).text for path in ("/v1/deals/x", "/v1/leads/x", "/x")}
    assert len(bodies) == 1


def test_the_top_reason_is_the_one_that_moves_most() -> None:
    pushed = {"feature": "push_count", "value": 3.0, "typical": 0.0, "delta_probability": 0.1}
    silent = {
        "feature": "days_since_activity",
        "value": 30.0,
        "typical": 9.0,
        "delta_probability": -0.3,
    }
    words = Wording()
    listed = with_reason({"deal_id": "d", "reasons": [pushed, silent]}, words)
    assert listed["deal_id"] == "d"
    assert listed["top_reason"].startswith("Silent for 30 days")
    assert with_reason({"reasons": []}, words)["top_reason"] is None
    assert with_reason({"reasons": None}, words)["top_reason"] is None


def test_reasons_are_told_in_the_language_asked_for_or_accepted(client: Any) -> None:
    address = "/v1/deals?limit=1"
    english = client.get(address).json()["items"][0]["top_reason"]
    assert english == "6 activities in the last 30 days, typically 2 activities: +9 points."
    chinese = "近 30 天跟进 6 次，通常 2 次：+9 个百分点。"
    assert client.get(f"{address}&language=zh").json()["items"][0]["top_reason"] == chinese
    by_header = client.get(address, headers={"accept-language": "de, zh-CN;q=0.9, en;q=0.1"})
    assert by_header.json()["items"][0]["top_reason"] == chinese
    asked = client.get(f"{address}&language=en", headers={"accept-language": "zh"})
    assert asked.json()["items"][0]["top_reason"] == english
    assert client.get(f"{address}&language=fr").status_code == 422
    odd = client.get(address, headers={"accept-language": ";q=,zh;q=x," * 300})
    assert odd.json()["items"][0]["top_reason"] == english
