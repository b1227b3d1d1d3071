"""Draws of what open deals bring: every deal is won in as many draws as its probability says.

The draws of a deal are a random affine permutation of 0 … N - 1, and it is won in a first stretch
of it (Latin hypercube sampling, McKay, Beckman and Conover, 1979). In any one draw deals are
independent, as in plain Monte Carlo; over the draws each deal's own share is exact, so that fewer
draws give quantiles as sharp. Only wins are touched, not deals times draws. For a prime N the
permutations are sharply 2-transitive, and any mean over draws has the very variance of that of
uniformly random permutations.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

MOST_EVENTS = 1 << 16
"""Wins that are worked on at once: their arrays stay in the processor's cache, which makes the
work four times faster than in chunks of a million."""

MOST_DRAWS = 46_340
"""The square of the number of draws is a 32-bit integer."""

Floats = NDArray[np.float64]
Places = NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DealPlan:
    """In which draws each deal is won: the same whatever window is asked, so that windows add up.

    The k-th event of a deal falls into draw (`step` k + `start`) mod `draws` and happens where the
    cumulative probability passes (k + `offset`) / `draws`.
    """

    draws: int
    step: Places
    start: Places
    offset: Floats
    ratio_start: Places

    @classmethod
    def of(cls, deals: int, draws: int, rng: np.random.Generator) -> "DealPlan":
        """A plan for that many deals."""
        steps = np.arange(1, draws + 1, dtype=np.int32)
        steps = steps[np.gcd(steps, draws) == 1]
        return cls(
            draws=draws,
            step=rng.choice(steps, deals),
            start=rng.integers(0, draws, deals, dtype=np.int32),
            offset=rng.random(deals),
            ratio_start=rng.integers(0, draws, deals, dtype=np.int32),
        )

    def part(self, deals: slice) -> "DealPlan":
        """The plan of some of the deals."""
        return DealPlan(
            draws=self.draws,
            step=self.step[deals],
            start=self.start[deals],
            offset=self.offset[deals],
            ratio_start=self.ratio_start[deals],
        )

    def windows(self, low: Floats, high: Floats) -> tuple[Places, Places]:
        """The first event, and how many, of each deal between two cumulative probabilities."""
        first, last = (
            np.ceil(self.draws * np.clip(bound, 0.0, 1.0) - self.offset).astype(np.int32)
            for bound in (low, high)
        )
        return first, np.maximum(last - first, 0)


def open_draws(
    plan: DealPlan,
    low: Floats,
    high: Floats,
    amount: Floats,
    ratios: Floats,
    leaf: Places,
    leaves: int,
) -> Floats:
    """(leaves, draws) amount won of the plan's deals, each of which lies in one `leaf` (deals,).

    A deal is won where its cumulative probability passes from `low` to `high` (deals,), and then
    brings its `amount` (deals,) times one of the `ratios`.
    """
    total = np.zeros(leaves * plan.draws)
    first, count = plan.windows(low, high)
    # A table long enough for any event and any beginning needs no remainder.
    table = np.resize(ratios, 2 * plan.draws)
    base = leaf.astype(np.int32) * plan.draws
    for deals in _chunks(count):
        place, won = _events(plan.part(deals), first[deals], count[deals], table)
        place += np.repeat(base[deals], count[deals])
        won *= np.repeat(amount[deals], count[deals])
        np.add.at(total, place, won)
    return total.reshape(leaves, plan.draws)


def _events(plan: DealPlan, first: Places, count: Places, table: Floats) -> tuple[Places, Floats]:
    """The draw of every event of the deals, and the amount ratio that it picks from `table`."""
    event = np.arange(count.sum(), dtype=np.int32)
    event -= np.repeat(np.cumsum(count, dtype=np.int32) - count - first, count)
    draw = event * np.repeat(plan.step, count)
    draw += np.repeat(plan.start, count)
    draw -= draw // plan.draws * plan.draws
    event += np.repeat(plan.ratio_start, count)
    return draw, table[event]


def _chunks(count: Places) -> Iterator[slice]:
    """Slices of deals with about `MOST_EVENTS` events, in order."""
    ends = np.cumsum(count, dtype=np.int64)
    start = 0
    while start < len(count):
        done = ends[start - 1] if start else 0
        stop = max(int(np.searchsorted(ends, done + MOST_EVENTS, "right")), start + 1)
        yield slice(start, stop)
        start = stop


def stratified_normals(rows: int, draws: int, rng: np.random.Generator) -> Floats:
    """(rows, draws) standard normal, each row one of every equally likely slice in random order."""
    order = rng.permuted(np.tile(np.arange(draws), (rows, 1)), axis=1)
    return np.asarray(ndtri((order + 0.5) / draws), dtype=np.float64)


def with_mean_one(normals: Floats, error: Floats | float) -> Floats:
    """Lognormal factors of mean 1 whose logarithm has the standard deviation `error`."""
    return np.asarray(np.exp(error * normals - np.square(error) / 2), dtype=np.float64)
