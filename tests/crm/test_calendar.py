from datetime import date, time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closecurve.crm.calendar import FiscalCalendar, utc
from closecurve.crm.errors import UsageError

INSTANTS = st.datetimes(pd.Timestamp("1950-01-01"), pd.Timestamp("2150-01-01")).map(
    lambda value: pd.Timestamp(value).as_unit("us")
)
ZONES = st.sampled_from(["UTC", "America/New_York", "Asia/Shanghai", "Australia/Lord_Howe"])


def test_an_instant_with_a_zone_becomes_naive_utc() -> None:
    assert utc("2026-03-01T08:00:00+08:00") == pd.Timestamp("2026-03-01")


@pytest.mark.parametrize(
    "value", ["soon", "", "0000-00-00", "9999-01-01", "1066-01-01", None, "NaT"]
)
def test_what_is_no_instant_is_refused_by_name(value: str) -> None:
    with pytest.raises(UsageError, match="got ") as caught:
        utc(value)
    assert caught.value.code == "instant-format"


@given(instant=INSTANTS, month=st.integers(1, 12), zone=ZONES)
def test_every_instant_lies_in_its_quarter_and_quarters_touch(
    instant: pd.Timestamp, month: int, zone: str
) -> None:
    calendar = FiscalCalendar(year_start_month=month, time_zone=zone)
    quarter = calendar.quarter_at(instant)
    following = calendar.quarter_after(quarter)
    assert instant in quarter
    assert instant not in following
    assert following.start_at == quarter.end_at


@given(instant=INSTANTS, month=st.integers(1, 12), zone=ZONES)
def test_the_place_in_the_quarter_lies_in_0_to_1(
    instant: pd.Timestamp, month: int, zone: str
) -> None:
    calendar = FiscalCalendar(year_start_month=month, time_zone=zone)
    (place,) = calendar.quarter_place(np.array([instant.to_datetime64()]))
    assert 0 <= place < 1


def test_a_fiscal_year_is_named_by_the_year_it_ends_in() -> None:
    calendar = FiscalCalendar(year_start_month=7)
    assert calendar.quarter_at(pd.Timestamp("2026-07-01")).name == "2027 Q1"
    assert calendar.quarter_at(pd.Timestamp("2026-06-30")).name == "2026 Q4"


def test_a_quarter_starts_at_the_companys_midnight() -> None:
    quarter = FiscalCalendar(time_zone="Asia/Shanghai").quarter_at(pd.Timestamp("2026-05-05"))
    assert quarter.start_at == pd.Timestamp("2026-03-31 16:00")
    assert (quarter.start_date, quarter.end_date) == (date(2026, 4, 1), date(2026, 7, 1))


@given(instant=INSTANTS, hours=st.floats(0, 60), zone=ZONES)
def test_a_deadline_is_never_before_its_start_and_grows_with_the_hours(
    instant: pd.Timestamp, hours: float, zone: str
) -> None:
    calendar = FiscalCalendar(time_zone=zone)
    due = calendar.business_deadline(instant, hours)
    assert due >= instant
    assert calendar.business_deadline(instant, hours + 1) > due


def test_a_deadline_skips_the_night_and_the_week_end() -> None:
    friday = pd.Timestamp("2026-01-02 17:30")
    assert FiscalCalendar().business_deadline(friday, 2) == pd.Timestamp("2026-01-05 10:30")


@pytest.mark.parametrize(
    "wrong",
    [
        {"year_start_month": 0},
        {"week_start": "someday"},
        {"business_days": ()},
        {"business_hours": (time(18), time(9))},
        {"time_zone": "Mars/Olympus"},
    ],
)
def test_a_calendar_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="got "):
        FiscalCalendar(**wrong)  # type: ignore[arg-type]
