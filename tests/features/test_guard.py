"""The guard sets aside what was written at the close, and only that."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from closecurve.features.guard import set_aside
from closecurve.features.selection import choose
from closecurve.features.tables import HistoryTables

CUTOFF = pd.Timestamp("2026-01-01")
COUNT = 600


def company(seed: int = 3) -> dict[str, pd.DataFrame]:
    """Deals of two years, a third still open; outcomes are coins."""
    random = np.random.default_rng(seed)
    created = CUTOFF - pd.to_timedelta(np.linspace(700, 2, COUNT), unit="D")
    closed = created + pd.to_timedelta(random.exponential(150, COUNT), unit="D")
    won = random.random(COUNT) < 0.4
    deals = pd.DataFrame(
        {
            "deal_id": [f"d{i}" for i in range(COUNT)],
            "created_at": created,
            "won": won,
            "closed_at": closed,
            "is_closed": closed < CUTOFF,
        }
    )
    outcome = deals[deals["is_closed"]]
    facts = facts_of(outcome, "outcome", np.where(outcome["won"], "won", "lost"), "closed_at")
    return {"deals": deals, "deal_changes": facts}


def facts_of(deals: pd.DataFrame, field: str, values: object, at: str) -> pd.DataFrame:
    when = deals[at]
    return pd.DataFrame(
        {
            "deal_id": deals["deal_id"],
            "field": field,
            "event_at": when,
            "known_at": when,
            "seq": 0.0,
            "new_value": values,
        }
    ).dropna(subset="new_value")


def tables_of(frames: dict[str, pd.DataFrame], **columns: Any) -> HistoryTables:
    """The history with further columns of deals; what the company knows of itself is left out."""
    deals = frames["deals"].drop(columns=["won", "closed_at", "is_closed"]).assign(**columns)
    return HistoryTables.from_frames(frames | {"deals": deals})


def names(tables: HistoryTables) -> set[str]:
    return {item.name for item in set_aside(tables, CUTOFF)}


def test_a_column_that_is_missing_in_open_deals_only_is_set_aside() -> None:
    frames = company()
    deals, random = frames["deals"], np.random.default_rng(5)
    account = pd.Series([f"a{i % 40}" for i in range(COUNT)])
    known = deals["is_closed"] | (random.random(COUNT) < 0.4)
    (found,) = set_aside(tables_of(frames, account_id=account.where(known)), CUTOFF)
    assert found.name == "deals.account_id"
    assert "filled on 100% of closed records" in found.reason


def test_a_column_that_came_into_use_last_year_is_kept() -> None:
    frames = company()
    is_new = frames["deals"]["created_at"] > CUTOFF - pd.Timedelta(days=200)
    seats = pd.Series(np.arange(COUNT) % 7, dtype=float).where(is_new)
    assert names(tables_of(frames, seats=seats)) == set()


def test_a_reason_of_losses_is_set_aside_and_may_be_kept_by_name() -> None:
    frames = company()
    deals = frames["deals"]
    lost = deals["is_closed"] & ~deals["won"]
    reason = pd.Series(["price", "time"] * (COUNT // 2)).where(lost)
    tables = tables_of(frames, reason=reason, product=["x", "y", "z"] * (COUNT // 3))
    assert names(tables) == {"deals.reason"}
    assert [a.name for a in choose(tables, CUTOFF).deals.attributes] == ["product"]
    kept = choose(tables, CUTOFF, keep=["deals.reason"])
    assert [a.name for a in kept.deals.attributes] == ["product", "reason"]


def test_the_value_of_the_close_as_amount_is_set_aside() -> None:
    frames = company()
    deals = frames["deals"]
    value = np.where(deals["won"], "500", "0")
    amounts = facts_of(deals[deals["is_closed"]], "amount", value[deals["is_closed"]], "created_at")
    changes = pd.concat([frames["deal_changes"], amounts], ignore_index=True)
    tables = tables_of(frames | {"deal_changes": changes})
    assert names(tables) == {"deal_changes.amount"}
    assert "amount_company" not in choose(tables, CUTOFF).columns("deal")


def test_an_expected_close_that_is_the_close_is_set_aside() -> None:
    frames = company()
    dates = frames["deals"]["closed_at"].dt.strftime("%Y-%m-%d")
    expected = facts_of(frames["deals"], "expected_close_date", dates, "created_at")
    changes = pd.concat([frames["deal_changes"], expected], ignore_index=True)
    tables = tables_of(frames | {"deal_changes": changes})
    assert names(tables) == {"deal_changes.expected_close_date"}


def test_a_field_with_a_history_is_never_set_aside() -> None:
    frames = company()
    deals = frames["deals"]
    value = np.where(deals["won"], "500", "0")
    first = facts_of(deals, "amount", "100", "created_at")
    last = facts_of(deals[deals["is_closed"]], "amount", value[deals["is_closed"]], "closed_at")
    changes = pd.concat([frames["deal_changes"], first, last], ignore_index=True)
    assert names(tables_of(frames | {"deal_changes": changes})) == set()


def test_an_account_column_that_tells_the_outcome_is_set_aside() -> None:
    frames = company()
    won = frames["deals"]["won"] & frames["deals"]["is_closed"]
    account = pd.Series([f"a{i}" for i in range(COUNT)])
    customers = pd.DataFrame(
        {
            "account_id": account,
            "customer_since": pd.Series("yes", won.index).where(won),
            "size": 3.0,
        }
    )
    tables = tables_of(frames | {"accounts": customers}, account_id=account)
    assert names(tables) == {"accounts.customer_since"}


def test_a_handful_of_records_says_nothing() -> None:
    frames = company()
    few = {name: frame.head(25) for name, frame in frames.items()}
    assert names(tables_of(few, account_id=[None] * 25)) == set()


def test_the_accounts_of_maven_are_set_aside_and_its_products_kept(shared_data: Path) -> None:
    rows = pd.read_csv(shared_data / "maven_crm/sales_pipeline.csv").dropna(subset="engage_date")
    created, closed = (pd.to_datetime(rows[name]) for name in ("engage_date", "close_date"))
    deals = pd.DataFrame(
        {
            "deal_id": rows["opportunity_id"],
            "created_at": created,
            "account_id": rows["account"],
            "product": rows["product"],
            "closed_at": closed,
        }
    )
    shut = deals[closed.notna()]
    outcome = facts_of(shut, "outcome", rows["deal_stage"].str.lower(), "closed_at")
    value = rows["close_value"].astype(str).where(rows["close_value"].notna())
    amount = facts_of(deals, "amount", value, "created_at")
    frames = {
        "deals": deals.drop(columns="closed_at"),
        "deal_changes": pd.concat([outcome, amount], ignore_index=True),
    }
    tables = HistoryTables.from_frames(frames)
    found = {item.name for item in set_aside(tables, pd.Timestamp("2017-12-01"))}
    assert found == {"deals.account_id", "deal_changes.amount"}
