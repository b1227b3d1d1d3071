"""How sure a probability is: an interval that is wide where few closes stand behind it.

What is uncertain is the probability of all deals that look the same to the CRM, so what nothing
recorded can tell (a customer who went silent without a trace) is not in the interval. On the
log-odds of the eventual win its variance is the sum of

- *sampling*: how far the answers of the model learned before the held-back start are from those of
  the model learned from everything, V. Two estimates of which one rests on a share of the other's
  data differ by the variance of the second times (closes / earlier closes - 1) (Hausman 1978);
- *not learned yet*: deals of one stage and age differ, by `SPREAD` before anything is known of it.
  As features are learned like `COEFFICIENTS` numbers of a logistic regression, n closes leave
  1 / (1 / SPREAD + n p (1 - p) / COEFFICIENTS) of it; it counts by the share of what was learned
  that is no more than sampling: V over the variance of the answers around the curves by stage;
- *the stage*: 1 / (n p (1 - p)), n the closed deals that stood in its stage;
- *calibration*: the squared error on held-back time beyond what luck explains, times the earlier
  closes / closes, as the model that erred there knew less. It is that of the longest horizon that
  was scored, as log-odds: an error of a pace carries on to the end.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit
from scipy.stats import norm

from closecurve.crm.errors import UsageError
from closecurve.models.close_curve import CloseCurve
from closecurve.models.close_curve.files import read_json, write_json
from closecurve.models.close_curve.rows import CurveRows
from closecurve.models.panel import closed_count, id_column, labels_of
from closecurve.models.stage_lookup import BY

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

LEVEL = 0.8
"""The share of such intervals that hold the probability: as with the forecast's."""

SPREAD = 1.2
"""The variance of the log-odds among deals of one stage and age: what ranks two of them right three
times in four. Companies differ; their own data replace it."""

COEFFICIENTS = 800.0
"""What trees of some forty features cost to learn, in coefficients. Chosen, as `SPREAD` is, on the
demo companies of seeds 7 and 8 (benchmarks/intervals.py): another seed is the fairer judge."""

PRIOR_CLOSES = 2.0
"""The fixed rates count as so many closes in a stage: somebody's judgement, but no data."""

LEAST_VARIANCE = 0.02
"""Of an outcome, p (1 - p): nearer to 0 and 1 the log-odds tell too little of a probability."""

NEWEST_ROWS = 2_000
"""Landmarks on which the two models are compared, the newest."""

