"""What is typical, learned once with the model: reasons compare a deal with it.

The cohort of a deal are the deals of the same process and stage (of leads: source), where there are
enough of them, else all. Its typical deal has the median of every number and the commonest of every
category. The columns of the stage itself are always compared with all: being in this stage is what
they tell.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from closecurve.features.catalog import spec_of
from closecurve.models.close_curve.files import read_json, write_json
from closecurve.models.encoding import as_text
from closecurve.models.explanation.facts import Facts, Value, learn_facts
from closecurve.models.panel import strata_keys, stratum

LEAST_COHORT = 30
"""Fewer landmarks of a stage are no cohort of their own: all deals are."""

TYPICAL_ROWS = 2_000
"""The newest landmarks, from which typical values are taken."""

STAGE_GROUP = "stage"
OTHER_GROUP = "fit"
ALL = ""
"""The key of the cohort of all deals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """Typical values by the key of a stratum, the spread of each number, and the facts.

    `kinds` are the model's columns in order; `by` is the column beside the process that tells one
    stratum from another. `spread` is the distance of the quartiles. Without any `typical` there is
    nothing to compare with.
    """

    by: str
    kinds: Mapping[str, str]
    typical: Mapping[str, Mapping[str, Value]]
    spread: Mapping[str, float]
    facts: Facts

    @property
    def groups(self) -> dict[str, list[str]]:
        """The columns by the group that they are explained in."""
        return feature_groups(self.kinds)

    def keys(self, X: pd.DataFrame) -> list[str]:
        """The cohort of each row."""
        keys = strata_keys(X, ["process", self.by])
        return [key if key in self.typical else ALL for key in map(str, keys)]

    def key(self, values: Mapping[str, Any]) -> str:
        """The cohort of one plain snapshot, as `keys` gives it for a frame."""
        names = [column for column in ("process", self.by) if column in values]
        key = stratum([str(values[column] or "") for column in names])
        return key if key in self.typical else ALL

    def rows(self) -> pd.DataFrame:
        """The typical deals, one row for each key, under it."""
        columns = {
            column: pd.Series(
                [values[column] for values in self.typical.values()],
                index=list(self.typical),
                dtype="object" if kind == "category" else "float64",
            )
            for column, kind in self.kinds.items()
        }
        return pd.DataFrame(columns, index=list(self.typical))

    def to_json(self) -> dict[str, Any]:
        """A value that `from_json` reads back."""
        return {
            "by": self.by,
            "kinds": dict(self.kinds),
            "typical": {key: dict(values) for key, values in self.typical.items()},
            "spread": dict(self.spread),
            "facts": self.facts.to_json(),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The cohort that `to_json` wrote."""
        return cls(**(dict(value) | {"facts": Facts.from_json(value["facts"])}))


def write_cohort(path: Path, cohort: Cohort) -> None:
    """Write a cohort as JSON."""
    write_json(path, cohort.to_json())


def read_cohort(path: Path) -> Cohort:
    """The cohort that `write_cohort` wrote. Raises EnvironmentFailure where there is none."""
    return Cohort.from_json(read_json(path))


def feature_groups(kinds: Mapping[str, str]) -> dict[str, list[str]]:
    """Columns by the group that they are explained in, in the order of the columns."""
    groups: dict[str, list[str]] = {}
    for column in kinds:
        spec = spec_of(column)
        groups.setdefault(OTHER_GROUP if spec is None else spec.group, []).append(column)
    return groups


def learn_cohort(
    rows: pd.DataFrame, labels: pd.DataFrame, kinds: Mapping[str, str], *, by: str = "stage"
) -> Cohort:
    """What is typical in a panel, whose newest landmarks come last, and its facts.

    `kinds` are the columns that the model knows; an empty panel has no cohort.
    """
    newest = rows.tail(TYPICAL_ROWS)
    return Cohort(
        by=by,
        kinds=dict(kinds),
        typical=_typical_by_key(newest, kinds, by) if len(newest) else {},
        spread={
            column: _spread(newest[column])
            for column, kind in kinds.items()
            if kind != "category" and len(newest)
        },
        facts=learn_facts(rows, labels, kinds) if len(rows) else Facts(by_feature={}),
    )


def _typical_by_key(
    rows: pd.DataFrame, kinds: Mapping[str, str], by: str
) -> dict[str, dict[str, Value]]:
    everyone = _typical(rows, kinds)
    stage = {name: everyone[name] for name in feature_groups(kinds).get(STAGE_GROUP, [])}
    keys = strata_keys(rows, ["process", by]).to_numpy(dtype=object)
    return {ALL: everyone} | {
        str(key): _typical(part, kinds) | stage
        for key, part in rows.groupby(keys)
        if len(part) >= LEAST_COHORT and str(key) != ALL
    }


def _typical(part: pd.DataFrame, kinds: Mapping[str, str]) -> dict[str, Value]:
    return {
        column: _commonest(part[column]) if kind == "category" else _median(part[column])
        for column, kind in kinds.items()
    }


def _median(column: pd.Series) -> float | None:
    """The median; None where most values are absent, as absence is then typical."""
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) and len(known) * 2 >= len(values) else None


def _commonest(column: pd.Series) -> str | None:
    """The commonest value, the first by name of equally common ones; None for absent."""
    counts = as_text(column).fillna(ALL).value_counts().sort_index()
    return str(counts.idxmax()) or None


def _spread(column: pd.Series) -> float:
    """The distance between the quartiles, 1 where there is none."""
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    known = values[~np.isnan(values)]
    return float(np.ptp(np.quantile(known, (0.25, 0.75)))) or 1.0 if len(known) else 1.0
