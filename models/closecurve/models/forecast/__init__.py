"""The revenue of a period as a distribution, for every scope of the company."""

from closecurve.models.forecast.totals import forecast

__all__ = ["forecast"]
