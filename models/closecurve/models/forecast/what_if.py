"""What if: the same draws with something changed, so that only the change tells them apart."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from closecurve.crm.errors import UsageError
from closecurve.models.forecast.published import PublishedBasis
from closecurve.models.forecast.simulation import Basis, simulate

SLIP_DAYS = 91.0
"""A quarter."""

MOST_REPS = 1_000

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """What is taken to be otherwise than the forecast expects.

    `without` deals are not won; `slipped` ones close a quarter later than their curves say;
    `win_rates_of_last_year` multiplies every probability of a win by the win rate of the year
    before the last over that of the last; `more_reps` bring what an average rep of the scope does.
    Raises UsageError for reps outside 0 to 1,000.
    """

    without: frozenset[str] = frozenset()
    slipped: frozenset[str] = frozenset()
    win_rates_of_last_year: bool = False
    more_reps: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.more_reps <= MOST_REPS:
            raise UsageError(
                "what-if-reps", f"more reps are 0 to {MOST_REPS:,}, got {self.more_reps!r}"
            )

    @property
    def changes_nothing(self) -> bool:
        """Whether nothing is otherwise."""
        return self == WhatIf()


def changed(published: PublishedBasis, what_if: WhatIf, inside: NDArray[np.bool_]) -> Basis:
    """The basis with the change; `inside` (leaves,) are those of the scope that gets the reps.

    Raises UsageError for a deal that is not open.
    """
    basis = published.basis
    won_by, expected = basis.won_by.copy(), basis.expected_count.copy()
    slipped = published.places(what_if.slipped)
    won_by[slipped] = _later(won_by[slipped], published.bound_days)
    won_by[published.places(what_if.without)] = 0.0
    if what_if.win_rates_of_last_year:
        won_by = np.clip(won_by * published.win_rate_ratio, 0.0, 1.0)
        expected = expected * published.win_rate_ratio
    reps = max(published.reps(inside), 1)
    expected[inside] *= 1.0 + what_if.more_reps / reps
    return replace(basis, won_by=won_by, expected_count=expected)


def _later(won_by: Floats, bound_days: Floats) -> Floats:
    """The curves moved a quarter to the right: nothing is won before it is over."""
    rows = [np.interp(bound_days - SLIP_DAYS, bound_days, row, left=0.0) for row in won_by]
    return np.array(rows).reshape(won_by.shape)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answer:
    """Totals of one period and scope, (draws,) each, `before` and `after` the change."""

    before: Floats
    after: Floats


def answer(
    published: PublishedBasis, what_if: WhatIf, scope: tuple[str, str], period: str, booked: float
) -> Answer:
    """The distribution of a period (by name) and scope (kind, name), with and without the change.

    `booked` is what is won already. Raises UsageError for a period or a deal that is not there.
    """
    inside = published.inside(*scope)
    cells = published.cells_of(period)
    member = inside[None, :].astype(np.float64)
    before, after = (
        booked + simulate(basis, member, cells[None, :], published.draws)[0, 0]
        for basis in (published.basis, changed(published, what_if, inside))
    )
    return Answer(before=before, after=after)


def biggest(published: PublishedBasis, scope: tuple[str, str], period: str) -> str | None:
    """The open deal of the scope from which the period expects most; None where there is none."""
    basis, cells = published.basis, np.flatnonzero(published.cells_of(period))
    inside = published.inside(*scope)[basis.leaf]
    gain = basis.won_by[:, cells[-1] + 1] - basis.won_by[:, cells[0]]
    brings = np.where(inside, gain * basis.amount, 0.0)
    return published.deal_ids[int(brings.argmax())] if brings.any() else None
