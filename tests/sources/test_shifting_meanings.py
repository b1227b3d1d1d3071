"""Columns that mean another thing once a deal is closed: no past snapshot sees the later one."""

import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.sources.whole import read_tables

from closecurve.crm.history import history_tables
from closecurve.crm.mapping import parse_mapping
from closecurve.crm.quality import check_tables
from closecurve.crm.stages import DEFAULT_PROCESS
from closecurve.features.guard import set_aside
from closecurve.features.selected import FeatureSelection
from closecurve.features.snapshot import deal_snapshots, open_deals
from closecurve.features.tables import HistoryTables

PAGE = Path(__file__).parents[2] / "docs" / "mapping.md"

EXPORTS = {
    "2025-01-05": "D1,2025-01-01,open,2025-06-30,500\nD2,2025-01-02,open,2025-05-31,80\n",
    "2025-02-01": "D1,2025-01-01,won,2025-01-28,500\nD2,2025-01-02,open,2025-07-31,90\n",
    "2025-03-01": "D1,2025-01-01,won,2025-01-28,500\nD2,2025-01-02,cancelled,2025-02-20,0\n",
}
MAPPING = """
[sources.deals]
path = "deals-*.csv"

[changes.deals]
key = "deal_id"
at = "regexp_extract(_file, '2025-..-..')"
full = true
columns.amount = "CASE WHEN status <> 'cancelled' THEN amount END"
columns.expected_close_date = "CASE WHEN status = 'open' THEN close_date END"
columns.outcome = "status"

[tables.deals]
from = "deals_last"
columns.amount = "CASE WHEN status <> 'cancelled' THEN amount END"
columns.expected_close_date = "CASE WHEN status = 'open' THEN close_date END"
columns.closed_at = "CASE WHEN status <> 'open' THEN close_date END"
columns.outcome = "status"
values.outcome = { open = "", cancelled = "lost" }

[tables.deal_changes]
from = "deals_changes"
columns.deal_id = "key"
values.outcome = { cancelled = "lost" }
"""


def imported(folder: Path, mapping: str) -> HistoryTables:
    parsed = parse_mapping(tomllib.loads(mapping), folder, {})
    taken = check_tables(read_tables(parsed).tables, [DEFAULT_PROCESS])
    assert taken.rejected.empty
    return HistoryTables.from_frames(history_tables(taken.frames, [DEFAULT_PROCESS]))


@pytest.fixture
def exported(tmp_path: Path) -> HistoryTables:
    for day, rows in EXPORTS.items():
        content = f"deal_id,created_at,status,close_date,amount\n{rows}"
        (tmp_path / f"deals-{day}.csv").write_text(content)
    return imported(tmp_path, MAPPING)


def test_a_past_snapshot_shows_what_the_export_of_its_day_said(exported: HistoryTables) -> None:
    as_ofs = [pd.Timestamp(day) for day in ("2025-01-10", "2025-02-02", "2025-03-02")]
    grain = open_deals(exported, as_ofs)
    rows = deal_snapshots(exported, grain, FeatureSelection()).execute()
    rows = rows.sort_values(["as_of", "deal_id"])
    columns = [rows["as_of"].dt.day, rows["deal_id"], rows["amount"], rows["expected_close_date"]]
    assert [(*row[:3], f"{row[3]:%Y-%m-%d}") for row in zip(*columns, strict=True)] == [
        (10, "D1", 500.0, "2025-06-30"),
        (10, "D2", 80.0, "2025-05-31"),
        (2, "D2", 90.0, "2025-07-31"),
    ]


def rows_of(rng: np.random.Generator, day: int) -> str:
    """An export of 60 deals, some missing by chance; every third one closes on some day."""
    rows = []
    for place in range(60):
        closes_on = place // 3 % 6 if place % 3 == 0 else 9
        status = "open" if day < closes_on else "won" if place % 2 else "cancelled"
        real, expected = f"2025-01-0{max(closes_on, 1)}", f"2025-0{rng.integers(2, 9)}-01"
        due = expected if status == "open" else real
        if rng.random() < 0.9:
            rows.append(f"D{place},2025-01-01,{status},{due},{rng.integers(1, 4)}\n")
    return "".join(rows)


def test_a_later_export_changes_nothing_that_was_known_before(tmp_path: Path) -> None:
    rng, known = np.random.default_rng(5), pd.DataFrame()
    for day in range(2, 6):
        content = f"deal_id,created_at,status,close_date,amount\n{rows_of(rng, day)}"
        (tmp_path / f"deals-2025-01-0{day}.csv").write_text(content)
        facts = imported(tmp_path, MAPPING).deal_changes.execute()
        facts = facts.sort_values(["deal_id", "seq"], ignore_index=True)
        before = facts[facts["known_at"] < pd.Timestamp(f"2025-01-0{day}")]
        if day > 2:
            seen = before[before["deal_id"].isin(known["deal_id"])].reset_index(drop=True)
            assert len(seen) > 60
            pd.testing.assert_frame_equal(seen, known)
        known = facts


def test_the_closes_are_those_of_the_real_dates(exported: HistoryTables) -> None:
    changes = exported.deal_changes.execute()
    outcomes = changes[changes["field"] == "outcome"].sort_values(["deal_id", "event_at"])
    told = outcomes[["deal_id", "new_value"]].to_numpy().tolist()
    assert told == [["D1", "won"], ["D2", "lost"]]


def test_without_a_history_the_guard_sets_such_columns_aside(tmp_path: Path) -> None:
    rng, count, cutoff = np.random.default_rng(3), 800, pd.Timestamp("2025-06-01")
    created = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 500, count), "D")
    closed = created + pd.to_timedelta(rng.integers(5, 400, count), "D")
    due = created + pd.to_timedelta(rng.integers(20, 200, count), "D")
    is_open = np.asarray(closed >= cutoff)
    status = np.where(is_open, "open", rng.choice(["won", "cancelled"], count))
    rows = {
        "deal_id": [f"D{place}" for place in range(count)],
        "created_at": created.strftime("%Y-%m-%d"),
        "status": status,
        "close_date": pd.Index(due).where(is_open, closed).strftime("%Y-%m-%d"),
        "amount": np.where(status == "cancelled", 0, rng.integers(1, 100, count)),
    }
    pd.DataFrame(rows).to_csv(tmp_path / "deals.csv", index=False)
    recipe = PAGE.read_text(encoding="utf-8").split("### Meanings that shift")[1]
    tables = imported(tmp_path, recipe.split("```toml\n")[1].split("```")[0])
    found = {each.column for each in set_aside(tables, cutoff)}
    assert found == {"amount", "expected_close_date"}
