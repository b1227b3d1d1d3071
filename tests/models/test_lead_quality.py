"""Grades, deadlines, the queue, and what became of each grade."""

from datetime import time
from typing import Any

import numpy as np
import pandas as pd
import pytest

from closecurve.crm.calendar import FiscalCalendar
from closecurve.crm.errors import UsageError
from closecurve.models.lead_quality import (
    GradeKind,
    GradePolicy,
    conversion_by_grade,
    follow_up_due,
    grade,
    queue_rank,
    response_due,
    urgency,
)

AS_OF = pd.Timestamp("2026-01-07 12:00")
OFFICE = FiscalCalendar(business_hours=(time(9), time(18)))


def instants(*values: str) -> pd.Series:
    return pd.Series(pd.to_datetime(list(values))).astype("datetime64[us]")


def test_bounds_belong_to_the_better_grade() -> None:
    policy = GradePolicy(bounds=(0.6, 0.3, 0.1))
    assert "".join(grade([1, 0.6, 0.59, 0.3, 0.1, 0.09, 0], policy)) == "AABBCDD"


def test_shares_grade_the_likeliest_first() -> None:
    policy = GradePolicy(kind=GradeKind.SHARES, shares=(0.1, 0.2, 0.3))
    assert "".join(grade(np.arange(10, 0, -1) / 10, policy)) == "ABBCCCDDDD"


def test_capacity_is_the_number_of_leads() -> None:
    policy = GradePolicy(kind=GradeKind.CAPACITY, capacity=(1, 2, 3))
    assert "".join(grade(np.arange(8, 0, -1) / 10, policy)) == "ABBCCCDD"


@pytest.mark.parametrize("kind", ["shares", "capacity"])
def test_equal_probabilities_get_the_same_grade(kind: Any) -> None:
    assert set(grade([0.4] * 7, GradePolicy(kind=kind))) == {"A"}


@pytest.mark.parametrize("kind", ["bounds", "shares", "capacity"])
def test_a_likelier_lead_has_no_worse_grade_in_whatever_order(kind: Any) -> None:
    p = np.random.default_rng(0).random(200)
    letters = grade(p, GradePolicy(kind=kind))
    assert (np.diff(np.argsort(np.argsort(letters[np.argsort(-p)], kind="stable"))) == 1).all()
    order = np.random.default_rng(1).permutation(200)
    assert (grade(p[order], GradePolicy(kind=kind)) == letters[order]).all()


def test_no_leads_have_no_grades() -> None:
    assert grade([]).tolist() == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"kind": "luck"}, "grade-kind"),
        ({"bounds": (0.1, 0.3, 0.6)}, "grade-bounds"),
        ({"bounds": (1.2, 0.3, 0.1)}, "grade-bounds"),
        ({"bounds": (0.3, 0.1)}, "grade-bounds"),
        ({"shares": (0.6, 0.6, 0.1)}, "grade-shares"),
        ({"capacity": (-1, 0, 0)}, "grade-capacity"),
        ({"response_hours": (0, 1, 2, 3)}, "grade-times"),
        ({"follow_up_days": (7.0, float("nan"), 30, 30)}, "grade-times"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(change: dict[str, Any], code: str) -> None:
    with pytest.raises(UsageError) as caught:
        GradePolicy(**change)
    assert caught.value.code == code


def test_a_probability_is_one() -> None:
    with pytest.raises(UsageError, match=r"0\.\.1") as caught:
        grade([0.5, np.nan])
    assert caught.value.code == "grade-probability"


@pytest.mark.parametrize(
    ("created", "letter", "due"),
    [
        ("2026-01-07 10:00", "A", "2026-01-07 12:00"),
        ("2026-01-07 17:00", "A", "2026-01-08 10:00"),
        ("2026-01-10 23:00", "A", "2026-01-12 11:00"),
        ("2026-01-07 10:00", "B", "2026-01-08 10:00"),
        ("2026-01-09 10:00", "B", "2026-01-12 10:00"),
        ("2026-01-07 10:00", "C", "2026-01-12 10:00"),
        ("2026-01-05 10:00", "D", "2026-01-14 10:00"),
    ],
)
def test_deadlines_run_in_business_time(created: str, letter: str, due: str) -> None:
    found = response_due(instants(created), [letter], OFFICE, GradePolicy())
    assert found.tolist() == [pd.Timestamp(due)]


def test_a_better_grade_is_due_no_later() -> None:
    created = instants(*["2026-01-09 16:30"] * 4)
    due = response_due(created, list("ABCD"), OFFICE, GradePolicy())
    assert due.is_monotonic_increasing
    assert due.dtype == "datetime64[us]"


def test_follow_up_has_the_rhythm_of_the_grade() -> None:
    contact = instants("2026-01-01", "2026-01-01")
    due = follow_up_due(contact, ["A", "D"], GradePolicy())
    assert due.tolist() == [pd.Timestamp("2026-01-08"), pd.Timestamp("2026-01-31")]


def test_urgency_peaks_at_the_deadline() -> None:
    due = instants("2026-01-01 12:00", "2026-01-06 12:00", "2026-01-07 12:00", "2026-01-20 12:00")
    found = urgency(due, [False] * 4, AS_OF)
    assert found[2] == 2
    assert found[0] < found[1] < found[2] > found[3]
    assert urgency(due, [True] * 4, AS_OF).tolist() == [0.5] * 4


def test_the_queue_is_by_probability_value_and_urgency() -> None:
    due = instants(*["2026-01-07 13:00"] * 4)
    rank = queue_rank([0.5, 0.5, 0.9, 0.5], [100, 300, 100, 100], due, [0, 0, 0, 1], AS_OF)
    assert rank.tolist() == [3, 1, 2, 4]


def test_equal_leads_stand_in_order_of_their_deadline() -> None:
    due = instants("2026-03-07", "2026-03-06", "2026-03-06")
    rank = queue_rank([0.5] * 3, [np.nan] * 3, due, [True] * 3, AS_OF)
    assert rank.tolist() == [3, 1, 2]


def test_an_unknown_value_is_the_median_one() -> None:
    due = instants(*["2026-01-08"] * 3)
    rank = queue_rank([0.5] * 3, [100, np.nan, 900], due, [False] * 3, AS_OF)
    assert rank.tolist() == [3, 2, 1]


def test_conversion_by_grade_counts_each_grade_with_its_interval() -> None:
    table = conversion_by_grade(list("AABBBD"), [1, 0, 1, 0, 0, 0])
    assert table["grade"].tolist() == list("ABCD")
    assert table["count"].tolist() == [2, 3, 0, 1]
    rate = table["conversion_rate"].to_numpy()
    assert rate == pytest.approx([0.5, 1 / 3, np.nan, 0], nan_ok=True)
    low, high = table["conversion_low"].to_numpy(), table["conversion_high"].to_numpy()
    assert (low[2], high[2]) == (0, 1)
    assert low[1] < rate[1] < high[1]
