"""Where along the intervals ahead the tests of trees change their answer, row by row."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from closecurve.models.encoding import Encoding
from closecurve.models.trees.nodes import NodeTest, Step

Features = NDArray[np.float32]
Places: TypeAlias = NDArray[np.signedinteger[Any]]
Ints = NDArray[np.int64]


class RowTests:
    """The tests on a row's own columns, for intervals whose middles lie `ahead` (K,) days ahead.

    A clock grows with the interval, so its test holds before some interval; a countdown's holds
    from one on; any other column's holds in all intervals or in none.
    """

    def __init__(self, tests: Sequence[NodeTest], encoding: Encoding, ahead: Features) -> None:
        self.intervals = len(ahead)
        self.first, self.last = len(tests), len(tests) + 1
        self._ahead = ahead
        self.dtype: type[np.signedinteger[Any]] = (
            np.int8 if self.intervals < np.iinfo(np.int8).max else np.int16
        )
        self._columns = np.array([test.column for test in tests], dtype=np.int64)
        self._thresholds = np.array([test.threshold for test in tests])
        self._missing_left = np.array([test.missing_left for test in tests], dtype=bool)
        kinds = dict(enumerate(encoding.kinds.values()))
        self._kinds = np.array([kinds.get(test.column, "interval") for test in tests], dtype=object)
        self._numbers = np.flatnonzero(self._kinds == "number")
        self._code_tables = {
            column: (own, (goes_left * self.intervals).astype(self.dtype))
            for column, own, goes_left in _code_tables(
                tests, np.flatnonzero(self._kinds == "category")
            )
        }
        self._clocks = [
            (column, sign, self._by_threshold((self._columns == column) & (self._kinds == kind)))
            for sign, kind in ((1, "clock"), (-1, "countdown"))
            for column in np.unique(self._columns[self._kinds == kind])
        ]

    def holds_before(self, step: Step) -> bool:
        """Whether a step is taken before its test's place, and not from there on."""
        return step.is_left != bool(self._kinds[step.test] == "countdown")

    def places(self, features: Features) -> Places:
        """The place (n_tests + 2, n) of each test for `features` (n, p).

        A step to the left is taken in the intervals before the place, to the right from there on;
        of a countdown's test it is the other way round. Tests on the interval's own columns stand
        at 0. The last two rows are 0 and K: the places of a test that is always passed.
        """
        made = np.zeros((self.last + 1, len(features)), dtype=self.dtype)
        made[self.last] = self.intervals
        made[self._numbers] = self._of_numbers(features)
        for column, (tests, table) in self._code_tables.items():
            codes = features[:, column]
            inside = (codes >= 0) & (codes < table.shape[1] - 1)
            made[tests] = table[:, np.where(inside, codes, -1).astype(np.int64)]
        for column, sign, tests in self._clocks:
            made[tests] = self._of_clock(features[:, column], sign, tests)
        return made

    def _of_numbers(self, features: Features) -> NDArray[np.int64]:
        tests = self._numbers
        values = features.T[self._columns[tests]].astype(np.float64)
        is_left = values <= self._thresholds[tests, None]
        is_left |= np.isnan(values) & self._missing_left[tests, None]
        return is_left * self.intervals

    def _of_clock(self, values: Features, sign: int, tests: Ints) -> NDArray[np.int64]:
        """Moved as a matrix of cells holds it: in single precision, then compared in double.

        Of `tests` in the order of their thresholds, a moved value passes all from some test on.
        """
        moved = (values[:, None] + np.float32(sign) * self._ahead).astype(np.float64)
        passed_from = np.searchsorted(self._thresholds[tests], moved)
        bins = passed_from * len(values) + np.arange(len(values))[:, None]
        counts = np.bincount(bins.ravel(), minlength=(len(tests) + 1) * len(values))
        held = counts.reshape(len(tests) + 1, len(values)).cumsum(axis=0)[:-1]
        held[:, np.isnan(values)] = (self._missing_left[tests] * self.intervals)[:, None]
        return held if sign > 0 else self.intervals - held

    def _by_threshold(self, chosen: NDArray[np.bool_]) -> Ints:
        tests = np.flatnonzero(chosen)
        return tests[np.argsort(self._thresholds[tests], kind="stable")]


def _code_tables(
    tests: Sequence[NodeTest], places: Ints
) -> Iterator[tuple[int, Ints, NDArray[np.bool_]]]:
    """By column the places of its tests, and whether each code goes left; the last: any other."""
    for column in sorted({tests[place].column for place in places}):
        own = np.array([place for place in places if tests[place].column == column])
        most = max(max(tests[place].codes, default=0) for place in own)
        table = np.zeros((len(own), most + 2), dtype=bool)
        for row, place in enumerate(own):
            table[row, list(tests[place].codes)] = True
        yield column, own, table
