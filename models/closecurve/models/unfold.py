"""Person-period unfolding: a landmark becomes one cell for each interval of time ahead.

Discrete-time competing risks: in each interval that a deal enters open, it is won, lost or neither.
Only intervals that ended before the censoring count, whether or not the deal closed in them: to
count a close in an interval that is not over yet would make closes too likely.
"""

import itertools
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.crm.errors import DataError, UsageError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

UNSEEN_EDGES = (0.0, 7.0, 14.0, 30.0, 45.0, 60.0, 90.0, 135.0, 180.0)
"""Where nothing ever closed: four of the 45-day cycles that DOMAIN practice takes as typical."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Intervals of days ahead of the as-of: (edges[j], edges[j + 1]]; edges[0] is 0."""

    edges: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.edges) < 2 or self.edges[0] != 0 or not (np.diff(self.edges) > 0).all():
            raise UsageError("grid-edges", f"edges rise from 0, got {self.edges!r}")

    def __len__(self) -> int:
        return len(self.edges) - 1

    @property
    def middles(self) -> Floats:
        """The middle of each interval, in days."""
        edges = np.asarray(self.edges)
        middles: Floats = (edges[1:] + edges[:-1]) / 2
        return middles

    @property
    def widths(self) -> Floats:
        """The length of each interval, in days."""
        return np.diff(self.edges)

    @property
    def horizon_days(self) -> float:
        """Where the grid ends."""
        return self.edges[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """What became of each landmark: event 0 censored, 1 won, 2 lost, after `duration_days`.

    `followed_days` is how long the landmark could be watched at most.
    """

    event: Ints
    duration_days: Floats
    followed_days: Floats

    def __len__(self) -> int:
        return len(self.event)

    @property
    def closing_days(self) -> Floats:
        """The durations of those that closed."""
        return self.duration_days[self.event > 0]

    @property
    def longest_days(self) -> float:
        """How long the longest was watched; infinity where that is not known."""
        return float(self.followed_days.max(initial=0.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """Unfolded cells: the landmark `row`, the `interval`, the `outcome` 0 open, 1 won, 2 lost."""

    row: Ints
    interval: Ints
    outcome: Ints


def read_labels(y: pd.DataFrame, as_of: pd.Series | None = None) -> Labels:
    """The labels of a panel, checked.

    With as-ofs, the data ended at the latest instant that any landmark was watched to, and each
    landmark that closed could have been watched until then. Without, a closed landmark counts as
    watched past its close. Raises DataError for what is not a label.
    """
    missing = {"event", "duration_days"} - set(y.columns)
    if missing:
        raise DataError(
            "label-columns", f"labels have event and duration_days, got none of {missing}"
        )
    event = y["event"].to_numpy()
    duration = y["duration_days"].to_numpy(dtype=np.float64, na_value=np.nan)
    if not np.isin(event, (0, 1, 2)).all():
        raise DataError("label-event", f"an event is 0, 1 or 2, got {sorted(set(event.tolist()))}")
    if not (np.isfinite(duration).all() and (duration >= 0).all()):
        raise DataError("label-duration", f"a duration is 0 or more days, got {duration.min()!r}")
    event = event.astype(np.int64)
    followed = np.where(event > 0, np.inf, duration)
    if as_of is not None and len(y):
        place = (as_of - as_of.min()).to_numpy() / np.timedelta64(1, "D")
        followed = np.maximum((place + duration).max() - place, duration)
    return Labels(event=event, duration_days=duration, followed_days=followed)


ASKED_DAYS = (7.0, 14.0, 30.0, 90.0)
"""Days ahead that are asked for most: they are edges, so that nothing is drawn through them. Where
closes come in bunches (a letter after 14 days) the line inside an interval would cut them off."""


def choose_grid(closing_days: Floats, *, longest_days: float = np.inf, intervals: int = 24) -> Grid:
    """A grid on which each interval holds about as many closes as the next; a day at the finest.

    `ASKED_DAYS` are edges too. It ends at the longest time that the closes support: few of them
    (one in 200, at most 20) lie beyond. In the tail an interval is at most a quarter as long as the
    way to it, so that the line drawn inside it stays near the curve. A company where nothing was
    watched for as long as `UNSEEN_EDGES` reach (`longest_days`) goes on with these: that nothing
    closed so late says nothing there.
    """
    if not len(closing_days):
        return Grid(edges=UNSEEN_EDGES)
    days = np.sort(np.maximum(np.ceil(closing_days), 1.0))
    days = days[: len(days) - min(20, len(days) // 200)]
    inner = np.quantile(days, np.arange(1, intervals + 1) / intervals, method="higher")
    asked = [day for day in ASKED_DAYS if day < inner[-1]]
    edges = np.concatenate([[0.0], np.union1d(inner, asked)])
    seen = _split_tail(edges)
    is_young = longest_days < UNSEEN_EDGES[-1]
    later = [edge for edge in UNSEEN_EDGES if edge > seen[-1]] if is_young else []
    return Grid(edges=tuple(float(edge) for edge in (*seen, *later)))


COARSE_DAYS = (*ASKED_DAYS, 180.0, 360.0, 720.0)
"""About where a coarse grid has its edges: the days that are asked for, and their doubles."""


def coarse_grid(grid: Grid, labels: Labels, *, least: float) -> Grid | None:
    """Edges of a grid near `COARSE_DAYS`, so that `least` landmarks or more close in each interval.

    It ends where too few close that were watched so long; None where that is at once.

    >>> labels = Labels(
    ...     event=np.array([1, 2]),
    ...     duration_days=np.array([5.0, 9.0]),
    ...     followed_days=np.array([40.0, 40.0]),
    ... )
    >>> coarse_grid(Grid(edges=(0.0, 3.0, 7.0, 13.0, 20.0)), labels, least=1).edges
    (0.0, 7.0, 13.0)
    """
    edges = np.asarray(grid.edges)
    wanted = np.asarray(COARSE_DAYS)[:, None]
    days = np.where(labels.event > 0, labels.duration_days, np.inf)
    found = [0.0]
    for edge in np.unique(edges[np.abs(edges[None, :] - wanted).argmin(axis=1)]):
        inside = (days > found[-1]) & (days <= edge) & (labels.followed_days >= edge)
        if np.count_nonzero(inside) >= max(least, 1):
            found.append(float(edge))
    return Grid(edges=tuple(found)) if len(found) > 1 else None


def _split_tail(edges: Floats) -> Floats:
    """The same edges with the wide last intervals cut into whole days of similar ratio."""
    made = [edges[0]]
    for left, right in itertools.pairwise(edges):
        longest = max(2.0, left / 4)
        pieces = 1 if left == 0 else int(np.ceil((right - left) / longest))
        made.extend(np.unique(np.round(np.linspace(left, right, pieces + 1)[1:])))
    return np.asarray(made)


def unfold(labels: Labels, grid: Grid) -> Cells:
    """The cells of all landmarks, in order of row and interval."""
    ends = np.asarray(grid.edges[1:])
    watched = np.searchsorted(ends, labels.followed_days, side="right")
    closes_in = np.searchsorted(ends, labels.duration_days, side="left")
    count = np.where(labels.event > 0, np.minimum(watched, closes_in + 1), watched)
    row = np.repeat(np.arange(len(labels)), count)
    interval = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    closed = (interval == closes_in[row]) & (labels.event[row] > 0)
    return Cells(row=row, interval=interval, outcome=np.where(closed, labels.event[row], 0))


def all_cells(rows: int, intervals: int) -> Cells:
    """Every interval of every row, to predict in; the outcomes are not known and stand at 0."""
    return Cells(
        row=np.repeat(np.arange(rows), intervals),
        interval=np.tile(np.arange(intervals), rows),
        outcome=np.zeros(rows * intervals, dtype=np.int64),
    )


def row_hashes(features: NDArray[np.float32], labels: Labels) -> NDArray[np.uint64]:
    """A number for each landmark from all that is known of it, whatever the order of the rows."""
    known = pd.DataFrame(features).assign(
        event=labels.event, duration=labels.duration_days, followed=labels.followed_days
    )
    hashes = pd.util.hash_pandas_object(known, index=False)
    return np.asarray(hashes, dtype=np.uint64)


def thin(cells: Cells, hashes: NDArray[np.uint64], most: int) -> tuple[Cells, Floats]:
    """At most about `most` of the cells, and the weight of each: what was left out is made up for.

    Cells with a close are rare and stay as long as they are at most half of the rest; which of the
    others stay is settled by the hashes of their landmarks.
    """
    closed = cells.outcome > 0
    if len(closed) <= most:
        return cells, np.ones(len(closed))
    close_share = min(1.0, most / 2 / max(closed.sum(), 1))
    open_share = (most - close_share * closed.sum()) / max((~closed).sum(), 1)
    share = np.where(closed, close_share, open_share)
    kept = _uniform(hashes[cells.row], cells.interval) < share
    thinned = Cells(row=cells.row[kept], interval=cells.interval[kept], outcome=cells.outcome[kept])
    return thinned, 1 / share[kept]


def _uniform(hashes: NDArray[np.uint64], interval: Ints) -> Floats:
    """Numbers in 0..1 from a hash and an interval (the finaliser of splitmix64)."""
    mixed = hashes + (interval.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    uniform: Floats = (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return uniform
