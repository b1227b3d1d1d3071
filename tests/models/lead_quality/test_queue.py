"""The queue, where each lead stands, and what became of each grade."""

import numpy as np
import pandas as pd
import pytest

from closecurve.models.lead_quality.queue import (
    conversion_by_grade,
    lead_status,
    queue_rank,
    urgency,
)

AS_OF = pd.Timestamp("2026-01-07 12:00")


def instants(*values: str | None) -> pd.Series:
    return pd.Series(values, dtype="datetime64[us]")


def test_urgency_peaks_at_the_deadline() -> None:
    due = instants("2026-01-01 12:00", "2026-01-06 12:00", "2026-01-07 12:00", "2026-01-20 12:00")
    found = urgency(due, [False] * 4, AS_OF)
    assert found[2] == 2
    assert found[0] < found[1] < found[2] > found[3]
    assert urgency(due, [True] * 4, AS_OF) == pytest.approx(found / 2)


def test_without_a_deadline_nothing_presses() -> None:
    assert urgency(instants(None, None), [False, True], AS_OF).tolist() == [1.0, 0.5]


def test_the_queue_is_by_probability_value_and_urgency() -> None:
    due = instants(*["2026-01-07 13:00"] * 4)
    rank = queue_rank([0.5, 0.5, 0.9, 0.5], [100, 300, 100, 100], due, [0, 0, 0, 1], AS_OF)
    assert rank.tolist() == [3, 1, 2, 4]


def test_equal_leads_stand_in_order_of_their_deadline() -> None:
    due = instants("2027-03-07", "2027-03-06", "2027-03-06")
    rank = queue_rank([0.5] * 3, [np.nan] * 3, due, [True] * 3, AS_OF)
    assert rank.tolist() == [3, 1, 2]


def test_an_unknown_value_is_the_median_one() -> None:
    due = instants(*["2026-01-08"] * 3)
    rank = queue_rank([0.5] * 3, [100, np.nan, 900], due, [False] * 3, AS_OF)
    assert rank.tolist() == [3, 2, 1]


def test_a_lead_is_held_to_its_answer_and_then_to_its_follow_up() -> None:
    early, late = "2026-01-06", "2026-01-09"
    found = lead_status(
        instants(early, late, early, early), instants(None, None, late, early), [0, 0, 1, 1], AS_OF
    )
    assert found.tolist() == ["overdue", "waiting", "answered", "follow_up_overdue"]


def test_conversion_by_grade_counts_each_grade_with_its_interval() -> None:
    table = conversion_by_grade(list("AABBBD"), [1, 0, 1, 0, 0, 0])
    assert table["grade"].tolist() == list("ABCD")
    assert table["count"].tolist() == [2, 3, 0, 1]
    rate = table["conversion_rate"].to_numpy()
    assert rate == pytest.approx([0.5, 1 / 3, np.nan, 0], nan_ok=True)
    low, high = table["conversion_low"].to_numpy(), table["conversion_high"].to_numpy()
    assert (low[2], high[2]) == (0, 1)
    assert low[1] < rate[1] < high[1]
