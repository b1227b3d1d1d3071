"""By when a lead is answered and followed up."""

from datetime import time

import pandas as pd
import pytest

from closecurve.crm.calendar import FiscalCalendar
from closecurve.models.lead_quality.deadlines import OwnerClocks, follow_up_due, response_due
from closecurve.models.lead_quality.policy import GradePolicy

OFFICE = FiscalCalendar(business_hours=(time(9), time(18)))
CLOCKS = OwnerClocks(company=OFFICE, zones={"tokyo": "Asia/Tokyo", "wrong": "the sea side"})


def instants(*values: str | None) -> pd.Series:
    return pd.Series(values, dtype="datetime64[us]")


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
    found = response_due(instants(created), [letter], [None], CLOCKS, GradePolicy())
    assert found.tolist() == [pd.Timestamp(due)]


def test_a_deadline_runs_on_the_clock_of_the_owner() -> None:
    created = instants(*["2026-01-07 03:00"] * 4)
    owners = ["tokyo", "wrong", "somebody", None]
    due = response_due(created, list("AAAA"), owners, CLOCKS, GradePolicy())
    at_night = [pd.Timestamp("2026-01-07 11:00")] * 3
    assert due.tolist() == [pd.Timestamp("2026-01-07 05:00"), *at_night]


def test_a_better_grade_is_due_no_later() -> None:
    created = instants(*["2026-01-09 16:30"] * 4)
    due = response_due(created, list("ABCD"), [None] * 4, CLOCKS, GradePolicy())
    assert due.is_monotonic_increasing
    assert due.dtype == "datetime64[us]"


def test_follow_up_has_the_rhythm_of_the_grade() -> None:
    contact = instants("2026-01-01", "2026-01-01", None)
    due = follow_up_due(contact, ["A", "D", "A"], GradePolicy())
    assert due[:2].tolist() == [pd.Timestamp("2026-01-08"), pd.Timestamp("2026-01-31")]
    assert pd.isna(due[2])
