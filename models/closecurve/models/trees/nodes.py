"""LightGBM trees as flat arrays: the tests that their nodes make, and the way to each leaf.

Read from the text that a booster writes of itself, so that a model file is the only source. The
decisions are LightGBM's own (its `Tree::NumericalDecision` and `Tree::CategoricalDecision`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CATEGORY_BIT, DEFAULT_LEFT_BIT = 1, 2
MISSING_SHIFT, MISSING_BITS, MISSING_IS_NAN = 2, 3, 2
WORD_BITS = 32


class NodeTest(NamedTuple):
    """What a node asks: is the column's value at most `threshold`, or one of the `codes`?

    A missing value goes left where `missing_left`.
    """

    column: int
    threshold: float
    codes: tuple[int, ...]
    missing_left: bool

    @property
    def is_category(self) -> bool:
        """Whether codes are asked for; no number is at most minus infinity."""
        return self.threshold == -np.inf


class Step(NamedTuple):
    """One node on the way to a leaf: the place of its test, and whether the way goes left."""

    test: int
    is_left: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FlatTrees:
    """All leaves of some boosters: `values` (L,), what each adds to, and the `paths` to them.

    `outputs` (L,) counts boosters times three classes: 3 * booster + class. A test that several
    nodes make stands in `tests` once.
    """

    tests: Sequence[NodeTest]
    values: Floats
    outputs: Ints
    paths: Sequence[Sequence[Step]]


def flat_trees(boosters: Sequence[lgb.Booster]) -> FlatTrees:
    """The leaves of boosters of three classes, in the order of their trees."""
    tests: dict[NodeTest, int] = {}
    values: list[float] = []
    outputs: list[int] = []
    paths: list[tuple[Step, ...]] = []
    for place, booster in enumerate(boosters):
        for number, tree in enumerate(_trees(booster.model_to_string())):
            for value, path in _leaves(tree, tests):
                values.append(value)
                outputs.append(3 * place + number % 3)
                paths.append(path)
    return FlatTrees(
        tests=list(tests),
        values=np.asarray(values, dtype=np.float64),
        outputs=np.asarray(outputs, dtype=np.int64),
        paths=paths,
    )


Lines = Mapping[str, str]


def _trees(text: str) -> Iterator[Lines]:
    """The `name=value` lines of each tree in a model's text."""
    for block in text.split("end of trees")[0].split("\nTree=")[1:]:
        yield dict(line.split("=", 1) for line in block.splitlines()[1:] if "=" in line)


def _leaves(tree: Lines, tests: dict[NodeTest, int]) -> Iterator[tuple[float, tuple[Step, ...]]]:
    """The value of each leaf and the way to it; new tests are added to `tests`."""
    values = [float(value) for value in tree["leaf_value"].split()]
    if tree["num_leaves"] == "1":
        yield values[0], ()
        return
    places = [tests.setdefault(test, len(tests)) for test in _tests(tree)]
    children = {True: _ints(tree["left_child"]), False: _ints(tree["right_child"])}
    waiting: list[tuple[int, tuple[Step, ...]]] = [(0, ())]
    while waiting:
        node, path = waiting.pop()
        if node < 0:
            yield values[-node - 1], path
        else:
            ways = [(children[left][node], left) for left in (True, False)]
            waiting += [(child, (*path, Step(places[node], left))) for child, left in ways]


def _tests(tree: Lines) -> Iterator[NodeTest]:
    thresholds = [float(value) for value in tree["threshold"].split()]
    columns, kinds = _ints(tree["split_feature"]), _ints(tree["decision_type"])
    for column, threshold, kind in zip(columns, thresholds, kinds, strict=True):
        if kind & CATEGORY_BIT:
            codes = _codes(tree, int(threshold))
            yield NodeTest(column=column, threshold=-np.inf, codes=codes, missing_left=False)
        else:
            yield NodeTest(
                column=column,
                threshold=threshold,
                codes=(),
                missing_left=_missing_goes_left(kind, threshold),
            )


def _missing_goes_left(kind: int, threshold: float) -> bool:
    """Where training saw no missing value of the column, LightGBM reads one as 0."""
    if kind >> MISSING_SHIFT & MISSING_BITS == MISSING_IS_NAN:
        return bool(kind & DEFAULT_LEFT_BIT)
    return threshold >= 0.0


def _codes(tree: Lines, place: int) -> tuple[int, ...]:
    """The category codes that go left, from the bits of a node's words."""
    bounds, words = _ints(tree["cat_boundaries"]), _ints(tree["cat_threshold"])
    own = words[bounds[place] : bounds[place + 1]]
    return tuple(
        WORD_BITS * number + bit
        for number, word in enumerate(own)
        for bit in range(WORD_BITS)
        if word >> bit & 1
    )


def _ints(text: str) -> list[int]:
    return [int(value) for value in text.split()]
