"""The close curve: for each day ahead, won by then, lost by then, or still open."""

from closecurve.models.close_curve.estimator import CloseCurve

__all__ = ["CloseCurve"]
