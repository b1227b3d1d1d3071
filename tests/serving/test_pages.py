"""The pages: what they show, what they never let through, and how they stand when empty."""

import itertools
import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

import pandas as pd
import pytest

from closecurve.stores.results import MemoryResultsStore

EMPTY = pd.DataFrame()


class Reader(HTMLParser):
    """Collects the elements of a page, as (name, attributes), and checks that they close."""

    VOID = ("meta", "link", "input", "br", "path", "rect")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.opened: list[str] = []
        self.feed(text)
        assert not self.opened

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.opened.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.opened.pop() == tag

    def named(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag == name]


def page(client: Any, path: str = "/") -> str:
    response = client.get(path)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    text: str = response.text
    return text.replace("\u00a0", " ")


def published(serve: Any, client: Any, publication: Any) -> Any:
    store = MemoryResultsStore()
    store.publish(publication)
    return type(client)(serve(store))


@pytest.mark.parametrize(
    "path", ["/", "/deals/d-1001", "/leads", "/leads/l-3", "/docs", "/?team=North&grade=A"]
)
def test_a_page_is_whole_and_carries_nothing_inline(client: Any, path: str) -> None:
    text = page(client, path)
    reader = Reader(text)
    for tag, attributes in reader.elements:
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")]
        assert tag != "script" or "src" in attributes or attributes["type"] == "application/json"
    assert not reader.named("style")
    assert not re.search(r"https?://", text.replace("http://www.w3.org", ""))


@pytest.mark.parametrize("path", ["/", "/deals/d-1001", "/leads", "/leads/l-3", "/funnel", "/docs"])
def test_a_page_can_be_read_by_a_screen_reader(client: Any, path: str) -> None:
    reader = Reader(page(client, path))
    assert reader.named("html")[0]["lang"] == "en"
    levels = [int(tag[1]) for tag, _ in reader.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in itertools.pairwise(levels))
    assert len(reader.named("caption")) == len(reader.named("table"))
    assert all("scope" in cell for cell in reader.named("th"))
    identities = [attributes["id"] for _, attributes in reader.elements if "id" in attributes]
    assert len(identities) == len(set(identities))


def test_the_overview_shows_the_quarter_beside_the_weighted_funnel(client: Any) -> None:
    text = page(client)
    assert "Möller &amp; 汉方 Instruments" in text
    assert "80% of outcomes lie between <b>$3.60 M</b> and <b>$4.80 M</b>" in text
    assert "Target <b>$4.45 M</b>: reached with a probability of <b>37%</b>" in text
    assert "As of" in text
    assert "2 Feb 2026, 00:00" in text, "an instant is shown on the company's clock"


def test_the_overview_shows_every_team_stage_and_the_first_leads_and_deals(client: Any) -> None:
    text = page(client)
    for team in ("North", "South", "Greater China", "Inside sales"):
        assert f">{team}</a>" in text
    for stage in ("Qualification", "Needs analysis", "Proposal", "Negotiation"):
        assert f">{stage}</th>" in text
    assert text.count('href="/deals/') == 25
    assert text.count('class="grade ') == 12


def test_deadlines_are_reckoned_from_now(client: Any) -> None:
    text = page(client)
    assert "overdue by 1 h 15 min" in text
    assert "due in 4 h 7 min" in text
    assert "follow-up due in 6 d 17 h" in text


def test_old_results_say_so_and_reckon_from_their_own_day(
    serve: Any, results: Any, client: Any
) -> None:
    late = type(client)(serve(results, clock=lambda: pd.Timestamp("2026-11-22 16:00")))
    text = page(late)
    assert "These results are 293 d old" in text
    assert "overdue" not in text
    assert "due in 4 h" in text


def test_names_are_text_and_never_markup(client: Any) -> None:
    text = page(client)
    assert "Ravi &lt;Rao&gt; &amp; Co" in text
    assert "王小明" in text
    assert "<b>商机</b>" not in text


def test_a_figure_cannot_end_its_script(serve: Any, client: Any, publication: Any) -> None:
    forecasts = publication().forecasts.assign(period_name="</script><script>alert(1)</script>")
    hostile = published(serve, client, publication(forecasts=forecasts))
    assert "<script>alert" not in page(hostile)


