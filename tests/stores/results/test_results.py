"""The contract of a results store, run on each of them."""

import threading
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import update
from tests.stores.results.conftest import FIRST_AS_OF, make_publication

from closecurve.crm.errors import EnvironmentFailure, UsageError
from closecurve.stores.results import Page, ResultsStore, Row, SqlResultsStore, publication_of
from closecurve.stores.results.columns import RESULT_TABLES
from closecurve.stores.results.schema import SCHEMA, SCHEMA_VERSION, engine_of


def walked(page_after: Callable[[str | None], Page]) -> list[Row]:
    """All rows, page after page."""
    rows, cursor = [], None
    while True:
        page = page_after(cursor)
        rows += page.rows
        cursor = page.next_cursor
        if cursor is None:
            return rows


def test_an_empty_store_has_no_publication(store: ResultsStore) -> None:
    assert store.latest() is None
    assert store.deals(1).rows == []
    assert store.deal(1, "d000001") is None
    assert set(store.counts(1).values()) == {0}


def test_ids_count_up_and_the_newest_is_the_latest(store: ResultsStore) -> None:
    assert [store.publish(make_publication(n)) for n in (1, 2)] == [1, 2]
    head = store.latest()
    assert head is not None
    assert head.publication_id == 2
    assert head.as_of == FIRST_AS_OF + pd.Timedelta(days=2)
    assert isinstance(head.as_of, pd.Timestamp)
    assert head.history_id == "history-2"
    assert (head.deal_model_version, head.lead_model_version) == ("7", None)
    assert head.summary["deals"] == 5


def test_the_same_content_published_again_changes_nothing(store: ResultsStore) -> None:
    first = store.publish(make_publication(1))
    store.publish(make_publication(2))
    assert store.publish(make_publication(1, deals=9)) == first
    assert store.counts(first)["deal_scores"] == 5
    head = store.latest()
    assert head is not None
    assert head.publication_id == 2


@pytest.mark.parametrize("name", ["history_id", "bundle_digest"])
def test_another_history_or_bundle_is_another_publication(store: ResultsStore, name: str) -> None:
    store.publish(make_publication(1))
    changes: dict[str, Any] = {name: "another"}
    assert store.publish(make_publication(1, **changes)) == 2


def test_a_deal_has_plain_values_and_its_curve(store: ResultsStore) -> None:
    publication = make_publication(1)
    number = store.publish(publication)
    given = publication.deal_scores.iloc[0]
    deal = store.deal(number, given["deal_id"])
    assert deal is not None
    assert set(deal) == set(publication.deal_scores.columns)
    assert deal["amount"] == given["amount"]
    assert deal["created_at"] == given["created_at"]
    assert type(deal["created_at"]) is datetime
    assert deal["close_q50_date"] == date(2026, 6, 1)
    assert type(deal["expected_close_date"]) is date
    assert deal["close_q10_date"] is None
    assert deal["region"] is None
    assert deal["curve"] == given["curve"]
    assert deal["reasons"] == [{"group": "stage", "effect": 0.125}]


def test_gaps_and_infinities_are_null(store: ResultsStore) -> None:
    publication = make_publication(1, deals=7)
    scores = publication.deal_scores.astype({"region": object})
    scores.loc[0, "amount"] = float("inf")
    scores.loc[1, "team"] = None
    curve = {"won": [float("nan"), 0.5], "lost": float("-inf")}
    scores["curve"] = pd.Series([curve] * 7)
    number = store.publish(make_publication(1, deals=7, deal_scores=scores))
    ids = scores["deal_id"]
    deals = {row["deal_id"]: row for row in store.deals(number).rows}
    assert deals[ids[0]]["amount"] is None
    assert deals[ids[1]]["team"] is None
    assert deals[ids[2]]["curve"] == {"won": [None, 0.5], "lost": None}
    assert deals[ids[6]]["win_probability_quarter"] is None


