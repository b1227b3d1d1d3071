"""How far what is scored now lies from what was trained on, feature by feature.

The stability index compares the shares of ten groups (of a category: of its values) then and now:
sum of (now - then) x log(now / then). Without any drift it is distributed as chi-square, with one
degree less than there are groups, times 1/n + 1/m (Yurdakul and Naranjo 2020): what chance alone
gives is known, however small the cohort is.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2, ks_2samp

from closecurve.features.catalog import spec_of
from closecurve.models.close_curve.files import read_json, write_json

Floats = NDArray[np.float64]

GROUPS = 10
MOST_VALUES = 20
"""Rarer values of a category are one group."""

LEAST_INDEX = 0.1
"""Below it a shift does not matter, the usual reading of the index; it may yet be no chance."""

CHANCE_LEVEL = 0.999
"""One in a thousand features without drift is marked by chance: there are a hundred features."""

HALF = 0.5
"""Added to every group's count, so that an empty group has a logarithm."""

CATEGORY, CALENDAR = "category", "calendar"
OTHER, ABSENT = "(other)", "(absent)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One feature: its stability index, what chance alone exceeds once in a thousand, and the
    Kolmogorov-Smirnov distance of numbers (None: a category)."""

    feature: str
    stability_index: float
    chance: float
    distance: float | None
    absent_then: float
    absent_now: float

    @property
    def is_finding(self) -> bool:
        """Whether the shift is both large and more than chance."""
        return self.stability_index > max(LEAST_INDEX, self.chance)

    def to_json(self) -> dict[str, Any]:
        """The row as a JSON object."""
        return {
            "feature": self.feature,
            "stability_index": self.stability_index,
            "chance": self.chance,
            "distance": self.distance,
            "absent_then": self.absent_then,
            "absent_now": self.absent_now,
            "is_finding": self.is_finding,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """The groups of one feature, and how many rows of training stood in each.

    `edges` divide a number, `values` are the common ones of a category; what is absent is the last
    group, and the other values of a category the one before it.
    """

    edges: tuple[float, ...] | None
    values: tuple[str, ...] | None
    counts: tuple[float, ...]

    @classmethod
    def of(cls, column: pd.Series, is_category: bool) -> "Groups":
        """The groups of a column of training, with its counts."""
        edges = None if is_category else tuple(_tenths(column))
        values = tuple(map(str, column.value_counts().index[:MOST_VALUES])) if is_category else None
        bare = cls(edges=edges, values=values, counts=())
        return cls(edges=edges, values=values, counts=tuple(bare.count(column).tolist()))

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "Groups":
        """What `asdict` made of groups."""
        edges, values, counts = (
            None if kept[name] is None else tuple(kept[name])
            for name in ("edges", "values", "counts")
        )
        return cls(edges=edges, values=values, counts=counts or ())

    def count(self, column: pd.Series) -> Floats:
        """The rows of a column in each group."""
        if self.values is not None:
            named = [*self.values, OTHER, ABSENT]
            text = column.astype(object).map(str).where(column.notna(), ABSENT)
            kept = text.where(text.isin(named), OTHER)
            return _floats(kept.value_counts().reindex(named, fill_value=0))
        numbers, edges = _numbers(column), np.array(self.edges)
        groups = len(edges) + 2
        places = np.where(
            np.isnan(numbers), groups - 1, np.searchsorted(edges, numbers, side="left")
        )
        return np.bincount(places.astype(np.int64), minlength=groups).astype(np.float64)


Reference = Mapping[str, Groups]
"""The groups of every feature that a model was trained on."""


def reference_of(rows: pd.DataFrame, kinds: Mapping[str, str]) -> dict[str, Groups]:
    """The groups of each feature of `kinds` (category, or a kind of number) in training's rows.

    Features of the calendar are left out: on any one day all records share them.
    """
    return {
        name: Groups.of(rows[name], kind == CATEGORY)
        for name, kind in kinds.items()
        if name in rows and len(rows) and not _is_of_the_day(name)
    }


def _is_of_the_day(feature: str) -> bool:
    spec = spec_of(feature)
    return spec is not None and spec.group == CALENDAR


def drifts(
    reference: Reference, now: pd.DataFrame, then: pd.DataFrame | None = None
) -> list[Drift]:
    """The drift of each feature that the rows of `now` have, the most drifted first.

    With the rows of training as `then`, numbers also have their Kolmogorov-Smirnov distance. Empty
    where there are no rows now.
    """
    if now.empty:
        return []
    found = [
        _drift(name, groups, now[name], None if then is None else then[name])
        for name, groups in reference.items()
        if name in now
    ]
    return sorted(found, key=lambda row: (-row.stability_index, row.feature))


def _drift(name: str, groups: Groups, now: pd.Series, then: pd.Series | None) -> Drift:
    before, after = np.array(groups.counts), groups.count(now)
    rows = (before.sum(), after.sum())
    spread = sum(1 / max(count, 1.0) for count in rows)
    compares = then is not None and groups.edges is not None
    return Drift(
        feature=name,
        stability_index=stability_index(before, after),
        chance=float(chi2.ppf(CHANCE_LEVEL, max(len(before) - 1, 1)) * spread),
        distance=_distance(then, now) if compares and then is not None else None,
        absent_then=float(before[-1] / max(rows[0], 1.0)),
        absent_now=float(after[-1] / max(rows[1], 1.0)),
    )


def write_reference(path: Path, reference: Reference) -> None:
    """Keep the groups as JSON."""
    write_json(path, {name: asdict(groups) for name, groups in reference.items()})


def read_reference(path: Path) -> dict[str, Groups]:
    """What `write_reference` wrote; empty where there is no such file."""
    if not path.is_file():
        return {}
    return {name: Groups.from_json(kept) for name, kept in read_json(path).items()}


def stability_index(then: Floats, now: Floats) -> float:
    """The population stability index of two sets of counts by group.

    >>> round(stability_index(np.array([50.0, 50.0]), np.array([50.0, 50.0])), 6)
    0.0
    """
    before, after = ((counts + HALF) / (counts + HALF).sum() for counts in (then, now))
    return float(((after - before) * np.log(after / before)).sum())


def _numbers(values: pd.Series) -> Floats:
    return values.to_numpy(dtype=np.float64, na_value=np.nan)


def _distance(then: pd.Series, now: pd.Series) -> float | None:
    """The largest gap between the two distributions of known values; None without any."""
    before, after = (values[~np.isnan(values)] for values in (_numbers(then), _numbers(now)))
    if not len(before) or not len(after):
        return None
    return float(ks_2samp(before, after, method="asymp").statistic)


def _tenths(column: pd.Series) -> list[float]:
    """The edges between tenths of the known values, each once."""
    known = _numbers(column)
    known = known[~np.isnan(known)]
    if not len(known):
        return []
    inner = np.linspace(0, 1, GROUPS + 1)[1:-1]
    edges: list[float] = np.unique(np.quantile(known, inner)).tolist()
    return edges


def _floats(counts: pd.Series) -> Floats:
    return np.asarray(counts.to_numpy(), dtype=np.float64)
