"""One origin: its peers by hand, and what came by component."""

import numpy as np
import pandas as pd
import pytest

from closecurve.crm.calendar import FiscalCalendar
from closecurve.models.forecast.rules import origins
from closecurve.models.track_record.months import MonthlySmoothing
from closecurve.models.track_record.origins import beside_peers, won_totals

CALENDAR = FiscalCalendar()
QUARTER = CALENDAR.quarter_at(pd.Timestamp("2026-05-01"))
AS_OF = pd.Timestamp("2026-05-01")


def wins(*listed: tuple[str, str, str, float]) -> pd.DataFrame:
    """(deal, team, day, amount), known at once."""
    frame = pd.DataFrame(listed, columns=["deal_id", "team", "closed_at", "amount_company"])
    at = pd.to_datetime(frame["closed_at"]).astype("datetime64[us]")
    return frame.assign(closed_at=at, known_at=at)


WINS = wins(
    ("a", "North", "2025-01-10", 1.0),
    ("b", "North", "2025-05-20", 30.0),
    ("c", "North", "2026-01-20", 50.0),
    ("d", "South", "2026-02-20", 20.0),
    ("e", "North", "2026-04-10", 7.0),
    ("f", "South", "2026-05-02", 11.0),
    ("g", "North", "2026-06-02", 13.0),
)
CREATED = pd.DataFrame(
    {
        "deal_id": list("abcdefg"),
        "created_at": pd.to_datetime(["2025-01-01"] * 6 + ["2026-05-20"]),
        "known_at": pd.to_datetime(["2025-01-01"] * 6 + ["2026-05-20"]),
    }
)


def rows() -> pd.DataFrame:
    """The forecast of the company, both teams, an owner's manager and a product."""
    scopes = [("company", "company"), ("team", "North"), ("team", "South"), ("manager", "m")]
    made = pd.DataFrame(scopes, columns=["scope_kind", "scope"])
    return made.assign(
        as_of=AS_OF,
        booked=[7.0, 7.0, 0.0, 0.0],
        actual=[31.0, 20.0, 11.0, 0.0],
        weighted_pipeline_fixed=[10.0, 6.0, np.nan, 0.0],
        weighted_pipeline_history=1.0,
    )


def test_what_came_after_the_origin_adds_up_with_what_was_booked() -> None:
    made = beside_peers(rows(), WINS, CREATED, QUARTER, MonthlySmoothing(calendar=CALENDAR))
    assert list(made["scope"]) == ["company", "North", "South"]
    assert list(made["open_actual"]) == [11.0, 0.0, 11.0]
    assert list(made["new_actual"]) == [13.0, 13.0, 0.0]
    came = made["booked"] + made["open_actual"] + made["new_actual"]
    assert came.tolist() == made["actual"].tolist()
    assert set(made["weeks_left"]) == {9}
    assert made["peer_weighted_fixed"].tolist() == [17.0, 13.0, 0.0]


def test_peers_are_totals_of_the_period_from_what_was_known() -> None:
    grid = origins(QUARTER, AS_OF, CALENDAR, most=0)
    told = won_totals(WINS, grid)
    rest_days = 61
    # The 90 days before the origin hold d and e.
    assert told["run_rate"] == pytest.approx(7 + 27 / 90 * rest_days)
    # The last 61 days of the first quarter hold d alone.
    assert told["same_days"] == pytest.approx(7 + 20)
    assert told["last_quarter"] == pytest.approx(70)
    assert told["last_year"] == pytest.approx(30)
    later = pd.concat([WINS, wins(("z", "North", "2026-05-03", 1e6))])
    assert won_totals(later, grid) == told


def test_a_peer_without_history_has_no_answer() -> None:
    young = WINS[WINS["closed_at"] >= "2026-04-01"]
    told = won_totals(young, origins(QUARTER, AS_OF, CALENDAR, most=0))
    assert np.isnan([told["last_quarter"], told["last_year"], told["same_days"]]).all()
    smoothing = MonthlySmoothing(calendar=CALENDAR)
    assert np.isnan(smoothing.rest(("company", "company"), young, QUARTER, AS_OF))


def test_smoothed_months_carry_on_a_level_and_see_nothing_later() -> None:
    days = pd.date_range("2024-01-15", "2026-06-15", freq="MS") + pd.Timedelta(days=9)
    level = wins(*((f"m{i}", "North", str(day), 100.0) for i, day in enumerate(days)))
    scope = ("company", "company")
    rest = MonthlySmoothing(calendar=CALENDAR).rest(scope, level, QUARTER, AS_OF)
    assert rest == pytest.approx(200, rel=0.01)
    half_month = AS_OF + pd.Timedelta(days=15.5)
    later = level.assign(
        amount_company=np.where(level["closed_at"] >= AS_OF, 1e6, level["amount_company"])
    )
    smoothing = MonthlySmoothing(calendar=CALENDAR)
    assert smoothing.rest(scope, later, QUARTER, half_month) == pytest.approx(150, rel=0.01)
