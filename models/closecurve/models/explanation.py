"""Why a deal stands where it stands, in probability and in plain sentences.

A reason is about one group of features: how far the probability would move if the group stood where
it typically stands in the cohort (deals of the same stage, where there are enough of them). It is a
statement on the model's answer, not on cause and effect.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.crm.errors import UsageError
from closecurve.features.catalog import spec_of
from closecurve.models.close_curve import CloseCurve
from closecurve.models.encoding import as_text
from closecurve.models.explanation_words import sentence
from closecurve.models.panel import strata_keys

Floats = NDArray[np.float64]

LEAST_COHORT = 30
"""Fewer deals of a stage are no cohort of their own: all deals are."""

LEAST_DELTA = 0.005
"""A group that moves the probability by less than half a point is no reason."""

STAGE_GROUP = "stage"
STAGE_NAME = "stage"
"""What a reason of the stage group is told by, where it differs: people know stages by name."""
OTHER_GROUP = "fit"
_ALL = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """What one group of features does to the probability of one row.

    `delta_probability` is the probability now minus that with the group's typical values: above 0
    the group raises it. `feature` is the group's most telling column, `value` and `typical` what it
    holds here and in the cohort (None: absent).
    """

    group: str
    direction: str
    delta_probability: float
    sentence: str
    feature: str
    value: float | str | None
    typical: float | str | None

    def __post_init__(self) -> None:
        if self.direction != ("raises" if self.delta_probability > 0 else "lowers"):
            raise UsageError(
                "reason-direction",
                f"a direction follows the sign of delta_probability, got {self.direction!r} and "
                f"{self.delta_probability!r}",
            )

    def to_json(self) -> dict[str, Any]:
        """The reason as a JSON object."""
        return asdict(self)


def reasons(
    model: CloseCurve,
    X: pd.DataFrame,
    cohort: pd.DataFrame,
    at_days: float = float("inf"),
    *,
    most: int = 2,
) -> list[list[Reason]]:
    """For each row of X: the `most` groups that raise and that lower the win probability.

    The probability is that of a win within `at_days` of the as-of (infinity: ever; a lead: of a
    conversion). `cohort` holds the snapshots that typical values are taken from, with the
    columns of the model. The strongest reason comes first. An empty cohort gives no reasons.
    """
    if cohort.empty or X.empty:
        return [[] for _ in range(len(X))]
    rows = X.reset_index(drop=True)
    typical = typical_values(model, rows, cohort)
    groups = feature_groups(model)
    now = _probability(model, rows, at_days)
    deltas = np.empty((len(rows), len(groups)))
    for place, columns in enumerate(groups.values()):
        deltas[:, place] = now - _without(model, rows, typical, columns, now, at_days)
    table = _Table(
        groups=groups,
        deltas=deltas,
        own=rows[model.encoding_.columns].astype(object),
        typical=typical.astype(object),
        telling=_telling(model, rows, typical, cohort),
    )
    return [[table.reason(row, g) for g in _strongest(deltas[row], most)] for row in range(len(X))]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Table:
    """All that reasons are read from: a row per row, a column per group or feature."""

    groups: Mapping[str, list[str]]
    deltas: Floats
    own: pd.DataFrame
    typical: pd.DataFrame
    telling: Mapping[str, Floats]

    def reason(self, row: int, place: int) -> Reason:
        """The reason of one group for one row."""
        group = list(self.groups)[place]
        columns = self.groups[group]
        feature = max(columns, key=lambda column: float(self.telling[column][row]))
        if STAGE_NAME in columns and self.telling[STAGE_NAME][row] > 0:
            feature = STAGE_NAME
        delta = float(self.deltas[row, place])
        value = _plain(self.own.at[row, feature])
        typical = _plain(self.typical.at[row, feature])
        return Reason(
            group=group,
            direction="raises" if delta > 0 else "lowers",
            delta_probability=delta,
            sentence=sentence(feature, value, typical, delta),
            feature=feature,
            value=value,
            typical=typical,
        )


def feature_groups(model: CloseCurve) -> dict[str, list[str]]:
    """The model's columns by the group that they are explained in."""
    groups: dict[str, list[str]] = {}
    for column in model.encoding_.columns:
        spec = spec_of(column)
        groups.setdefault(OTHER_GROUP if spec is None else spec.group, []).append(column)
    return groups


