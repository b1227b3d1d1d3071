"""A walk of rows from one set of values to another, one part of their columns after the other."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from closecurve.models.trees.places import Places
from closecurve.models.trees.ranges import Part, Runs, StepSums

Floats = NDArray[np.float64]


def walked_sums(
    outputs: int, runs: Runs, parts: Sequence[Part], start: Places, end: Places
) -> Floats:
    """The trees' sums (len(parts) + 1, outputs, n, K) before the first step and after each.

    `start` (tests, 1 or n) are the places of the values that are left, `end` (tests, n) of those
    that are reached; `parts` (of runs, in the order of the walk) hold each column once. A step
    touches only the leaves that its part leads to.
    """
    left, at_start = _left_behind(outputs, runs, parts, start)
    rows = end.shape[1]
    low, high = runs.ranges(rows)
    made = [np.broadcast_to(at_start, (outputs, rows, runs.intervals))]
    for part, (later, own) in zip(parts, left, strict=True):
        steps = StepSums.of(outputs, rows, runs)
        reached = low[part.leaves], high[part.leaves]
        before = np.maximum(reached[0], own[0]), np.minimum(reached[1], own[1])
        part.narrow(end, *reached)
        low[part.leaves], high[part.leaves] = reached
        after = np.maximum(reached[0], later[0]), np.minimum(reached[1], later[1])
        is_moved = (before[0] != after[0]) | (before[1] != after[1])
        steps.add(part.leaves, *after, where=is_moved)
        steps.add(part.leaves, *before, where=is_moved, sign=-1.0)
        made.append(made[-1] + steps.sums())
    return np.stack(made)


Ranges = tuple[Places, Places]


def _left_behind(
    outputs: int, runs: Runs, parts: Sequence[Part], start: Places
) -> tuple[list[tuple[Ranges, Ranges]], Floats]:
    """For each part the ranges that all later parts leave at their start, without it and with it.

    And the sums (outputs, 1 or n, K) with everything at its start.
    """
    low, high = runs.ranges(start.shape[1])
    found = []
    for part in reversed(parts):
        later = low[part.leaves], high[part.leaves]
        own = later[0].copy(), later[1].copy()
        part.narrow(start, *own)
        low[part.leaves], high[part.leaves] = own
        found.append((later, own))
    steps = StepSums.of(outputs, start.shape[1], runs)
    steps.add(np.arange(len(runs.leaves)), low, high)
    return found[::-1], steps.sums()
