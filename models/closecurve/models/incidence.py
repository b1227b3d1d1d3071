"""Curves as arrays: hazards to cumulative incidence, and a curve read at any time.

A cumulative incidence (`cif`) is an array (n, 3, n_times): index 0 still open, 1 won, 2 lost. They
sum to 1; won and lost never fall with time.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from closecurve.crm.errors import UsageError

Floats = NDArray[np.float64]


def days_ahead(times: ArrayLike) -> Floats:
    """The times of a curve as a vector of days from the as-of.

    Raises UsageError where one is negative or not a number; infinity means eventually.

    >>> days_ahead([7, 30]).tolist()
    [7.0, 30.0]
    """
    days = np.atleast_1d(np.asarray(times, dtype=np.float64))
    if days.ndim != 1 or np.isnan(days).any() or (days < 0).any():
        raise UsageError("curve-times", f"times are a list of days, 0 or more, got {times!r}")
    return days


def from_hazards(hazards: Floats) -> Floats:
    """Cumulative incidence (n, 3, K + 1) at the K + 1 edges from hazards (n, K, 3).

    A hazard is the probability of open / won / lost in the interval, given open at its start: the
    product-limit (Aalen-Johansen) estimate in discrete time.

    >>> from_hazards(np.array([[[0.5, 0.25, 0.25], [0.5, 0.5, 0.0]]]))[0].tolist()
    [[1.0, 0.5, 0.25], [0.0, 0.25, 0.5], [0.0, 0.25, 0.25]]
    """
    still_open = np.cumprod(hazards[:, :, 0], axis=1)
    before = np.concatenate([np.ones((len(hazards), 1)), still_open[:, :-1]], axis=1)
    closed = np.cumsum(hazards[:, :, 1:] * before[:, :, None], axis=1)
    cif = np.zeros((len(hazards), 3, hazards.shape[1] + 1))
    cif[:, 1:, 1:] = closed.transpose(0, 2, 1)
    return with_open(cif)


def with_open(cif: Floats) -> Floats:
    """The same curves with index 0 set to what won and lost leave, never below 0."""
    cif[:, 0] = np.maximum(1.0 - cif[:, 1] - cif[:, 2], 0.0)
    return cif


def at_times(cif: Floats, edges: Sequence[float] | Floats, times: ArrayLike) -> Floats:
    """Curves given at `edges` read at `times`: linear between edges, flat beyond the last.

    >>> at_times(np.array([[[1, 0.5], [0, 0.5], [0, 0]]]), [0.0, 10.0], [5.0, 99.0])[0].tolist()
    [[0.75, 0.5], [0.25, 0.5], [0.0, 0.0]]
    """
    grid = np.asarray(edges, dtype=np.float64)
    days = np.minimum(days_ahead(times), grid[-1])
    right = np.clip(np.searchsorted(grid, days, side="left"), 1, len(grid) - 1)
    share = (days - grid[right - 1]) / (grid[right] - grid[right - 1])
    low, high = cif[:, :, right - 1], cif[:, :, right]
    result: Floats = low + (high - low) * share
    return result


def monotone(cif: Floats) -> Floats:
    """Curves whose won and lost never fall and whose parts sum to 1, near to those given.

    A fall becomes a flat stretch; a rise beyond what is still open is cut in proportion.
    """
    rises = np.maximum(np.diff(cif[:, 1:], axis=2, prepend=0.0), 0.0)
    wanted = np.cumsum(rises.sum(axis=1), axis=1)
    scale = np.divide(
        1.0, wanted[:, -1:], out=np.ones_like(wanted[:, -1:]), where=wanted[:, -1:] > 1
    )
    result = np.empty_like(cif)
    result[:, 1:] = np.cumsum(rises * scale[:, None], axis=2)
    return with_open(result)