@pytest.mark.parametrize(
    "order",
    [
        "-win_probability_quarter",
        "win_probability_quarter",
        "-amount_company",
        "created_at",
        "-created_at",
        "expected_close_date",
        "close_q10_date",
    ],
)
def test_pages_hold_every_deal_once_in_order(store: ResultsStore, order: str) -> None:
    publication = make_publication(1, deals=60)
    number = store.publish(publication)
    rows = walked(lambda after: store.deals(number, order=order, after=after, limit=7))
    name = order.removeprefix("-")
    frame = publication.deal_scores.sort_values("deal_id").sort_values(
        name, ascending=name == order, kind="stable", na_position="last"
    )
    assert [row["deal_id"] for row in rows] == frame["deal_id"].tolist()


def test_a_full_last_page_has_no_next(store: ResultsStore) -> None:
    number = store.publish(make_publication(1, deals=8))
    first = store.deals(number, limit=4)
    assert first.next_cursor is not None
    assert publication_of(first.next_cursor) == number
    second = store.deals(number, limit=4, after=first.next_cursor)
    assert len(second.rows) == 4
    assert second.next_cursor is None


def test_deals_are_filtered_by_owner_team_and_stage(store: ResultsStore) -> None:
    publication = make_publication(1, deals=60)
    number = store.publish(publication)
    frame = publication.deal_scores
    for filters in ({"owner_id": "o3"}, {"team": "team 2", "stage": "Proposal"}):
        wanted = frame
        for name, value in filters.items():
            wanted = wanted[wanted[name] == value]
        rows = walked(lambda after, f=filters: store.deals(number, after=after, limit=3, **f))  # type: ignore[misc]
        assert len(rows) > 0
        assert {row["deal_id"] for row in rows} == set(wanted["deal_id"])
    assert store.deals(number, owner_id="nobody").rows == []


def test_leads_come_by_their_place_in_the_queue(store: ResultsStore) -> None:
    number = store.publish(make_publication(1, leads=9))
    rows = walked(lambda after: store.leads(number, after=after, limit=2))
    assert [row["queue_rank"] for row in rows] == list(range(1, 10))
    assert rows[0]["is_overdue"] is True
    assert rows[1]["is_overdue"] is False
    assert {row["lead_id"] for row in store.leads(number, grade="B").rows} == {
        "l000001",
        "l000005",
    }
    only = store.leads(number, grade="A", owner_id="o0").rows
    assert {row["grade"] for row in only} == {"A"}
    lead = store.lead(number, "l000000")
    assert lead is not None
    assert lead["response_due_at"] == datetime(2026, 3, 3, 2)
    assert store.lead(number, "no such lead") is None


def test_a_deals_history_is_newest_first_and_ends_where_it_is_told(store: ResultsStore) -> None:
    for number in range(1, 5):
        store.publish(make_publication(number))
    history = store.deal_history("d000001")
    assert [row["publication_id"] for row in history] == [4, 3, 2, 1]
    assert list(history[0]) == [
        *("publication_id", "as_of", "stage", "amount", "currency"),
        *("win_probability_eventual", "win_probability_quarter"),
    ]
    assert history[-1]["as_of"] == datetime(2026, 3, 3)
    first = store.deal(1, "d000001")
    assert first is not None
    assert history[-1]["amount"] == first["amount"]
    assert [row["publication_id"] for row in store.deal_history("d000001", 2, until=3)] == [3, 2]
    assert store.deal_history("no such deal") == []


def test_only_the_newest_publications_keep_their_curves(store: ResultsStore) -> None:
    for number in range(1, 6):
        store.publish(make_publication(number))
    kept = [n for n in range(1, 6) if (store.deal(n, "d000001") or {})["curve"] is not None]
    assert kept == [3, 4, 5]
    lead, deal = store.lead(1, "l000001"), store.deal(1, "d000001")
    assert lead is not None
    assert lead["curve"] is None
    assert deal is not None
    assert deal["reasons"] is not None


