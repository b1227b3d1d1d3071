"""Why a deal stands where it stands: what moves its probability away from its cohort's.

The difference between a deal's probability and that of the typical deal of its cohort is shared out
among the groups of features (`explanation_walk` says how), so that the shares add up to it. The
strongest become reasons, each told by the group's most telling feature and by the fact of the
population behind it. A reason is a statement on the model's answer, not on cause and effect.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.crm.errors import UsageError
from closecurve.models.close_curve import CloseCurve
from closecurve.models.close_curve.ranges import by_instant
from closecurve.models.close_curve.rows import CurveRows
from closecurve.models.explanation.cohort import Cohort
from closecurve.models.explanation.facts import Fact, Value
from closecurve.models.explanation.walk import GroupWalk, Walked
from closecurve.models.panel import as_ofs_of
from closecurve.models.trees.places import Features

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST_DELTA = 0.005
"""A group that moves the probability by less than half a point is no reason."""

MOST_REASONS = 2
"""Reasons told on either side."""

MOST_UNUSUAL = 3.0
"""In spreads: a value further from the typical one is not more telling."""

LEAST_TELLING = 1 / 3
"""Of the most telling one: a feature that tells less does not stand for its group."""

STAGE_ORDER = "stage_order"
STAGE_NAME = "stage"
"""What a reason of the stage group is told by, where it differs: people know stages by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """What one group of features adds to the probability of one deal, against its cohort.

    Above 0 the group raises it. `feature` is the group's most telling column, `value` and `typical`
    what it holds here and in the cohort (None: absent), `fact` the population behind it (None where
    it is too small, or does not point the same way). Words are made by `explanation_words`.
    """

    group: str
    direction: str
    delta_probability: float
    feature: str
    value: Value
    typical: Value
    fact: Fact | None

    def __post_init__(self) -> None:
        if self.direction != ("raises" if self.delta_probability > 0 else "lowers"):
            raise UsageError(
                "reason-direction",
                f"a direction follows the sign of delta_probability, got {self.direction!r} and "
                f"{self.delta_probability!r}",
            )

    def to_json(self) -> dict[str, Any]:
        """The reason as a JSON object."""
        return {
            "group": self.group,
            "direction": self.direction,
            "delta_probability": self.delta_probability,
            "feature": self.feature,
            "value": self.value,
            "typical": self.typical,
            "fact": None if self.fact is None else self.fact.to_json(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One deal: the probability of its cohort's typical deal, what each group adds, the reasons.

    The contributions add up to the deal's own probability less `cohort_probability`.
    """

    cohort_probability: float
    contributions: Mapping[str, float]
    reasons: tuple[Reason, ...]

    def to_json(self) -> dict[str, Any]:
        """The explanation as a JSON object, as it is published."""
        return {
            "cohort_probability": self.cohort_probability,
            "contributions": dict(self.contributions),
            "reasons": [reason.to_json() for reason in self.reasons],
        }


class Explainer:
    """Explains the deals of one model against one cohort; made once, used for many deals."""

    def __init__(self, model: CloseCurve, cohort: Cohort) -> None:
        self._model = model
        self._cohort = cohort
        self._walk = GroupWalk(model, cohort.groups)
        self._telling = _Telling.of(model, cohort)
        self._places = {key: place for place, key in enumerate(cohort.typical)}
        typical = model.rows(cohort.rows()) if cohort.typical else None
        self._typical = None if typical is None else self._walk.origin(typical)

    def explain(
        self,
        X: pd.DataFrame,
        at_days: float = float("inf"),
        *,
        most: int = MOST_REASONS,
        rows: CurveRows | None = None,
    ) -> list[Explanation | None]:
        """Each row of X: at most `most` reasons on either side, the strongest of all first.

        The probability is that of a win within `at_days` of the as-of (infinity: ever; a lead: of a
        conversion). `rows` is X as the model reads it, where that is at hand. None for every row
        where there is no cohort to compare with.
        """
        if self._typical is None or X.empty:
            return [None] * len(X)
        as_of = as_ofs_of(X) if self._model.is_dated_ else None
        deals = _Deals(
            rows=self._model.rows(X) if rows is None else rows,
            keys=self._cohort.keys(X),
            values={column: X[column].array for column in self._cohort.kinds},
        )
        return self._explained(deals, by_instant(as_of, len(X)), at_days, most)

    def explain_record(
        self, values: Mapping[str, Any], rows: CurveRows, as_of: pd.Timestamp
    ) -> Explanation | None:
        """One plain snapshot, which `rows` holds as the model reads it; as `explain` does."""
        if self._typical is None:
            return None
        deals = _Deals(
            rows=rows,
            keys=[self._cohort.key(values)],
            values={column: [values[column]] for column in self._cohort.kinds},
        )
        instant = as_of if self._model.is_dated_ else None
        instants = np.zeros(1, dtype=np.int64), [instant]
        return self._explained(deals, instants, float("inf"), MOST_REASONS)[0]

    def _explained(
        self,
        deals: "_Deals",
        by_as_of: tuple[Ints, Sequence[pd.Timestamp | None]],
        at_days: float,
        most: int,
    ) -> list[Explanation | None]:
        assert self._typical is not None
        cohorts = np.array([self._places[key] for key in deals.keys])
        walked = self._walked(deals.rows, cohorts, by_as_of, at_days)
        typical = self._typical.rows.features[cohorts]
        telling = self._telling.scores(deals.rows.features, typical)
        return [
            Explanation(
                cohort_probability=float(walked.start[row]),
                contributions=dict(zip(self._walk.groups, shares.tolist(), strict=True)),
                reasons=tuple(
                    self._reason(deals, row, place, float(shares[place]), telling[row])
                    for place in _strongest(shares, most)
                ),
            )
            for row, shares in enumerate(walked.contributions)
        ]

    def _walked(
        self,
        deals: CurveRows,
        cohorts: Ints,
        by_as_of: tuple[Ints, Sequence[pd.Timestamp | None]],
        at_days: float,
    ) -> Walked:
        """Every deal walked from its cohort's typical one, those that share it together."""
        assert self._typical is not None
        codes, instants = by_as_of
        made = np.empty((len(deals), 2 + len(self._walk.groups)))
        for code, cohort in sorted(set(zip(codes.tolist(), cohorts.tolist(), strict=True))):
            rows = np.flatnonzero((codes == code) & (cohorts == cohort))
            origin = self._typical.at(np.array([cohort]))
            found = self._walk.between(origin, deals.at(rows), instants[code], at_days)
            made[rows] = np.column_stack([found.start, found.end, found.contributions])
        return Walked(start=made[:, 0], end=made[:, 1], contributions=made[:, 2:])

    def _reason(
        self, deals: "_Deals", row: int, place: int, delta: float, telling: Floats
    ) -> Reason:
        """The reason of one group, told by its most telling feature that a fact supports."""
        typical = self._cohort.typical[deals.keys[row]]
        names = self._telling.order(place, telling)
        told = [(name, _plain(deals.values[name][row])) for name in names]
        facts = [self._cohort.facts.about(name, value, typical[name]) for name, value in told]
        supported = (n for n, fact in enumerate(facts) if fact is not None and fact.supports(delta))
        chosen = next(supported, None)
        feature, value = told[chosen or 0]
        return Reason(
            group=self._walk.groups[place],
            direction="raises" if delta > 0 else "lowers",
            delta_probability=delta,
            feature=feature,
            value=value,
            typical=typical[feature],
            fact=None if chosen is None else facts[chosen],
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Deals:
    """Deals to explain: as the model reads them, the cohort of each, and their plain values."""

    rows: CurveRows
    keys: Sequence[str]
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Telling:
    """How telling a column is: how unusual its value times its use by the trees."""

    columns: Sequence[str]
    groups: Sequence[Ints]
    spread: Floats
    use: Floats

    @classmethod
    def of(cls, model: CloseCurve, cohort: Cohort) -> Self:
        columns = model.encoding_.columns
        place = {column: place for place, column in enumerate(columns)}
        return cls(
            columns=columns,
            groups=[np.array([place[name] for name in names]) for names in cohort.groups.values()],
            spread=np.array([cohort.spread.get(column, 0.0) for column in columns]),
            use=_column_use(model),
        )

    def scores(self, own: Features, typical: Features) -> Floats:
        """(n, p): 0 where a value is the typical one."""
        differs = ~((own == typical) | (np.isnan(own) & np.isnan(typical)))
        with np.errstate(divide="ignore", invalid="ignore"):
            gap = np.abs(own - typical) / self.spread
        unusual = np.where(np.isfinite(gap), np.minimum(gap, MOST_UNUSUAL), differs)
        found: Floats = unusual * differs * self.use
        return found

    def order(self, group: int, scores: Floats) -> list[str]:
        """The columns of a group that could tell a row's reason, the most telling first.

        The stage's name goes before all; what tells less than a third of the first is left out.
        """
        places = self.groups[group]
        ranked = places[np.argsort(-scores[places], kind="stable")]
        least = scores[ranked[0]] * LEAST_TELLING
        names = [self.columns[place] for place in ranked if scores[place] >= least]
        return [STAGE_NAME] if STAGE_NAME in names else names


def _column_use(model: CloseCurve) -> Floats:
    """The gain of each column over all trees; a column without any can still tell, last.

    What trees make of a stage's order is told by its name.
    """
    columns = list(model.encoding_.columns)
    gain = np.full(len(columns), 1e-9)
    for booster in (*model.boosters_, *model.coarse_boosters_):
        gain += booster.feature_importance("gain")[: len(gain)]
    if {STAGE_NAME, STAGE_ORDER} <= set(columns):
        gain[columns.index(STAGE_NAME)] += gain[columns.index(STAGE_ORDER)]
    return gain


def _strongest(shares: Floats, most: int) -> list[int]:
    """The places of the strongest groups on either side, the strongest of all first."""
    order = np.argsort(-np.abs(shares), kind="stable")
    order = order[np.abs(shares[order]) >= LEAST_DELTA]
    rising = [int(place) for place in order if shares[place] > 0][:most]
    falling = [int(place) for place in order if shares[place] < 0][:most]
    return sorted(rising + falling, key=lambda place: -abs(float(shares[place])))


def _plain(value: Any) -> Value:
    """A cell for JSON: a number, a text, or None where it is absent."""
    if value is None or isinstance(value, str):
        return value
    return None if pd.isna(value) else float(value)
