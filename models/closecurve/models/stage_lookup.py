"""Stage curves as tables to look up: a deal is three codes, and its curve one row.

The same curves as `StageCurves.predict_cumulative_incidence` gives, without joining text for each
row: for a posted deal, and for the many that a walk by feature group asks for.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from closecurve.models.baselines.curves import AGE_BIN, StageCurves
from closecurve.models.incidence import at_times, with_open
from closecurve.models.panel import parts_of, stratum

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

PROCESS, BY, AGE = 0, 1, 2
"""The three codes of a deal: its process, its stage (or source), its age. 0: never seen."""


class StageLookup:
    """The tables of fitted stage curves, by process, stage and age."""

    def __init__(self, curves: StageCurves) -> None:
        self.columns = ("process", curves.by, curves.age)
        self._curves = curves
        self._processes, self._bys = _vocabularies(curves)
        self._place, self._rate = self._tables()
        fixed = curves.fixed_
        self._pace = at_times(np.asarray(fixed.pace_)[None, None, :], fixed.edges_, curves.edges_)[
            0, 0
        ]

    @property
    def by_count(self) -> int:
        """How many codes a stage (or source) may have, that of one never seen among them."""
        return len(self._bys) + 1

    def codes(self, process: Sequence[str], by: Sequence[str], age: ArrayLike) -> Codes:
        """The codes (n, 3) of deals; an empty text is a missing value, NaN a missing age."""
        ages = np.nan_to_num(np.asarray(age, dtype=np.float64))
        found = np.empty((len(ages), 3), dtype=np.int64)
        found[:, PROCESS] = [self._processes.get(name, 0) for name in process]
        found[:, BY] = [self._bys.get(name, 0) for name in by]
        found[:, AGE] = np.searchsorted(np.asarray(self._curves.age_edges_), ages, side="right")
        return found

    def curves(self, codes: Codes) -> Floats:
        """The curves (n, 3, K + 1) of deals with these codes, at the model's edges."""
        weight, rate = self._curves.weight_, self._rate[codes[:, PROCESS], codes[:, BY]]
        fixed = np.zeros((len(codes), 3, len(self._pace)))
        fixed[:, 1], fixed[:, 2] = rate[:, None] * self._pace, (1 - rate)[:, None] * self._pace
        mixed: Floats = weight * self._curves.tables_[self._places(codes)]
        return mixed + (1 - weight) * with_open(fixed)

    def won_by(self, codes: Codes, days: float) -> Floats:
        """(n,) probability of a win within so many days."""
        edges, weight = self._curves.edges_, self._curves.weight_
        learned = at_times(self._curves.tables_[:, 1:2], edges, [days])[:, 0, 0]
        pace = at_times(self._pace[None, None, :], edges, [days]).item()
        rate = self._rate[codes[:, PROCESS], codes[:, BY]]
        found: Floats = weight * learned[self._places(codes)] + (1 - weight) * rate * pace
        return found

    def _places(self, codes: Codes) -> Codes:
        return self._place[codes[:, PROCESS], codes[:, BY], codes[:, AGE]]

    def _tables(self) -> tuple[Codes, Floats]:
        """The row of the narrowest curve for each triple of codes, and the rate of each pair."""
        processes, bys = [None, *self._processes], [None, *self._bys]
        ages = [str(place) for place in range(len(self._curves.age_edges_) + 1)]
        places = {key: place for place, key in enumerate(self._curves.hazards_)}
        narrowest = [
            [[self._narrowest(places, process, by, age) for age in ages] for by in bys]
            for process in processes
        ]
        rates = [[self._fixed_rate(process, by) for by in bys] for process in processes]
        return np.array(narrowest), np.array(rates)

    def _narrowest(
        self, places: Mapping[str, int], process: str | None, by: str | None, age: str
    ) -> int:
        """The place of the narrowest group that was seen; a name never seen is in none."""
        known = {"process": process, self._curves.by: by, AGE_BIN: age}
        found = 0
        for level in self._curves.levels_:
            names = [name for column in level if (name := known[column]) is not None]
            if len(names) == len(level):
                found = places.get(stratum(names), found)
        return found

    def _fixed_rate(self, process: str | None, by: str | None) -> float:
        """As `FixedStageRate.rates`: of process and stage, else of the stage, else the mean."""
        fixed = self._curves.fixed_
        if by is None:
            return fixed.mean_rate_
        own = None if process is None else fixed.rates_.get(stratum((process, by)))
        return fixed.rates_.get(stratum((by,)), fixed.mean_rate_) if own is None else own


def _vocabularies(curves: StageCurves) -> tuple[dict[str, int], dict[str, int]]:
    """The codes from 1 on of the processes and of the stages that have a curve or a rate."""
    seen: dict[str, set[str]] = {"process": set(), curves.by: set(), AGE_BIN: set()}
    for level in curves.levels_:
        for key in curves.hazards_:
            parts = parts_of(key)
            if len(parts) == len(level):
                for column, part in zip(level, parts, strict=True):
                    seen[column].add(part)
    for key in curves.fixed_.rates_:
        *process, by = parts_of(key)
        seen["process"].update(process)
        seen[curves.by].add(by)
    return _numbered(seen["process"]), _numbered(seen[curves.by])


def _numbered(names: set[str]) -> dict[str, int]:
    return {name: code for code, name in enumerate(sorted(names), 1)}
