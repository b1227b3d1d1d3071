"""The plain-Python reference and the expressions on DuckDB agree on any history."""

import math
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from closecurve.features.records import Context, DealRecord, LeadRecord, plain, rows_of
from closecurve.features.reference import deal_snapshot_of, lead_snapshot_of
from closecurve.features.selected import FeatureSelection
from closecurve.features.tables import HistoryTables

Frames = dict[str, pd.DataFrame]
EXAMPLES = settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # an example takes a second: shrinking takes minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@EXAMPLES
@given(seed=st.integers(0, 2**32), deals=st.integers(1, 16), per_record=st.integers(0, 16))
@pytest.mark.parametrize("subject", ["deal", "lead"])
def test_a_record_is_the_same_in_both(
    subject: str,
    engine: Any,
    queries: Any,
    random_history: Any,
    seed: int,
    deals: int,
    per_record: int,
    selection: FeatureSelection,
    as_ofs: list[pd.Timestamp],
) -> None:
    frames = random_history(seed, deals, per_record)
    tables = engine.load(frames)
    contexts = _contexts(engine, queries, tables, frames, as_ofs)
    record_of, snapshot_of = REFERENCES[subject]
    for row in rows_of(queries.run(engine, f"{subject}s", tables)):
        as_of = pd.Timestamp(row["as_of"])
        record = record_of(frames, row[f"{subject}_id"])
        assert_same(row, snapshot_of(record, contexts[as_of], as_of, selection))


def test_a_deal_outside_the_history_is_added_to_its_surroundings(
    selection: FeatureSelection,
) -> None:
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


REFERENCES: dict[str, tuple[Callable[..., Any], Callable[..., dict[str, Any]]]] = {
    "deal": (deal_record, deal_snapshot_of),
    "lead": (lead_record, lead_snapshot_of),
}


def assert_same(row: dict[str, Any], reference: dict[str, Any]) -> None:
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


def _contexts(
    engine: Any,
    queries: Any,
    tables: HistoryTables,
    frames: Frames,
    as_ofs: list[pd.Timestamp],
) -> dict[pd.Timestamp, Context]:
    names = ("owner_facts", "account_facts", "stage_facts")
    owners, accounts, stages = (queries.run(engine, name, tables) for name in names)
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
