"""Scores of probabilities and of forecasts: plain functions on arrays. Lower is better but for
`auc` and `coverage`.

A probability is one of the outcome 1, in 0..1. Ties: `auc` counts them half; where equal
probabilities fall on the border of two groups, the order of the rows decides.
"""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm, rankdata

from closecurve.crm.errors import UsageError

Floats = NDArray[np.float64]

CLIP = 1e-4
"""Probabilities are kept this far from 0 and 1 for the log loss, and for it only."""

GROUPS = 10
"""Groups of equal size by probability."""


def _pair(outcome: ArrayLike, probability: ArrayLike) -> tuple[Floats, Floats]:
    y, p = np.asarray(outcome, dtype=np.float64), np.asarray(probability, dtype=np.float64)
    if y.shape != p.shape or y.ndim != 1 or not len(y):
        raise UsageError(
            "metric-shape", f"a score needs two vectors of one length, got {y.shape} and {p.shape}"
        )
    return y, p


def log_loss(outcome: ArrayLike, probability: ArrayLike) -> float:
    """Mean of minus the log of the probability of what happened.

    >>> round(log_loss([1, 0], [0.5, 0.5]), 4)
    0.6931
    """
    return float(log_losses(outcome, probability).mean())


def log_losses(outcome: ArrayLike, probability: ArrayLike) -> Floats:
    """The log loss of each row (n,), clipped."""
    y, p = _pair(outcome, probability)
    p = np.clip(p, CLIP, 1 - CLIP)
    losses: Floats = -(y * np.log(p) + (1 - y) * np.log(1 - p))
    return losses


def brier_score(outcome: ArrayLike, probability: ArrayLike) -> float:
    """Mean squared error of the probability.

    >>> brier_score([1, 0], [0.5, 0.5])
    0.25
    """
    y, p = _pair(outcome, probability)
    return float(np.square(y - p).mean())


