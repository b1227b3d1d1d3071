"""Instants, the fiscal calendar, and deadlines in business hours.

Inside the project an instant is a naive `pandas.Timestamp` in UTC; the edges (imports, the command,
the API) convert. Days and quarters are those of the company's time zone.
"""

import math
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.crm.errors import UsageError

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def utc(value: str | date | datetime | pd.Timestamp) -> pd.Timestamp:
    """The instant as a naive UTC timestamp; a value without a zone is taken as UTC.

    Raises UsageError for what is not an instant or lies outside the years 1900 to 2200.

    >>> utc("2026-01-01T01:00:00+01:00")
    Timestamp('2026-01-01 00:00:00')
    """
    try:
        instant = pd.Timestamp(value)
        readable = 1900 <= instant.year <= 2200
    except (ValueError, OverflowError, TypeError):
        readable = False
    if not readable:
        raise UsageError(
            "instant-format", f"an instant is an ISO date or time, 1900 to 2200, got {value!r}"
        )
    if instant.tzinfo is not None:
        instant = instant.tz_convert("UTC").tz_localize(None)
    return instant.as_unit("us")


SPAN_MONTHS = {"month": 1, "quarter": 3, "half": 6, "year": 12}
"""The kinds of fiscal periods, each with its months; every longer one holds whole shorter ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A stretch of company time: `start_at` inclusive, `end_at` exclusive, both UTC instants."""

    start_at: pd.Timestamp
    end_at: pd.Timestamp
    start_date: date
    end_date: date
    name: str

    def __contains__(self, instant: pd.Timestamp) -> bool:
        return bool(self.start_at <= instant < self.end_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class FiscalCalendar:
    """The company's year, week, business hours and time zone.

    >>> FiscalCalendar().quarter_at(pd.Timestamp("2026-05-05")).name
    '2026 Q2'
    """

    year_start_month: int = 1
    week_start: str = "monday"
    time_zone: str = "UTC"
    business_hours: tuple[time, time] = (time(9), time(18))
    business_days: tuple[str, ...] = WEEKDAYS[:5]

    def __post_init__(self) -> None:
        if self.year_start_month not in range(1, 13):
            raise UsageError("calendar-month", f"a month is 1 to 12, got {self.year_start_month!r}")
        unknown = [d for d in (self.week_start, *self.business_days) if d not in WEEKDAYS]
        if unknown or not self.business_days:
            raise UsageError("calendar-day", f"a weekday is one of {WEEKDAYS}, got {unknown}")
        if not self.business_hours[0] < self.business_hours[1]:
            raise UsageError(
                "calendar-hours",
                f"business hours open before they close, got {self.business_hours}",
            )
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise UsageError(
                "calendar-zone", f"a time zone is an IANA name, got {self.time_zone!r}"
            ) from error

    def local(self, instant: pd.Timestamp) -> pd.Timestamp:
        """The instant on the company's clock (aware)."""
        return instant.tz_localize("UTC").tz_convert(self.time_zone)

    def midnight(self, day: date) -> pd.Timestamp:
        """The UTC instant at which a day begins for the company."""
        return utc(datetime.combine(day, time(), ZoneInfo(self.time_zone)))

    def quarter_at(self, instant: pd.Timestamp) -> Period:
        """The fiscal quarter that holds the instant."""
        return self.period_at("quarter", instant)

    def quarter_after(self, period: Period) -> Period:
        """The quarter that follows."""
        return self.quarter_at(period.end_at)

    def period_at(self, kind: str, instant: pd.Timestamp) -> Period:
        """The fiscal month, quarter, half or year that holds the instant; KeyError otherwise.

        >>> FiscalCalendar(year_start_month=4).period_at("half", pd.Timestamp("2026-05-05")).name
        '2027 H1'
        """
        months, local = SPAN_MONTHS[kind], self.local(instant)
        index = (local.year * 12 + local.month - self.year_start_month) // months
        return self._period(kind, index)

    def kind_of(self, period: Period) -> str:
        """Whether a fiscal period is a month, quarter, half or year.

        Raises UsageError for another stretch of time.
        """
        for kind in SPAN_MONTHS:
            if self.period_at(kind, period.start_at) == period:
                return kind
        raise UsageError(
            "calendar-period",
            f"a period is a fiscal month, quarter, half or year, got {period.start_date} to"
            f" {period.end_date}",
        )

    def _period(self, kind: str, index: int) -> Period:
        """The period that is `index` lengths after the beginning of year 0."""
        months = SPAN_MONTHS[kind]
        first = index * months + self.year_start_month - 1
        start, end = (date(m // 12, m % 12 + 1, 1) for m in (first, first + months))
        per_year = 12 // months
        year = index // per_year + (1 if self.year_start_month > 1 else 0)
        names = {"month": f"{start:%Y-%m}", "year": f"FY {year}"}
        return Period(
            start_at=self.midnight(start),
            end_at=self.midnight(end),
            start_date=start,
            end_date=end,
            name=names.get(kind, f"{year} {kind[0].upper()}{index % per_year + 1}"),
        )

    def quarter_place(self, instants: NDArray[np.datetime64]) -> NDArray[np.float64]:
        """Where each instant stands in its fiscal quarter: 0 at the start, towards 1 at the end.

        Vectorised over an array of any shape; a month is taken as a third of the quarter.
        """
        return self.quarter_place_of(self.local_clock(instants))

    def local_clock(self, instants: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
        """What the company's clock shows at each instant, in an array of the same shape."""
        zoned = pd.DatetimeIndex(np.asarray(instants).ravel()).tz_localize("UTC")
        local = zoned.tz_convert(self.time_zone).tz_localize(None).to_numpy()
        return local.astype("datetime64[us]").reshape(np.shape(instants))

    def quarter_place_of(self, local: NDArray[np.datetime64]) -> NDArray[np.float64]:
        """`quarter_place` of what `local_clock` shows."""
        months, days = local.astype("datetime64[M]"), local.astype("datetime64[D]")
        starts, ends = (month.astype("datetime64[D]") for month in (months, months + 1))
        month = (months.astype(np.int64) % 12 + 1 - self.year_start_month) % 3
        hour = (local.astype("datetime64[h]") - days).astype(np.int64)
        day = ((days - starts).astype(np.int64) + hour / 24) / (ends - starts).astype(np.int64)
        place: NDArray[np.float64] = (month + day) / 3
        return place

    def business_deadline(self, instant: pd.Timestamp, hours: float) -> pd.Timestamp:
        """The UTC instant at which `hours` business hours have passed since `instant`.

        >>> FiscalCalendar().business_deadline(pd.Timestamp("2026-01-02 17:00"), 2)
        Timestamp('2026-01-05 10:00:00')
        """
        if not math.isfinite(hours) or hours < 0:
            raise UsageError("deadline-hours", f"hours are 0 or more, got {hours!r}")
        opens, closes = self.business_hours
        left, day = timedelta(hours=hours), self.local(instant).date()
        now = self.local(instant).to_pydatetime()
        zone = ZoneInfo(self.time_zone)
        while True:
            if WEEKDAYS[day.weekday()] in self.business_days:
                start = max(now, datetime.combine(day, opens, zone))
                end = datetime.combine(day, closes, zone)
                if start + left <= end:
                    return utc(start + left)
                left -= max(end - start, timedelta())
            day += timedelta(days=1)
