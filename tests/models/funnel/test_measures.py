"""The metrics of whole funnels by hand."""

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from closecurve.crm.calendar import Period
from closecurve.models.funnel.declared import METRICS
from closecurve.models.funnel.measures import COLUMNS, EVERY, FunnelFacts, measures
from closecurve.models.funnel.shape import coverage, shape, velocity
from closecurve.models.metrics import wilson_interval
from closecurve.models.stage_rates import ALL_TIME_DAYS, entries

AS_OF = pd.Timestamp("2026-01-01")


def period(name: str, start: str, end: str) -> Period:
    return Period(
        start_at=pd.Timestamp(start), end_at=pd.Timestamp(end), name=name,
        start_date=date.fromisoformat(start), end_date=date.fromisoformat(end),
    )  # fmt: skip


QUARTER = period("2025 Q4", "2025-10-01", "2026-01-01")
YEAR = period("last 365 days", "2025-01-01", "2026-01-01")


def frame(columns: list[str], rows: list[tuple[object, ...]], **fixed: Any) -> pd.DataFrame:
    made = pd.DataFrame(rows, columns=columns).assign(**fixed)
    for name in [name for name in columns if name.endswith("_at")]:
        made[name] = pd.to_datetime(made[name]).astype("datetime64[us]")
    return made


DEALS = frame(
    ["deal_id", "created_at", "closed_at", "outcome", "amount_company", "owner_id", "team"],
    [
        ("a", "2025-10-01", "2025-10-11", "won", 100.0, "ann", "north"),
        ("b", "2025-10-01", "2025-10-21", "won", 300.0, "ann", "north"),
        ("c", "2025-10-01", "2025-10-31", "lost", 50.0, "bo", "south"),
        ("d", "2025-02-01", "2025-03-01", "lost", 50.0, "bo", "south"),
        ("e", "2025-10-01", None, None, 70.0, "bo", "south"),
    ],
    process="default",
    region=None,
)
PASSAGES = frame(
    ["deal_id", "stage", "stage_order", "entered_at", "left_at", "next", "owner_id", "team"],
    [
        ("a", "One", 1, "2025-10-01", "2025-10-06", "Two", "ann", "north"),
        ("a", "Two", 2, "2025-10-06", "2025-10-11", "won", "ann", "north"),
        ("b", "One", 1, "2025-10-01", "2025-10-11", "Two", "ann", "north"),
        ("b", "Two", 2, "2025-10-11", "2025-10-12", "One", "ann", "north"),
        ("b", "One", 1, "2025-10-12", "2025-10-21", "won", "ann", "north"),
        ("c", "One", 1, "2025-10-01", "2025-10-31", "lost", "bo", "south"),
        ("e", "One", 1, "2025-10-01", None, None, "bo", "south"),
    ],
    process="default",
    region=None,
)
DUE = frame(
    ["deal_id", "due_at", "has_slipped", "owner_id", "team"],
    [("a", "2025-10-01", False, "ann", "north"), ("c", "2025-10-01", True, "bo", "south")],
    process="default",
    region=None,
)


def facts(**changed: object) -> FunnelFacts:
    parts: dict[str, object] = {
        "deals": DEALS,
        "passages": PASSAGES,
        "entered": entries(PASSAGES, AS_OF, ALL_TIME_DAYS),
        "due": DUE,
        "periods": (QUARTER,),
        "year": YEAR,
        "as_of": AS_OF,
    }
    return FunnelFacts(**(parts | changed))  # type: ignore[arg-type]


def value(rows: pd.DataFrame, metric: str, **where: str) -> pd.Series:
    asked = {"scope": "company", "period": "2025 Q4", "metric": metric, **where}
    found = rows[np.logical_and.reduce([rows[name] == text for name, text in asked.items()])]
    assert len(found) == 1, (asked, len(found))
    return found.iloc[0]


@pytest.fixture(scope="module")
def measured() -> pd.DataFrame:
    return measures(facts())


def test_every_metric_is_declared_and_a_key_is_there_once(measured: pd.DataFrame) -> None:
    assert tuple(measured.columns) == COLUMNS
    assert set(measured["metric"]) <= set(METRICS)
    keys = ["scope_kind", "scope", "process", "period", "stage", "metric"]
    assert not measured.duplicated(keys).any()
    assert measured["value"].notna().all()


@pytest.mark.parametrize(
    ("metric", "expected", "count"),
    [
        ("won_count", 2.0, 3),
        ("lost_count", 1.0, 3),
        ("won_amount", 400.0, 2),
        ("won_amount_mean", 200.0, 2),
        ("win_rate_closed", 2 / 3, 3),
        ("win_rate_created", 2 / 3, 3),
        ("slippage_rate", 0.5, 2),
        ("cycle_q50_days", 10.0, 2),
        ("cycle_q80_days", 20.0, 2),
        ("moves_a_week", 4 / (92 / 7), 4),
    ],
)
def test_a_metric_by_hand(measured: pd.DataFrame, metric: str, expected: float, count: int) -> None:
    """Four moves forward: a twice, b to Two, b from One to the win; back to One is none."""
    row = value(measured, metric)
    assert row["value"] == pytest.approx(expected)
    assert row["count"] == count


