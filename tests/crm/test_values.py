"""Text as instants, days and numbers."""

import pandas as pd
import pytest

from closecurve.crm.errors import UsageError
from closecurve.crm.values import (
    ValueFormat,
    in_range,
    is_among,
    number_text,
    read_days,
    read_instants,
    read_numbers,
)

DAY_FIRST = ValueFormat(date_formats=("%d/%m/%Y", "%d.%m.%Y %H:%M"))
BERLIN = ValueFormat(time_zone="Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "written", "expected"),
    [
        ("2026-01-31", ValueFormat(), "2026-01-31"),
        ("20210105", ValueFormat(), "2021-01-05"),
        ("2026-01-31T10:00:00Z", BERLIN, "2026-01-31 10:00"),
        ("2026-01-31 10:00:00.5+00", ValueFormat(), "2026-01-31 10:00:00.5"),
        ("2011-10-01T00:38:44.546+02:00", ValueFormat(), "2011-09-30 22:38:44.546"),
        ("2026-01-31 10:00", BERLIN, "2026-01-31 09:00"),
        ("2026-07-31", BERLIN, "2026-07-30 22:00"),
        ("1/31/2021 0:00", ValueFormat(), "2021-01-31"),
        ("1/18/2021", ValueFormat(), "2021-01-18"),
        ("1/31/2021 1:30 PM", ValueFormat(), "2021-01-31 13:30"),
        ("1/31/2021 10:00 +02:00", ValueFormat(), "2021-01-31 08:00"),
        ("31.01.2026", ValueFormat(), "2026-01-31"),
        ("02/01/2026", DAY_FIRST, "2026-01-02"),
        ("31.01.2026 14:30", DAY_FIRST, "2026-01-31 14:30"),
        ("31-Jan-2026", ValueFormat(), "2026-01-31"),
        # the hour that the clocks repeat is its first pass, the one they skip moves forward
        ("2025-10-26 02:30", BERLIN, "2025-10-26 00:30"),
        ("2025-03-30 02:30", BERLIN, "2025-03-30 01:00"),
    ],
)
def test_an_instant_is_read_as_naive_utc(text: str, written: ValueFormat, expected: str) -> None:
    read = read_instants(pd.Series([f" {text} ", None], dtype="str"), written)
    assert read.tolist() == [pd.Timestamp(expected), pd.NaT]
    assert read.dtype == "datetime64[us]"


@pytest.mark.parametrize(
    "text", ["soon", "2026", "2026-02-30", "13/13/2021", "31/01/2021", "12", "", "2026-01-31x"]
)
def test_what_is_no_instant_is_null(text: str) -> None:
    assert read_instants(pd.Series([text], dtype="str"), ValueFormat()).isna().all()


def test_a_format_of_the_source_stands_in_for_the_usual_ones() -> None:
    assert read_instants(pd.Series(["1/31/2021"], dtype="str"), DAY_FIRST).isna().all()


def test_a_day_is_the_companys() -> None:
    text = pd.Series(["2026-01-31", "2026-01-31T23:30:00Z", "1/31/2026 23:30"], dtype="str")
    days = read_days(text, ValueFormat(), "Europe/Berlin")
    assert days.dt.strftime("%m-%d").tolist() == ["01-31", "02-01", "01-31"]


@pytest.mark.parametrize(
    ("text", "decimal", "expected"),
    [
        ("$200,000 ", ".", 200000),
        ("1,234,567.5", ".", 1234567.5),
        ("USD 12.50", ".", 12.5),
        ("12 €", ".", 12),
        ("1'000", ".", 1000),
        ("1 000,5", ",", 1000.5),
        ("1.234.567,5", ",", 1234567.5),
        ("-3", ".", -3),
        ("1e3", ".", 1000),
    ],
)
def test_a_number_is_read(text: str, decimal: str, expected: float) -> None:
    assert read_numbers(pd.Series([text], dtype="str"), decimal).tolist() == [expected]


@pytest.mark.parametrize(
    ("text", "decimal"),
    [("1,5", "."), ("1.5", ","), ("12 apples", "."), ("$", "."), ("", "."), ("1,00", ".")],
)
def test_what_is_no_number_is_null(text: str, decimal: str) -> None:
    assert read_numbers(pd.Series([text], dtype="str"), decimal).isna().all()


def test_the_range_of_dates_is_closed_at_both_ends() -> None:
    dates = ["1899-12-31", "1900-01-01", "2200-12-31", "2201-01-01"]
    assert in_range(pd.Series(pd.to_datetime(dates))).tolist() == [False, True, True, False]


def test_number_text_reads_back_to_the_same_number() -> None:
    numbers = pd.Series([0.0, 1000.0, 0.1, 1e15, 123456789012.0, 1 / 3, 2.5e-8])
    assert read_numbers(number_text(numbers)).tolist() == numbers.tolist()
    assert number_text(numbers)[4] == "123456789012"


def test_null_is_among_nothing() -> None:
    values = pd.Series(["a", None, "b"], dtype="str")
    assert is_among(values, pd.Series(["b", None], dtype="str")).tolist() == [False, False, True]


@pytest.mark.parametrize(
    "wrong", [{"time_zone": "Mars/Base"}, {"decimal": ";"}, {"date_formats": ("dd.mm.yyyy",)}]
)
def test_a_format_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="got") as caught:
        ValueFormat(**wrong)  # type: ignore[arg-type]
    assert caught.value.code == "value-format"


@pytest.mark.parametrize("zone", ["", "Z", "+05:30", "-0300", "+02"])
def test_a_time_is_read_alike_whatever_stands_beside_it(zone: str) -> None:
    """Full forms of ISO are read all at once, unless one of them names no time."""
    times = pd.Series([f"2026-02-{day:02d}T10:11:12.5{zone}" for day in (1, 28, 30)])
    alone = [read_instants(times[[i]], BERLIN).iloc[0] for i in range(3)]
    assert read_instants(times[:2], BERLIN).tolist() == alone[:2]
    assert read_instants(times, BERLIN).isna().tolist() == [False, False, True]
    assert read_instants(times, BERLIN).tolist()[:2] == alone[:2]
