"""The quick choice of every training: a few departures from the defaults, tried on small trees."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from closecurve.models.calibration import HazardCalibration
from closecurve.models.choice import DEFAULTS, Choice
from closecurve.models.close_curve import CloseCurve
from closecurve.models.close_curve.estimator import ROUNDS
from closecurve.models.held_back import Part, held_back_start
from closecurve.models.recalibrating import recalibration_apart
from closecurve.models.walk_forward import Origin, Trial, WalkForward

CANDIDATES: tuple[Choice, ...] = (
    Choice(settings={"rounds": ROUNDS[0]}),
    Choice(settings={"half_life_share": 0.2}),
    Choice(settings={"half_life_share": None}),
)
"""What is tried beside the defaults: fewer trees, strong drift, no drift."""

TRUST = (10.0, 50.0, 500.0, 2000.0)
"""How many closes weigh as much as the curves by stage (`few_closes`). The lowest are for trees
that are right early, the highest for deals that nothing predicts (benchmarks/learning_curve.py)."""

SMALL: Mapping[str, Any] = {"seeds": 1, "most_cells": 30_000}
"""Trees of a quick trial: they rank candidates and are not served."""


def choose(
    learned: Part, cutoff: pd.Timestamp, common: Mapping[str, Any], horizons: Sequence[float]
) -> Choice | None:
    """What to change in the defaults, by the last part of what was learned.

    The best of the candidates that beat the defaults by two standard errors, else the defaults; and
    how far to trust the trees. None where the time is too short to tell.
    """
    start = held_back_start(learned.rows, cutoff)
    if start is None:
        return None
    walk = WalkForward.over(learned, [start], cutoff, horizons, {**common, **SMALL})
    if not walk.origins:
        return None
    default = walk.trial(DEFAULTS)
    tried = [walk.trial_beside(default, candidate) for candidate in CANDIDATES]
    gaps = [walk.gap(default, trial) for trial in tried]
    proven = [place for place, gap in enumerate(gaps) if gap.is_finding]
    best = max(proven, key=lambda place: gaps[place].gap, default=None)
    return trusted(walk, default if best is None else tried[best]).choice


TIMELESS = Choice(settings={"half_life_share": None})
"""A history too short to be cut shows no drift: its landmarks weigh the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Apart:
    """What records left out say: the trust in the trees, and a recalibration that proved itself.

    `proof` is the gap that it was judged by, for the report.
    """

    choice: Choice = TIMELESS
    calibration: HazardCalibration | None = None
    proof: Mapping[str, Any] = field(default_factory=dict)


def choose_apart(
    whole: Part, cutoff: pd.Timestamp, common: Mapping[str, Any], horizons: Sequence[float]
) -> Apart:
    """How far to trust the trees, and how far they fall short, where the time is too short to tell.

    By records left out; with the usual trust where too few were watched for even that.
    """
    origin = Origin.apart(whole, cutoff, horizons)
    if origin is None:
        return Apart()
    walk = WalkForward(origins=(origin,), common={**common, **SMALL})
    best = trusted(walk, walk.trial(TIMELESS))
    calibration, proof = recalibration_apart(best.models[0], origin)
    return Apart(choice=best.choice, calibration=calibration, proof=proof)


def trusted(walk: WalkForward, trial: Trial) -> Trial:
    """The trial with the trust in its trees that did best, of those that beat the usual one by more
    than their error: small trees deserve less trust than those that will be served."""
    read = {few: each for few, each in zip(TRUST, walk.trusting(trial, TRUST), strict=True)}
    usual = read[CloseCurve().few_closes]
    gaps = {few: walk.gap(usual, each) for few, each in read.items()}
    better = [read[few] for few, gap in gaps.items() if gap.gap > gap.standard_error]
    return min(better, key=lambda it: it.answers.log_loss, default=usual)
