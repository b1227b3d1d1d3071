"""Lengths of time as days."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

SECONDS_A_DAY = 86_400.0


def days_of(spans: "pd.Series[pd.Timedelta]") -> NDArray[np.float64]:
    """(n,) spans in days; NaN where a span is null.

    >>> days_of(pd.Series(pd.to_timedelta(["36h"]))).tolist()
    [1.5]
    """
    seconds = spans.dt.total_seconds().to_numpy(dtype=np.float64)
    return np.asarray(seconds / SECONDS_A_DAY, dtype=np.float64)
