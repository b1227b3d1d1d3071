"""What changed between publications, over the API and on the pages."""

import csv
import io
from typing import Any

import pandas as pd
import pytest
from tests.serving.conftest import AS_OF, Client, deals, forecasts, publication

from closecurve.models.explanation.words import Wording
from closecurve.serving.app import create_app
from closecurve.serving.changes import record_change, span_at, span_of
from closecurve.serving.problems import Problem
from closecurve.stores.results import MemoryResultsStore, Publication, ResultsStore
from closecurve.stores.results.columns import FORECASTS

WEEK = pd.Timedelta(weeks=1)
FIRST = AS_OF - 2 * WEEK
QUARTER = "2026 Q1"


def steps(rows: pd.DataFrame, parts: dict[str, float] | None, since: int | None) -> pd.DataFrame:
    """What a publication keeps of its deals: by the quarter's end half of them are won."""
    won = rows["win_probability_eventual"]
    by_end = [{"2026-04-01": p / 2, "2026-07-01": p * 0.8} for p in won]
    return pd.DataFrame(
        {
            "deal_id": rows["deal_id"],
            "product": None,
            "since_publication_id": since,
            "before": None,
            "after": won,
            "parts": pd.Series([parts] * len(rows), dtype=object),
            "won_by": pd.Series(by_end, dtype=object),
            "won_by_shift": None,
        }
    )


def publish(store: ResultsStore, number: int, **changed: Any) -> Publication:
    """The publication of a week: every deal gains a point a week, one is won in the second."""
    rows = deals().iloc[number:].reset_index(drop=True)
    rows["win_probability_eventual"] = rows["win_probability_eventual"] * 0.9 + 0.01 * number
    ended = deals().iloc[:number]
    closed = pd.DataFrame(
        {
            "deal_id": ended["deal_id"], "owner_id": ended["owner_id"], "team": ended["team"],
            "region": None, "product": None, "outcome": "won",
            "closed_at": FIRST, "known_at": FIRST, "amount_company": ended["amount"],
        }
    )  # fmt: skip
    parts = {"stage": 0.03, "engagement": -0.02} if number else None
    content = {
        "forecasts": forecasts().reindex(columns=list(FORECASTS.names)),
        "deal_scores": rows,
        "deal_steps": steps(rows, parts, number or None),
        "closed_deals": closed,
    }
    made = publication(FIRST + number * WEEK, **(content | changed))
    store.publish(made)
    return made


@pytest.fixture(scope="module")
def store() -> MemoryResultsStore:
    store = MemoryResultsStore()
    for number in range(3):
        publish(store, number)
    return store


@pytest.fixture(scope="module")
def client(store: MemoryResultsStore, tmp_path_factory: pytest.TempPathFactory) -> Client:
    return Client(create_app(results=store, bundles_dir=tmp_path_factory.mktemp("none")))


def ids(store: MemoryResultsStore, start: str | None, end: str | None) -> tuple[int, int]:
    span = span_of(store, start, end)
    return span.start.publication_id, span.end.publication_id


def test_publications_are_named_by_id_by_day_or_not_at_all(store: MemoryResultsStore) -> None:
    assert ids(store, None, None) == (2, 3)
    assert ids(store, "1", "2") == (1, 2)
    assert ids(store, "2026-01-20", "2026-01-26") == (1, 2)
    assert ids(store, None, "2026-01-30") == (1, 2)


@pytest.mark.parametrize(
    ("start", "end", "code"),
    [
        ("3", "2", "nothing-earlier"),
        ("2", "2", "nothing-earlier"),
        (None, "1", "nothing-earlier"),
        ("9", None, "not-found"),
        (None, "2020-01-01", "not-found"),
        ("soon", None, "not-found"),
        ("9999-12-31", None, "not-found"),
    ],
)
def test_a_span_that_is_none_has_its_code(
    store: MemoryResultsStore, start: str | None, end: str | None, code: str
) -> None:
    with pytest.raises(Problem) as caught:
        span_of(store, start, end)
    assert caught.value.kind.code == code


