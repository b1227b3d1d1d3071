"""How much each rule carries, and how wrong their combination is, learnt from past origins.

The error of a rule at an origin is log(actual rest / forecast rest). Rules weigh by the inverse of
their mean squared error; errors are shrunk where origins are few. The readings of won amounts share
their errors, so they are first combined with each other, and their combination then with the
curves: five readings of the same wins do not outvote the deals. At each past origin the weights are
those that could be known then, so that the combination's own error is an honest one.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closecurve.models.forecast.rules import BOTTOM_UP, RULES, PastOrigins
from closecurve.models.spans import SECONDS_A_DAY

PRIOR_ERROR = 0.1
PRIOR_FACTOR = 2.0
PRIOR_ERROR_DAYS = 91.0
"""The error before any origin, for a period that ends a quarter ahead: a tenth, two times out of
three not off by more than the factor. Demo companies had .10 to .15 (docs/measured.md). It grows
with the root of the days to the period's end, as that of a drifting level does."""

PRIOR_WINDOWS = 1.0
"""For weights the prior counts as much as one past window that overlaps no other."""

WEEK_DAYS = 7.0

Floats = NDArray[np.float64]

LEAST_ERROR = 0.03
"""No rule knows a period better than to three parts in a hundred beyond the noise of counting."""

ERRORS = np.geomspace(LEAST_ERROR, 2.0, 64)
"""What the combination's error may be; each step is 7 % of it."""

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
    then = past.past[list(RULES)].to_numpy(dtype=np.float64)
    values, prior = np.vstack([today.to_numpy(dtype=np.float64), then]), prior_of(past)
    weights = _weights(past, values, prior)
    combined = _mixed(values, weights)
    return Combination(
        weights={rule: float(w) for rule, w in zip(RULES, weights[0], strict=True)},
        rest=float(np.nan_to_num(combined[0])),
        error=_own_error(past, combined[1:], prior),
    )


def prior_of(past: PastOrigins) -> Prior:
    """The belief for a period that ends as far ahead as that of the origins."""
    days = max((past.period_end - past.as_of).total_seconds() / SECONDS_A_DAY, WEEK_DAYS)
    return Prior(variance=PRIOR_ERROR**2 * days / PRIOR_ERROR_DAYS, overlap=WEEK_DAYS / days)


def _weights(past: PastOrigins, values: Floats, prior: Prior) -> Floats:
    """(1 + origins, rules) the weight of each rule, today and at each past origin.

    `values` (1 + origins, rules) is what each gave, NaN for nothing; curves come first.
    """
    readings = _shares(past, values[:, 1:], prior)
    views = np.column_stack([values[:, 0], _mixed(values[:, 1:], readings)])
    shares = _shares(past, views, prior)
    return np.column_stack([shares[:, :1], shares[:, 1:] * readings])


def _mixed(values: Floats, weights: Floats) -> Floats:
    """(n,) the weighted sum of what there is; NaN where there is nothing."""
    found = np.nansum(weights * values, axis=1)
    return np.where(np.isnan(values).all(axis=1), np.nan, found)


def _shares(past: PastOrigins, values: Floats, prior: Prior) -> Floats:
    """(1 + origins, k) inverse mean squared errors of k answers, shared out.

    `values` (1 + origins, k). Each error is shrunk to the mean of all, that to the prior: with few
    origins the shares are nearly equal. An answer that is missing gets none.
    """
    errors, seen = _log_errors(past, values[1:]), _seen(past)
    known = ~np.isnan(errors)
    squares = prior.overlap * seen @ np.where(known, errors**2, 0.0)
    counts = prior.overlap * seen @ known.astype(np.float64)
    believed = PRIOR_WINDOWS * prior.variance
    pooled = (squares.sum(axis=1) + believed) / (counts.sum(axis=1) + PRIOR_WINDOWS)
    shrunk = (squares + PRIOR_WINDOWS * pooled[:, None]) / (counts + PRIOR_WINDOWS)
    inverse = np.where(np.isnan(values), 0.0, 1.0 / np.maximum(shrunk, LEAST_ERROR**2))
    total = inverse.sum(axis=1, keepdims=True)
    shares = np.divide(inverse, total, out=np.zeros_like(inverse), where=total > 0)
    return np.asarray(shares, dtype=np.float64)


def _seen(past: PastOrigins) -> NDArray[np.bool_]:
    """(1 + origins, origins) whose period had ended: today all, then as of each past origin."""
    as_of, end = past.past["as_of"].to_numpy(), past.past["period_end"].to_numpy()
    return np.vstack([np.ones((1, len(end)), dtype=bool), end[None, :] <= as_of[:, None]])


def _log_errors(past: PastOrigins, forecasts: Floats) -> Floats:
    """log(actual / forecast), both with half a usual win added; `forecasts` is (origins, any)."""
    little = NEGLIGIBLE * past.usual_amount
    return np.asarray(np.log(_came(past)[:, None] / (forecasts + little)), dtype=np.float64)


def _came(past: PastOrigins) -> Floats:
    """(origins,) the actual with half a usual win added."""
    actual = past.past["actual"].to_numpy(dtype=np.float64)
    return np.asarray(np.maximum(actual, 0.0) + NEGLIGIBLE * past.usual_amount, dtype=np.float64)


def _noise(past: PastOrigins) -> Floats:
    """(origins,) the relative variance that counting alone gives the actual.

    Half a usual win is added here too: a window without wins is no sure sign of a wrong rate.
    """
    squares = past.past["squares"].to_numpy(dtype=np.float64)
    squares = squares + NEGLIGIBLE * past.usual_amount**2
    return np.asarray(squares / _came(past) ** 2, dtype=np.float64)


def _own_error(past: PastOrigins, combined: Floats, prior: Prior) -> float:
    """The combination's own error beyond the noise of counting: its posterior mean.

    The log error of an origin is normal with the variances of counting and of the own error, and
    overlapping origins count as much as the windows that they fill. Where counting alone can
    explain what was missed they tell little, and the lognormal prior holds.
    """
    made = ~np.isnan(combined)
    missed = _log_errors(past, combined[:, None])[made]
    variance = _noise(past)[made, None] + ERRORS**2
    said = prior.overlap * (np.log(variance) + missed**2 / variance).sum(axis=0)
    believed = (np.log(ERRORS / np.sqrt(prior.variance)) / np.log(PRIOR_FACTOR)) ** 2
    weight = np.exp(-0.5 * (said + believed - (said + believed).min()))
    return float(weight @ ERRORS / weight.sum())