def test_forecasts_come_by_period_and_scope(store: ResultsStore) -> None:
    number = store.publish(make_publication(1))
    rows = store.forecast(number)
    assert [(row["period_start"], row["scope_kind"]) for row in rows] == [
        (date(2026, 1, 1), "company"),
        (date(2026, 1, 1), "team"),
        (date(2026, 4, 1), "company"),
        (date(2026, 4, 1), "team"),
    ]
    assert rows[0]["q50"] == 7.0
    assert rows[0]["actual"] is None
    assert len(store.forecast(number, "team", "team 0")) == 2
    for day in (pd.Timestamp("2026-04-01"), date(2026, 4, 1)):
        (row,) = store.forecast(number, scope_kind="team", period_start=day)
        assert row["carried_by"] == "curves"


def test_a_funnel_comes_by_stage_order(store: ResultsStore) -> None:
    number = store.publish(make_publication(1))
    rows = store.funnel(number, "company", "company")
    assert [(row["stage_order"], row["deal_count"]) for row in rows] == [(1, 3), (2, 2), (None, 1)]
    assert store.funnel(number, "team", "company") == []


def test_facts_come_back_as_columns(store: ResultsStore) -> None:
    number = store.publish(make_publication(1))
    assert store.owner_facts(number) == [
        {"owner_id": "o0", "win_rate": None},
        {"owner_id": "o1", "win_rate": 0.25},
    ]
    facts = store.account_facts(number, "a0")
    assert facts == {"account_id": "a0", "last_won_at": "2026-03-03T00:00:00"}
    assert store.account_facts(number, "a1") is None


def test_counts_are_the_rows_of_each_table(store: ResultsStore) -> None:
    store.publish(make_publication(1))
    number = store.publish(make_publication(2, deals=7, leads=0))
    counts = store.counts(number)
    assert list(counts) == list(RESULT_TABLES)
    assert counts == dict.fromkeys(RESULT_TABLES, 2) | {
        "deal_scores": 7,
        "lead_scores": 0,
        "forecasts": 4,
        "funnel": 3,
        "account_facts": 1,
        "stalls": 7,
    }


def test_a_company_without_leads_and_facts_is_published(store: ResultsStore) -> None:
    none = pd.DataFrame()
    publication = make_publication(1, lead_scores=none, owner_facts=none, funnel=none)
    number = store.publish(publication)
    assert store.leads(number).rows == []
    assert store.owner_facts(number) == []


def test_what_a_reader_changes_is_not_stored(store: ResultsStore) -> None:
    number = store.publish(make_publication(1))
    deal = store.deal(number, "d000001")
    assert deal is not None
    deal["curve"]["won"].clear()
    deal["amount"] = 0
    again = store.deal(number, "d000001")
    assert again is not None
    assert len(again["curve"]["won"]) == 40
    assert again["amount"] != 0


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        ("order-unknown", {"order": "curve"}),
        ("order-unknown", {"order": "--amount"}),
        ("order-unknown", {"order": "amount; drop table deal_scores"}),
        ("limit-range", {"limit": 0}),
        ("limit-range", {"limit": 2**70}),
        ("filter-text", {"owner_id": "a\0b"}),
        ("filter-text", {"team": "\ud800"}),
        ("cursor-invalid", {"after": "no cursor"}),
    ],
)
def test_a_wrong_question_has_its_code(
    store: ResultsStore, code: str, arguments: dict[str, Any]
) -> None:
    store.publish(make_publication(1))
    with pytest.raises(UsageError) as caught:
        store.deals(1, **arguments)
    assert caught.value.code == code


def test_a_publication_that_cannot_be_written_leaves_nothing(store: ResultsStore) -> None:
    store.publish(make_publication(1))
    scores = make_publication(2).deal_scores.assign(owner_id="a\0b")
    with pytest.raises(UsageError, match="owner_id is of kind text"):
        store.publish(make_publication(2, deal_scores=scores))
    head = store.latest()
    assert head is not None
    assert head.publication_id == 1
    assert store.publish(make_publication(2)) == 2


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/results.sqlite"
    return str(request.getfixturevalue("postgresql_url"))


