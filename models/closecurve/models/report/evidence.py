"""What held-back landmarks say of curves: by segment, by month, with fewer closes, split at random.

Everything is about one question, being won (converted) within one horizon, and about curves that
learned nothing later than the start of held-back time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone

from closecurve.models import metrics
from closecurve.models.close_curve import CloseCurve
from closecurve.models.held_back import Curves, Part, Question, questions
from closecurve.models.panel import AS_OF, id_column

Floats = NDArray[np.float64]

SEGMENTS = ("team", "region", "stage", "source")
"""Carried columns that reliability is looked at by; a column that is absent is left out."""

SIZE_BAND, AMOUNT = "size band", "amount_company"
BANDS = ("smallest third", "middle third", "largest third")
UNKNOWN = "(none)"

LEAST_IN_SEGMENT = 100
"""Landmarks: of fewer nothing is said."""

LEAST_IN_MONTH = 50

LEARNED_SHARES = (0.125, 0.25, 0.5, 1.0)
"""Parts of the records that the learning curve is refitted on."""

HELD_SHARE = 0.3
"""Held back at random, as much as is held back by time."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Asked:
    """Held-back landmarks that were watched to a horizon, whether they were won, what was said."""

    rows: pd.DataFrame
    horizon_days: float
    outcome: Floats
    said: Floats

    def loss(self) -> float:
        """The log loss of what was said."""
        return metrics.log_loss(self.outcome, self.said)


def ask(
    curves: Curves, held: Part, cutoff: pd.Timestamp, horizons: Sequence[float]
) -> Asked | None:
    """The longest of the horizons that enough landmarks were watched to; None without any."""
    won = [question for question in questions(held, cutoff, horizons) if question.name == "won"]
    return answered(curves, held, won[-1]) if won else None


def answered(curves: Curves, held: Part, question: Question) -> Asked:
    """What curves say to one question."""
    rows = held.rows[question.watched].reset_index(drop=True)
    said = curves.predict_cumulative_incidence(rows, [question.horizon_days])[:, 1, 0]
    return Asked(rows=rows, horizon_days=question.horizon_days, outcome=question.outcome, said=said)


def by_segment(asked: Asked) -> list[dict[str, Any]]:
    """Said against happened in each segment that is large enough.

    Rows have segment, value, count, probability (mean of what was said), observed_rate with its
    95 % interval, and `is_off`: what was said lies outside of it.
    """
    kinds = {name: asked.rows[name] for name in SEGMENTS if name in asked.rows}
    if AMOUNT in asked.rows and asked.rows[AMOUNT].notna().any():
        kinds[SIZE_BAND] = _bands(asked.rows[AMOUNT])
    found = []
    for kind, values in kinds.items():
        labels = values.astype(object).where(values.notna(), UNKNOWN)
        for value in sorted(map(str, labels.unique())):
            inside = (labels.astype(str) == value).to_numpy()
            if inside.sum() >= LEAST_IN_SEGMENT:
                found.append({"segment": kind, "value": value} | _compared(asked, inside))
    return found


def _bands(amount: pd.Series) -> pd.Series:
    edges = [step / len(BANDS) for step in range(len(BANDS) + 1)]
    bands: pd.Series = pd.cut(amount.rank(pct=True), edges, labels=list(BANDS))
    return bands


def _compared(asked: Asked, inside: NDArray[np.bool_]) -> dict[str, Any]:
    """Landmarks of one record are no new evidence: the interval counts records."""
    outcome, said = asked.outcome[inside], asked.said[inside]
    column = id_column(asked.rows)
    records = int(inside.sum()) if column is None else asked.rows[column][inside].nunique()
    rate = float(outcome.mean())
    low, high = metrics.wilson_interval(np.array([rate * records]), np.array([records]))
    probability = float(said.mean())
    return {
        "count": int(inside.sum()),
        "records": int(records),
        "probability": probability,
        "observed_rate": rate,
        "observed_low": float(low[0]),
        "observed_high": float(high[0]),
        "is_off": not float(low[0]) <= probability <= float(high[0]),
    }


def by_month(asked: Asked) -> list[dict[str, Any]]:
    """Discrimination month by month of the landmarks: month, count, auc (0.5 is chance)."""
    months = asked.rows[AS_OF].dt.strftime("%Y-%m").to_numpy()
    found = []
    for month in sorted(set(months)):
        inside = months == month
        area = metrics.auc(asked.outcome[inside], asked.said[inside])
        if inside.sum() >= LEAST_IN_MONTH and not np.isnan(area):
            found.append({"month": month, "count": int(inside.sum()), "auc": area})
    return found


def learning_curve(
    model: CloseCurve, learned: Part, held: Part, question: Question, baselines: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The log loss on held-back time of refits on parts of the records.

    Rows have share, closes (distinct records that had closed), and the loss of each name: `model`
    and the `baselines`, unfitted estimators.
    """
    found = []
    for share in LEARNED_SHARES:
        part = _some(learned, share)
        closes = _closes(part)
        if not closes:
            continue
        row: dict[str, Any] = {"share": share, "closes": closes}
        for name, unfitted in {"model": model, **baselines}.items():
            fitted = clone(unfitted).fit(part.rows, part.labels)
            row[name] = answered(fitted, held, question).loss()
        found.append(row)
    return found


def _some(part: Part, share: float) -> Part:
    """The landmarks of a share of the records, drawn with a fixed seed."""
    records = _records(part)
    chosen = np.random.default_rng(0).permutation(int(records.max(initial=-1)) + 1)
    kept = chosen[: int(np.ceil(share * len(chosen)))]
    return part.where(np.isin(records, kept))


def _records(part: Part) -> NDArray[np.int64]:
    column = id_column(part.rows)
    if column is None:
        return np.arange(len(part))
    return np.asarray(pd.factorize(part.rows[column])[0], dtype=np.int64)


def _closes(part: Part) -> int:
    return len(np.unique(_records(part)[part.read.event > 0]))


def split_gap(model: CloseCurve, whole: Part, cutoff: pd.Timestamp, asked: Asked) -> dict[str, Any]:
    """What a random split would have claimed beside what held-back time shows.

    A random split lets a model see the same record, and the same months, in training. `auc` and
    `skill` (1 less the log loss over that of the bare rate) of both; higher is better.
    """
    is_held = np.random.default_rng(0).random(len(whole)) < HELD_SHARE
    refit = clone(model).fit(whole.rows[~is_held], whole.labels[~is_held])
    random = ask(refit, whole.where(is_held), cutoff, [asked.horizon_days])
    told = {"horizon_days": asked.horizon_days, "by_time": _skills(asked)}
    return told | {"at_random": None if random is None else _skills(random)}


def _skills(asked: Asked) -> dict[str, float]:
    bare = np.full(len(asked.outcome), asked.outcome.mean())
    return {
        "auc": metrics.auc(asked.outcome, asked.said),
        "skill": 1 - asked.loss() / metrics.log_loss(asked.outcome, bare),
    }
