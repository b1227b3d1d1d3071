"""What held-back time says: which parts to choose, whether to recalibrate, who is better."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from closecurve.models import metrics
from closecurve.models.baselines import FixedStageRate, HistoricalStageRate, StageCurves
from closecurve.models.calibration import HazardCalibration
from closecurve.models.close_curve.estimator import ROUNDS, CloseCurve
from closecurve.models.close_curve.unfold import unfold
from closecurve.models.held_back import (
    Answers,
    Curves,
    Floats,
    Gap,
    Part,
    Question,
    answers,
    gap_of,
    integrated_brier,
    known_before,
    landmarks_from,
    questions,
    score_table,
)
from closecurve.models.panel import AS_OF

HELD_BACK_SHARE = 0.3
"""The last part of the panel's time, on which is judged."""

CANDIDATES: tuple[Mapping[str, Any], ...] = (
    {"rounds": ROUNDS[0]},
    {"half_life_share": 0.2},
    {"half_life_share": None},
)
"""What is tried beside the defaults: fewer trees, strong drift, no drift."""

TRUST = (50.0, 500.0, 2000.0)
"""How many closes weigh as much as the curves by stage (`few_closes`); what did best on held-back
time is taken. The lowest is for trees that are right early, the highest for deals that nothing
predicts (benchmarks/learning_curve.py)."""

UNPROVEN = TRUST[-1]
"""How far an answer leans on the curves by stage where the trees did not beat the stage rates."""

READ_OTHERWISE = frozenset({"rounds", "few_closes"})
"""Parameters that are tried on the trees of the defaults: what was grown is only read otherwise."""

TRIAL: Mapping[str, Any] = {"seeds": 1, "most_cells": 40_000}
"""Trials are small: they rank candidates and are not served."""

TRIAL_ROWS = 4_000
"""Landmarks on which a trial is scored."""

LEAST_CLOSES = 30
"""Fewer closes are not enough to fit a recalibration on."""

INTEGRATED_DAYS = 30


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Verdict:
    """What was learned from the landmarks before the start and seen on those after it."""

    model: CloseCurve
    chosen: Mapping[str, Any]
    calibration: HazardCalibration | None
    report: dict[str, Any]


def held_back_start(rows: pd.DataFrame, cutoff: pd.Timestamp) -> pd.Timestamp | None:
    """Where the last part of the panel's time begins; None for an empty panel."""
    if rows.empty:
        return None
    first: pd.Timestamp = rows[AS_OF].min()
    return (cutoff - HELD_BACK_SHARE * (cutoff - first)).floor("D")


def judge(
    whole: Part,
    start: pd.Timestamp,
    cutoff: pd.Timestamp,
    common: Mapping[str, Any],
    horizons: Sequence[float],
) -> Verdict | None:
    """Learn before the start, score after it; None where no horizon can be scored."""
    learned, held = known_before(whole, start), landmarks_from(whole, start)
    asked = questions(held, cutoff, horizons)
    if not asked or not len(learned):
        return None
    chosen = choose(learned, start, common, horizons)
    model = CloseCurve(**common, **chosen).fit(learned.rows, learned.labels)
    hazards = model.predict_hazards(held.rows)
    curves = model.incidence_from_hazards(held.rows, hazards, horizons)
    given = {"model": answers(asked, curves, horizons)}
    others = _baselines(learned, common)
    for name, baseline in others.items():
        curves = baseline.predict_cumulative_incidence(held.rows, horizons)
        given[name] = answers(asked, curves, horizons)
    calibration, proof = _recalibration(model, held, hazards, cutoff, horizons)
    report = _report(held, asked, given) | {
        "held_back_start": start.isoformat(),
        "held_back_rows": len(held),
        "integrated_brier": _integrated({"model": model, **others}, held, cutoff),
        "chosen": dict(chosen),
        "calibration": proof,
    }
    return Verdict(model=model, chosen=chosen, calibration=calibration, report=report)


def choose(
    learned: Part, cutoff: pd.Timestamp, common: Mapping[str, Any], horizons: Sequence[float]
) -> dict[str, Any]:
    """What to change in the defaults, by the last part of what was learned.

    Walk-forward within the landmarks before the held-back start, which stays unseen: the best of
    the candidates that beat the defaults by two standard errors, else the defaults; and how far to
    trust the trees.
    """
    start = held_back_start(learned.rows, cutoff)
    if start is None:
        return {}
    early, late = known_before(learned, start), landmarks_from(learned, start, most=TRIAL_ROWS)
    asked = questions(late, cutoff, horizons)
    if not asked or not (early.read.event > 0).any():
        return {}

    def fitted(candidate: Mapping[str, Any]) -> CloseCurve:
        return CloseCurve(**common, **TRIAL, **candidate).fit(early.rows, early.labels)

    def said(model: CloseCurve) -> Answers:
        return answers(asked, model.predict_cumulative_incidence(late.rows, horizons), horizons)

    def trial(candidate: Mapping[str, Any]) -> CloseCurve:
        is_read = candidate.keys() <= READ_OTHERWISE
        return plain.read_with(**candidate) if is_read else fitted(candidate)

    plain = fitted({})
    default = said(plain)
    tried = [(candidate, trial(candidate)) for candidate in CANDIDATES]
    gaps = [gap_of(late, asked, default, said(model)) for _, model in tried]
    proven = [place for place, gap in enumerate(gaps) if gap.is_finding]
    best = max(proven, key=lambda place: gaps[place].gap, default=None)
    candidate, model = ({}, plain) if best is None else tried[best]
    losses = {few: said(model.read_with(few_closes=few)).log_loss for few in TRUST}
    return {**candidate, "few_closes": min(losses, key=losses.__getitem__)}


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


def _recalibration(
    model: CloseCurve,
    held: Part,
    hazards: Floats,
    cutoff: pd.Timestamp,
    horizons: Sequence[float],
) -> tuple[HazardCalibration | None, dict[str, Any]]:
    """A recalibration fitted on the first half of held-back time, if the second half proves it.

    What proved itself is fitted again on all of held-back time.
    """
    middle = held.rows[AS_OF].min() + (cutoff - held.rows[AS_OF].min()) / 2
    is_first = (held.rows[AS_OF] < middle).to_numpy()
    first, second = known_before(held, middle), landmarks_from(held, middle, most=len(held))
    asked = questions(second, cutoff, horizons)
    tried = _fit(model, first, hazards[is_first])
    if tried is None or not asked:
        return None, {"is_used": False, "reason": "too few closes, or a slope not above 0"}
    unseen = hazards[~is_first]
    plain, better = (
        answers(asked, model.incidence_from_hazards(second.rows, values, horizons), horizons)
        for values in (unseen, tried.apply(unseen))
    )
    gap = gap_of(second, asked, plain, better)
    final = _fit(model, held, hazards) if gap.is_finding else None
    return final, {"is_used": final is not None, **asdict(gap)}


def _fit(model: CloseCurve, part: Part, hazards: Floats) -> HazardCalibration | None:
    labels = part.read
    if (labels.event > 0).sum() < LEAST_CLOSES:
        return None
    return HazardCalibration.fit(hazards, unfold(labels, model.grid_))


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
