"""How much each rule carries, and how wrong their combination is, learnt from past origins.

The error of a rule at an origin is log(actual rest / forecast rest). Rules weigh by the inverse of
their mean squared error; errors are shrunk where origins are few. At each past origin the weights
are those that could be known then, so that the combination's own error is an honest one.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closecurve.models.forecast.rules import BOTTOM_UP, RULES, PastOrigins
from closecurve.models.spans import SECONDS_A_DAY

PRIOR_ERROR = 0.15
PRIOR_ERROR_DAYS = 91.0
"""The error before any origin, for a period that ends a quarter ahead: what curves and arrivals
alone miss a quarter by in the benchmarks. It grows with the root of the days to the period's end,
as that of a drifting level does."""

PRIOR_WINDOWS = 1.0
"""The prior weighs as much as one past window that overlaps no other."""

WEEK_DAYS = 7.0

LEAST_ERROR = 0.03
"""No rule knows a period better than to three parts in a hundred beyond the noise of counting."""

NEGLIGIBLE = 0.5
"""Half a usual win is added to actual and forecast, so that a rest of nothing has a logarithm."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Combination:
    """The weights of the rules (they sum to 1), the combined rest, and its error.

    `error` is the standard deviation of log(actual / forecast) beyond the noise of counting.
    """

    weights: dict[str, float]
    rest: float
    error: float

    @property
    def carried_by(self) -> str:
        """The rule with the largest weight; the first of `RULES` among equals."""
        return max(self.weights, key=lambda rule: self.weights[rule])


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """What is believed of a squared error before origins tell.

    `overlap` is what one weekly origin is worth in windows that do not overlap: 7 days over the
    days from the as-of to the period's end.
    """

    variance: float
    overlap: float


def combine(past: PastOrigins, bottom_up_rest: float) -> Combination:
    """The combination of today's rules, as past origins taught it."""
    today = past.today.reindex(list(RULES))
    today[BOTTOM_UP] = bottom_up_rest
    prior, errors = prior_of(past), _log_errors(past, _then(past))
    every = np.ones((1, len(errors)), dtype=bool)
    weights = _weights(errors, every, today.notna().to_numpy()[None, :], prior)[0]
    return Combination(
        weights={rule: float(w) for rule, w in zip(RULES, weights, strict=True)},
        rest=float(np.nansum(weights * today.to_numpy())),
        error=_own_error(past, errors, prior),
    )


def prior_of(past: PastOrigins) -> Prior:
    """The belief for a period that ends as far ahead as that of the origins."""
    days = max((past.period_end - past.as_of).total_seconds() / SECONDS_A_DAY, WEEK_DAYS)
    return Prior(variance=PRIOR_ERROR**2 * days / PRIOR_ERROR_DAYS, overlap=WEEK_DAYS / days)


def _then(past: PastOrigins) -> NDArray[np.float64]:
    """(origins, rules) what each rule gave; NaN where it gave nothing."""
    return past.past[list(RULES)].to_numpy(dtype=np.float64)


def _log_errors(past: PastOrigins, forecasts: NDArray[np.float64]) -> NDArray[np.float64]:
    """log(actual / forecast), both with half a usual win added; `forecasts` is (origins, any)."""
    little = NEGLIGIBLE * past.usual_amount
    actual = past.past["actual"].to_numpy(dtype=np.float64)[:, None]
    errors = np.log((np.maximum(actual, 0.0) + little) / (forecasts + little))
    return np.asarray(errors, dtype=np.float64)


def _ended_before(past: PastOrigins) -> NDArray[np.bool_]:
    """(origins, origins) whether the second's period had ended by the first's as-of."""
    as_of, end = past.past["as_of"].to_numpy(), past.past["period_end"].to_numpy()
    return end[None, :] <= as_of[:, None]


def _weights(
    errors: NDArray[np.float64],
    seen: NDArray[np.bool_],
    usable: NDArray[np.bool_],
    prior: Prior,
) -> NDArray[np.float64]:
    """(n, rules) weights at n instants, from the `errors` (origins, rules) `seen` (n, origins).

    Inverse mean squared errors, each shrunk to the mean of the rules, that to the prior: with few
    origins the weights are nearly equal. A rule that is not `usable` (n, rules) gets none.
    """
    known = ~np.isnan(errors)
    squares = prior.overlap * seen @ np.where(known, errors**2, 0.0)
    counts = prior.overlap * seen @ known.astype(np.float64)
    believed = PRIOR_WINDOWS * prior.variance
    pooled = (squares.sum(axis=1) + believed) / (counts.sum(axis=1) + PRIOR_WINDOWS)
    shrunk = (squares + PRIOR_WINDOWS * pooled[:, None]) / (counts + PRIOR_WINDOWS)
    inverse = np.where(usable, 1.0 / np.maximum(shrunk, LEAST_ERROR**2), 0.0)
    total = inverse.sum(axis=1, keepdims=True)
    shares = np.divide(inverse, total, out=np.zeros_like(inverse), where=total > 0)
    return np.asarray(shares, dtype=np.float64)


def _own_error(past: PastOrigins, errors: NDArray[np.float64], prior: Prior) -> float:
    """The combination's own error beyond the noise of counting, shrunk to the prior.

    Root mean square over origins of its log error, made with the weights known at each of them.
    """
    then = _then(past)
    weights = _weights(errors, _ended_before(past), ~np.isnan(then), prior)
    combined = np.nansum(weights * then, axis=1, keepdims=True)
    squares = _log_errors(past, combined)[:, 0] ** 2 - past.past["noise"].to_numpy()
    made = ~np.isnan(then).all(axis=1)
    beyond = prior.overlap * max(float(squares[made].sum()), 0.0)
    windows = prior.overlap * int(made.sum())
    variance = (beyond + PRIOR_WINDOWS * prior.variance) / (windows + PRIOR_WINDOWS)
    return max(float(np.sqrt(variance)), LEAST_ERROR)