def auc(outcome: ArrayLike, probability: ArrayLike) -> float:
    """The share of (one, zero) pairs ranked right, ties counted half; NaN without both kinds.

    Higher is better. By ranks, after Mann and Whitney.

    >>> auc([0, 1, 1], [0.1, 0.1, 0.9])
    0.75
    """
    y, p = _pair(outcome, probability)
    ones = y.sum()
    zeros = len(y) - ones
    if not ones or not zeros:
        return float("nan")
    return float((rankdata(p)[y == 1].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def calibration_in_the_large(outcome: ArrayLike, probability: ArrayLike) -> float:
    """Mean probability minus observed rate: above 0 is too hopeful; nearest 0 is best."""
    y, p = _pair(outcome, probability)
    return float(p.mean() - y.mean())


def calibration_error(outcome: ArrayLike, probability: ArrayLike, groups: int = GROUPS) -> float:
    """ECE: over groups of equal size by probability, the row mean of |observed rate - mean p|.

    Even a perfect model does not reach 0: see `calibration_luck`.
    """
    y, p = _pair(outcome, probability)
    order = np.argsort(p, kind="stable")
    return float(_group_error(y[order][None], p[order], groups)[0])


def calibration_luck(
    probability: ArrayLike, groups: int = GROUPS, *, simulations: int = 200, seed: int = 0
) -> float:
    """The calibration error that a perfectly calibrated model of these probabilities gets by luck.

    The mean over simulated outcomes: a goal below it means nothing.
    """
    p = np.sort(np.asarray(probability, dtype=np.float64))
    generator = np.random.default_rng(seed)
    errors = [
        _group_error((generator.random(len(p)) < p)[None].astype(np.float64), p, groups)[0]
        for _ in range(simulations)
    ]
    return float(np.mean(errors))


def _group_error(outcomes: Floats, p: Floats, groups: int) -> Floats:
    """The error of each row of outcomes (m, n), both sorted by p."""
    starts = _group_starts(len(p), groups)
    gaps = np.add.reduceat(outcomes - p, starts, axis=1)
    error: Floats = np.abs(gaps).sum(axis=1) / len(p)
    return error


def _group_starts(rows: int, groups: int) -> NDArray[np.int64]:
    parts = min(groups, rows)
    return np.unique(np.arange(parts) * rows // parts)


def reliability_bins(
    outcome: ArrayLike, probability: ArrayLike, groups: int = GROUPS
) -> pd.DataFrame:
    """One row per group of equal size by probability: what was said and what happened.

    Columns: count, probability (mean), observed_rate, observed_low and observed_high (95 % Wilson).
    """
    y, p = _pair(outcome, probability)
    order = np.argsort(p, kind="stable")
    starts = _group_starts(len(p), groups)
    count = np.diff([*starts, len(p)])
    hits = np.add.reduceat(y[order], starts)
    low, high = wilson_interval(hits, count)
    return pd.DataFrame(
        {
            "count": count,
            "probability": np.add.reduceat(p[order], starts) / count,
            "observed_rate": hits / count,
            "observed_low": low,
            "observed_high": high,
        }
    )


def wilson_interval(
    hits: ArrayLike, count: ArrayLike, level: float = 0.95
) -> tuple[Floats, Floats]:
    """The interval of a rate from `hits` in `count` (Wilson 1927); 0 to 1 where count is 0.

    >>> low, high = wilson_interval([5], [10])
    >>> low.round(3).tolist(), high.round(3).tolist()
    ([0.237], [0.763])
    """
    k, n = np.asarray(hits, dtype=np.float64), np.asarray(count, dtype=np.float64)
    z = norm.ppf((1 + level) / 2)
    centre = (k + z**2 / 2) / (n + z**2)
    spread = z / (n + z**2) * np.sqrt(k * (n - k) / np.maximum(n, 1) + z**2 / 4)
    low = np.where(k == 0, 0.0, centre - spread)
    high = np.where(k == n, 1.0, centre + spread)
    return low, high


def pinball_loss(actual: ArrayLike, quantile: ArrayLike, level: float) -> float:
    """Mean loss of a forecast quantile at `level` in 0..1, in the unit of the actual.

    >>> pinball_loss([10.0], [8.0], 0.9)
    1.8
    """
    gap = np.asarray(actual, dtype=np.float64) - np.asarray(quantile, dtype=np.float64)
    return float(np.maximum(level * gap, (level - 1) * gap).mean())


def crps(actual: ArrayLike, draws: ArrayLike) -> float:
    """Mean continuous ranked probability score of draws (n, m) against actuals (n,).

    The energy form: mean |x - y| minus half the mean |x - x'| over all pairs of draws (Gneiting
    and Raftery 2007), by sorting.

    >>> crps([1.0], [[0.0, 2.0]])
    0.5
    """
    y, x = np.asarray(actual, dtype=np.float64), np.asarray(draws, dtype=np.float64)
    if x.ndim != 2 or y.shape != x.shape[:1] or not x.size:
        raise UsageError("metric-shape", f"draws are (n, m) for n actuals, got {x.shape}")
    m = x.shape[1]
    error = np.abs(x - y[:, None]).mean(axis=1)
    rank_weight = 2 * np.arange(1, m + 1) - m - 1
    spread = (np.sort(x, axis=1) * rank_weight).sum(axis=1) / m**2
    return float((error - spread).mean())


def coverage(actual: ArrayLike, low: ArrayLike, high: ArrayLike) -> float:
    """The share of actuals in [low, high]; best is the interval's own level.

    >>> coverage([1, 2, 3], [0, 0, 0], [2, 2, 2])
    0.6666666666666666
    """
    y = np.asarray(actual, dtype=np.float64)
    inside = (np.asarray(low) <= y) & (y <= np.asarray(high))
    return float(inside.mean())


def wape(actual: ArrayLike, forecast: ArrayLike) -> float:
    """Sum of absolute errors over the sum of actuals; NaN where that sum is 0.

    >>> wape([100, 300], [110, 290])
    0.05
    """
    y, f = np.asarray(actual, dtype=np.float64), np.asarray(forecast, dtype=np.float64)
    total = y.sum()
    return float(np.abs(y - f).sum() / total) if total else float("nan")
