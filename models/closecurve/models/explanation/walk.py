"""From one deal to another by feature group: what each group adds to the probability of a win.

Groups take their new values one after the other, once in the order of the columns and once in the
reverse, and what a group adds is the mean of its two steps. These are Shapley values of a walk and
its reverse (Castro, Gómez and Tejada 2009; antithetic permutations, Mitchell et al. 2022): they add
up to the whole difference exactly, a group in which nothing differs gets nothing, and where groups
act on each other in pairs at most they are the exact Shapley values (Lundberg and Lee 2017).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.models.close_curve import CloseCurve
from closecurve.models.close_curve.ranges import in_parts
from closecurve.models.close_curve.rows import CurveRows
from closecurve.models.incidence import at_times, from_hazards
from closecurve.models.stage_lookup import AGE, BY, PROCESS
from closecurve.models.trees.places import Places
from closecurve.models.trees.ranges import Part, Runs
from closecurve.models.trees.walk import walked_sums

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FEW_STATES = 256
"""Deals times groups up to which all stops are answered at once, and not step by step."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Walked:
    """The probabilities (n,) at the start and the end; the contributions (n, groups) between."""

    start: Floats
    end: Floats
    contributions: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Origin:
    """Where walks start: deals, and the places of their tests."""

    rows: CurveRows
    places: Places

    def __len__(self) -> int:
        return len(self.rows)

    def at(self, rows: slice | Ints) -> "Origin":
        """Some of the deals."""
        return Origin(rows=self.rows.at(rows), places=self.places[:, rows])


class GroupWalk:
    """Walks of one model, whose columns are put into groups once."""

    def __init__(self, model: CloseCurve, groups: Mapping[str, Sequence[str]]) -> None:
        self.groups = list(groups)
        self._model = model
        self._curve = model.ranges()
        self._ranges = self._curve.ranges
        place = {column: place for place, column in enumerate(model.encoding_.columns)}
        columns = [[place[name] for name in names] for names in groups.values()]
        self._parts = [self._ranges.part(own) for own in columns]
        self._group_of_test = self._ranges.owners(columns)
        codes = self._curve.stages.columns
        self._moves = [
            [code for code in (PROCESS, BY, AGE) if codes[code] in names]
            for names in groups.values()
        ]

    def origin(self, rows: CurveRows) -> Origin:
        """Deals made ready to start walks from."""
        return Origin(rows=rows, places=self._ranges.places(rows.features))

    def between(
        self, start: Origin, end: CurveRows, as_of: pd.Timestamp | None, at_days: float
    ) -> Walked:
        """Walk to each deal of `end` (n) from `start` (as many, or one for all), at one as-of."""
        runs = self._curve.runs(as_of)
        is_few = len(end) * len(self.groups) <= FEW_STATES
        parts = [] if is_few else [runs.within(part) for part in self._parts]

        def answer(rows: slice) -> Floats:
            origin, goal = start if len(start) == 1 else start.at(rows), end.at(rows)
            places = self._ranges.places(goal.features)
            if is_few:
                sums = self._all_at_once(runs, origin.places, places)
            else:
                sums = self._step_by_step(runs, parts, origin.places, places)
            return self._shared_out(self._won(sums, origin.rows, goal, at_days))

        found = np.concatenate(in_parts(answer, len(end), self._model.num_threads))
        return Walked(start=found[:, 0], end=found[:, 1], contributions=found[:, 2:])

    @property
    def _ways(self) -> tuple[list[int], list[int]]:
        order = list(range(len(self.groups)))
        return order, order[::-1]

    def _step_by_step(
        self, runs: Runs, parts: Sequence[Part], start: Places, end: Places
    ) -> Floats:
        """The trees' sums (2, groups + 1, outputs, n, K) along both ways, for many deals."""
        made = [
            walked_sums(self._ranges.outputs, runs, [parts[step] for step in way], start, end)
            for way in self._ways
        ]
        return np.stack(made)

    def _all_at_once(self, runs: Runs, start: Places, end: Places) -> Floats:
        """The same for a few deals: every stop of the walks is a deal of its own."""
        stops = np.arange(len(self.groups) + 1)
        done = np.stack([np.argsort(way) for way in self._ways])
        is_moved = done[:, None, :] < stops[None, :, None]
        # A test on the interval's own columns has no owner, and one place for all.
        own = is_moved[..., self._group_of_test].reshape(-1, len(self._group_of_test)).T
        places = np.where(own[:, :, None], end[:, None, :], start[:, None, :])
        sums = self._ranges.sums(places.reshape(len(end), -1), runs)
        outputs, _, intervals = sums.shape
        by_stop = sums.reshape(outputs, 2, len(stops), end.shape[1], intervals)
        return by_stop.transpose(1, 2, 0, 3, 4)

    def _won(self, sums: Floats, start: CurveRows, end: CurveRows, at_days: float) -> Floats:
        """The probability (2, groups + 1, n) at each stop of both ways."""
        model = self._model
        hazards = model.calibrated(self._curve.hazards_of(sums))
        by_trees = from_hazards(hazards.reshape(-1, *hazards.shape[-2:]))
        won = at_times(by_trees, model.grid_.edges, [at_days])[:, 1, 0].reshape(hazards.shape[:3])
        weight = model.trees_weight_
        return weight * won + (1 - weight) * self._by_stage(start, end, at_days)

    def _by_stage(self, start: CurveRows, end: CurveRows, at_days: float) -> Floats:
        """The same (2, groups + 1, n) by the curves that few data fall back on."""
        walked = sorted(code for moves in self._moves for code in moves)
        first = end.codes.copy()
        first[:, walked] = start.codes[:, walked]
        stops = []
        for way in self._ways:
            stops.append(first)
            for step in way:
                moves, codes = self._moves[step], stops[-1].copy()
                codes[:, moves] = end.codes[:, moves]
                stops.append(codes)
        won = self._curve.stages.won_by(np.concatenate(stops), at_days)
        return won.reshape(2, len(self.groups) + 1, -1)

    def _shared_out(self, won: Floats) -> Floats:
        """Start, end and contributions (n, 2 + groups): what a group adds, mean of both ways."""
        steps = [
            np.diff(stops, axis=0)[np.argsort(way)]
            for stops, way in zip(won, self._ways, strict=True)
        ]
        return np.vstack([won[0, 0], won[0, -1], (steps[0] + steps[1]) / 2]).T