def typical_values(model: CloseCurve, X: pd.DataFrame, cohort: pd.DataFrame) -> pd.DataFrame:
    """The typical value of every model column for each row: the median, or the commonest category.

    Of the cohort's rows of the same process and stage where these are at least 30, else of all. The
    columns of the stage itself are always compared with all: being in this stage is what they tell.
    """
    columns = model.encoding_.columns
    by = ["process", model.by]
    everyone = _typical(model, cohort[columns])
    stage = [column for column in feature_groups(model).get(STAGE_GROUP, []) if column in columns]
    table = {_ALL: everyone}
    keys = strata_keys(cohort, by)
    for key, part in cohort[columns].groupby(keys.to_numpy(dtype=object)):
        if len(part) >= LEAST_COHORT:
            own = {name: everyone[name] for name in stage}
            table[str(key)] = _typical(model, part) | own
    found = [table.get(key, everyone) for key in strata_keys(X, by)]
    return pd.DataFrame(found, columns=columns, index=X.index)


def _typical(model: CloseCurve, part: pd.DataFrame) -> dict[str, Any]:
    kinds = model.encoding_.kinds
    return {
        column: _commonest(part[column]) if kinds[column] == "category" else _median(part[column])
        for column in part.columns
    }


def _median(column: pd.Series) -> float:
    """The median; NaN where most values are absent, as absence is then typical."""
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) * 2 >= len(values) > 0 and len(known) else np.nan


def _commonest(column: pd.Series) -> str | None:
    """The commonest value, the first by name of equally common ones; None for absent."""
    counts = as_text(column).fillna(_ALL).value_counts().sort_index()
    value = str(counts.idxmax())
    return None if value == _ALL else value


def _probability(model: CloseCurve, X: pd.DataFrame, at_days: float) -> Floats:
    found: Floats = model.predict_cumulative_incidence(X, [at_days])[:, 1, 0]
    return found


def _without(
    model: CloseCurve,
    rows: pd.DataFrame,
    typical: pd.DataFrame,
    columns: list[str],
    now: Floats,
    at_days: float,
) -> Floats:
    """The probability of each row with the columns at their typical values."""
    changed = np.zeros(len(rows), dtype=bool)
    for column in columns:
        changed |= _differs(rows[column], typical[column])
    result = now.copy()
    if changed.any():
        replaced = rows[changed].assign(**{name: typical.loc[changed, name] for name in columns})
        result[changed] = _probability(model, replaced, at_days)
    return result


def _differs(own: pd.Series, usual: pd.Series) -> NDArray[np.bool_]:
    left, right = as_text(own), as_text(usual)
    if pd.api.types.is_numeric_dtype(usual):
        left, right = pd.to_numeric(own), usual
    same = (left == right) | (left.isna() & right.isna())
    return ~same.fillna(False).to_numpy(dtype=bool)


def _telling(
    model: CloseCurve, rows: pd.DataFrame, typical: pd.DataFrame, cohort: pd.DataFrame
) -> dict[str, Floats]:
    """How telling each column is, a row per row: how unusual its value times its use by trees."""
    kinds, use = model.encoding_.kinds, _column_use(model)
    scores = {}
    for column, kind in kinds.items():
        differs = _differs(rows[column], typical[column])
        unusual = differs.astype(np.float64)
        if kind != "category":
            spread = cohort[column].to_numpy(dtype=np.float64, na_value=np.nan)
            known = spread[~np.isnan(spread)]
            scale = float(np.ptp(np.quantile(known, (0.25, 0.75)))) if len(known) else 0.0
            own = rows[column].to_numpy(dtype=np.float64, na_value=np.nan)
            gap = np.abs(own - typical[column].to_numpy(dtype=np.float64)) / (scale or 1.0)
            unusual = np.where(np.isnan(gap), unusual, np.minimum(gap, 3.0))
        scores[column] = unusual * (use[column] + 1e-9)
    return scores


def _column_use(model: CloseCurve) -> dict[str, float]:
    """The gain of each column over all trees."""
    columns = model.encoding_.columns
    gain = np.zeros(len(columns))
    for booster in model.boosters_:
        gain += booster.feature_importance("gain")[: len(columns)]
    return dict(zip(columns, gain.tolist(), strict=True))


def _strongest(deltas: Floats, most: int) -> list[int]:
    """The places of the strongest groups on either side, the strongest of all first."""
    order = np.argsort(-np.abs(deltas), kind="stable")
    order = order[np.abs(deltas[order]) >= LEAST_DELTA]
    rising = [int(place) for place in order if deltas[place] > 0][:most]
    falling = [int(place) for place in order if deltas[place] < 0][:most]
    return sorted(rising + falling, key=lambda place: -abs(float(deltas[place])))


def _plain(value: Any) -> float | str | None:
    """A cell for JSON: a number, a text, or None where it is absent."""
    if pd.isna(value):
        return None
    return value if isinstance(value, str) else float(value)