def test_two_publishers_at_once_leave_one_publication_each(url: str) -> None:
    stores = [SqlResultsStore(url) for _ in range(2)]
    before = stores[0].latest()
    first = before.publication_id + 1 if before else 1
    ids: list[int] = []
    threads = [
        threading.Thread(target=lambda s=s, n=n: ids.append(s.publish(make_publication(n))))
        for s, n in zip([*stores, *stores], (90, 91, 92, 90), strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(set(ids)) == [first, first + 1, first + 2]
    assert len(ids) == 4
    for store in stores:
        store.close()


def test_heads_are_listed_newest_first(store: ResultsStore) -> None:
    for number in (1, 2, 3):
        store.publish(make_publication(number))
    assert [head.publication_id for head in store.publications(limit=2)] == [3, 2]
    assert store.publications()[0] == store.latest()
    assert store.publication(1) == store.publications()[-1]
    assert store.publication(4) is None


def test_rows_of_any_table_come_by_their_key(store: ResultsStore) -> None:
    number = store.publish(make_publication(1, deals=30))
    ids = [row["deal_id"] for row in store.rows(number, "deal_scores", {"team": None})]
    assert ids == sorted(ids)
    assert len(ids) == 30
    some = store.rows(number, "deal_scores", {"team": "team 1"})
    assert {row["team"] for row in some} == {"team 1"}
    assert store.rows(number + 1, "deal_scores") == []
    few = store.rows(number, "deal_scores", {"team": "team 1"}, columns=("deal_id", "amount"))
    assert few == [{name: row[name] for name in ("deal_id", "amount")} for row in some]


def test_a_page_of_any_table_walks_like_that_of_deals(store: ResultsStore) -> None:
    number = store.publish(make_publication(1, deals=30))
    for stage in (None, "Proposal"):

        def following(after: str | None, stage: str | None = stage) -> Page:
            filters = {"stage": stage}
            return store.page(number, "deal_scores", filters, order="-amount", after=after, limit=7)

        whole = store.deals(number, stage=stage, order="-amount", limit=100)
        assert walked(following) == whole.rows


def test_a_home_of_an_earlier_release_is_added_to(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/results.sqlite"
    first = SqlResultsStore(url)
    number = first.publish(make_publication(1))
    first.close()
    engine = engine_of(url)
    with engine.connect().execution_options(writing=True) as connection, connection.begin():
        connection.execute(update(SCHEMA).values(version=1))
        connection.exec_driver_sql("DROP TABLE funnel")
        connection.exec_driver_sql("ALTER TABLE forecasts DROP COLUMN carried_by")
    engine.dispose()
    store = SqlResultsStore(url)
    assert len(store.deals(number).rows) == 5
    assert {row["carried_by"] for row in store.forecast(number)} == {None}
    assert store.counts(store.publish(make_publication(2)))["funnel"] > 0
    store.close()


def test_a_newer_schema_is_refused_with_the_command_that_mends_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/results.sqlite"
    SqlResultsStore(url).close()
    engine = engine_of(url)
    with engine.connect().execution_options(writing=True) as connection, connection.begin():
        connection.execute(update(SCHEMA).values(version=SCHEMA_VERSION + 1))
    engine.dispose()
    with pytest.raises(EnvironmentFailure, match="pip install --upgrade closecurve") as caught:
        SqlResultsStore(url)
    assert caught.value.code == "results-schema"


@pytest.mark.parametrize(
    "url", ["mysql://root:secret@host/db", "no url", "oracle://u:secret@h/d", "nothing://x"]
)
def test_an_address_of_another_kind_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        SqlResultsStore(url)
    assert caught.value.code == "results-url"
    assert "secret" not in str(caught.value)


def test_a_database_that_cannot_be_opened_is_an_environment_failure(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFailure) as caught:
        SqlResultsStore(f"sqlite:///{tmp_path}/no/such/folder/results.sqlite")
    assert caught.value.code == "results-failed"


def test_a_damaged_database_is_an_environment_failure(tmp_path: Path) -> None:
    (tmp_path / "results.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(EnvironmentFailure) as caught:
        SqlResultsStore(f"sqlite:///{tmp_path}/results.sqlite")
    assert caught.value.code == "results-failed"
