"""Landmarks follow the data's own cycle and a budget of rows."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from closecurve.crm.errors import UsageError
from closecurve.features.landmarks import FEWEST_LANDMARKS, landmark_as_ofs
from closecurve.features.tables import HistoryTables

START = pd.Timestamp("2024-01-01 09:00")
CUTOFF = pd.Timestamp("2026-01-01")


def history(cycle_days: float, count: int = 200, days: int = 730) -> HistoryTables:
    """Deals that arrive evenly and close after cycles around a median."""
    created = START + pd.to_timedelta(np.linspace(0, days, count), unit="D")
    cycles = cycle_days * np.exp(np.linspace(-1, 1, count))
    closed = created + pd.to_timedelta(np.roll(cycles, count // 3), unit="D")
    ids = [f"d{i}" for i in range(count)]
    facts = {"deal_id": ids, "field": "outcome", "event_at": closed, "known_at": closed}
    return HistoryTables.from_frames(
        {
            "deals": pd.DataFrame({"deal_id": ids, "created_at": created}),
            "deal_changes": pd.DataFrame(facts | {"seq": 0.0, "new_value": "lost"}),
        }
    )


@pytest.mark.parametrize(("cycle", "spacing"), [(3, 1), (16, 2), (60, 7), (240, 28)])
def test_the_spacing_is_an_eighth_of_the_cycle(cycle: float, spacing: int) -> None:
    found = landmark_as_ofs(history(cycle), CUTOFF)
    assert {(b - a).days for a, b in pairwise(found)} == {spacing}
    assert found[-1] == CUTOFF - pd.Timedelta(days=1)
    assert found[0] - START < pd.Timedelta(days=spacing)


def test_a_budget_spaces_wider_before_it_forgets_a_year() -> None:
    tables = history(60)
    spaced = landmark_as_ofs(tables, CUTOFF, most_rows=450)
    assert (spaced[1] - spaced[0]).days > 7
    assert (spaced[-1] - spaced[0]).days >= 300


def test_a_tiny_budget_keeps_the_newest_few() -> None:
    found = landmark_as_ofs(history(60), CUTOFF, most_rows=1)
    assert len(found) == FEWEST_LANDMARKS
    assert found[-1] == CUTOFF - pd.Timedelta(days=1)


def test_a_history_without_closes_or_records_has_an_answer() -> None:
    deals = pd.DataFrame({"deal_id": ["d"], "created_at": [CUTOFF - pd.Timedelta(days=30)]})
    young = HistoryTables.from_frames({"deals": deals})
    assert len(landmark_as_ofs(young, CUTOFF)) == 5
    assert landmark_as_ofs(young, CUTOFF, subject="lead") == []


def test_wrong_calls_are_refused() -> None:
    tables = HistoryTables.from_frames({})
    with pytest.raises(UsageError, match="got 'account'"):
        landmark_as_ofs(tables, CUTOFF, subject="account")
    with pytest.raises(UsageError, match="got 0"):
        landmark_as_ofs(tables, CUTOFF, most_rows=0)
