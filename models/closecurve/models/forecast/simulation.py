"""Draws of the revenue of every period and scope, from plain arrays.

A draw fixes everything at once: which open deals are won in which cell and for how much, what new
deals bring, one shock for all of the company, one for each team (owner, …), and one for each cell.
Scopes and periods only add up what lies in them, so that every roll-up holds in every draw.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

from closecurve.crm.errors import UsageError
from closecurve.models.forecast.draws import (
    MOST_DRAWS,
    DealPlan,
    open_draws,
    stratified_normals,
    with_mean_one,
)

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

BLOCK_LEAVES = 64
"""Leaves that are drawn together; the memory for one block is that times the draws."""

MOST_VALUES = 512
"""Amounts and ratios to draw from; more would be published without being told apart."""

SMOOTH_FROM = 100.0
"""From this many expected wins on, a compound Poisson sum is drawn as the gamma of its moments."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shocks:
    """What past origins taught of errors: standard deviations of log factors of mean 1.

    `company` (cells,) is common to all; `kinds` has one for each scope kind whose labels stray from
    their fair share of it, `labels` (leaves,) the label of each leaf, `shares` (labels,) the fair
    shares; `cell` (cells,) is how far a cell strays within its pivot, whose own sum it leaves as it
    is on average.
    """

    company: Floats
    cell: Floats
    kinds: Mapping[str, float]
    labels: Mapping[str, Places]
    shares: Mapping[str, Floats]

    def strays(self, kind: str, draws: int, rng: np.random.Generator) -> Floats:
        """(labels, draws) the factors of a kind's scopes.

        What one gains the others lose: the mean by fair shares is taken out of the logarithms, so
        that the company keeps its own error. That leaves a scope the less the larger it is.
        """
        share, error = self.shares[kind], self.kinds[kind]
        normals = stratified_normals(len(share), draws, rng)
        variance = 1.0 - 2.0 * share + share @ share
        logs = error * (normals - share @ normals) - error**2 / 2 * variance[:, None]
        return np.asarray(np.exp(logs), dtype=np.float64)


def no_shocks(cells: int) -> Shocks:
    """Shocks of nothing, as before anything is learnt."""
    return Shocks(company=np.zeros(cells), cell=np.zeros(cells), kinds={}, labels={}, shares={})


def shares_of(labels: Places, weight: Floats) -> Floats:
    """(labels,) what each label has of the whole `weight` (leaves,); zeros of nothing."""
    found = np.bincount(labels, weight).astype(np.float64)
    return found / found.sum() if found.sum() > 0 else found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Basis:
    """All that draws are made of.

    - Open deals, in the order of their leaf: `leaf` (deals,), `amount` (deals,) at the win before
      `ratios`, `won_by` (deals, cells + 1), the probability of a win by the bounds of the cells;
    - new deals by leaf: `created_count` (leaves,), `expected_count` (leaves, cells) of wins,
      `stratum` (leaves,), the place in `amounts`, which are won amounts to draw from;
    - `scale` (cells,) takes curves and arrivals to what all rules together say, `shocks` what they
      miss by;
    - `seed`: the same basis and seed give the same draws, and what is not changed in a basis
      keeps its draws.
    """

    leaf: Places
    amount: Floats
    ratios: Floats
    won_by: Floats
    created_count: Floats
    expected_count: Floats
    stratum: Places
    amounts: tuple[Floats, ...]
    scale: Floats
    shocks: Shocks
    seed: int = 0

    @property
    def leaves(self) -> int:
        """How many leaves there are."""
        return len(self.created_count)

    def open_expected(self) -> Floats:
        """(leaves, cells) expected amount of open deals, before `scale`."""
        brings = np.diff(self.won_by, axis=1) * self.amount[:, None] * float(self.ratios.mean())
        total = np.zeros(self.expected_count.shape)
        np.add.at(total, self.leaf, brings)
        return total

    def new_expected(self) -> Floats:
        """(leaves, cells) expected amount of new deals, before `scale`."""
        means = np.array([float(amounts.mean()) for amounts in self.amounts])
        return np.asarray(self.expected_count * means[self.stratum, None], dtype=np.float64)

    def leaf_expected(self) -> Floats:
        """(leaves,) expected amount of open and new deals in all cells, before `scale`."""
        return np.asarray((self.open_expected() + self.new_expected()).sum(axis=1))


def simulate(
    basis: Basis, membership: csc_array | Floats, cells_of_period: NDArray[np.bool_], draws: int
) -> Floats:
    """(periods, scopes, draws) amount that is still to come.

    `membership` (scopes, leaves) and `cells_of_period` (periods, cells) tell what adds up to what;
    leaves and cells that nobody asks for are not drawn, which leaves the other draws as they are.
    Raises UsageError for draws outside 1 to 46,340.
    """
    if not 1 <= draws <= MOST_DRAWS:
        raise UsageError("forecast-draws", f"draws are 1 to {MOST_DRAWS:,}, got {draws!r}")
    rng = np.random.default_rng(basis.seed)
    plan = DealPlan.of(len(basis.leaf), draws, rng)
    common = _common(basis, draws, rng)
    own = {kind: basis.shocks.strays(kind, draws, rng) for kind in basis.shocks.kinds}
    total = np.zeros((len(cells_of_period), membership.shape[0], draws))
    for start in range(0, basis.leaves, BLOCK_LEAVES):
        leaves = slice(start, min(start + BLOCK_LEAVES, basis.leaves))
        scopes = np.flatnonzero(np.asarray(membership[:, leaves].sum(axis=1)))
        if not len(scopes):
            continue
        member = membership[:, leaves][scopes]
        factor = np.ones((leaves.stop - start, draws))
        for kind, shock in own.items():
            factor *= shock[basis.shocks.labels[kind][leaves]]
        block = _Block.of(basis, plan, leaves)
        for cell in np.flatnonzero(cells_of_period.any(axis=0)).tolist():
            drawn = member @ (block.draws(cell) * factor * common[cell])
            for period in np.flatnonzero(cells_of_period[:, cell]):
                total[period, scopes] += drawn
    return total


