"""Exits: who has left a stage, and after how long."""

import numpy as np
import pandas as pd

from closecurve.models.funnel.exits import exits_of, stay_bands, within
from closecurve.models.stage_rates import ALL_TIME_DAYS, entries

AS_OF = pd.Timestamp("2026-01-01")


def passages() -> pd.DataFrame:
    """a moved on and was won; b was lost in the second stage; c is still in the first."""
    rows = [
        ("a", "One", 1, "2025-01-01", "2025-01-11", "Two"),
        ("a", "Two", 2, "2025-01-11", "2025-01-12", "won"),
        ("b", "One", 1, "2025-02-01", "2025-02-06", "Two"),
        ("b", "Two", 2, "2025-02-06", "2025-03-06", "lost"),
        ("c", "One", 1, "2025-12-01", None, None),
    ]
    columns = ["deal_id", "stage", "stage_order", "entered_at", "left_at", "next"]
    frame = pd.DataFrame(rows, columns=columns).assign(process="default")
    for column in ("entered_at", "left_at"):
        frame[column] = pd.to_datetime(frame[column]).astype("datetime64[us]")
    return frame


def test_an_exit_is_a_move_ahead_or_a_loss_and_a_deal_still_there_has_none() -> None:
    found = exits_of(entries(passages(), AS_OF, ALL_TIME_DAYS))
    columns = ["deal_id", "stage", "has_moved", "stay_days", "is_won"]
    assert set(found[columns].itertuples(index=False, name=None)) == {
        ("a", "One", True, 10.0, 1.0),
        ("a", "Two", True, 1.0, 1.0),
        ("b", "One", True, 5.0, 0.0),
        ("b", "Two", False, 28.0, 0.0),
    }


def test_a_deal_that_moved_on_and_is_open_has_no_end_yet() -> None:
    known = passages()
    known.loc[known["stage"] == "Two", ["left_at", "next"]] = [pd.NaT, None]
    found = exits_of(entries(known, AS_OF, ALL_TIME_DAYS))
    assert found["is_won"].isna().all()


def test_exits_are_cut_by_when_they_happened() -> None:
    found = exits_of(entries(passages(), AS_OF, ALL_TIME_DAYS))
    inside = within(found, pd.Timestamp("2025-01-11"), pd.Timestamp("2025-02-06"))
    assert set(zip(inside["deal_id"], inside["stage"], strict=True)) == {("a", "One"), ("a", "Two")}


def test_bands_hold_about_equally_many_and_equal_stays_go_together() -> None:
    assert np.bincount(stay_bands(np.arange(100.0), 4)).tolist() == [25, 25, 25, 25]
    assert len(set(stay_bands(np.full(9, 3.0), 4))) == 1
    assert stay_bands(np.zeros(0), 4).tolist() == []
