"""Lead quality: grades A to D from conversion probabilities, response deadlines, and the queue.

A grade orders work and never drops a lead: D is answered too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from closecurve.crm.calendar import FiscalCalendar
from closecurve.crm.errors import UsageError
from closecurve.models.metrics import wilson_interval

Floats = NDArray[np.float64]

GRADES = ("A", "B", "C", "D")
"""From the first to be answered to the last."""

DAY_HOURS = 24.0
ROUNDING = 1e-9
"""A tenth of ten leads is one lead, whatever the binary fractions say."""

ANSWERED_URGENCY = 0.5
"""An answered lead keeps half the urgency of one that waits without a deadline near."""


class GradeKind(StrEnum):
    """What grades go by: fixed probabilities, shares of all leads, or what the team can answer."""

    BOUNDS = "bounds"
    SHARES = "shares"
    CAPACITY = "capacity"


@dataclass(frozen=True, slots=True, kw_only=True)
class GradePolicy:
    """How leads are graded, and by when each grade is answered and followed up.

    `bounds`: the lowest conversion probability of A, B and C. With kind shares, `shares` of the
    leads are A, B and C, the likeliest first; with kind capacity, so many as `capacity` says.
    `response_hours` and `follow_up_days` are those of A, B, C and D (sales practice: A within 2
    hours, B within 24; follow-up weekly or monthly).
    """

    kind: GradeKind = GradeKind.BOUNDS
    bounds: tuple[float, float, float] = (0.5, 0.25, 0.1)
    shares: tuple[float, float, float] = (0.1, 0.2, 0.3)
    capacity: tuple[int, int, int] = (10, 40, 100)
    response_hours: tuple[float, float, float, float] = (2.0, 24.0, 72.0, 168.0)
    follow_up_days: tuple[float, float, float, float] = (7.0, 7.0, 30.0, 30.0)

    def __post_init__(self) -> None:
        if self.kind not in set(GradeKind):
            raise UsageError("grade-kind", f"a kind is one of {[*GradeKind]}, got {self.kind!r}")
        if not (_are_numbers(self.bounds, 3) and 1 >= self.bounds[0] and self.bounds[2] >= 0):
            raise UsageError("grade-bounds", f"bounds lie in 0..1, got {self.bounds!r}")
        if not self.bounds[0] >= self.bounds[1] >= self.bounds[2]:
            raise UsageError("grade-bounds", f"bounds fall from A to C, got {self.bounds!r}")
        if not (_are_numbers(self.shares, 3) and min(self.shares) >= 0 and sum(self.shares) <= 1):
            raise UsageError("grade-shares", f"shares sum to at most 1, got {self.shares!r}")
        if not (_are_numbers(self.capacity, 3) and min(self.capacity) >= 0):
            raise UsageError("grade-capacity", f"capacity is 0 or more, got {self.capacity!r}")
        for name in ("response_hours", "follow_up_days"):
            value = getattr(self, name)
            if not (_are_numbers(value, 4) and min(value) > 0):
                raise UsageError("grade-times", f"{name} has four numbers above 0, got {value!r}")


def _are_numbers(values: Sequence[float], count: int) -> bool:
    return len(values) == count and bool(np.isfinite(values).all())


def grade(probabilities: ArrayLike, policy: GradePolicy | None = None) -> NDArray[np.str_]:
    """The grade of each lead (n,) from its conversion probability.

    Equal probabilities get equal grades: by shares and capacity the better one, which may then hold
    a few more. Raises UsageError where one is not in 0..1.

    >>> grade([0.7, 0.3, 0.01]).tolist()
    ['A', 'B', 'D']
    """
    policy = policy or GradePolicy()
    p = np.asarray(probabilities, dtype=np.float64)
    if not ((p >= 0) & (p <= 1)).all():
        raise UsageError("grade-probability", f"a probability lies in 0..1, got {p!r}")
    return np.asarray(GRADES)[_missed(p, policy)]


def _missed(p: Floats, policy: GradePolicy) -> NDArray[np.int64]:
    """How many grades each lead falls short of the first, 0 to 3."""
    if policy.kind == GradeKind.BOUNDS:
        short = p[:, None] < np.asarray(policy.bounds)
        return np.asarray(short.sum(axis=1), dtype=np.int64)
    is_share = policy.kind == GradeKind.SHARES
    room = np.asarray(policy.shares) * len(p) if is_share else np.asarray(policy.capacity)
    better = len(p) - np.searchsorted(np.sort(p), p, side="right")
    return np.searchsorted(np.cumsum(room) - ROUNDING, better, side="right")


def business_hours(hours: float, calendar: FiscalCalendar) -> float:
    """Response hours as business hours: each whole 24 hours is one business day.

    So "within 2 hours" is two hours in which somebody works, and "within 24 hours" is by the same
    time of the next business day.
    """
    opens, closes = calendar.business_hours
    day = (closes.hour - opens.hour) + (closes.minute - opens.minute) / 60
    days, rest = divmod(hours, DAY_HOURS)
    return days * day + min(rest, day)


def response_due(
    created_at: pd.Series, grades: ArrayLike, calendar: FiscalCalendar, policy: GradePolicy
) -> pd.Series:
    """The UTC instant by which each lead is to be answered, `created_at` being UTC too."""
    hours = [business_hours(hours, calendar) for hours in policy.response_hours]
    allowed = dict(zip(GRADES, hours, strict=True))
    due = [
        calendar.business_deadline(instant, allowed[letter])
        for instant, letter in zip(created_at, np.asarray(grades), strict=True)
    ]
    return pd.Series(due, index=created_at.index, dtype="datetime64[us]", name="response_due_at")


def follow_up_due(last_contact_at: pd.Series, grades: ArrayLike, policy: GradePolicy) -> pd.Series:
    """The UTC instant by which each answered lead is contacted again, by its grade's rhythm."""
    days = dict(zip(GRADES, policy.follow_up_days, strict=True))
    rhythm = pd.Series(np.asarray(grades), index=last_contact_at.index).map(days)
    return (last_contact_at + pd.to_timedelta(rhythm, unit="D")).rename("follow_up_due_at")


