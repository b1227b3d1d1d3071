"""Whether a recalibration of the hazards helps, on landmarks that the model did not learn from.

It is fitted on some of them and proved on others; what proved itself is fitted again on all.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from closecurve.models.calibration import HazardCalibration
from closecurve.models.close_curve import CloseCurve
from closecurve.models.held_back import (
    Floats,
    Gap,
    Part,
    answers,
    gap_of,
    known_before,
    landmarks_from,
    questions,
)
from closecurve.models.panel import AS_OF
from closecurve.models.unfold import unfold
from closecurve.models.walk_forward import Origin, halved

LEAST_CLOSES = 30
"""Fewer closes are not enough to fit a recalibration on."""

Proven = tuple[HazardCalibration | None, dict[str, Any]]
"""What proved itself, None where nothing did; and the gap that it was judged by."""


def recalibration(
    model: CloseCurve, held: Part, hazards: Floats, cutoff: pd.Timestamp, horizons: Sequence[float]
) -> Proven:
    """Fitted on the first half of held-back time as it was known then, proved on the second.

    `hazards` (n, K, 3) are the model's of the held-back landmarks.
    """
    middle = held.rows[AS_OF].min() + (cutoff - held.rows[AS_OF].min()) / 2
    is_first = (held.rows[AS_OF] < middle).to_numpy()
    second = landmarks_from(held, middle, most=len(held))
    asked = questions(second, cutoff, horizons)
    tried = _fit(model, known_before(held, middle), hazards[is_first])
    if tried is None or not asked:
        return _unproven()
    unseen = hazards[~is_first]
    start = model.stage_curves_.pooled_hazards()
    plain, better = (
        answers(asked, model.incidence_from_hazards(second.rows, values, horizons), horizons)
        for values in (unseen, tried.apply(unseen, start))
    )
    gap = gap_of(second, asked, plain, better)
    return _judged(_fit(model, held, hazards), gap, is_proven=gap.is_finding)


def recalibration_apart(model: CloseCurve, origin: Origin) -> Proven:
    """The same on records left out, where time is too short to cut: each half proves the other's.

    It shows how far the trees fall short, and nothing of what changes with time. As with the trust
    in them, a gain beyond its error is enough.
    """
    late, hazards = origin.late, model.predict_hazards(origin.late.rows)
    # They are a half of all records themselves, so they are cut by another part of the hash.
    is_first = halved(late.rows, half=1)
    of_first = _fit(model, late.where(is_first), hazards[is_first], has_shifts=False)
    of_second = _fit(model, late.where(~is_first), hazards[~is_first], has_shifts=False)
    if of_first is None or of_second is None:
        return _unproven()
    start = model.stage_curves_.pooled_hazards()
    unseen = np.empty_like(hazards)
    unseen[is_first] = of_second.apply(hazards[is_first], start)
    unseen[~is_first] = of_first.apply(hazards[~is_first], start)
    plain, better = (origin.answers(model, values) for values in (hazards, unseen))
    gap = gap_of(late, origin.asked, plain, better)
    final = _fit(model, late, hazards, has_shifts=False)
    return _judged(final, gap, is_proven=gap.gap > gap.standard_error)


def _judged(final: HazardCalibration | None, gap: Gap, *, is_proven: bool) -> Proven:
    used = final if is_proven else None
    return used, {"is_used": used is not None, **asdict(gap)}


def _unproven() -> Proven:
    return None, {"is_used": False, "reason": "too few closes, or a slope not above 0"}


def _fit(
    model: CloseCurve, part: Part, hazards: Floats, *, has_shifts: bool = True
) -> HazardCalibration | None:
    labels = part.read
    if (labels.event > 0).sum() < LEAST_CLOSES:
        return None
    start = model.stage_curves_.pooled_hazards()
    return HazardCalibration.fit(hazards, start, unfold(labels, model.grid_), has_shifts=has_shifts)
