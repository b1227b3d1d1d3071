"""Stalls: the list and its files, snoozes that last, and forms that only our own pages may send."""

import csv
import io
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pandas as pd
import pytest

from closecurve.stores.results import MemoryResultsStore, Publication

FLAGGED, ON_COURSE = "d-1002", "d-1001"
SNOOZE = {"until_date": "2026-02-20", "reason": "budget round until 18 February"}
OWN = {"sec-fetch-site": "same-origin"}


@pytest.fixture
def store(publication: Callable[..., Publication]) -> MemoryResultsStore:
    """A store of its own: snoozes are written."""
    made = MemoryResultsStore()
    made.publish(publication())
    return made


@pytest.fixture
def mine(serve: Any, store: MemoryResultsStore, client: Any) -> Any:
    """A client of the service over that store."""
    return type(client)(serve(store))


def ids(items: list[dict[str, Any]]) -> list[str]:
    return [item["deal_id"] for item in items]


def snooze(client: Any, deal_id: str = FLAGGED, key: str | None = None, **changed: Any) -> Any:
    headers = {} if key is None else {"idempotency-key": key}
    address = f"/v1/stalls/{quote(deal_id, safe='')}/snooze"
    return client.post(address, json=SNOOZE | changed, headers=headers)


def code(answer: Any) -> str:
    return str(answer.json()["type"]).rpartition(":")[2]


def test_flagged_deals_come_with_reasons_and_a_next_step_the_most_money_first(
    client: Any,
) -> None:
    items = client.get("/v1/stalls?limit=200&language=en").json()["items"]
    amounts = [item["amount_company"] for item in items]
    assert amounts == sorted(amounts, reverse=True)
    assert {item["verdict"] for item in items} == {"flagged"}
    told = next(item for item in items if item["deal_id"] == FLAGGED)
    assert told["reasons"][0]["sentence"].startswith("No activity for 24 days")
    assert told["step"] == "Visit or call, and ask what else is being looked at."
    assert told["checkpoint_name"] == "15-day follow-up"
    chinese = client.get("/v1/stalls?limit=1&language=zh").json()["items"][0]
    assert chinese["cause"] == "客户犹豫不决，或转向竞争对手。"


def test_filters_narrow_the_list_and_pages_cover_it_once(client: Any) -> None:
    every = client.get("/v1/stalls?limit=200").json()["items"]
    followed = client.get("/v1/stalls?checkpoint=follow_up&limit=200").json()["items"]
    assert 0 < len(followed) < len(every)
    assert {item["checkpoint"] for item in followed} == {"follow_up"}
    walked, after = [], ""
    while True:
        page = client.get(f"/v1/stalls?limit=7{after}").json()
        walked += ids(page["items"])
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert walked == ids(every)
    both = client.get("/v1/stalls?verdict=any&limit=200").json()["items"]
    assert len(both) == 60


def test_the_csv_holds_the_same_deals_and_their_snoozes(mine: Any) -> None:
    snooze(mine)
    text = mine.get("/v1/stalls.csv").text.removeprefix("\ufeff")
    rows = {row["deal_id"]: row for row in csv.DictReader(io.StringIO(text))}
    assert len(rows) == 30
    assert rows[FLAGGED]["snoozed_until"] == "2026-02-20"
    assert rows[FLAGGED]["snooze_reason"] == SNOOZE["reason"]
    assert [row["snoozed_until"] for name, row in rows.items() if name != FLAGGED] == [""] * 29


def test_reviews_are_counted_by_owner_the_most_decisions_first(client: Any) -> None:
    items = client.get("/v1/stalls/reviews").json()["items"]
    assert [item["decision_count"] for item in items] == [5, 4, 3, 2, 1, 0]
    north = client.get("/v1/stalls/reviews?team=North").json()["items"]
    assert {item["team"] for item in north} == {"North"}
    text = client.get("/v1/stalls/reviews.csv").text.removeprefix("\ufeff")
    assert [row["owner_id"] for row in csv.DictReader(io.StringIO(text))] == [
        item["owner_id"] for item in items
    ]


