"""Trees evaluated for all intervals ahead at once.

As time goes on a clock only grows and a countdown only falls, so along the intervals ahead a node
changes its answer once at most. A leaf is then reached in one range of intervals, the overlap of
the tests on the way to it, and the trees' sum along the intervals is a sum of steps: the sum that
LightGBM forms cell by cell, but for the order of adding, without a matrix of cells.

Tests on the interval's own columns do not depend on the row: at one as-of they cut a leaf into
fixed runs of intervals.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closecurve.models.encoding import Encoding
from closecurve.models.trees.nodes import FlatTrees, Step
from closecurve.models.trees.places import Features, Ints, Places, RowTests

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """The tests on some columns, for the `leaves` (V,) that they lead to.

    A leaf's range begins at the latest of the places `after` (a, V), ends at the earliest of
    `before` (b, V); both are rows of `RowTests.places`.
    """

    leaves: Ints
    after: Ints
    before: Ints

    def narrow(self, places: Places, low: Places, high: Places) -> None:
        """Narrow the ranges [low, high), each (V, n), in place."""
        for tests in self.after:
            np.maximum(low, places.take(tests, axis=0), out=low)
        for tests in self.before:
            np.minimum(high, places.take(tests, axis=0), out=high)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Runs:
    """Leaves cut into runs [starts, ends) of intervals, each (R, 1).

    `leaves` (R,) names the leaf of each; `values` and `outputs` (R,) are the leaf's, `after` and
    `before` all tests on the way to it, as in `Part`.
    """

    leaves: Ints
    starts: Places
    ends: Places
    values: Floats
    outputs: Ints
    after: Ints
    before: Ints
    intervals: int

    def within(self, part: Part) -> Part:
        """The same tests for runs: `leaves` of the answer are places of runs."""
        place = np.full(int(max(self.leaves.max(initial=-1), part.leaves.max(initial=-1))) + 1, -1)
        place[part.leaves] = np.arange(len(part.leaves))
        found = place[self.leaves]
        runs = np.flatnonzero(found >= 0)
        own = found[runs]
        return Part(
            leaves=runs, after=part.after.take(own, axis=1), before=part.before.take(own, axis=1)
        )

    def ranges(self, rows: int) -> tuple[Places, Places]:
        """The runs as ranges (R, rows) of their own, to be narrowed."""
        return self.starts.repeat(rows, 1), self.ends.repeat(rows, 1)


class TreeRanges:
    """The leaves of trees over the intervals whose middles lie `ahead` (K,) days ahead."""

    def __init__(self, trees: FlatTrees, encoding: Encoding, ahead: Features) -> None:
        self._trees = trees
        self._own_columns = len(encoding.columns)
        self._rows = RowTests(trees.tests, encoding, ahead)
        self._interval_tests = [
            place for place, test in enumerate(trees.tests) if test.column >= self._own_columns
        ]
        self._interval_steps = self._steps_of_intervals()
        self.outputs = int(trees.outputs.max(initial=-1)) + 1
        self._whole = self.part(range(self._own_columns), every_leaf=True)

    def places(self, features: Features) -> Places:
        """See `RowTests.places`."""
        return self._rows.places(features)

    def part(self, columns: Collection[int], *, every_leaf: bool = False) -> Part:
        """The tests on some of the row's own columns."""
        paths = list(self._paths(columns))
        leaves = [leaf for leaf, path in enumerate(paths) if path or every_leaf]
        before = self._rows.holds_before
        return Part(
            leaves=np.asarray(leaves, dtype=np.int64),
            after=_padded(
                [[step.test for step in paths[leaf] if not before(step)] for leaf in leaves],
                self._rows.first,
            ).T.copy(),
            before=_padded(
                [[step.test for step in paths[leaf] if before(step)] for leaf in leaves],
                self._rows.last,
            ).T.copy(),
        )

    def owners(self, groups: Sequence[Collection[int]]) -> Ints:
        """(n_tests + 2,) the group of columns that each row of `places` belongs to, 0 for none."""
        owner = {column: group for group, columns in enumerate(groups) for column in columns}
        return np.array([*(owner.get(test.column, 0) for test in self._trees.tests), 0, 0])

    def runs(self, interval_values: Features) -> Runs:
        """The leaves' runs where the interval's own columns hold these values (K, q)."""
        answers = self._interval_answers(interval_values)
        holds = answers[self._interval_steps].all(axis=1)
        edges = np.diff(holds.astype(np.int8), axis=1, prepend=0, append=0)
        leaves, starts = np.nonzero(edges > 0)
        ends = np.nonzero(edges < 0)[1]
        return Runs(
            leaves=leaves,
            starts=starts.astype(self._rows.dtype)[:, None],
            ends=ends.astype(self._rows.dtype)[:, None],
            values=self._trees.values[leaves],
            outputs=self._trees.outputs[leaves],
            after=self._whole.after.take(leaves, axis=1),
            before=self._whole.before.take(leaves, axis=1),
            intervals=len(interval_values),
        )

    def sums(self, places: Places, runs: Runs) -> Floats:
        """The trees' sums (outputs, n, K) of rows with these places."""
        everywhere = Part(leaves=np.arange(len(runs.leaves)), after=runs.after, before=runs.before)
        low, high = runs.ranges(places.shape[1])
        everywhere.narrow(places, low, high)
        steps = StepSums.of(self.outputs, places.shape[1], runs)
        steps.add(everywhere.leaves, low, high)
        return steps.sums()

    def _paths(self, columns: Collection[int]) -> Iterator[list[Step]]:
        asked = set(columns)
        for path in self._trees.paths:
            yield [step for step in path if self._trees.tests[step.test].column in asked]

    def _steps_of_intervals(self) -> Ints:
        """(L, d) rows of `_interval_answers` that must all hold; the last one always does."""
        place = {test: 2 * number for number, test in enumerate(self._interval_tests)}
        paths = [
            [place[step.test] + step.is_left for step in path if step.test in place]
            for path in self._trees.paths
        ]
        return _padded(paths, 2 * len(place), least=1)

    def _interval_answers(self, values: Features) -> Bools:
        """(2 n_tests + 1, K): whether each interval goes right, left, of test after test."""
        tests = [self._trees.tests[place] for place in self._interval_tests]
        columns = np.array([test.column for test in tests], dtype=np.int64) - self._own_columns
        held = values.T[columns].astype(np.float64)
        is_left = held <= np.array([test.threshold for test in tests])[:, None]
        is_left |= np.isnan(held) & np.array([test.missing_left for test in tests], bool)[:, None]
        answers = np.ones((2 * len(tests) + 1, len(values)), dtype=bool)
        answers[:-1:2], answers[1:-1:2] = ~is_left, is_left
        return answers


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StepSums:
    """Sums along the intervals, kept as the steps they are made of: (outputs, n, K + 1)."""

    runs: Runs
    steps: Floats

    @classmethod
    def of(cls, outputs: int, rows: int, runs: Runs) -> "StepSums":
        """No steps yet."""
        return cls(runs=runs, steps=np.zeros((outputs, rows, runs.intervals + 1)))

    def add(
        self, runs: Ints, low: Places, high: Places, where: Bools | bool = True, sign: float = 1.0
    ) -> None:
        """Add (or take away) the values of some runs over their ranges [low, high), (R, n)."""
        used = (low < high) & where
        places = np.flatnonzero(used)
        counts = np.count_nonzero(used, axis=1)
        rows, width = self.steps.shape[1:]
        bases = (self.runs.outputs[runs] - np.arange(len(runs))) * rows * width
        first = np.repeat(bases, counts) + places * width
        values = np.repeat(sign * self.runs.values[runs], counts)
        flat = self.steps.reshape(-1)
        flat += np.bincount(first + low.reshape(-1)[places], values, flat.size)
        flat -= np.bincount(first + high.reshape(-1)[places], values, flat.size)

    def sums(self) -> Floats:
        """The sums themselves (outputs, n, K)."""
        return self.steps.cumsum(axis=2)[:, :, :-1]


def _padded(rows: Sequence[Sequence[int]], filler: int, *, least: int = 0) -> Ints:
    """Lists of unequal lengths as an array, filled up at their ends."""
    made = np.full((len(rows), max([least, *map(len, rows)])), filler, dtype=np.int64)
    for place, row in enumerate(rows):
        made[place, : len(row)] = row
    return made
