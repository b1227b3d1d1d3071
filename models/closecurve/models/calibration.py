"""Recalibration of hazards: a shift for each cause and one slope, fitted on landmarks held back.

In the interval j of landmark i, with hazard p_k of cause k against open p_0, the calibrated hazard
has log(q_k / q_0) = shift_k + slope * log(p_k / p_0): Platt's scaling (1999) for competing risks,
on hazards, so that the curve stays one curve. A slope that is not above 0 would turn the ranking
round; such a fit is refused.
"""

from dataclasses import asdict, dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from closecurve.crm.errors import UsageError
from closecurve.models.unfold import Cells

Floats = NDArray[np.float64]

LEAST = 1e-9
"""Hazards are kept this far from 0 before a logarithm is taken."""

SHRINKAGE = 10.0
"""Squared distance from no change, weighted as this many cells: few data change little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HazardCalibration:
    """The three numbers of the scaling; the default changes nothing."""

    won_shift: float = 0.0
    lost_shift: float = 0.0
    slope: float = 1.0

    def __post_init__(self) -> None:
        if not np.isfinite([self.won_shift, self.lost_shift, self.slope]).all() or self.slope <= 0:
            raise UsageError(
                "calibration-slope",
                f"a calibration has finite shifts and a slope above 0, got {self}",
            )

    @property
    def changes_nothing(self) -> bool:
        """Whether this is the identity."""
        return (self.won_shift, self.lost_shift, self.slope) == (0.0, 0.0, 1.0)

    def apply(self, hazards: Floats) -> Floats:
        """Calibrated hazards of the same shape (…, 3)."""
        if self.changes_nothing:
            return hazards
        odds = _log_odds(hazards) * self.slope + (self.won_shift, self.lost_shift)
        return _from_log_odds(odds)

    def to_json(self) -> dict[str, float]:
        """The keyword arguments of this calibration."""
        return asdict(self)

    @classmethod
    def fit(cls, hazards: Floats, cells: Cells) -> Self | None:
        """The scaling under which the cells are likeliest; None where the slope is not above 0.

        `hazards` (n, K, 3) are those of the landmarks that `cells` were unfolded from.
        """
        odds = _log_odds(hazards[cells.row, cells.interval])
        found = minimize(_misfit, [0.0, 0.0, 1.0], args=(odds, cells.outcome), method="L-BFGS-B")
        won_shift, lost_shift, slope = (float(value) for value in found.x)
        if not slope > 0:
            return None
        return cls(won_shift=won_shift, lost_shift=lost_shift, slope=slope)


def _log_odds(hazards: Floats) -> Floats:
    safe = np.log(np.maximum(hazards, LEAST))
    odds: Floats = safe[..., 1:] - safe[..., :1]
    return odds


def _from_log_odds(odds: Floats) -> Floats:
    raised = np.exp(np.minimum(odds, 30.0))
    total = 1 + raised.sum(axis=-1, keepdims=True)
    return np.concatenate([1 / total, raised / total], axis=-1)


def _misfit(values: Floats, odds: Floats, outcome: NDArray[np.int64]) -> float:
    """Minus the log-likelihood, and the shrinkage towards no change."""
    hazards = _from_log_odds(odds * values[2] + values[:2])
    likelihood = np.log(np.maximum(hazards[np.arange(len(odds)), outcome], LEAST)).sum()
    distance = np.square(values - (0.0, 0.0, 1.0)).sum()
    return float(SHRINKAGE * distance - likelihood)
