"""Owners, accounts and stages as of an instant, by hand."""

from typing import Any

import pandas as pd
import pytest

from closecurve.features.context import account_facts, owner_facts, stage_facts
from closecurve.features.tables import HistoryTables

START = pd.Timestamp("2025-01-01")
AS_OF = pd.Timestamp("2025-06-04")  # a Wednesday


def after(days: float) -> pd.Timestamp:
    return START + pd.Timedelta(days=days)


CLOSES = [
    # deal, owner, outcome, closed after days
    ("d1", "ann", "won", 10),
    ("d2", "ann", "won", 30),
    ("d3", "ann", "lost", 20),
    ("d4", "bob", "lost", 20),
    ("d5", "cat", "won", 40),
    ("d6", "cat", "lost", 153.5),  # in the as-of's week: too late for the stage medians
    ("d7", "bob", None, None),
    ("d8", "bob", "won", 154),  # at the as-of: not yet
]


@pytest.fixture(scope="module")
def tables() -> HistoryTables:
    rows = []
    for deal, owner, outcome, days in CLOSES:
        rows += [(deal, "owner_id", START, owner), (deal, "stage", START, "A")]
        rows += [(deal, "amount", START, "100.10")]
        if outcome is not None and days is not None:
            rows += [(deal, "outcome", after(days), outcome)]
    changes = pd.DataFrame(rows, columns=["deal_id", "field", "event_at", "new_value"])
    return HistoryTables.from_frames(
        {
            "deals": pd.DataFrame(
                {
                    "deal_id": [row[0] for row in CLOSES],
                    "created_at": START,
                    "account_id": ["x", "x", "x", "y", "y", "y", None, "x"],
                    "process": "p",
                }
            ),
            "deal_changes": changes.assign(known_at=changes["event_at"], seq=0.0),
            "owners": pd.DataFrame(
                {"owner_id": ["ann", "bob", "new"], "team": ["t", "t", "u"], "region": "r"}
            ),
            "stages": pd.DataFrame(
                {"process": ["p"], "stage": ["A"], "stage_order": [1.0], "kind": ["open"]}
            ),
        }
    )


@pytest.fixture(scope="module")
def owners(tables: HistoryTables) -> dict[str | None, dict[str, Any]]:
    rows = owner_facts(tables, [AS_OF]).to_pyarrow().to_pylist()
    return {row["owner_id"]: row for row in rows}


COMPANY_RATE = 3 / 6
TEAM_RATE = (2 + 20 * COMPANY_RATE) / (4 + 20)


@pytest.mark.parametrize(
    ("owner", "rate"),
    [
        ("ann", (2 + 20 * TEAM_RATE) / (3 + 20)),
        ("bob", (0 + 20 * TEAM_RATE) / (1 + 20)),
        ("cat", (1 + 20 * COMPANY_RATE) / (2 + 20)),  # listed nowhere: no team
        ("new", COMPANY_RATE),  # nobody in the team has closed
        (None, COMPANY_RATE),
    ],
)
def test_a_win_rate_is_mixed_with_the_team_and_the_company(
    owner: str | None, rate: float, owners: dict[str | None, dict[str, Any]]
) -> None:
    assert owners[owner]["win_rate"] == pytest.approx(rate)


def test_a_cycle_is_mixed_in_the_same_way(owners: dict[str | None, dict[str, Any]]) -> None:
    company = (10 + 30 + 40) / 3
    team = (10 + 30 + 20 * company) / (2 + 20)
    assert owners[None]["cycle_days"] == pytest.approx(company)
    assert owners["ann"]["cycle_days"] == pytest.approx((10 + 30 + 20 * team) / (2 + 20))


def test_open_deals_are_counted_and_leads_apart(owners: dict[str | None, dict[str, Any]]) -> None:
    assert {name: row["open_count"] for name, row in owners.items()} == {
        "ann": 0.0,
        "bob": 2.0,
        "cat": 0.0,
        "new": 0.0,
        None: 0.0,
    }
    assert {row["conversion_rate"] for row in owners.values()} == {None}


def test_closes_older_than_a_year_no_longer_count(tables: HistoryTables) -> None:
    later = after(10 + 365)
    rows = owner_facts(tables, [later, later + pd.Timedelta(microseconds=1)])
    company = [
        row["win_rate"]
        for row in rows.order_by("as_of").to_pyarrow().to_pylist()
        if row["owner_id"] is None
    ]
    assert company == pytest.approx([4 / 7, 3 / 6])


def test_accounts_count_deals_wins_and_money(tables: HistoryTables) -> None:
    rows = account_facts(tables, [AS_OF]).to_pyarrow().to_pylist()
    found = {row["account_id"]: row for row in rows}
    assert set(found) == {"x", "y"}
    assert (found["x"]["deal_count"], found["x"]["won_count"]) == (4.0, 2.0)
    assert found["x"]["won_amount"] == pytest.approx(200.20)
    assert (found["x"]["last_win_at"], found["y"]["last_win_at"]) == (after(30), after(40))


def test_a_stage_median_is_that_of_won_deals_before_the_week(tables: HistoryTables) -> None:
    rows = stage_facts(tables, [START, AS_OF]).to_pyarrow().to_pylist()
    assert rows == [{"process": "p", "stage": "A", "as_of": AS_OF, "median_days": 30.0}]
