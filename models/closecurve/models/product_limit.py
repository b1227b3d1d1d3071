"""Aalen-Johansen by the product limit, for many groups at once.

At each event the group's surviving share falls on the cause that occurred, divided by those still
at risk (Aalen and Johansen, 1978; with one cause it is Kaplan and Meier, 1958). Ties are taken one
after the other, events before censorings, which gives the same sums as taking them together.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

CENSORED = 0
"""The cause of a row whose following ended before anything happened."""

ROUNDING = 1e-12
"""A share reaches a level that it misses by floating-point rounding only."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProductLimit:
    """Rows ordered by group and duration; `mass` is the probability that falls on each row.

    All arrays are (n,): `group` counts from 0, `duration` is in the caller's unit, `cause` is 0
    for a censored row, whose mass is 0.
    """

    group: NDArray[np.intp]
    duration: NDArray[np.float64]
    cause: NDArray[np.intp]
    mass: NDArray[np.float64]

    def share(self, cause: int, groups: int) -> NDArray[np.float64]:
        """(groups,) share of the ended mass that fell on `cause`; NaN where nothing ended.

        With every row ended this is the plain share of rows.
        """
        ended = np.bincount(self.group, self.mass, groups)
        hit = np.bincount(self.group, np.where(self.cause == cause, self.mass, 0.0), groups)
        share = np.divide(hit, ended, out=np.full(groups, np.nan), where=ended > 0)
        return np.asarray(share, dtype=np.float64)

    def quantile(
        self, level: float | NDArray[np.float64], groups: int, cause: int | None = None
    ) -> NDArray[np.float64]:
        """(groups,) first duration by which `level` of the group ended; NaN where never reached.

        With a `cause`, of those that ended so. `level` may differ by group: (groups,).
        """
        through = self._through(self.mass if cause is None else self._given(cause, groups))
        levels = np.broadcast_to(level, groups)[self.group]
        reached = np.flatnonzero(through >= levels - ROUNDING)
        _, first = np.unique(self.group[reached], return_index=True)
        result = np.full(groups, np.nan)
        result[self.group[reached[first]]] = self.duration[reached[first]]
        return result

    def curve(self, group: int = 0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Durations, and the share of the group that ended by each (any cause)."""
        rows = self.group == group
        return self.duration[rows], np.cumsum(self.mass[rows])

    def _given(self, cause: int, groups: int) -> NDArray[np.float64]:
        """(n,) the mass of a cause, which adds up to 1 in each group that has any."""
        mass = np.where(self.cause == cause, self.mass, 0.0)
        whole = np.bincount(self.group, mass, groups)
        return np.asarray(mass / np.where(whole > 0, whole, 1.0)[self.group], dtype=np.float64)

    def _through(self, mass: NDArray[np.float64]) -> NDArray[np.float64]:
        running = np.cumsum(mass)
        first = np.searchsorted(self.group, self.group)
        return np.asarray(running - (running - mass)[first], dtype=np.float64)


def product_limit(
    group: NDArray[np.intp], duration: NDArray[np.float64], cause: NDArray[np.intp]
) -> ProductLimit:
    """The product limit of every group; arrays are (n,), in any order.

    >>> zeros = np.zeros(3, dtype=np.intp)
    >>> limit = product_limit(zeros, np.array([1.0, 2.0, 3.0]), np.array([1, 0, 2]))
    >>> limit.mass.round(3).tolist()
    [0.333, 0.0, 0.667]
    """
    order = np.lexsort((cause == CENSORED, duration, group))
    group, duration, cause = group[order], duration[order], cause[order]
    first = np.searchsorted(group, group)
    at_risk = first + np.bincount(group)[group] - np.arange(len(group)) if len(group) else first
    ended = cause != CENSORED
    return ProductLimit(
        group=group,
        duration=duration,
        cause=cause,
        mass=np.where(ended, _surviving(ended, at_risk, first) / np.maximum(at_risk, 1), 0.0),
    )


def _surviving(
    ended: NDArray[np.bool_], at_risk: NDArray[np.intp], first: NDArray[np.intp]
) -> NDArray[np.float64]:
    """(n,) share of the group that survived until just before each row.

    The group's last row has one at risk: its factor is 0, and no row of the group comes after it.
    """
    falls = ended & (at_risk > 1)
    logs = np.where(falls, np.log1p(-1.0 / np.where(falls, at_risk, 2)), 0.0)
    before = np.cumsum(logs) - logs
    return np.asarray(np.exp(before - before[first]), dtype=np.float64)


def codes_of(keys: pd.DataFrame) -> tuple[NDArray[np.intp], pd.DataFrame]:
    """The group of every row, counted from 0, and one row of `keys` for each group, sorted."""
    grouped = keys.groupby(list(keys.columns), sort=True, dropna=False, observed=True)
    groups = grouped.size().index.to_frame(index=False)
    return np.asarray(grouped.ngroup(), dtype=np.intp), groups