def test_a_snoozed_deal_stands_apart_until_its_date_has_passed(
    serve: Any, store: MemoryResultsStore, mine: Any, publication: Callable[..., Publication]
) -> None:
    assert snooze(mine).json() == SNOOZE | {
        "deal_id": FLAGGED,
        "snoozed_at": "2026-02-02T10:15:00Z",
    }
    store.publish(publication(pd.Timestamp("2026-02-03 05:00")))
    page = mine.get("/v1/stalls?limit=200").json()
    assert FLAGGED not in ids(page["items"])
    assert ids(page["snoozed"]) == [FLAGGED]
    assert page["snoozed"][0]["snooze"]["reason"] == SNOOZE["reason"]
    # The company's day, not that of UTC: in New York 20 February ends at 05:00.
    for clock, is_snoozed in (("2026-02-21 04:59", True), ("2026-02-21 05:01", False)):
        later = type(mine)(serve(store, clock=lambda at=clock: pd.Timestamp(at)))
        assert (FLAGGED in ids(later.get("/v1/stalls?limit=200").json()["snoozed"])) == is_snoozed


def test_a_woken_deal_is_back_and_waking_it_again_is_not_found(mine: Any) -> None:
    snooze(mine)
    address = f"/v1/stalls/{FLAGGED}/snooze"
    assert mine.request("DELETE", address).json()["deal_id"] == FLAGGED
    assert FLAGGED in ids(mine.get("/v1/stalls?limit=200").json()["items"])
    assert code(mine.request("DELETE", address)) == "not-found"


def test_a_key_repeats_the_answer_and_refuses_another_request(mine: Any) -> None:
    first = snooze(mine, key="k1")
    assert snooze(mine, key="k1").json() == first.json()
    refused = snooze(mine, key="k1", reason="another")
    assert (refused.status_code, code(refused)) == (409, "idempotency-key-reused")


@pytest.mark.parametrize(
    ("deal_id", "changed", "status", "wanted"),
    [
        (FLAGGED, {"until_date": "2026-02-01"}, 422, "snooze-date"),
        (FLAGGED, {"until_date": "2027-02-04"}, 422, "snooze-date"),
        (FLAGGED, {"reason": "  "}, 422, "snooze-reason"),
        (FLAGGED, {"reason": ""}, 422, "request-invalid"),
        (ON_COURSE, {}, 409, "deal-not-flagged"),
        ("d-nobody", {}, 404, "not-found"),
    ],
)
def test_a_snooze_needs_a_flag_a_day_ahead_and_a_reason(
    mine: Any, deal_id: str, changed: dict[str, str], status: int, wanted: str
) -> None:
    refused = snooze(mine, deal_id, **changed)
    assert (refused.status_code, code(refused)) == (status, wanted)
    assert mine.get("/v1/stalls").json()["snoozed"] == []


def test_an_id_of_any_character_can_be_snoozed(mine: Any) -> None:
    (odd,) = [
        name
        for name in ids(mine.get("/v1/stalls?limit=200").json()["items"])
        if name.startswith("d/7")
    ]
    assert snooze(mine, odd).json()["deal_id"] == odd


def test_the_page_shows_the_money_the_reasons_and_the_reviews(client: Any) -> None:
    text = client.get("/stalls").text
    for part in ("In flagged deals", "76%", "No activity for 24 days", "Reviews due", "Snooze"):
        assert part in text
    assert "script>alert" not in text
    assert 'aria-current="page">Stalls' in text


def test_the_page_keeps_its_choice_in_the_address(client: Any) -> None:
    text = client.get("/stalls?team=North&checkpoint=follow_up&order=-still_days").text
    assert "Flagged deals that missed the 15-day follow-up" in text
    assert "team=North&amp;stage" not in text
    assert 'value="/stalls?team=North&amp;checkpoint=follow_up&amp;order=-still_days"' in text


