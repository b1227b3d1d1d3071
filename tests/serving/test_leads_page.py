"""The pages of leads: the queue with its filters, and one lead."""

import re
from datetime import datetime
from typing import Any

import pandas as pd
import pytest

from closecurve.serving.web.wording import held_to
from closecurve.stores.results import MemoryResultsStore

NOW = pd.Timestamp("2026-02-02 10:15")


def page(client: Any, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200
    text: str = response.text
    return text.replace("\u00a0", " ")


def ids(text: str) -> list[str]:
    return re.findall(r'<a href="/leads/(l-\d+)">', text)


def test_the_queue_shows_probability_with_interval_worth_and_sub_scores(client: Any) -> None:
    text = page(client, "/leads")
    assert ids(text) == [f"l-{place}" for place in range(30)]
    lead = client.get("/v1/leads/l-0").json()
    low, high = (lead[f"conversion_probability_{end}"] for end in ("low", "high"))
    assert f"({low:.0%}–{high:.0%})" in text
    assert "$12.0 k" in text
    assert text.count("Budget, timing") == 30
    assert "Authority" not in text


@pytest.mark.parametrize(
    "query", ["grade=A", "owner_id=o-2", "source=event", "status=answered", "grade=&source="]
)
def test_the_page_and_its_twins_show_the_same_choice(client: Any, query: str) -> None:
    text = page(client, f"/leads?{query}")
    clean = "&".join(part for part in query.split("&") if not part.endswith("="))
    items = client.get(f"/v1/leads?{clean}").json()["items"]
    assert ids(text) == [item["lead_id"] for item in items]
    assert f'"/v1/leads.csv{"?" + clean if clean else ""}"' in text


def test_a_long_queue_goes_on_on_a_further_page(client: Any, serve: Any, publication: Any) -> None:
    leads = publication().lead_scores
    many = pd.concat([leads.assign(lead_id=leads["lead_id"] + f"{n}") for n in range(3)])
    store = MemoryResultsStore()
    store.publish(publication(lead_scores=many.assign(queue_rank=range(1, len(many) + 1))))
    asked, path, seen = type(client)(serve(store)), "/leads", []
    while path:
        text = page(asked, path)
        seen += ids(text)
        following = re.search(r'rel="next" href="([^"]+)"', text)
        path = following.group(1).replace("&amp;", "&") if following else ""
    assert len(seen) == len(set(seen)) == 90


def test_a_cursor_of_an_older_publication_begins_again(client: Any) -> None:
    answer = client.get("/leads?grade=B&after=AAAA")
    assert (answer.status_code, answer.headers["location"]) == (303, "/leads?grade=B")


def test_the_page_tells_what_became_of_each_grade(
    client: Any, serve: Any, publication: Any
) -> None:
    item = {"count": 40, "converted_count": 22, "conversion_rate": 0.55}
    bounds = {"conversion_low": 0.4, "conversion_high": 0.69}
    none = {"count": 0, "converted_count": 0, "conversion_rate": None}
    found = {
        "within_days": 90,
        "since": "2025-09-01T00:00:00",
        "items": [{"grade": "A"} | item | bounds, {"grade": "B"} | none | bounds],
    }
    summary = publication().summary | {"grade_conversion": found, "open_leads": 30}
    summary |= {"grades": {"A": 2, "B": 28}, "overdue_leads": 1}
    store = MemoryResultsStore()
    store.publish(publication(summary=summary))
    text = page(type(client)(serve(store)), "/leads")
    assert "Leads since 2025-09-01" in text
    assert '55%</span> <span class="interval">(40%–69%)' in text
    assert "30 open leads: 2 A, 28 B. 1 waits" in text


def test_a_lead_has_a_page_with_curve_worth_and_reasons(client: Any) -> None:
    text = page(client, "/leads/l-2")
    assert (
        "Of 64 closed deals of converted leads from event, 22 were won, at 33.6k USD each." in text
    )
    assert 'id="curve-chart"' in text
    assert "disqualified" in text
    assert "Engagement" in text


def test_a_lead_that_is_not_there_is_missing(client: Any, empty_client: Any) -> None:
    assert client.get("/leads/nobody").status_code == 404
    assert empty_client.get("/leads/l-2").status_code == 404
    assert empty_client.get("/leads").status_code == 200


@pytest.mark.parametrize(
    ("answered", "follow_up", "said"),
    [
        (None, None, "due in 45 min"),
        (datetime(2026, 2, 1), None, "answered"),
        (datetime(2026, 2, 1), datetime(2026, 2, 2, 9, 15), "follow-up overdue by 1 h"),
    ],
)
def test_a_lead_is_held_to_one_deadline(
    answered: datetime | None, follow_up: datetime | None, said: str
) -> None:
    row = {
        "response_due_at": datetime(2026, 2, 2, 11),
        "responded_at": answered,
        "follow_up_due_at": follow_up,
    }
    assert held_to(row, NOW).replace("\u00a0", " ") == said


def test_the_value_is_told_in_the_readers_language(client: Any) -> None:
    text = page(client, "/leads/l-2?language=zh")
    assert "来自“event”的线索转化的商机已关闭 64 个，其中赢单 22 个，平均每个 3.36 万 USD" in text
