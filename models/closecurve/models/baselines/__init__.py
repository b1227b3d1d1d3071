"""What the close curve has to beat, on the same rows: two stage rates, and curves by stage and age.

All answer `predict_cumulative_incidence(X, times)` with (n, 3, n_times), and are kept as JSON.
"""

from closecurve.models.baselines.curves import StageCurves
from closecurve.models.baselines.rates import FixedStageRate, HistoricalStageRate

__all__ = ["FixedStageRate", "HistoricalStageRate", "StageCurves"]
