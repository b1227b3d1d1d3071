"""The track record: the newest back-test as API, file and page."""

import csv
import io
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from closecurve.models.track_record.origins import peer_column
from closecurve.models.track_record.scores import count_tested, failures, record_scores
from closecurve.models.track_record.words import PEERS
from closecurve.stores.results import Backtest, MemoryResultsStore
from closecurve.stores.results.columns import BACKTEST_FORECASTS

STARTS = pd.date_range("2023-01-01", periods=12, freq="QS")
WEEKS = (0, 6, 12)


def forecasts() -> pd.DataFrame:
    """Twelve quarters of the company, whose forecasts held, of a team whose did not, of owners."""
    scopes = {("company", "company"): 1.0, ("team", "North"): 4.0, ("owner", "o-1"): 1.0}
    listed = [
        _row(start, week, kind, scope, factor)
        for (kind, scope), factor in scopes.items()
        for start in STARTS
        for week in WEEKS
    ]
    return pd.DataFrame(listed)[list(BACKTEST_FORECASTS.names)]


def _row(start: pd.Timestamp, week: int, kind: str, scope: str, factor: float) -> dict[str, Any]:
    quarter = (start.month + 2) // 3
    actual = factor * (105.0 if quarter % 2 else 95.0)
    levels = {"q05": 75, "q10": 80, "q25": 90, "q50": 100, "q75": 110, "q90": 120, "q95": 125}
    booked = actual * week / 13
    peers = {peer_column(name): actual * 1.5 for name in PEERS}
    peers |= {"peer_run_rate": actual * 1.01, "peer_last_year": np.nan}
    return {
        **{"cutoff": start, "as_of": start + pd.Timedelta(weeks=week), "scope_kind": kind},
        **{"scope": scope, "period_name": f"{start.year} Q{quarter}", "weeks_left": 13 - week},
        **{"period_start": start, "period_end": start + pd.DateOffset(months=3)},
        **{"booked": booked, "open_mean": 50.0, "new_mean": 50.0 - booked / 2, "mean": 100.0},
        **{"actual": actual, "open_actual": actual - booked, "new_actual": 0.0},
        **levels,
        **peers,
        "carried_by": "run_rate",
    }


@pytest.fixture(scope="module")
def asked(serve: Any, client: Any, publication: Any) -> Any:
    """A service over a publication and a back-test."""
    store, rows = MemoryResultsStore(), forecasts()
    scores = record_scores(rows)
    metrics = {
        "currency": "USD",
        "quarters": sorted(rows["period_name"].unique()),
        "scores": scores,
        "failures": failures(scores),
        "tested_count": count_tested(scores),
    }
    run = Backtest(
        made_at=pd.Timestamp("2026-02-01 03:00"),
        history_id="h1",
        cutoffs=tuple(STARTS),
        metrics=metrics,
        forecasts=rows,
    )
    store.backtests.put(run)
    store.publish(publication())
    return type(client)(serve(store))


def test_the_company_is_told_where_no_node_is_named(asked: Any) -> None:
    answer = asked.get("/v1/backtest").json()
    assert (answer["scope_kind"], answer["backtest_id"]) == ("company", 1)
    assert answer["made_at"] == "2026-02-01T03:00:00Z"
    assert {row["scope"] for row in answer["items"]} == {"company"}
    assert len(answer["items"]) == len(STARTS) * len(WEEKS)
    assert answer["items"][0]["peer_last_year"] is None
    assert [score["lead"] for score in answer["scores"]] == [
        *("all", "early", "middle", "late", "first_day")
    ]
    assert [node["scope"] for node in answer["nodes"]] == ["company", "North", "(each)"]


def test_where_intervals_failed_it_says_so(asked: Any) -> None:
    told = [failure["sentence"] for failure in asked.get("/v1/backtest").json()["failures"]]
    assert "80% intervals of team North held 0% of 12 quarters: too narrow." in told
    assert not [sentence for sentence in told if "company" in sentence and "narrow" in sentence]


def test_a_node_and_a_quarter_are_asked_by_name(asked: Any) -> None:
    rows = asked.get("/v1/backtest?scope_kind=team&scope=North&period=2023 Q2").json()["items"]
    assert {(row["scope"], row["period_name"]) for row in rows} == {("North", "2023 Q2")}
    assert len(rows) == len(WEEKS)
    together = asked.get("/v1/backtest?scope_kind=owner&scope=(each)").json()
    assert {row["scope"] for row in together["items"]} == {"o-1"}


@pytest.mark.parametrize("query", ["scope=nobody", "period=1999 Q1", "scope_kind=team&scope=West"])
def test_what_was_not_asked_is_not_found(asked: Any, query: str) -> None:
    assert asked.get(f"/v1/backtest?{query}").status_code == 404
    assert asked.get(f"/v1/backtest.csv?{query}").status_code == 404


def test_the_csv_has_the_same_rows(asked: Any) -> None:
    answer = asked.get("/v1/backtest.csv?period=2023 Q1")
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    items = asked.get("/v1/backtest?period=2023 Q1").json()["items"]
    assert [float(row["q90"]) for row in rows] == [item["q90"] for item in items]
    assert rows[0]["period_start"] == date(2023, 1, 1).isoformat()
    assert rows[0]["peer_last_year"] == ""


def test_before_the_first_the_page_names_the_command(client: Any) -> None:
    assert client.get("/v1/backtest").json()["type"].endswith("nothing-backtested")
    assert client.get("/v1/backtest").status_code == 404
    text = client.get("/backtest").text
    assert "closecurve backtest" in text
    assert 'aria-current="page">Track record' in text


def test_the_page_tells_intervals_peers_and_failures(asked: Any) -> None:
    text = asked.get("/backtest").text.replace("\u00a0", " ")
    for words in (
        "36 origins in 12 quarters, 2023 Q1 to 2025 Q4",
        "80% intervals of team North held 0% of 12 quarters: too narrow.",
        "run rate of the last 90 days had less error than the forecast",
        "2025 Q4 from week to week",
    ):
        assert words in text
    assert text.count('class="figure"') == 2


@pytest.mark.parametrize("node", ["team:North", "owner:(each)"])
def test_the_page_of_a_node_and_a_quarter_stands_in_its_address(asked: Any, node: str) -> None:
    text = asked.get(f"/backtest?node={node}&quarter=2023 Q2&lead=late").text
    assert f'<option value="{node}" selected>' in text
    assert "the last 4 weeks" in text
    assert ("2023 Q2 from week to week" in text) == (node == "team:North")


@pytest.mark.parametrize("query", ["node=team:West", "node=x", "quarter=1999 Q1", "lead=sometime"])
def test_a_page_of_what_was_not_asked_is_missing(asked: Any, query: str) -> None:
    assert asked.get(f"/backtest?{query}").status_code == 404