def test_the_steps_of_a_deal_add_up_over_publications(store: MemoryResultsStore) -> None:
    change = record_change(store, "deal", "d-1007", span_of(store, "1", "3"))
    assert change.after - change.before == pytest.approx(0.02)
    assert change.parts == pytest.approx({"stage": 0.06, "engagement": -0.04})
    assert change.sentence(Wording()).endswith(": stage +6 points, engagement −4 points")
    assert "：阶段 +6 个百分点，跟进 −4 个百分点" in change.sentence(Wording(language="zh"))


def test_a_step_that_was_not_kept_is_said_to_be_so() -> None:
    store = MemoryResultsStore()
    publish(store, 0)
    publish(store, 1, deal_steps=pd.DataFrame())
    change = record_change(store, "deal", "d-1007", span_of(store, None, None))
    assert change.parts == pytest.approx({"not recorded": 0.01})


@pytest.mark.parametrize("measure", ["forecast", "amount", "weighted_fixed", "expected"])
@pytest.mark.parametrize("scope", ["", "&scope_kind=team&scope=North"])
def test_the_effects_add_up_to_the_difference(client: Client, measure: str, scope: str) -> None:
    answer = client.get(f"/v1/changes?from=1&to=3&measure={measure}{scope}").json()
    difference = answer["end"] - answer["start"]
    assert sum(kind["effect"] for kind in answer["kinds"]) == pytest.approx(difference)
    assert answer["is_complete"]
    assert answer["period"] == (QUARTER if measure == "forecast" else None)
    sizes = [abs(row["effect"]) for row in answer["items"]]
    assert sizes == sorted(sizes, reverse=True)


def test_won_deals_leave_the_pipeline_and_enter_what_is_booked(client: Client) -> None:
    pipeline = client.get("/v1/changes?from=1&to=3&measure=amount").json()
    won = deals()["amount"].iloc[:2].sum()
    assert pipeline["kinds"] == [
        {"kind": "won", "name": "Won", "effect": pytest.approx(-won), "deal_count": 2}
    ]
    forecast = client.get("/v1/changes?from=1&to=3&language=zh").json()
    kinds = {kind["kind"]: kind for kind in forecast["kinds"]}
    assert kinds["won"]["deal_count"] == 2
    assert kinds["won"]["name"] == "赢单"


def test_a_manager_is_compared_with_everybody_below() -> None:
    """o-1 leads o-0 and o-2; the chain of each publication counts."""
    store = MemoryResultsStore()
    chains = {"o-0": ["o-1"], "o-1": ["o-1"], "o-2": ["o-1"], "o-3": []}
    basis = pd.DataFrame({"part": ["all"], "content": [{"chains": chains}]})
    for number in range(2):
        publish(store, number, forecast_basis=basis)
    client = Client(create_app(results=store, bundles_dir=None))  # type: ignore[arg-type]
    asked = "/v1/changes?measure=amount&scope_kind"
    managed = client.get(f"{asked}=manager&scope=o-1").json()
    owned = [client.get(f"{asked}=owner&scope=o-{i}").json() for i in range(3)]
    assert managed["start"] == pytest.approx(sum(each["start"] for each in owned))
    assert managed["start"] > 0
    assert managed["end"] == pytest.approx(sum(each["end"] for each in owned))
    assert [kind["kind"] for kind in managed["kinds"]] == ["won"]
    assert client.get(f"{asked}=manager&scope=o-9").json()["start"] == 0


def test_two_instants_are_answered_by_the_last_publications_before(
    store: MemoryResultsStore,
) -> None:
    span = span_at(store, FIRST + WEEK / 2, FIRST + 1.5 * WEEK)
    assert span is not None
    assert (span.start.publication_id, span.end.publication_id) == (1, 2)
    assert span_at(store, FIRST, FIRST + WEEK / 2) is None
    assert span_at(store, FIRST - WEEK, AS_OF) is None


