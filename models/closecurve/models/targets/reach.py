"""Amounts and the probability of reaching them, read off a forecast's quantiles."""

from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from closecurve.crm.errors import UsageError

Floats = NDArray[np.float64]

NORMAL = NormalDist()
LOWEST, HIGHEST = 0.05, 0.95
"""A forecast is published from its 5 % to its 95 % quantile: what lies beyond is not told."""


def amount_reached(quantiles: ArrayLike, levels: ArrayLike, probability: float) -> Floats:
    """(n,) the amount that is reached or passed with `probability`, from (n, levels) quantiles.

    Straight between two quantiles on the scale of the normal distribution, on which the quantiles
    of a bell are a line. Raises UsageError for a probability outside 0.05..0.95.

    >>> amount_reached([[90.0, 100.0, 110.0]], [0.1, 0.5, 0.9], 0.9).tolist()
    [90.0]
    """
    if not LOWEST <= probability <= HIGHEST:
        raise UsageError(
            "target-probability",
            f"a target's probability lies in {LOWEST}..{HIGHEST}, got {probability!r}",
        )
    scores, at = _scores(levels), NORMAL.inv_cdf(1 - probability)
    rows = np.atleast_2d(np.asarray(quantiles, dtype=np.float64))
    return np.array([np.interp(at, scores, row) for row in rows])


def probability_reached(quantiles: ArrayLike, levels: ArrayLike, amounts: ArrayLike) -> Floats:
    """(n,) the probability of `amounts` (n,) or more; beyond the outer quantiles it is theirs.

    The inverse of `amount_reached`; equal quantiles (nothing is uncertain) give the likelier end.

    >>> probability_reached([[90.0, 100.0, 110.0]], [0.1, 0.5, 0.9], [100.0]).tolist()
    [0.5]
    """
    scores = _scores(levels)
    rows = np.atleast_2d(np.asarray(quantiles, dtype=np.float64))
    wanted = np.asarray(amounts, dtype=np.float64)
    found = [_score(amount, row, scores) for amount, row in zip(wanted, rows, strict=True)]
    return np.array([1 - NORMAL.cdf(score) for score in found])


def _scores(levels: ArrayLike) -> Floats:
    return np.array([NORMAL.inv_cdf(level) for level in np.asarray(levels).tolist()])


def _score(amount: float, quantiles: Floats, scores: Floats) -> float:
    """The normal score of an amount; the lowest of those that share it."""
    if np.isnan(amount):
        return np.nan
    first = int(np.searchsorted(quantiles, amount, side="left"))
    if first == 0:
        return float(scores[0])
    if first == len(quantiles):
        return float(scores[-1])
    low, high = quantiles[first - 1], quantiles[first]
    part = (amount - low) / (high - low)
    return float(scores[first - 1] + part * (scores[first] - scores[first - 1]))
