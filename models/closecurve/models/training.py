"""Training: fit, judge on held-back time beside the baselines, and fit again on everything.

Nothing is split at random. Landmarks before the held-back start are learned from as they were known
then; those after it are scored. A choice (half-life, size, recalibration) departs from the default
only where time held back shows it to be better by two standard errors.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from closecurve.crm.calendar import FiscalCalendar
from closecurve.crm.errors import DataError
from closecurve.crm.stages import Process
from closecurve.models.choosing import Apart, choose_apart
from closecurve.models.close_curve import CloseCurve
from closecurve.models.held_back import HORIZONS, Part, held_back_start
from closecurve.models.panel import AS_OF, as_ofs_of, closed_count, id_column
from closecurve.models.training_verdict import UNPROVEN, judge
from closecurve.models.tuning import Budget

ARRIVAL_SHARE = 0.75
"""The share of the landmarks' weight that leads have at their arrival: it is then that they are
graded and answered."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainedCurve:
    """A close curve learned from all landmarks, and the JSON-able report of how its like did.

    `held_back_model` learned only what was known before `held_back_start`: its curves at as-ofs
    after it show the error to expect. Both are None where held-back time was too short to judge.
    """

    model: CloseCurve
    report: dict[str, Any]
    held_back_model: CloseCurve | None
    held_back_start: pd.Timestamp | None


def train_curve(
    panel: pd.DataFrame,
    labels: pd.DataFrame,
    cutoff: pd.Timestamp,
    *,
    calendar: FiscalCalendar | None = None,
    processes: Sequence[Process] = (),
    horizons: Sequence[float] = HORIZONS,
    random_state: int = 0,
    num_threads: int = 1,
    budget: Budget | None = None,
) -> TrainedCurve:
    """Train on a panel of snapshots and its labels, row by row, as known before the cutoff.

    The same for deals and leads: where there is no `stage`, curves by `source` stand in. The report
    holds sizes, dates, log loss and other scores by horizon of the model and each baseline,
    reliability bins, the parts chosen, and `is_better`: whether the model beat the stage rates on
    held-back time; `finding` says it in a sentence. Lower losses are better. Where the model did
    not beat them, what is served leans on the curves by stage and age (`UNPROVEN`). With a `budget`
    of time more is tried (`tuning.tune`), and the report lists it.
    Raises DataError for a panel without as-ofs or with one that is not before the cutoff.
    """
    whole = _checked(panel, labels, cutoff)
    has_stages = "stage" in panel.columns
    common: dict[str, Any] = {
        "calendar": calendar,
        "processes": tuple(processes),
        "by": "stage" if has_stages else "source",
        "arrival_share": None if has_stages else ARRIVAL_SHARE,
        "random_state": random_state,
        "num_threads": num_threads,
    }
    start = held_back_start(whole.rows, cutoff)
    verdict = None if start is None else judge(whole, start, cutoff, common, horizons, budget)
    chosen = verdict.chosen if verdict else None
    apart = Apart() if chosen else choose_apart(whole, cutoff, common, horizons)
    chosen = chosen or apart.choice
    model = chosen.fit(whole, cutoff, common)
    proven = (verdict.calibration if verdict else None) or apart.calibration
    model.calibration_ = proven or model.calibration_
    report = _sizes(whole, cutoff) | {"chosen": chosen.to_json()}
    report |= verdict.report if verdict else _unjudged()
    report["calibration_apart"] = dict(apart.proof)
    if verdict and not report["is_better"]:
        model = model.read_with(few_closes=UNPROVEN)
        report["chosen"] |= {"few_closes": UNPROVEN}
    return TrainedCurve(
        model=model,
        report=report,
        held_back_model=verdict.model if verdict else None,
        held_back_start=start if verdict else None,
    )


def _checked(panel: pd.DataFrame, labels: pd.DataFrame, cutoff: pd.Timestamp) -> Part:
    as_of = as_ofs_of(panel)
    if as_of is None or not (as_of < cutoff).all():
        latest = None if as_of is None else as_of.max()
        raise DataError("panel-as-of", f"a landmark is before the cutoff {cutoff}, got {latest}")
    return Part(
        rows=panel.reset_index(drop=True),
        labels=labels[["event", "duration_days"]].reset_index(drop=True),
    )


def _sizes(whole: Part, cutoff: pd.Timestamp) -> dict[str, Any]:
    labels, column = whole.read, id_column(whole.rows)
    as_ofs = whole.rows[AS_OF]
    return {
        "cutoff": cutoff.isoformat(),
        "rows": len(whole),
        "ids": len(whole) if column is None else int(whole.rows[column].nunique()),
        "closed": closed_count(whole.rows, labels),
        "rows_won": int(np.count_nonzero(labels.event == 1)),
        "rows_lost": int(np.count_nonzero(labels.event == 2)),
        "first_as_of": as_ofs.min().isoformat() if len(as_ofs) else None,
        "last_as_of": as_ofs.max().isoformat() if len(as_ofs) else None,
    }


def _unjudged() -> dict[str, Any]:
    return {
        "is_better": False,
        "finding": "There is too little held-back time to judge: the answer leans on stage rates.",
        "log_loss": {},
        "scores": {},
        "gaps": {},
        "reliability": [],
        "tuning": None,
    }