def queue_rank(
    probability: ArrayLike,
    value: ArrayLike,
    due_at: pd.Series,
    responded: ArrayLike,
    as_of: pd.Timestamp,
) -> NDArray[np.int64]:
    """The place of each lead in the queue, 1 first: by probability x value x urgency.

    An unknown value is the median one. Equal leads stand in order of their deadline, then as given.
    """
    worth = np.asarray(value, dtype=np.float64)
    known = worth[np.isfinite(worth)]
    worth = np.where(np.isfinite(worth), worth, np.median(known) if len(known) else 1.0)
    urge = urgency(due_at, responded, as_of)
    priority = np.asarray(probability, dtype=np.float64) * worth * urge
    order = np.lexsort((due_at.to_numpy(), -priority))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(1, len(order) + 1)
    return rank


def urgency(due_at: pd.Series, responded: ArrayLike, as_of: pd.Timestamp) -> Floats:
    """How much sooner is better: 2 at the deadline, 1 far from it, one half once answered.

    It rises over the last day before the deadline and fades over the week after it: a lead that
    waited long has mostly gone cold.
    """
    hours = ((due_at - as_of) / pd.Timedelta(hours=1)).to_numpy(dtype=np.float64)
    near = np.where(hours >= 0, np.exp(-hours / DAY_HOURS), np.exp(hours / (7 * DAY_HOURS)))
    return np.where(np.asarray(responded, dtype=bool), ANSWERED_URGENCY, 1 + near)


def conversion_by_grade(grades: ArrayLike, converted: ArrayLike) -> pd.DataFrame:
    """What became of each grade: count, converted_count, conversion_rate and its 95 % interval."""
    letters, hits = np.asarray(grades), np.asarray(converted, dtype=bool)
    count = np.asarray([(letters == letter).sum() for letter in GRADES])
    won = np.asarray([hits[letters == letter].sum() for letter in GRADES])
    low, high = wilson_interval(won, count)
    rate = np.divide(won, count, out=np.full(len(GRADES), np.nan), where=count > 0)
    return pd.DataFrame(
        {
            "grade": GRADES,
            "count": count,
            "converted_count": won,
            "conversion_rate": rate,
            "conversion_low": low,
            "conversion_high": high,
        }
    )
