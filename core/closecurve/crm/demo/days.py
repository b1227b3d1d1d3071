"""Days and instants of the demo company: working hours, seasons and the quarter-end rush.

A day is counted from 1970-01-01; an instant is a whole UTC second from the same moment. The company
works 08:30 to 18:00 in New York, which always falls into the UTC day of the same date, so a day of
the company and a day of UTC name the same events.
"""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from closecurve.crm.errors import UsageError

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

DAY = 86_400
ZONE = "America/New_York"
OPENS = int(8.5 * 3_600)
CLOSES = 18 * 3_600
FAR = np.int64(2**40)
"""A second (and a day) after everything: what never happens."""

TRUTH_DAYS = 2_500
"""How far past the as-of a fate is followed: by then as good as every deal has ended."""

HISTORY_QUARTERS = 18
"""Whole quarters of history before the running one: four and a half years."""

SEASON = np.array([0.90, 0.98, 1.08, 0.98, 1.00, 1.08, 0.90, 0.80, 1.08, 1.04, 1.06, 1.10])
"""How briskly buyers decide, by month: slow in January, July and August."""


def months(days: Ints) -> Ints:
    """The month of each day, 0 for January."""
    return days.astype("M8[D]").astype("M8[M]").astype(np.int64) % 12


def quarters(days: Ints) -> Ints:
    """The calendar quarter of each day, counted from the first of 1970."""
    return days.astype("M8[D]").astype("M8[M]").astype(np.int64) // 3


def quarter_starts(index: ArrayLike) -> Ints:
    """The first day of each quarter, by its number as `quarters` counts them."""
    first = (np.asarray(index, dtype=np.int64) * 3).astype("M8[M]")
    return first.astype("M8[D]").astype(np.int64)


def work(days: Ints) -> Floats:
    """How much of a working day each day is: 1, little at weekends and between the years."""
    weekday = (days + 3) % 7  # 1970-01-01 was a Thursday
    share = np.where(weekday < 5, 1.0, 0.08)
    year_start = days.astype("M8[D]").astype("M8[Y]").astype("M8[D]").astype(np.int64)
    day_of_year = days - year_start
    return np.where((day_of_year >= 357) | (day_of_year == 0), 0.25 * share, share)


def rush(days: Ints) -> Floats:
    """The pull of the quarter's end on closing: up to 2.3 on its last day, 0.75 just after it."""
    quarter = quarters(days)
    left = quarter_starts(quarter + 1) - days
    gone = days - quarter_starts(quarter)
    before = 1 + 1.3 * np.clip(1 - left / 14, 0, 1)
    return np.where(gone < 12, 0.75, before)


def clean_up(days: Ints) -> Floats:
    """The pull on losing: dead deals are thrown out in the first two weeks of a quarter."""
    return np.where(days - quarter_starts(quarters(days)) < 14, 1.5, 0.93)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DemoClock:
    """The span of the demo company's history and the way from days to instants.

    `first_day` is the first of a quarter; facts end before `until_second`; `offsets` holds the
    seconds to add to UTC for New York's clock, a day each from `first_day` to the last day that the
    truth may look at. Raises UsageError where the end lies outside of 1980 to 2150.
    """

    first_day: int
    until_second: int
    offsets: Ints

    def __post_init__(self) -> None:
        if not 1980 <= 1970 + self.until_second / DAY / 365.25 <= 2150:
            raise UsageError(
                "demo-until",
                f"the demo company's history ends between 1980 and 2150, got {self.until_second!r}"
                " as the second of `until`",
            )

    @property
    def last_day(self) -> int:
        """The last day on which something may be known: the day before a midnight `until`."""
        return (self.until_second - 1) // DAY

    @property
    def days(self) -> Ints:
        """Every day that history or truth may look at."""
        return self.first_day + np.arange(len(self.offsets), dtype=np.int64)

    def at(self, days: Ints, rng: np.random.Generator) -> Ints:
        """A second within the working hours of each day, evenly spread."""
        return (
            days * DAY
            - self.offsets[days - self.first_day]
            + rng.integers(OPENS, CLOSES, len(days))
        )

    def done_share(self, seconds: Ints) -> Floats:
        """The share of the working hours of its UTC day that lies before each second, in 0..1."""
        days = seconds // DAY
        clock = seconds % DAY + self.offsets[days - self.first_day]
        return np.clip((clock - OPENS) / (CLOSES - OPENS), 0.0, 1.0)

    def working(self, seconds: Ints, rng: np.random.Generator) -> Ints:
        """Each second, or one in the first two hours of work after it where nobody works then."""
        moved = seconds.copy()
        for _ in range(4):  # a Friday evening needs three steps to Monday
            idle = ~self._is_open(moved)
            days = moved[idle] // DAY + (self.done_share(moved[idle]) >= 1)
            days += work(days) < 0.2
            opening = days * DAY - self.offsets[days - self.first_day] + OPENS
            moved[idle] = opening + rng.integers(0, 7_200, int(idle.sum()))
        return moved

    def _is_open(self, seconds: Ints) -> Bools:
        share = self.done_share(seconds)
        return (share > 0) & (share < 1) & (work(seconds // DAY) > 0.2)


def make_clock(until: pd.Timestamp) -> DemoClock:
    """The clock of a history that ends at `until` and begins 18 quarters before its quarter."""
    end = math.ceil(until.timestamp())
    start_quarter = quarters(np.array([(end - 1) // DAY]))[0] - HISTORY_QUARTERS
    first = int(quarter_starts(start_quarter))
    days = np.arange(first, end // DAY + TRUTH_DAYS + 2, dtype=np.int64)
    noon = pd.DatetimeIndex(days.astype("M8[D]").astype("M8[s]")) + pd.Timedelta(hours=17)
    local = noon.tz_localize("UTC").tz_convert(ZONE).tz_localize(None)
    return DemoClock(
        first_day=first,
        until_second=end,
        offsets=((local - noon) // pd.Timedelta(seconds=1)).to_numpy(),
    )