@pytest.mark.parametrize("odd_id", ['d/7 ?#%2F&"<b>商机</b>'])
def test_a_deal_with_any_id_has_its_page(client: Any, odd_id: str) -> None:
    address = f"/deals/{quote(odd_id, safe='')}"
    assert f'href="{address}"' in page(client)
    text = page(client, address)
    assert "The close curve" in text
    assert "Pushed 3 times, typically never" in text
    assert text.count("<tr>") > 10, "the curve and the history as tables"


def test_a_deal_page_shows_earlier_scores(client: Any) -> None:
    text = page(client, "/deals/d-1001")
    assert "2 Feb 2026, 00:00" in text
    assert "1 Feb 2026, 00:00" in text


def test_an_unknown_deal_is_a_page_with_404(client: Any, empty_client: Any) -> None:
    for asked in (client, empty_client):
        response = asked.get("/deals/nobody")
        assert response.status_code == 404
        assert "Nothing is here" in response.text
        assert "nobody" not in response.text


def test_before_the_first_publication_the_page_says_what_to_do(empty_client: Any) -> None:
    text = page(empty_client)
    assert "Nothing is published yet" in text
    assert "closecurve import" in text


def test_a_company_without_leads_owners_and_forecast_has_its_page(
    serve: Any, client: Any, publication: Any
) -> None:
    nothing = {"lead_scores": EMPTY, "owner_facts": EMPTY, "forecasts": EMPTY, "funnel": EMPTY}
    text = page(published(serve, client, publication(**nothing, summary={})))
    assert "No lead waits" in text
    assert "No forecast is published" in text
    assert "No open deal stands in the funnel" in text
    assert "plotly" not in text.replace("plotly.js-style-global", "")


def test_a_company_without_open_deals_has_its_page(
    serve: Any, client: Any, publication: Any
) -> None:
    assert "No deal is open" in page(published(serve, client, publication(deal_scores=EMPTY)))


def test_a_deal_without_anything_known_has_its_page(
    serve: Any, client: Any, publication: Any
) -> None:
    known = ("deal_id", "created_at", "curve")
    deals = publication().deal_scores
    bare = deals.assign(
        **{
            name: None
            for name in deals.columns
            if name not in known and not name.startswith(("win_", "loss_"))
        }
    )
    bare_client = published(serve, client, publication(deal_scores=bare))
    assert "Further deals" in page(bare_client)
    assert "Nothing about this deal stands out" in page(bare_client, "/deals/d-1001")


def test_filters_stand_in_the_address_and_narrow_the_page(client: Any) -> None:
    text = page(client, "/?team=North&owner=&grade=B")
    assert '<option value="North" selected>' in text
    assert "grade-A" not in text
    assert text.count('href="/deals/') == 20
    assert "by owner" in text


def test_an_owner_that_nobody_knows_gets_empty_tables(client: Any) -> None:
    text = page(client, "/?owner=nobody")
    assert "No deal is open for this choice" in text
    assert "No lead waits for this choice" in text


def test_every_deal_is_reached_page_by_page(client: Any) -> None:
    path, seen = "/", set()
    while path:
        text = page(client, path)
        seen |= set(re.findall(r'href="(/deals/[^"]+)"', text))
        following = re.search(r'rel="next" href="([^"]+)#deals"', text)
        path = following.group(1).replace("&amp;", "&") if following else ""
    assert len(seen) == 60


def test_a_cursor_that_is_none_begins_again(client: Any) -> None:
    response = client.get("/?team=North&deals_after=zebra")
    assert response.status_code == 303
    assert response.headers["location"] == "/?team=North"


def test_what_pages_load_may_be_kept_and_comes_packed(client: Any) -> None:
    links = Reader(page(client)).elements
    names = {
        value
        for _, attributes in links
        for value in attributes.values()
        if value and value.startswith("/static/")
    }
    assert len(names) == 4
    for name in names:
        plain = client.get(name, headers={"accept-encoding": "identity"})
        packed = client.get(name, headers={"accept-encoding": "gzip"})
        assert plain.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.content == plain.content


def test_the_page_on_the_api_shows_routes_and_problems(client: Any) -> None:
    text = page(client, "/docs")
    assert "<code>/v1/deals/{deal_id}</code>" in text
    assert 'id="problem-nothing-published"' in text
