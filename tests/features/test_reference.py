"""The plain-Python reference and the expressions on DuckDB agree on any history."""

import math
from collections.abc import Callable
from typing import Any

import ibis.expr.types as ir
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from closecurve.features.context import account_facts, owner_facts, stage_facts
from closecurve.features.records import Context, DealRecord, LeadRecord, plain, rows_of
from closecurve.features.reference import deal_snapshot_of, lead_snapshot_of
from closecurve.features.selected import FeatureSelection
from closecurve.features.snapshot import deal_snapshots, lead_snapshots
from closecurve.features.tables import HistoryTables
from closecurve.features.timeline import as_of_table

Frames = dict[str, pd.DataFrame]
EXAMPLES = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@EXAMPLES
@given(data=st.data())
def test_a_deal_is_the_same_in_both(
    data: st.DataObject, engine: Any, any_history: Any, selection: FeatureSelection, as_ofs: list[pd.Timestamp]
) -> None:
    frames = data.draw(any_history)
    tables = engine.load(frames)
    rows = engine.run("deals", tables, _all_pairs(deal_snapshots, "deals", "deal_id", selection, as_ofs))
    contexts = _contexts(engine, tables, frames, as_ofs)
    for row in rows_of(rows):
        as_of = pd.Timestamp(row["as_of"])
        record = deal_record(frames, row["deal_id"])
        assert_same(row, deal_snapshot_of(record, contexts[as_of], as_of, selection))


@EXAMPLES
@given(data=st.data())
def test_a_lead_is_the_same_in_both(
    data: st.DataObject, engine: Any, any_history: Any, selection: FeatureSelection, as_ofs: list[pd.Timestamp]
) -> None:
    frames = data.draw(any_history)
    tables = engine.load(frames)
    rows = engine.run("leads", tables, _all_pairs(lead_snapshots, "leads", "lead_id", selection, as_ofs))
    contexts = _contexts(engine, tables, frames, as_ofs)
    for row in rows_of(rows):
        as_of = pd.Timestamp(row["as_of"])
        record = lead_record(frames, row["lead_id"])
        assert_same(row, lead_snapshot_of(record, contexts[as_of], as_of, selection))


def test_a_deal_outside_the_history_is_added_to_its_surroundings(selection: FeatureSelection) -> None:
    as_of = pd.Timestamp("2024-06-01")
    context = Context.from_frames(
        as_of,
        owner_facts=[{"owner_id": "o0", "open_count": 4.0, "win_rate": 0.25, "cycle_days": 30.0}],
        account_facts=[{"account_id": "a0", "deal_count": 2.0}],
    )
    owner = {"field": "owner_id", "new_value": "o0", "seq": 0.0}
    fact = owner | {"event_at": "2024-05-01", "known_at": "2024-05-01T00:00:00Z"}
    deal = {"deal_id": "new", "created_at": "2024-05-01", "account_id": "a0"}
    record = DealRecord(deal=deal, changes=[fact], is_counted=False)
    found = deal_snapshot_of(record, context, as_of, selection)
    assert (found["owner_open_count"], found["account_deal_count"]) == (5.0, 3.0)
    assert (found["owner_win_rate"], found["age_days"]) == (0.25, 31.0)


def test_a_context_survives_json(engine: Any, selection: FeatureSelection) -> None:
    facts = {"owner_id": None, "win_rate": math.nan, "open_count": 0.0}
    context = Context.from_frames(pd.Timestamp("2024-01-02"), owner_facts=[facts])
    assert context.owners[None]["win_rate"] is None


@pytest.mark.parametrize("missing", ["deal_id", "created_at"])
def test_a_record_without_its_key_is_refused(missing: str) -> None:
    row = {"deal_id": "d", "created_at": "2024-01-01"} | {missing: None}
    with pytest.raises(Exception, match=f"got no {missing}"):
        DealRecord(deal=row)


def deal_record(frames: Frames, deal_id: str) -> DealRecord:
    deal = _one(frames["deals"], "deal_id", deal_id) or {}
    return DealRecord(
        deal=deal,
        changes=_many(frames["deal_changes"], "deal_id", deal_id),
        activities=_many(frames["activities"], "deal_id", deal_id),
        lead=_one(frames["leads"], "lead_id", deal["lead_id"]),
        lead_activities=_many(frames["activities"], "lead_id", deal["lead_id"]),
        account=_one(frames["accounts"], "account_id", deal["account_id"]),
    )


def lead_record(frames: Frames, lead_id: str) -> LeadRecord:
    lead = _one(frames["leads"], "lead_id", lead_id) or {}
    return LeadRecord(
        lead=lead,
        changes=_many(frames["lead_changes"], "lead_id", lead_id),
        activities=_many(frames["activities"], "lead_id", lead_id),
        account=_one(frames["accounts"], "account_id", lead["account_id"]),
    )


def assert_same(row: dict[str, Any], reference: dict[str, Any]) -> None:
    assert list(row) is not None
    assert set(row) == set(reference)
    for column, value in reference.items():
        found, wanted = plain(row[column]), _comparable(value)
        if isinstance(wanted, float):
            assert found == pytest.approx(wanted, rel=1e-12, abs=1e-12), column
        else:
            assert _comparable(found) == wanted, column


def _comparable(value: Any) -> Any:
    """A day and its first instant are alike: frames have no type for a day."""
    value = plain(value)
    return pd.Timestamp(value) if hasattr(value, "year") else value


def _one(frame: pd.DataFrame, key: str, value: Any) -> dict[str, Any] | None:
    found = _many(frame, key, value)
    return found[0] if found else None


def _many(frame: pd.DataFrame, key: str, value: Any) -> list[dict[str, Any]]:
    return rows_of(frame[frame[key] == value]) if value is not None else []


def _all_pairs(
    make: Callable[..., ir.Table],
    table: str,
    key: str,
    selection: FeatureSelection,
    as_ofs: list[pd.Timestamp],
) -> Callable[[HistoryTables], ir.Table]:
    def query(tables: HistoryTables) -> ir.Table:
        grain = tables.table(table).select(key).cross_join(as_of_table(as_ofs))
        return make(tables, grain, selection)

    return query


def _contexts(
    engine: Any, tables: HistoryTables, frames: Frames, as_ofs: list[pd.Timestamp]
) -> dict[pd.Timestamp, Context]:
    owners = engine.run("owner_facts", tables, lambda t: owner_facts(t, as_ofs))
    accounts = engine.run(
        "account_facts", tables, lambda t: account_facts(t, as_ofs, company_currency="USD")
    )
    stages = engine.run("stage_facts", tables, lambda t: stage_facts(t, as_ofs))
    return {
        as_of: Context.from_frames(
            as_of,
            owner_facts=owners[owners["as_of"] == as_of],
            account_facts=accounts[accounts["as_of"] == as_of],
            stage_facts=stages[stages["as_of"] == as_of],
            stages=frames["stages"],
            fx_rates=frames["fx_rates"],
        )
        for as_of in as_ofs
    }
