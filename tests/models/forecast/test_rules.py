"""Top-down rules, by hand, and that they see only what was known."""

import numpy as np
import pandas as pd
import pytest

from closecurve.crm.calendar import FiscalCalendar
from closecurve.crm.errors import UsageError
from closecurve.models.forecast.rules import TOP_DOWN, WonAmounts, origins, past_origins, period_at

CALENDAR = FiscalCalendar()
QUARTER = CALENDAR.quarter_at(pd.Timestamp("2025-05-01"))
AS_OF = pd.Timestamp("2025-06-01")


def wins(*rows: tuple[str, float] | tuple[str, float, str]) -> pd.DataFrame:
    """closed_at, amount, and known_at where it is another instant."""
    return pd.DataFrame(
        {
            "deal_id": [f"d{i}" for i in range(len(rows))],
            "closed_at": pd.to_datetime([row[0] for row in rows]).as_unit("us"),
            "known_at": pd.to_datetime([row[2] if len(row) == 3 else row[0] for row in rows]),
            "amount_company": [float(row[1]) for row in rows],
        }
    )


def rules_now(frame: pd.DataFrame, as_of: pd.Timestamp = AS_OF) -> dict[str, float]:
    grid = origins(QUARTER, as_of, CALENDAR).iloc[:1]
    rules = WonAmounts.of(frame).rules(grid)
    return {name: float(rules[name].iloc[0]) for name in TOP_DOWN}


def test_each_rule_by_hand_thirty_days_before_the_end() -> None:
    history = wins(
        ("2024-01-10", 1),  # the beginning of history
        ("2024-06-01", 40),  # the last 30 days of the quarter a year ago
        ("2025-01-05", 500),  # the last quarter, not in its last 30 days
        ("2025-03-10", 100),  # the last 30 days of the last quarter, within the last 90 days
        ("2025-04-20", 200),  # this quarter
    )
    rules = rules_now(history)
    assert rules["run_rate"] == pytest.approx((100 + 200) / 90 * 30)
    assert rules["same_days"] == 100
    assert rules["last_quarter"] == 500 + 100 - 200
    assert rules["last_year"] == 40


def test_a_rule_that_looks_back_before_the_first_win_gives_nothing() -> None:
    rules = rules_now(wins(("2025-05-20", 10)))
    assert np.isnan(list(rules.values())).all()


def test_a_run_rate_of_a_young_history_is_of_the_days_it_has() -> None:
    rules = rules_now(wins(("2025-04-22", 40)))
    assert rules["run_rate"] == pytest.approx(40 / 40 * 30)


def test_last_quarters_total_below_what_is_won_leaves_nothing() -> None:
    rules = rules_now(wins(("2024-12-01", 5), ("2025-02-01", 100), ("2025-05-01", 300)))
    assert rules["last_quarter"] == 0


def test_before_the_period_begins_the_last_whole_quarter_stands_for_it() -> None:
    history = wins(("2024-06-01", 1), ("2024-12-20", 7), ("2025-03-31", 9))
    rules = rules_now(history, pd.Timestamp("2025-03-15"))
    assert rules["same_days"] == 7
    assert np.isnan(rules["last_quarter"])


def test_past_origins_are_today_moved_back_by_weeks_and_over_by_the_as_of() -> None:
    grid = origins(QUARTER, AS_OF, CALENDAR, most=3)
    assert grid["as_of"].tolist() == [AS_OF - pd.Timedelta(weeks=w) for w in (0, 5, 6, 7)]
    assert (grid["period_end"].iloc[1:] <= AS_OF).all()
    ahead = grid["period_end"] - grid["as_of"]
    assert ahead.nunique() == 1


def test_the_period_of_todays_origin_is_the_quarter() -> None:
    berlin = FiscalCalendar(time_zone="Europe/Berlin")
    quarter = berlin.quarter_at(AS_OF)
    found = period_at(origins(quarter, AS_OF, berlin), 0, berlin)
    assert (found.start_date, found.end_date) == (quarter.start_date, quarter.end_date)


def test_a_rule_at_a_past_origin_does_not_see_what_was_known_later() -> None:
    told = wins(("2024-06-01", 1), ("2025-04-01", 50), ("2025-04-10", 70, "2025-05-30"))
    past = past_origins(told, QUARTER, AS_OF, CALENDAR).past.set_index("as_of")
    origin = pd.Timestamp("2025-04-27")
    assert past.loc[origin, "run_rate"] == pytest.approx(50 / 90 * 30)


def test_the_actual_of_a_past_origin_is_what_came_after_it_and_what_was_logged_late() -> None:
    told = wins(("2024-06-01", 1), ("2025-04-10", 70, "2025-05-30"), ("2025-05-01", 10))
    past = past_origins(told, QUARTER, AS_OF, CALENDAR).past.set_index("as_of")
    origin = past.loc[pd.Timestamp("2025-04-27")]
    assert origin["actual"] == 80
    assert origin["squares"] == 10.0**2


def test_held_back_means_are_placed_at_their_origins() -> None:
    told = wins(("2024-06-01", 1))
    grid = origins(QUARTER, AS_OF, CALENDAR)
    given = pd.DataFrame({"as_of": [grid["as_of"].iloc[2]], "rest": [12.0]})
    past = past_origins(told, QUARTER, AS_OF, CALENDAR, given).past
    assert past["bottom_up"].dropna().tolist() == [12.0]


def test_a_held_back_mean_at_an_instant_that_is_no_origin_is_refused() -> None:
    given = pd.DataFrame({"as_of": [AS_OF], "rest": [12.0]})
    with pytest.raises(UsageError, match="a past origin is one of"):
        past_origins(wins(("2024-06-01", 1)), QUARTER, AS_OF, CALENDAR, given)
