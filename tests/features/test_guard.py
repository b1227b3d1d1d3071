"""The guard sets aside what was written at the close, and only that."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from closecurve.crm.errors import UsageError
from closecurve.features.guard import ColumnReport, inspect, set_aside
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


def report_of(tables: HistoryTables, name: str, **named: Any) -> ColumnReport:
    return next(each for each in inspect(tables, CUTOFF, **named) if each.name == name)


def test_a_copy_of_the_outcome_is_set_aside() -> None:
    frames = company()
    deals = frames["deals"]
    copy = deals["won"].map({True: "gained", False: "gone"}).where(deals["is_closed"], "running")
    report = report_of(tables_of(frames, state=copy), "deals.state")
    assert not report.is_used
    assert report.auc == 1.0
    assert any("gone" in example and "0% won" in example for example in report.examples)


@pytest.mark.parametrize("kinds", [1, 12])
def test_a_category_that_restates_the_outcome_of_some_is_set_aside(kinds: int) -> None:
    frames = company()
    deals, random = frames["deals"], np.random.default_rng(4)
    honest = pd.Series(random.integers(0, 6, COUNT)).astype(str).radd("kind ")
    told = deals["is_closed"] & ~deals["won"] & (random.random(COUNT) < 0.5)
    reasons = pd.Series(random.integers(0, kinds, COUNT)).astype(str).radd("Closed: ")
    report = report_of(tables_of(frames, state=honest.mask(told, reasons)), "deals.state")
    assert not report.is_used
    assert "of one outcome alone" in report.reason
    assert report.filled_on_open == report.filled_on_closed == 1.0


def test_a_column_that_is_emptied_at_the_close_is_set_aside() -> None:
    frames = company()
    steps = pd.Series(["call", "visit", "offer"] * (COUNT // 3))
    emptied = steps.mask(frames["deals"]["is_closed"])
    assert names(tables_of(frames, next_step=emptied)) == {"deals.next_step"}


def test_a_kind_of_deal_that_closes_at_once_is_kept() -> None:
    frames = company()
    deals, random = frames["deals"], np.random.default_rng(6)
    is_quick = random.random(COUNT) < 0.3
    closed = deals["closed_at"].mask(is_quick, deals["created_at"] + pd.Timedelta(days=20))
    won = deals["won"] & ~is_quick
    quick = deals.assign(closed_at=closed, is_closed=closed < CUTOFF, won=won)
    shut = quick[quick["is_closed"]]
    facts = facts_of(shut, "outcome", np.where(shut["won"], "won", "lost"), "closed_at")
    tables = tables_of(
        {"deals": quick, "deal_changes": facts}, kind=np.where(is_quick, "spot", "project")
    )
    report = report_of(tables, "deals.kind")
    assert report.is_used, report.reason


def test_a_deleted_deal_is_neither_open_nor_closed() -> None:
    frames = company()
    deals = frames["deals"]
    is_deleted = ~deals["is_closed"] & (np.arange(COUNT) % 2 == 0)
    gone = deals[is_deleted].assign(deleted_at=CUTOFF - pd.Timedelta(days=1))
    deletions = facts_of(gone, "outcome", "deleted", "deleted_at")
    changes = pd.concat([frames["deal_changes"], deletions], ignore_index=True)
    product = pd.Series(["x", "y", "z"] * (COUNT // 3)).mask(is_deleted)
    tables = tables_of(frames | {"deal_changes": changes}, product=product)
    assert report_of(tables, "deals.product").filled_on_open == 1.0


# One honest column in some 300 is set aside (docs/measured.md): fresh examples would now and then
# find one, and shrinking it takes minutes. So the examples are the same each time.
@settings(max_examples=6, deadline=None, derandomize=True, phases=[Phase.generate])
@given(
    seed=st.integers(0, 2**31),
    strength=st.floats(0, 2.2),
    hurry=st.floats(0, 1.5),
    kinds=st.sampled_from([0, 2, 8, 200]),
    missing=st.floats(0, 0.8),
)
def test_an_honest_column_is_kept_however_strong(
    seed: int, strength: float, hurry: float, kinds: int, missing: float
) -> None:
    """Known at the creation: AUC to 0.9, fast closing, missing for a cause, many categories."""
    random = np.random.default_rng(seed)
    driver = random.normal(size=COUNT)
    won = random.random(COUNT) < 1 / (1 + np.exp(-strength * driver))
    frames = company(seed)
    lasted = (frames["deals"]["closed_at"] - frames["deals"]["created_at"]).dt.total_seconds()
    # A century at most: what would close later than a timestamp can say is open all the same.
    seconds: pd.Series = (lasted * np.exp(-hurry * driver)).clip(upper=3e9)
    closed = frames["deals"]["created_at"] + pd.to_timedelta(seconds.round(), unit="s")
    deals = frames["deals"].assign(won=won, closed_at=closed, is_closed=closed < CUTOFF)
    shut = deals[deals["is_closed"]]
    facts = facts_of(shut, "outcome", np.where(shut["won"], "won", "lost"), "closed_at")
    is_known = random.random(COUNT) + 0.2 * np.sign(driver) > missing
    rank = pd.Series(driver).rank()
    groups = (rank * kinds // (COUNT + 1)).astype(int).astype(str).radd("kind ")
    values = groups.where(is_known) if kinds else pd.Series(driver).where(is_known)
    tables = tables_of({"deals": deals, "deal_changes": facts}, honest=values)
    report = report_of(tables, "deals.honest")
    assert report.is_used, report.reason


def test_a_name_in_keep_overrules_and_one_in_set_aside_too() -> None:
    frames = company()
    lost = frames["deals"]["is_closed"] & ~frames["deals"]["won"]
    tables = tables_of(
        frames,
        reason=pd.Series(["price", "time"] * (COUNT // 2)).where(lost),
        product=["x", "y", "z"] * (COUNT // 3),
    )
    named = {"keep": ["deals.reason"], "without": ["deals.product"]}
    kept, dropped = (report_of(tables, f"deals.{n}", **named) for n in ("reason", "product"))
    assert (kept.is_used, kept.is_overruled) == (True, True)
    assert kept.reason.startswith("kept by name in closecurve.toml, although it is filled on")
    assert (dropped.is_used, dropped.is_overruled) == (False, True)


@pytest.mark.parametrize(
    ("keep", "without", "code"),
    [
        (["deals.typo"], [], "features-name"),
        (["deals.lead_id"], ["deals.lead_id"], "features-both"),
    ],
)
def test_names_that_cannot_be_followed_are_refused(
    keep: list[str], without: list[str], code: str
) -> None:
    with pytest.raises(UsageError) as caught:
        inspect(tables_of(company()), CUTOFF, keep=keep, without=without)
    assert caught.value.code == code


def test_a_value_of_few_records_is_not_shown() -> None:
    frames = company()
    closed = frames["deals"]["is_closed"]
    phones = pd.Series(np.arange(COUNT)).astype(str).where(closed)
    report = report_of(tables_of(frames, phone=phones), "deals.phone")
    assert (report.is_used, report.examples) == (False, ())


def test_every_column_is_reported_with_its_shares() -> None:
    report = report_of(
        tables_of(company(), product=["x", "y", "z"] * (COUNT // 3)), "deals.product"
    )
    assert report.to_json() == {
        "name": "deals.product",
        "table": "deals",
        "column": "product",
        "is_used": True,
        "is_overruled": False,
        "reason": "nothing speaks against it",
        "filled_on_open": 1.0,
        "filled_on_closed": 1.0,
        "auc": report.auc,
        "examples": [],
    }
    assert report.auc is not None
    assert 0.4 < report.auc < 0.6


def test_accounts_and_close_values_of_maven_are_set_aside_products_and_agents_kept(
    shared_data: Path,
) -> None:
    rows = pd.read_csv(shared_data / "maven_crm/sales_pipeline.csv").dropna(subset="engage_date")
    created, closed = (pd.to_datetime(rows[name]) for name in ("engage_date", "close_date"))
    deals = pd.DataFrame(
        {
            "deal_id": rows["opportunity_id"],
            "created_at": created,
            "account_id": rows["account"],
            "product": rows["product"],
            "close_value": rows["close_value"],
            "agent": rows["sales_agent"],
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
    found = {item.name for item in set_aside(tables, pd.Timestamp("2018-01-01"))}
    assert found == {"deals.account_id", "deals.close_value", "deal_changes.amount"}