def test_a_company_without_a_stall_model_is_told_so(
    serve: Any, client: Any, publication: Callable[..., Publication]
) -> None:
    store = MemoryResultsStore()
    store.publish(publication(stalls=pd.DataFrame(), stall_owners=pd.DataFrame(), summary={}))
    bare = type(client)(serve(store))
    assert "This publication has no stall model" in bare.get("/stalls").text
    assert bare.get("/v1/stalls").json()["items"] == []


def test_a_deal_shows_its_flag(client: Any) -> None:
    assert "Stands still" in client.get(f"/deals/{FLAGGED}").text
    assert "Stands still" not in client.get(f"/deals/{ON_COURSE}").text


def form(client: Any, path: str = "/stalls/snooze", **settings: Any) -> Any:
    fields = {"deal_id": FLAGGED, "back": "/stalls?team=North", "key": "form-1"} | SNOOZE
    return client.post(path, data=fields | settings.pop("fields", {}), **settings)


def test_a_form_snoozes_and_goes_back_to_its_page(mine: Any) -> None:
    for _ in range(2):
        sent = form(mine, headers=OWN)
        assert (sent.status_code, sent.headers["location"]) == (303, "/stalls?team=North")
    page = mine.get("/stalls").text
    assert SNOOZE["reason"] in page
    assert form(mine, "/stalls/wake", headers=OWN).status_code == 303
    assert mine.get("/v1/stalls").json()["snoozed"] == []


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none", "origin": "http://localhost"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"referer": "https://evil.example/http://localhost"},
        {"origin": "http://localhost.evil.example"},
        {"origin": "http://[broken"},
        {},
    ],
)
@pytest.mark.parametrize("path", ["/stalls/snooze", "/stalls/wake"])
def test_a_form_of_another_site_is_refused(mine: Any, path: str, headers: dict[str, str]) -> None:
    refused = form(mine, path, headers=headers)
    assert (refused.status_code, code(refused)) == (403, "origin-foreign")
    assert mine.get("/v1/stalls").json()["snoozed"] == []


@pytest.mark.parametrize(
    "headers", [{"origin": "http://localhost"}, {"referer": "http://localhost/stalls"}]
)
def test_over_plain_http_the_sender_is_told_by_origin_or_referer(
    mine: Any, headers: dict[str, str]
) -> None:
    assert form(mine, headers=headers).status_code == 303
    assert ids(mine.get("/v1/stalls").json()["snoozed"]) == [FLAGGED]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"until_date": "2026-01-01"}, "snooze-date"),
        ({"until_date": "soon"}, "snooze-date"),
        ({"reason": " "}, "snooze-reason"),
        ({"deal_id": ON_COURSE}, "deal-not-flagged"),
        ({"reason": "x" * 501}, "snooze-reason"),
    ],
)
def test_a_refused_form_says_why_on_its_page(
    mine: Any, fields: dict[str, str], problem: str
) -> None:
    sent = form(mine, headers=OWN, fields=fields)
    assert sent.headers["location"] == f"/stalls?team=North&problem={problem}"
    assert "Not snoozed." in mine.get(sent.headers["location"]).text


def test_a_form_leads_back_to_our_page_only(mine: Any) -> None:
    for back in ("https://evil.example", "//evil.example", "/stalls.evil.example"):
        sent = form(mine, headers=OWN, fields={"back": back})
        assert sent.headers["location"] == "/stalls"


def test_what_is_no_form_is_refused(mine: Any) -> None:
    many, long = b"&".join([b"a=1"] * 40), b"key=" + b"k" * 5_000
    for body in (b"\xff\xfe", b"deal_id=%ff", b"deal_id=%00", b"a&b", many, long):
        refused = mine.post("/stalls/snooze", content=body, headers=OWN)
        assert (refused.status_code, code(refused)) == (400, "request-refused")
