"""Recalibration of hazards: finds a known distortion, keeps curves, refuses a turned slope."""

import numpy as np
import pytest

from closecurve.crm.errors import UsageError
from closecurve.models.calibration import HazardCalibration
from closecurve.models.unfold import Cells


def drawn(hazards: np.ndarray, seed: int = 0) -> Cells:
    """Outcomes drawn from hazards (n, 1, 3)."""
    generator = np.random.default_rng(seed)
    at = generator.random(len(hazards))
    outcome = (at[:, None] > np.cumsum(hazards[:, 0], axis=1)[:, :2]).sum(axis=1)
    rows = np.arange(len(hazards))
    return Cells(row=rows, interval=np.zeros_like(rows), outcome=outcome)


def some_hazards(count: int = 20_000, seed: int = 1) -> np.ndarray:
    generator = np.random.default_rng(seed)
    won, lost = (0.2 * generator.beta(1, 3, count) for _ in range(2))
    return np.stack([1 - won - lost, won, lost], axis=1)[:, None, :]


START = np.array([[0.9, 0.05, 0.05]])


def test_the_default_changes_nothing() -> None:
    hazards = some_hazards(10)
    assert HazardCalibration().apply(hazards, START) is hazards


def test_a_known_distortion_is_found_and_undone() -> None:
    truth = some_hazards()
    known = HazardCalibration(won_shift=0.5, lost_shift=-0.3, slope=1.4)
    undo = HazardCalibration(won_shift=-0.5 / 1.4, lost_shift=0.3 / 1.4, slope=1 / 1.4)
    distorted = undo.apply(truth, START)
    assert known.apply(distorted, START) == pytest.approx(truth)
    found = HazardCalibration.fit(distorted, START, drawn(truth))
    assert found is not None
    assert found.slope == pytest.approx(1.4, abs=0.15)
    assert found.apply(distorted, START)[:, 0, 1].mean() == pytest.approx(
        truth[:, 0, 1].mean(), rel=0.08
    )


def test_right_hazards_are_left_nearly_alone() -> None:
    truth = some_hazards()
    found = HazardCalibration.fit(truth, START, drawn(truth))
    assert found is not None
    assert found.apply(truth, START) == pytest.approx(truth, abs=0.01)


def test_calibrated_hazards_are_hazards_in_the_same_order() -> None:
    hazards = some_hazards(200)
    made = HazardCalibration(won_shift=1.0, lost_shift=-1.0, slope=0.5).apply(hazards, START)
    assert np.allclose(made.sum(axis=2), 1)
    assert made.min() >= 0
    odds = hazards[:, 0, 1] / hazards[:, 0, 0]
    assert (np.argsort(made[:, 0, 1] / made[:, 0, 0]) == np.argsort(odds)).all()


def test_a_slope_that_turns_the_ranking_is_refused() -> None:
    truth = some_hazards()
    turned = np.stack([truth[..., 0], 0.2 - truth[..., 1], 0.2 - truth[..., 2]], axis=2)
    turned = np.maximum(turned, 0.001)
    turned /= turned.sum(axis=2, keepdims=True)
    assert HazardCalibration.fit(turned, START, drawn(truth)) is None


@pytest.mark.parametrize("slope", [0.0, -1.0, np.nan, np.inf])
def test_a_slope_is_above_zero(slope: float) -> None:
    with pytest.raises(UsageError, match="slope above 0") as caught:
        HazardCalibration(slope=slope)
    assert caught.value.code == "calibration-slope"
