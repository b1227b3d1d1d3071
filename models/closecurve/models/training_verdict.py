"""What held-back time says: which parts to choose, whether to recalibrate, who is better."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from closecurve.models import metrics
from closecurve.models.baselines import FixedStageRate, HistoricalStageRate, StageCurves
from closecurve.models.calibration import HazardCalibration
from closecurve.models.choice import DEFAULTS, Choice
from closecurve.models.choosing import TRUST, choose
from closecurve.models.close_curve import CloseCurve
from closecurve.models.held_back import (
    Answers,
    Curves,
    Gap,
    Part,
    Question,
    answers,
    askable,
    gap_of,
    integrated_brier,
    known_before,
    landmarks_from,
    questions,
    score_table,
)
from closecurve.models.recalibrating import recalibration
from closecurve.models.tuning import Budget, tune

UNPROVEN = TRUST[-1]
"""How far an answer leans on the curves by stage where the trees did not beat the stage rates."""

INTEGRATED_DAYS = 30


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Verdict:
    """What was learned from the landmarks before the start and seen on those after it.

    `chosen` is None where the time before the start was too short to choose anything by.
    """

    model: CloseCurve
    chosen: Choice | None
    calibration: HazardCalibration | None
    report: dict[str, Any]


def judge(
    whole: Part,
    start: pd.Timestamp,
    cutoff: pd.Timestamp,
    common: Mapping[str, Any],
    horizons: Sequence[float],
    budget: Budget | None = None,
) -> Verdict | None:
    """Learn before the start, score after it; None where nothing can be scored or had closed."""
    learned, held = known_before(whole, start), landmarks_from(whole, start)
    horizons = askable(held, cutoff, horizons)
    asked = questions(held, cutoff, horizons)
    if not asked or not (learned.read.event > 0).any():
        return None
    chosen, tuning = _chosen(learned, start, common, horizons, budget)
    model = (chosen or DEFAULTS).fit(learned, start, common)
    hazards = model.predict_hazards(held.rows)
    curves = model.incidence_from_hazards(held.rows, hazards, horizons)
    given = {"model": answers(asked, curves, horizons)}
    others = _baselines(learned, common)
    for name, baseline in others.items():
        curves = baseline.predict_cumulative_incidence(held.rows, horizons)
        given[name] = answers(asked, curves, horizons)
    calibration, proof = recalibration(model, held, hazards, cutoff, horizons)
    report = _report(held, asked, given) | {
        "held_back_start": start.isoformat(),
        "held_back_rows": len(held),
        "integrated_brier": _integrated({"model": model, **others}, held, cutoff),
        "tuning": tuning,
        "calibration": proof,
    }
    return Verdict(model=model, chosen=chosen, calibration=calibration, report=report)


def _chosen(
    learned: Part,
    start: pd.Timestamp,
    common: Mapping[str, Any],
    horizons: Sequence[float],
    budget: Budget | None,
) -> tuple[Choice | None, dict[str, Any] | None]:
    if budget is None:
        return choose(learned, start, common, horizons), None
    return tune(learned, start, common, horizons, budget)


def _baselines(learned: Part, common: Mapping[str, Any]) -> dict[str, Curves]:
    by, processes = common["by"], common["processes"]
    made: dict[str, FixedStageRate | HistoricalStageRate | StageCurves] = {
        "historical_stage_rate": HistoricalStageRate(by=by),
        "stage_curves": StageCurves(processes, by=by),
    }
    if processes and by in learned.rows.columns:
        made["fixed_stage_rate"] = FixedStageRate(processes, by=by)
    return {name: it.fit(learned.rows, learned.labels) for name, it in made.items()}


def _integrated(
    curves: Mapping[str, Curves], held: Part, cutoff: pd.Timestamp
) -> dict[str, float | None]:
    return {
        name: integrated_brier(it, held, cutoff, INTEGRATED_DAYS) for name, it in curves.items()
    }


def _report(held: Part, asked: Sequence[Question], given: Mapping[str, Answers]) -> dict[str, Any]:
    """Scores of the model and of each baseline, the gaps, and what follows."""
    model = given["model"]
    gaps = {
        name: gap_of(held, asked, other, model) for name, other in given.items() if name != "model"
    }
    rates = [name for name in given if name.endswith("stage_rate")]
    yardstick = min(rates, key=lambda name: given[name].log_loss)
    gap = gaps[yardstick]
    return {
        "log_loss": {name: it.log_loss for name, it in given.items()},
        "scores": {name: score_table(asked, it) for name, it in given.items()},
        "gaps": {name: asdict(it) for name, it in gaps.items()},
        "reliability": _reliability(asked, model),
        "yardstick": yardstick,
        "is_better": gap.is_finding,
        "finding": _finding(yardstick.replace("_", " "), model, given[yardstick], gap),
    }


def _reliability(asked: Sequence[Question], model: Answers) -> list[dict[str, Any]]:
    return [
        {
            "horizon_days": question.horizon_days,
            "outcome": question.name,
            "bins": metrics.reliability_bins(question.outcome, said).to_dict("records"),
        }
        for question, said in zip(asked, model.probabilities, strict=True)
    ]


def _finding(yardstick: str, model: Answers, other: Answers, gap: Gap) -> str:
    """The verdict in one sentence."""
    said = "is better than" if gap.is_finding else "is not shown to be better than"
    instead = "" if gap.is_finding else " The answer leans on the curves by stage and age."
    return (
        f"On held-back time the close curve {said} the {yardstick}: log loss {model.log_loss:.3f} "
        f"against {other.log_loss:.3f} (gap {gap.gap:.4f}, its error {gap.standard_error:.4f})."
        f"{instead}"
    )
