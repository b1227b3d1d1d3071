"""Grades A to D from conversion probabilities: by fixed bounds, by shares, by what can be answered.

A grade orders work and never drops a lead: D is answered too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from closecurve.crm.errors import UsageError

Floats = NDArray[np.float64]
Bounds = tuple[float, float, float]

GRADES = ("A", "B", "C", "D")
"""From the first to be answered to the last."""

ROUNDING = 1e-9
"""A tenth of ten leads is one lead, whatever the binary fractions say."""

OUT_OF_REACH = 2.0
"""The bound of a grade that has room for nobody: above every probability."""


class GradeKind(StrEnum):
    """What grades go by: fixed probabilities, shares of the open leads, or what can be answered."""

    BOUNDS = "bounds"
    SHARES = "shares"
    CAPACITY = "capacity"


@dataclass(frozen=True, slots=True, kw_only=True)
class GradePolicy:
    """How leads are graded, and by when each grade is answered and followed up.

    `bounds`: the lowest conversion probability of A, B and C. With kind shares, `shares` of the
    open leads are A, B and C, the likeliest first; with kind capacity, so many of the leads that
    arrive on a business day as `capacity` says. `response_hours` and `follow_up_days` are those of
    A, B, C and D (sales practice: A within 2 hours, B within 24; follow-up weekly or monthly).
    """

    kind: GradeKind = GradeKind.BOUNDS
    bounds: Bounds = (0.5, 0.25, 0.1)
    shares: tuple[float, float, float] = (0.1, 0.2, 0.3)
    capacity: tuple[float, float, float] = (10, 40, 100)
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


def grade_bounds(probabilities: ArrayLike, policy: GradePolicy, *, days: float = 1.0) -> Bounds:
    """The lowest probability of A, B and C that the policy comes to.

    `probabilities` (n,) are those of the open leads, with kind capacity those of the leads that
    arrived within so many business `days`, each at its arrival. Where there are none, and with kind
    bounds, these are the policy's own.

    >>> policy = GradePolicy(kind=GradeKind.SHARES, shares=(0.25, 0.5, 0))
    >>> grade_bounds([0.9, 0.6, 0.4, 0.1], policy)
    (0.9, 0.4, 0.4)
    """
    falling = -np.sort(-np.asarray(probabilities, dtype=np.float64))
    if policy.kind == GradeKind.BOUNDS or not len(falling):
        return policy.bounds
    is_share = policy.kind == GradeKind.SHARES
    room = (
        np.multiply(policy.shares, len(falling)) if is_share else np.multiply(policy.capacity, days)
    )
    last = np.ceil(np.cumsum(room) - ROUNDING).astype(np.int64)
    reached = falling[np.clip(last, 1, len(falling)) - 1]
    first, second, third = np.where(last > 0, reached, OUT_OF_REACH).tolist()
    return first, second, third


def graded(probabilities: ArrayLike, bounds: Bounds) -> NDArray[np.str_]:
    """The grade of each lead (n,): a probability at a bound has the better one.

    Raises UsageError where one is not in 0..1.

    >>> graded([0.7, 0.3, 0.01], (0.5, 0.25, 0.1)).tolist()
    ['A', 'B', 'D']
    """
    p = np.asarray(probabilities, dtype=np.float64)
    if not ((p >= 0) & (p <= 1)).all():
        raise UsageError("grade-probability", f"a probability lies in 0..1, got {p!r}")
    letters: NDArray[np.str_] = np.asarray(GRADES)[(p[:, None] < np.asarray(bounds)).sum(axis=1)]
    return letters
