"""What speaks for a leak: counts over records, closed ones beside open ones of the same age.

Everything is a share over records and stays within strata, so that a column which came into use
last year, or a kind of deal that closes within a day, is not taken for one written at the close.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

STRATA = 10
"""Groups of creation time, or of age, within which records are compared."""
FEWEST_RECORDS = 30
"""Open and closed records (or closes of each kind) below which nothing is said."""
RARE = 0.1
"""A tenth as often on one side counts as nearly only on the other."""
NUMBER_BINS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Lives:
    """The lives of records, row by row (n,): instants in days, and how each ended.

    `until` is the close, or now for those still open; `is_won` is false for what is open or lost.
    """

    created: Floats
    until: Floats
    is_open: Flags
    is_won: Flags

    @property
    def days(self) -> Floats:
        """How long each was open, so far."""
        return self.until - self.created

    @property
    def is_closed(self) -> Flags:
        """Those that have ended."""
        return ~self.is_open

    def at(self, places: Ints) -> "Lives":
        """The lives of some of the records."""
        return Lives(
            created=self.created[places],
            until=self.until[places],
            is_open=self.is_open[places],
            is_won=self.is_won[places],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """How often something holds on two sides, averaged over strata that have both.

    `z` says by how many standard errors it holds more often on the closed side, `most_z` by how
    many it would if it held on no open record at all: whether so few records could tell.
    """

    on_open: float
    on_closed: float
    z: float
    most_z: float


def same_age(flags: Flags, lives: Lives) -> Contrast | None:
    """Open against closed records of the same time of creation; None where either side is small."""
    strata = _groups(lives.created)
    sides = (lives.is_open, lives.is_closed)
    count = np.array([np.bincount(strata[side], minlength=STRATA) for side in sides])
    held = np.array([np.bincount(strata[side & flags], minlength=STRATA) for side in sides])
    shared = (count > 0).all(axis=0)
    if count[:, shared].sum(axis=1).min() < FEWEST_RECORDS:
        return None
    return _pooled(held[:, shared] / count[:, shared], count[:, shared].astype(np.float64))


def past_and_now(flags: Flags, lives: Lives) -> Contrast | None:
    """Records that are open now against records as they were open in the past, at the same age.

    The past side (`on_closed`) counts each record by the days it was open at that age. A value
    that was known from the start is as frequent on both sides, however fast its records close; one
    that is written at the close was on past cohorts, seen from today, and is not on today's.
    """
    ages = lives.days[lives.is_open]
    edges = _age_edges(lives.days[flags & lives.is_closed], ages)
    if len(ages) < FEWEST_RECORDS or len(edges) < 2:
        return None
    days = _days_within(lives, edges)
    place = np.clip(np.searchsorted(edges, ages, side="right") - 1, 0, len(edges) - 2)
    now = np.bincount(place, minlength=len(edges) - 1)
    now_held = np.bincount(place[flags[lives.is_open]], minlength=len(edges) - 1)
    past, past_held = days.sum(axis=0), days[flags].sum(axis=0)
    shared = (now > 0) & (past > 0)
    # Records of many days weigh more, so there are fewer than there seem to be (Kish, 1965).
    effective = past[shared] ** 2 / np.square(days[:, shared]).sum(axis=0)
    shares = np.array([now_held[shared] / now[shared], past_held[shared] / past[shared]])
    return _pooled(shares, np.array([now[shared], effective]))


def closed_values(codes: Ints, lives: Lives, *, one_sided: bool) -> Flags:
    """Whether each record has a value that the other half of the records shows on closed ones only.

    Half by half, so that the values are found on other records than those they are tried on.
    `one_sided` asks besides that such records ended alike: nearly all won, or nearly all lost.
    """
    half = np.arange(len(codes)) % 2 == 0
    found = np.zeros(len(codes), dtype=np.bool_)
    size = int(codes.max(initial=0)) + 1
    for learnt in (half, ~half):
        known = lives.at(np.flatnonzero(learnt))
        marked = _is_closed_value(codes[learnt], known, size)
        if one_sided:
            marked &= _is_one_sided(codes[learnt], known, size)
        found[~learnt] = marked[codes[~learnt]]
    return found


def ranking(codes: Ints, won: Flags) -> float:
    """AUC of the win rate of each code, learnt on every other record and used on the rest."""
    half = np.arange(len(codes)) % 2 == 0
    rate = np.empty(len(codes))
    for learnt in (half, ~half):
        wins = np.bincount(codes[learnt], weights=won[learnt], minlength=codes.max() + 1)
        count = np.bincount(codes[learnt], minlength=codes.max() + 1)
        rate[~learnt] = ((wins + won.mean()) / (count + 1))[codes[~learnt]]
    rank = pd.Series(rate).rank().to_numpy()
    positives, negatives = won.sum(), (~won).sum()
    return float((rank[won].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def ranking_error(auc: float, positives: int, negatives: int) -> float:
    """The standard error of an AUC with so many of each (Hanley and McNeil, 1982)."""
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (positives - 1) * (q1 - auc**2) + (negatives - 1) * (q2 - auc**2)
    return float(np.sqrt(variance / (positives * negatives)))


def codes_of(values: pd.Series) -> Ints:
    """Values as whole numbers: one per category, one per bin of a number, 0 for null.

    >>> codes_of(pd.Series(["a", None, "b", "a"])).tolist()
    [1, 0, 2, 1]
    """
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        rank = values.rank(method="average", pct=True)
        return np.asarray(np.ceil(rank.fillna(0).to_numpy() * NUMBER_BINS), dtype=np.int64)
    return np.asarray(pd.factorize(values, use_na_sentinel=True)[0] + 1, dtype=np.int64)


def _is_closed_value(codes: Ints, lives: Lives, size: int) -> Flags:
    """By code: whether the open records have it at most a tenth as often as the closed ones."""
    on_open = np.bincount(codes[lives.is_open], minlength=size) / max(lives.is_open.sum(), 1)
    on_closed = np.bincount(codes[lives.is_closed], minlength=size) / max(lives.is_closed.sum(), 1)
    found: Flags = (on_closed > 0) & (on_open <= RARE * on_closed)
    return found


def _is_one_sided(codes: Ints, lives: Lives, size: int) -> Flags:
    """By code: whether its closed records were won, or lost, a tenth as often as all are."""
    closed, lost = lives.is_closed, lives.is_closed & ~lives.is_won
    total = np.maximum(np.bincount(codes[closed], minlength=size), 1)
    sides = [
        np.bincount(codes[side], minlength=size) / total <= RARE * side.sum() / max(closed.sum(), 1)
        for side in (lives.is_won, lost)
        if side.any()
    ]
    found: Flags = np.logical_or.reduce(sides) if len(sides) == 2 else np.zeros(size, np.bool_)
    return found


def _age_edges(closing: Floats, ages: Floats) -> Floats:
    """Ages between which records are compared: fine where they close, and over all open ages."""
    steps = np.linspace(0, 1, STRATA // 2 + 1)[1:]
    parts = [np.quantile(part, steps) for part in (closing, ages) if len(part)]
    edges: Floats = np.unique(np.concatenate([[0.0], *parts]))
    return edges


def _days_within(lives: Lives, edges: Floats) -> Floats:
    """How long each record was open within each span of ages (n, len(edges) - 1), in days."""
    life = lives.days[:, None]
    days: Floats = np.clip(np.minimum(life, edges[1:]) - edges[:-1], 0, None)
    return days


def _pooled(shares: Floats, count: Floats) -> Contrast:
    """Shares (2, strata) of both sides, averaged with the weights of Mantel and Haenszel (1959)."""
    weight = count[0] * count[1] / (count[0] + count[1])
    on_open, on_closed = shares @ weight / weight.sum()
    return Contrast(
        on_open=float(on_open),
        on_closed=float(on_closed),
        z=_errors_apart(shares, weight),
        most_z=_errors_apart(shares * [[0], [1]], weight),
    )


def _errors_apart(shares: Floats, weight: Floats) -> float:
    middle = shares.mean(axis=0)
    error = np.sqrt(max((weight * middle * (1 - middle)).sum(), 1e-12))
    return float(weight @ (shares[1] - shares[0]) / error)


def _groups(values: Floats) -> Ints:
    """Groups of equal size by rank."""
    rank = pd.Series(values).rank(method="first").to_numpy()
    return np.asarray((rank - 1) * STRATA // max(len(rank), 1), dtype=np.int64)
