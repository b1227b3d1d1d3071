"""Why a probability is what it is: contributions by group, the facts behind them, in words."""

from closecurve.models.explanation.explainer import Explainer, Explanation, Reason

__all__ = ["Explainer", "Explanation", "Reason"]
