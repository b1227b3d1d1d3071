"""Back-tests: one contract, run on every store; `store` comes from conftest."""

from datetime import date
from typing import Any

import pandas as pd
import pytest

from closecurve.crm.errors import UsageError
from closecurve.stores.results import Backtest, ResultsStore
from closecurve.stores.results.columns import BACKTEST_FORECASTS, Kind

AT = pd.Timestamp("2026-03-02 09:30:00")
CUTOFFS = (pd.Timestamp("2025-10-01"), pd.Timestamp("2026-01-01"))


def forecasts(*scopes: str) -> pd.DataFrame:
    """One row for each team and cutoff; every number is 1 but for the last peer, which is none."""
    numbers = {c.name: 1.0 for c in BACKTEST_FORECASTS.columns if c.kind is Kind.NUMBER}
    common = numbers | {"peer_ets": float("nan"), "weeks_left": 13, "carried_by": "run_rate"}
    days = {"period_start": date(2025, 10, 1), "period_end": date(2026, 1, 1)}
    rows = [
        {"scope_kind": "team", "scope": scope, "cutoff": at, "as_of": at, "period_name": "Q"}
        for scope in scopes
        for at in CUTOFFS
    ]
    return pd.DataFrame([row | common | days for row in rows])


def backtest(*scopes: str, **changed: Any) -> Backtest:
    values: dict[str, Any] = {
        "made_at": AT,
        "history_id": "h1",
        "cutoffs": CUTOFFS,
        "metrics": {"scores": [{"wape": 0.1, "bias": float("nan")}], "name": "北"},
        "forecasts": forecasts(*scopes),
    }
    return Backtest(**(values | changed))


def test_before_the_first_there_is_none(store: ResultsStore) -> None:
    assert store.backtests.newest() is None
    assert store.backtests.rows(1) == []


def test_a_run_is_read_as_it_was_stored(store: ResultsStore) -> None:
    assert store.backtests.put(backtest("North", "東")) == 1
    head = store.backtests.newest()
    assert head is not None
    assert (head.backtest_id, head.made_at, head.history_id) == (1, AT, "h1")
    assert head.cutoffs == CUTOFFS
    assert head.metrics == {"scores": [{"wape": 0.1, "bias": None}], "name": "北"}
    rows = store.backtests.rows(1)
    assert [(row["scope"], row["as_of"]) for row in rows] == [
        (scope, at) for scope in ("North", "東") for at in CUTOFFS
    ]
    assert rows[0]["period_end"] == date(2026, 1, 1)
    assert (rows[0]["weeks_left"], rows[0]["q50"], rows[0]["peer_ets"]) == (13, 1.0, None)


def test_rows_are_read_by_scope(store: ResultsStore) -> None:
    store.backtests.put(backtest("North", "South"))
    rows = store.backtests.rows(1, {"scope": "South", "scope_kind": "team", "period_name": None})
    assert {row["scope"] for row in rows} == {"South"}
    assert len(rows) == 2


def test_a_newer_run_takes_the_place_of_the_rows(store: ResultsStore) -> None:
    store.backtests.put(backtest("North"))
    assert store.backtests.put(backtest("South", history_id="h2")) == 2
    head = store.backtests.newest()
    assert head is not None
    assert head.history_id == "h2"
    assert store.backtests.rows(1) == []
    assert {row["scope"] for row in store.backtests.rows(2)} == {"South"}


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (forecasts("North").drop(columns="q50"), "backtest-columns"),
        (forecasts("North").assign(more=1), "backtest-columns"),
        (forecasts("North", "North"), "backtest-key"),
    ],
)
def test_a_run_has_its_columns_and_each_origin_once(made: pd.DataFrame, code: str) -> None:
    with pytest.raises(UsageError) as refused:
        backtest(forecasts=made)
    assert refused.value.code == code