def _common(basis: Basis, draws: int, rng: np.random.Generator) -> Floats:
    """(cells, draws) what all leaves are multiplied by: the scale, the company's shock, the
    cell's."""
    shocks = basis.shocks
    company = with_mean_one(stratified_normals(1, draws, rng), shocks.company[:, None])
    cells = stratified_normals(len(shocks.cell), draws, rng)
    return basis.scale[:, None] * company * with_mean_one(cells, shocks.cell[:, None])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Block:
    """Some leaves with their deals. `rate` (leaves, draws): how many deals really arrive over how
    many did lately, as uncertain as the count that it was read from."""

    basis: Basis
    plan: DealPlan
    leaves: slice
    deals: slice
    rate: Floats

    @classmethod
    def of(cls, basis: Basis, plan: DealPlan, leaves: slice) -> "_Block":
        first, last = np.searchsorted(basis.leaf, [leaves.start, leaves.stop])
        rate = np.ones((leaves.stop - leaves.start, plan.draws))
        if basis.expected_count[leaves].any():
            count = np.maximum(basis.created_count[leaves, None], 1.0)
            rng = np.random.default_rng([basis.seed, 1, leaves.start])
            rate = rng.gamma(count, 1 / count, rate.shape)
        deals = slice(int(first), int(last))
        return cls(basis=basis, plan=plan.part(deals), leaves=leaves, deals=deals, rate=rate)

    def draws(self, cell: int) -> Floats:
        """(leaves, draws) of one cell: open and new."""
        basis, deals = self.basis, self.deals
        won_by = basis.won_by[deals]
        won = open_draws(
            self.plan,
            won_by[:, cell],
            won_by[:, cell + 1],
            basis.amount[deals],
            basis.ratios,
            basis.leaf[deals] - self.leaves.start,
            len(self.rate),
        )
        if not basis.expected_count[self.leaves, cell].any():
            return won
        rng = np.random.default_rng([basis.seed, 2, self.leaves.start, cell])
        expected = basis.expected_count[self.leaves, cell, None] * self.rate
        return won + new_draws(expected, basis.amounts, basis.stratum[self.leaves], rng)


def few(values: Floats) -> Floats:
    """At most `MOST_VALUES` values that stand for many: quantiles with the same mean."""
    if len(values) <= MOST_VALUES:
        return values
    kept = np.quantile(values, (np.arange(MOST_VALUES) + 0.5) / MOST_VALUES)
    return kept * (values.mean() / kept.mean()) if kept.mean() > 0 else kept


def new_draws(
    expected: Floats, amounts: tuple[Floats, ...], stratum: Places, rng: np.random.Generator
) -> Floats:
    """(leaves, draws) compound Poisson sums: `expected` (leaves, draws) wins, each with one of the
    `amounts` of the leaf's `stratum` (leaves,)."""
    is_many = expected.mean(axis=1) >= SMOOTH_FROM
    total = np.zeros(expected.shape)
    for leaf in np.flatnonzero(is_many):
        total[leaf] = _smooth_compound(expected[leaf], amounts[stratum[leaf]], rng)
    few = np.flatnonzero(~is_many)
    total[few] = _counted_compound(expected[few], amounts, stratum[few], rng)
    return total


def _counted_compound(
    expected: Floats, amounts: tuple[Floats, ...], stratum: Places, rng: np.random.Generator
) -> Floats:
    """Every win thrown by itself: all of them are Poisson, each falls where it is expected."""
    edges = np.cumsum(expected.ravel())
    if not len(edges) or edges[-1] <= 0:
        return np.zeros(expected.shape)
    wins = rng.poisson(edges[-1])
    place = np.searchsorted(edges, rng.random(wins) * edges[-1], "right")
    place = np.minimum(place, len(edges) - 1)
    lengths = np.array([len(each) for each in amounts])
    starts = np.cumsum(lengths) - lengths
    of_win = stratum[place // expected.shape[1]]
    picked = starts[of_win] + (rng.random(wins) * lengths[of_win]).astype(np.intp)
    total = np.bincount(place, np.concatenate(amounts)[picked], len(edges))
    return np.asarray(total, dtype=np.float64).reshape(expected.shape)


def _smooth_compound(mean: Floats, amounts: Floats, rng: np.random.Generator) -> Floats:
    """The gamma with the mean and the variance of a compound Poisson sum of `mean` wins."""
    first, second = float(amounts.mean()), float((amounts**2).mean())
    if first == 0:
        return np.zeros(len(mean))
    return rng.gamma(mean * first**2 / second, second / first)
