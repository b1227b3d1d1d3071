"""How far a period usually is by now, as known at each of the earlier ones."""

import pandas as pd
import pytest

from closecurve.crm.calendar import FiscalCalendar
from closecurve.models.targets.pace import pace, periods_before

CALENDAR = FiscalCalendar()
QUARTER = CALENDAR.quarter_at(pd.Timestamp("2026-05-01"))


def wins(*rows: tuple[str, float]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["closed_at", "amount_company"])
    at = pd.to_datetime(frame["closed_at"]).astype("datetime64[us]")
    return frame.assign(closed_at=at, known_at=at)


def test_days_are_counted_from_the_end() -> None:
    closed = wins(
        ("2025-09-30", 1.0),
        ("2025-11-30", 30.0),
        ("2025-12-30", 70.0),
        ("2026-02-28", 60.0),
        ("2026-03-30", 40.0),
    )
    found = pace(closed, QUARTER, pd.Timestamp("2026-06-29"), CALENDAR)
    assert (found.low, found.usual, found.high) == pytest.approx((0.3, 0.45, 0.6))
    assert found.period_count == 2


def test_a_win_that_was_written_late_does_not_count_at_the_time() -> None:
    closed = wins(("2025-09-30", 1.0), ("2025-11-01", 50.0), ("2025-12-31", 50.0))
    late = closed.assign(known_at=closed["known_at"].where(closed.index != 1, "2025-12-31"))
    for frame, usual in ((closed, 0.5), (late, 0.0)):
        assert pace(frame, QUARTER, pd.Timestamp("2026-06-01"), CALENDAR).usual == usual


def test_what_became_known_since_changes_nothing() -> None:
    closed = wins(("2025-09-30", 1.0), ("2025-11-01", 50.0), ("2025-12-31", 50.0))
    at = pd.Timestamp("2026-06-01")
    later = closed.iloc[[1]].assign(known_at=at, amount_company=1e6)
    assert pace(pd.concat([closed, later]), QUARTER, at, CALENDAR) == pace(
        closed, QUARTER, at, CALENDAR
    )


def test_before_a_period_nothing_is_expected_and_without_a_past_nothing_is_known() -> None:
    closed = wins(("2025-11-01", 50.0), ("2025-12-31", 50.0))
    assert pace(closed, QUARTER, QUARTER.start_at, CALENDAR).usual == 0.0
    first = pace(closed.iloc[:0], QUARTER, pd.Timestamp("2026-06-01"), CALENDAR)
    assert (first.usual, first.period_count) == (None, 0)


def test_earlier_periods_are_of_the_same_kind_and_whole() -> None:
    year = FiscalCalendar(year_start_month=4).period_at("year", pd.Timestamp("2026-05-01"))
    found = periods_before(
        year, FiscalCalendar(year_start_month=4), pd.Timestamp("2024-01-01"), most=5
    )
    assert [period.name for period in found] == ["FY 2026", "FY 2025"]