def test_the_csv_holds_every_move(client: Client) -> None:
    answer = client.get("/v1/changes.csv?from=1&to=3&measure=expected")
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    whole = client.get("/v1/changes?from=1&to=3&measure=expected&limit=1").json()
    assert len(whole["items"]) == 1
    assert len(rows) == sum(kind["deal_count"] for kind in whole["kinds"]) > 50
    total = sum(float(row["effect"]) for row in rows)
    assert total == pytest.approx(whole["end"] - whole["start"])


def test_a_new_model_has_its_own_part() -> None:
    store = MemoryResultsStore()
    publish(store, 0)
    rows = deals()
    shifted = steps(rows, {"model": 0.05}, 1).assign(
        won_by_shift=pd.Series([{"2026-04-01": 0.1}] * len(rows), dtype=object)
    )
    publish(store, 1, deal_scores=rows, deal_steps=shifted, bundle_digest="1" * 64)
    client = Client(create_app(results=store, bundles_dir=None))  # type: ignore[arg-type]
    for measure, shift in (("expected", 0.05), ("forecast", 0.1)):
        answer = client.get(f"/v1/changes?measure={measure}").json()
        effects = {kind["kind"]: kind["effect"] for kind in answer["kinds"]}
        scale = 1.0 if measure == "expected" else effects["model"] / (shift * rows["amount"].sum())
        assert effects["model"] == pytest.approx(shift * rows["amount"].sum() * scale)
        assert effects["model"] > 0


def test_a_deal_tells_why_it_changed(client: Client) -> None:
    answer = client.get("/v1/deals/d-1007/changes?from=1&to=3").json()
    assert answer["after"] - answer["before"] == pytest.approx(0.02)
    assert [(row["group"], row["effect"]) for row in answer["items"]] == [
        ("stage", pytest.approx(0.06)),
        ("engagement", pytest.approx(-0.04)),
    ]
    assert client.get("/v1/deals/d-1000/changes").status_code == 404
    lead = client.get("/v1/leads/l-3/changes").json()
    assert (lead["before"], lead["items"]) == (lead["after"], [])


def test_a_single_publication_has_nothing_to_be_compared_with() -> None:
    store = MemoryResultsStore()
    publish(store, 0)
    client = Client(create_app(results=store, bundles_dir=None))  # type: ignore[arg-type]
    answer = client.get("/v1/changes")
    assert (answer.status_code, answer.json()["type"][-15:]) == (404, "nothing-earlier")
    page = client.get("/changes")
    assert page.status_code == 404
    assert "Two publications are compared" in page.text
    assert client.get("/deals/d-1007").status_code == 200


def test_the_page_shows_the_bridge_and_links_its_twins(client: Client) -> None:
    page = client.get("/changes?from=1&to=3&scope=team:North").text
    assert "bridge-chart" in page
    assert "/v1/changes.csv?from=1&amp;to=3&amp;measure=forecast&amp;scope_kind=team" in page
    assert 'href="/deals/d-1004"' in page
    assert '<option value="team:North" selected>North</option>' in page
    assert client.get("/changes?from=1&to=3&period=1999+Q1").status_code == 404


@pytest.mark.parametrize("scope", ["planet:Mars", "team:Nobody", "manager:nobody", "North"])
@pytest.mark.parametrize("measure", ["amount", "forecast"])
def test_a_scope_that_is_none_is_no_failure(client: Client, scope: str, measure: str) -> None:
    answer = client.get("/changes", params={"measure": measure, "scope": scope})
    assert answer.status_code in (200, 400, 404)


def test_the_deals_page_tells_the_change_of_the_week(client: Client) -> None:
    page = client.get("/deals/d-1007").text
    assert "Since 26\u00a0Jan\u00a02026" in page
    assert "stage +3 points, engagement −2 points" in page