def test_a_share_has_the_interval_of_wilson(measured: pd.DataFrame) -> None:
    row = value(measured, "win_rate_closed")
    low, high = wilson_interval([2], [3])
    assert (row["low"], row["high"]) == pytest.approx((low[0], high[0]))


def test_open_deals_do_not_lower_the_rate_of_created_deals(measured: pd.DataFrame) -> None:
    """Of bo's created deals one was lost and one is open: of those decided none was won."""
    row = value(measured, "win_rate_created", scope="bo", period="last 365 days")
    assert (row["value"], row["count"]) == (0.0, 2)
    assert value(measured, "win_rate_closed", period="last 365 days")["value"] == 0.5


def test_a_cohort_less_than_half_decided_says_nothing() -> None:
    still = DEALS.mask(DEALS.columns.isin(["closed_at", "outcome"])[None, :].repeat(5, 0))
    young = pd.concat([DEALS, *[still] * 2], ignore_index=True)
    found = measures(facts(deals=young))
    assert "win_rate_created" not in set(found["metric"])
    assert "cycle_q50_days" not in set(found["metric"])


def test_owners_are_measured_over_the_year_only(measured: pd.DataFrame) -> None:
    owners = measured[measured["scope_kind"] == "owner"]
    assert set(owners["period"]) == {"last 365 days"}
    assert set(measured.loc[measured["scope_kind"] == "team", "period"]) > {"2025 Q4"}


def test_stages_are_measured_by_quarter(measured: pd.DataFrame) -> None:
    row = value(measured, "conversion_rate", process="default", stage="One")
    assert row["value"] == pytest.approx(2 / 3)
    assert value(measured, "entered_count", process="default", stage="One")["value"] == 4.0
    assert value(measured, "dwell_q50_days", process="default", stage="Two")["value"] == 1.0


def test_with_several_processes_each_has_its_own_rows() -> None:
    mixed = DEALS.assign(process=["x", "y", "x", "x", "y"])
    found = measures(facts(deals=mixed))
    assert value(found, "won_count", process=EVERY)["value"] == 2.0
    assert value(found, "won_count", process="x")["value"] == 1.0


STAGES = frame(
    ["stage", "stage_order", "deal_count", "usual_count", "amount", "conversion_rate"],
    [("One", 1, 8, 4.0, 800.0, 0.5), ("Two", 2, 1, 5.0, 200.0, 0.72)],
    scope_kind="company", scope="company", process="default", decided_count=[100, 50],
)  # fmt: skip


def test_the_shape_by_hand() -> None:
    found = shape(STAGES, YEAR).set_index("metric")
    assert (found["value"]["volume"], found["count"]["volume"]) == (1000.0, 9)
    assert found["value"]["slope"] == pytest.approx(0.6)
    assert found["low"]["slope"] < 0.6 < found["high"]["slope"] < 0.7
    assert found["value"]["evenness"] == pytest.approx(0.2)


def test_a_stage_that_decided_nothing_leaves_the_slope_unknown() -> None:
    unknown = STAGES.assign(conversion_rate=[0.5, np.nan])
    assert "slope" not in set(shape(unknown, YEAR)["metric"])


def test_the_velocity_is_money_a_day(measured: pd.DataFrame) -> None:
    """9 open deals x 200 x 1/2 / 10 days."""
    (row,) = velocity(measured, STAGES, YEAR).to_dict("records")
    assert row["value"] == pytest.approx(9 * 200 * 0.5 / 10)


def test_coverage_is_of_what_is_left_of_the_target() -> None:
    deals = frame(
        ["amount_company", "expected_close_date", "team"],
        [(100.0, "2025-11-01", "north"), (60.0, None, "south"), (500.0, "2026-02-01", "north")],
    )
    targets = frame(
        ["scope_kind", "scope", "booked", "target"],
        [
            ("company", "company", 20.0, 100.0),
            ("team", "north", 0.0, 50.0),
            ("team", "south", 9.0, 9.0),
            ("manager", "ann", 0.0, 9.0),
        ],
        period_start=QUARTER.start_date, period_end=QUARTER.end_date,
    )  # fmt: skip
    found = coverage(deals, targets, [QUARTER, YEAR]).set_index("scope")["value"]
    assert found.to_dict() == {"company": pytest.approx(2.0), "north": pytest.approx(2.0)}
