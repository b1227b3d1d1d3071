"""Recalibration of hazards: a shift for each cause and one slope, fitted on landmarks held back.

In the interval j of landmark i let o_k = log(p_k / p_0) be the odds of cause k against open, and
s_jk those of all landmarks there, from which the trees start. The calibrated odds are
s_jk + shift_k + slope * (o_k - s_jk): Platt's scaling (1999) for competing risks, on hazards, so
that the curve stays one curve, and about the start, so that a slope spreads landmarks and not the
intervals. A slope that is not above 0 would turn the ranking round; such a fit is refused.
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

UNCHANGED = (0.0, 0.0, 1.0)


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
        return (self.won_shift, self.lost_shift, self.slope) == UNCHANGED

    def apply(self, hazards: Floats, start: Floats) -> Floats:
        """Calibrated hazards of the same shape (…, J, 3); `start` (K, 3) are those of all."""
        if self.changes_nothing:
            return hazards
        base = _log_odds(start[: hazards.shape[-2]])
        odds = base + (self.won_shift, self.lost_shift) + self.slope * (_log_odds(hazards) - base)
        return _from_log_odds(odds)

    def to_json(self) -> dict[str, float]:
        """The keyword arguments of this calibration."""
        return asdict(self)

    @classmethod
    def fit(
        cls, hazards: Floats, start: Floats, cells: Cells, *, has_shifts: bool = True
    ) -> Self | None:
        """The scaling under which the cells are likeliest; None where the slope is not above 0.

        `hazards` (n, K, 3) are those of the landmarks that `cells` were unfolded from, `start`
        (K, 3) those of all. Without shifts the level stays.
        """
        base = _log_odds(start)[cells.interval]
        apart = _log_odds(hazards[cells.row, cells.interval]) - base
        given = (base, apart, cells.outcome)
        shift = (None, None) if has_shifts else (0.0, 0.0)
        bounds = [shift, shift, (None, None)]
        found = minimize(_misfit, UNCHANGED, args=given, method="L-BFGS-B", bounds=bounds)
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


def _misfit(values: Floats, base: Floats, apart: Floats, outcome: NDArray[np.int64]) -> float:
    """Minus the log-likelihood, and the shrinkage towards no change."""
    hazards = _from_log_odds(base + apart * values[2] + values[:2])
    likelihood = np.log(np.maximum(hazards[np.arange(len(apart)), outcome], LEAST)).sum()
    distance = np.square(values - UNCHANGED).sum()
    return float(SHRINKAGE * distance - likelihood)