CERTAIN = 1e-4
"""A probability is kept this far from 0 and 1 before its log-odds are taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncertainty:
    """What the intervals of one model are made of, learned once with it.

    `spread` is the variance of the log-odds by sampling and by what is not learned yet,
    `calibration` that of their error on held-back time beyond luck, `closes` the closed deals that
    stood in each stage, in the order of the model's codes (0: never seen). Raises UsageError for a
    variance below 0.
    """

    spread: float
    calibration: float
    closes: tuple[int, ...]

    def __post_init__(self) -> None:
        given = (self.spread, self.calibration)
        if not (np.isfinite(given).all() and min(given) >= 0):
            raise UsageError("interval-variance", f"a variance is 0 or more, got {given!r}")

    def bounds(self, probability: Floats, rows: CurveRows) -> tuple[Floats, Floats]:
        """The lowest and the highest of the interval of each probability (n,), around it."""
        variance = np.maximum(probability * (1 - probability), LEAST_VARIANCE)
        behind = np.asarray(self.closes)[rows.codes[:, BY]] + PRIOR_CLOSES
        total = self.spread + self.calibration + 1 / (behind * variance)
        reach = norm.ppf((1 + LEVEL) / 2) * np.sqrt(total)
        middle = _log_odds(probability)
        low, high = expit(middle - reach), expit(middle + reach)
        return np.minimum(low, probability), np.maximum(high, probability)


def learn_uncertainty(
    model: CloseCurve,
    earlier: CloseCurve | None,
    rows: pd.DataFrame,
    labels: pd.DataFrame,
    report: Mapping[str, Any],
) -> Uncertainty:
    """From the panel that a model was fitted on, the model learned before the held-back start
    (None where that was too short) and the report of its training."""
    closes = closed_count(rows, labels_of(rows, labels)) if len(rows) else 0
    sampling, learned, variance = _compared(model, earlier, rows.tail(NEWEST_ROWS), closes)
    unknown = 1 / (1 / SPREAD + closes * variance / COEFFICIENTS)
    real = max(1 - sampling / learned, 0.0) if learned > 0 else 0.0
    return Uncertainty(
        spread=sampling + (1 - real) * unknown,
        calibration=_beyond_luck(report)
        * (earlier.closes_ / closes if earlier and closes else 1.0),
        closes=_closes_by_stage(model, rows, labels),
    )


def write_uncertainty(path: Path, uncertainty: Uncertainty) -> None:
    """Write it as JSON."""
    write_json(path, asdict(uncertainty))


def read_uncertainty(path: Path) -> Uncertainty | None:
    """What `write_uncertainty` wrote; None in a bundle of an earlier release, which has none."""
    if not path.is_file():
        return None
    value = read_json(path)
    return Uncertainty(**(value | {"closes": tuple(value["closes"])}))


def _compared(
    model: CloseCurve, earlier: CloseCurve | None, rows: pd.DataFrame, closes: int
) -> tuple[float, float, float]:
    """The sampling variance of the log-odds, their variance around the curves by stage, and the
    mean variance p (1 - p) of an outcome."""
    if rows.empty:
        return 0.0, 0.0, LEAST_VARIANCE
    said = _eventual(model, rows)
    spread = float(np.var(_log_odds(said) - _log_odds(_eventual(model.stage_curves_, rows))))
    variance = float((said * (1 - said)).mean())
    if earlier is None or not 0 < earlier.closes_ < closes:
        return 0.0, 0.0, variance
    before = _eventual(earlier.read_with(few_closes=model.few_closes), rows)
    moved = float(np.var(_log_odds(said) - _log_odds(before)))
    return moved / (closes / earlier.closes_ - 1), spread, variance


def _eventual(curves: Any, rows: pd.DataFrame) -> Floats:
    found: Floats = curves.predict_cumulative_incidence(rows, [np.inf])[:, 1, 0]
    return found


def _log_odds(probability: Floats) -> Floats:
    found: Floats = logit(np.clip(probability, CERTAIN, 1 - CERTAIN))
    return found


def _beyond_luck(report: Mapping[str, Any]) -> float:
    """The squared error of calibration of the longest horizon that was scored, less what luck
    explains, as log-odds; 0 where nothing was scored."""
    scored = [row for row in report["scores"].get("model", ()) if row["outcome"] == "won"]
    if not scored:
        return 0.0
    last = max(scored, key=lambda row: row["horizon_days"])
    found = last["calibration_error"] ** 2 - last["calibration_luck"] ** 2
    rate = last["observed_rate"]
    return float(max(found, 0.0) / max(rate * (1 - rate), LEAST_VARIANCE) ** 2)


def _closes_by_stage(
    model: CloseCurve, rows: pd.DataFrame, labels: pd.DataFrame
) -> tuple[int, ...]:
    """The closed deals that were seen in each stage (of leads: source)."""
    closed = (labels["event"] > 0).to_numpy(dtype=bool)
    column = id_column(rows)
    ids = np.arange(len(rows)) if column is None else rows[column].to_numpy()
    codes = model.rows(rows[closed]).codes[:, BY]
    pairs = pd.DataFrame({"code": codes, "id": ids[closed]}).drop_duplicates()
    counts = np.bincount(pairs["code"], minlength=model.ranges().stages.by_count)
    return tuple(counts.tolist())
