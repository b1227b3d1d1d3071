"""Made standings of a company, by hand and by Hypothesis."""

from datetime import date
from typing import Any

import pandas as pd
import pytest
from hypothesis import strategies as st

from closecurve.crm.calendar import FiscalCalendar
from closecurve.models.changes.pipeline import Changes
from closecurve.models.changes.standing import Choice, Standing

QUARTER = FiscalCalendar().quarter_at(pd.Timestamp("2026-02-01"))
THEN, NOW = pd.Timestamp("2026-02-01"), pd.Timestamp("2026-02-15")
INSIDE, OUTSIDE = date(2026, 3, 1), date(2026, 5, 1)
DEAL: dict[str, Any] = {
    "owner_id": "ann",
    "team": "North",
    "currency": "EUR",
    "amount": 100.0,
    "amount_company": 110.0,
    "expected_close_date": INSIDE,
    "chance": 0.5,
}


def standing(as_of: pd.Timestamp, deals: dict[str, dict[str, Any]], **ends: str) -> Standing:
    """Deals by id, each what it differs in from `DEAL`, and how others ended."""
    rows = [{"deal_id": name} | DEAL | own for name, own in deals.items()]
    closed = [
        {"deal_id": name, "outcome": outcome, "closed_at": as_of, "amount_company": 110.0}
        for name, outcome in ends.items()
    ]
    return Standing(
        as_of=as_of,
        deals=pd.DataFrame(rows, columns=["deal_id", *DEAL, "model_shift"]),
        closed=pd.DataFrame(closed, columns=["deal_id", "outcome", "closed_at", "amount_company"]),
    )


def effects(changes: Changes) -> dict[tuple[str, str], Any]:
    rows = changes.moves.to_dict("records")
    return {(row["deal_id"], row["kind"]): pytest.approx(row["effect"]) for row in rows}


deal = st.fixed_dictionaries(
    {
        "owner_id": st.sampled_from(["ann", "bob", None]),
        "team": st.sampled_from(["North", "South", None]),
        "currency": st.sampled_from(["EUR", "USD", None]),
        "amount": st.sampled_from([0.0, 1.0, 250.0, None]),
        "amount_company": st.sampled_from([0.0, 1.3, 310.0, None]),
        "expected_close_date": st.sampled_from([INSIDE, OUTSIDE, None]),
        "chance": st.floats(0, 1),
        "model_shift": st.sampled_from([0.0, 0.2, -0.1, None]),
    }
)
cohort = st.dictionaries(st.sampled_from("abcdef"), deal)
ends = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(["won", "lost", "deleted"]))
choices = st.builds(
    Choice,
    scope_kind=st.just("team"),
    scope=st.sampled_from(["North", "South", "(none)"]),
    period=st.sampled_from([None, QUARTER]),
) | st.builds(Choice, period=st.sampled_from([None, QUARTER]))
