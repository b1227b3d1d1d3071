"""Scores of the quality benchmark: one row for each model, gaps to Closecurve, goals met or missed.

Log losses, calibration errors and seconds: lower is better.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from quality_data import Case

from closecurve.models import metrics
from closecurve.models.held_back import Answers, Question, gap_of

CLOSECURVE = "closecurve"
TRUTH = "known_truth"

ERRORS = 2.0
"""A gap under two standard errors is not a finding."""

FASTER = 10.0
"""Training must be this much faster than SurvivalBoost's on the same rows."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Result:
    """What one model answered, and what it cost in seconds of a core."""

    answers: Answers
    train_seconds: float
    score_seconds: float
    integrated_brier: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One bound: what was measured, what was wanted, whether it was reached."""

    name: str
    measured: float
    wanted: str
    is_met: bool


def score_row(case: Case, result: Result, closecurve: Result) -> dict[str, Any]:
    """The scores of one model: means over the questions, but `citl`, which is the worst one.

    `ece_luck` is the calibration error that a perfectly calibrated model gets by luck.
    """
    asked, given = case.questions, result.answers
    gap = gap_of(case.asked, asked, given, closecurve.answers)
    seconds = max(closecurve.train_seconds, 1e-9)
    return {
        "log_loss": given.log_loss,
        **{label(q): float(loss.mean()) for q, loss in zip(asked, given.losses, strict=True)},
        "auc": _mean(metrics.auc, asked, given),
        "ece": _mean(metrics.calibration_error, asked, given),
        "ece_luck": float(np.mean([metrics.calibration_luck(p) for p in given.probabilities])),
        "citl": _worst_citl(asked, given),
        "ibs_won": result.integrated_brier,
        "gap": gap.gap,
        "gap_error": gap.standard_error,
        "train_s": result.train_seconds,
        "score_s": result.score_seconds,
        "train_ratio": result.train_seconds / seconds,
    }


def label(question: Question) -> str:
    """The question's short name: `won_7`, `lost_30`, `won_ever`."""
    days = question.horizon_days
    return f"{question.name}_{days:g}" if np.isfinite(days) else f"{question.name}_ever"


def _mean(metric: Any, asked: Sequence[Question], given: Answers) -> float:
    pairs = zip(asked, given.probabilities, strict=True)
    return float(np.mean([metric(question.outcome, said) for question, said in pairs]))


def _worst_citl(asked: Sequence[Question], given: Answers) -> float:
    pairs = zip(asked, given.probabilities, strict=True)
    found = [metrics.calibration_in_the_large(question.outcome, said) for question, said in pairs]
    return max(found, key=abs)


def table_of(case: Case, results: Mapping[str, Result]) -> pd.DataFrame:
    """One row for each model, the best log loss first. `gap` above 0: Closecurve is better."""
    rows = {name: score_row(case, it, results[CLOSECURVE]) for name, it in results.items()}
    return pd.DataFrame.from_dict(rows, orient="index").sort_values("log_loss")


def goals_of(case: Case, table: pd.DataFrame) -> list[Goal]:
    """What Closecurve has to reach on this data set."""
    return [*_bounds(case, table), *_peers(table), *_speed(case, table), *_honesty(case, table)]


def _bounds(case: Case, table: pd.DataFrame) -> Iterator[Goal]:
    """The figures that are wanted of this data set."""
    own, wanted = table.loc[CLOSECURVE], case.data.goals
    most = {"log_loss": "log_loss", "integrated_brier": "ibs_won", "calibration_error": "ece"}
    for name, column in most.items():
        if name in wanted:
            yield _at_most(name, float(own[column]), wanted[name])
    if "citl" in wanted:
        yield _at_most("abs(citl), worst question", abs(float(own["citl"])), wanted["citl"])
    if "auc" in wanted:
        said = f">= {wanted['auc']}"
        yield Goal(
            name="auc", measured=own["auc"], wanted=said, is_met=bool(own["auc"] >= wanted["auc"])
        )


def _at_most(name: str, measured: float, bound: float) -> Goal:
    return Goal(name=name, measured=measured, wanted=f"<= {bound}", is_met=measured <= bound)


def _peers(table: pd.DataFrame) -> Iterator[Goal]:
    """No peer is better by two standard errors."""
    for name, row in table.drop(index=[CLOSECURVE, TRUTH], errors="ignore").iterrows():
        yield Goal(
            name=f"no worse than {name}",
            measured=float(row["gap"]),
            wanted=f">= {-ERRORS * row['gap_error']:.4f}",
            is_met=bool(row["gap"] >= -ERRORS * row["gap_error"]),
        )


def _speed(case: Case, table: pd.DataFrame) -> Iterator[Goal]:
    if "survival_boost" in table.index and case.by == "stage":
        ratio = float(table.loc["survival_boost", "train_ratio"])
        yield Goal(
            name="training faster than survival_boost",
            measured=ratio,
            wanted=f">= {FASTER:g} times",
            is_met=ratio >= FASTER,
        )


def _honesty(case: Case, table: pd.DataFrame) -> Iterator[Goal]:
    """Where nothing predicts, the report must not claim that something does."""
    if "nothing_predicts" in case.data.goals:
        trained = case.fitted.curve(case.data.subject)
        claims = bool(trained and trained.report["is_better"])
        yield Goal(
            name="report claims to beat the rates",
            measured=float(claims),
            wanted="0",
            is_met=not claims,
        )


def as_json(case: Case, table: pd.DataFrame, goals: Sequence[Goal]) -> dict[str, Any]:
    """All of it for machines."""
    return {
        "rows_learned": len(case.learned),
        "rows_asked": len(case.asked),
        "fit_seconds": case.fit_seconds,
        "models": {
            str(name): {key: _plain(value) for key, value in row.items()}
            for name, row in table.to_dict("index").items()
        },
        "goals": [asdict(goal) for goal in goals],
    }


def _plain(value: Any) -> float | None:
    return None if value is None or np.isnan(value) else float(value)
