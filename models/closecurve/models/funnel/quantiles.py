"""Quantiles of durations that are cut off, with their intervals."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.models.metrics import wilson_interval
from closecurve.models.product_limit import codes_of, product_limit


def duration_quantiles(
    keys: pd.DataFrame,
    days: NDArray[np.float64],
    causes: NDArray[np.intp],
    levels: dict[str, float],
    cause: int | None = None,
) -> pd.DataFrame:
    """One row for each group of `keys`: its keys, ended_count, and by name of `levels` the quantile
    with `…_low` and `…_high`.

    `days` (n,) until a record ended (`causes` above 0) or was last seen (0); with a `cause`, only
    what ended so is asked about. The interval holds 95 %: the durations at which the product limit
    passes the Wilson bounds of the level (Woodruff, 1952), with as many records as ended. NaN where
    a level is never passed.
    """
    group, found = codes_of(keys)
    limit = product_limit(group, days, causes)
    ended = causes > 0 if cause is None else causes == cause
    count = np.bincount(group[ended], minlength=len(found))
    told: dict[str, NDArray[np.float64]] = {}
    for name, level in levels.items():
        low, high = wilson_interval(level * count, count)
        told[name] = limit.quantile(level, len(found), cause)
        told[f"{name}_low"] = limit.quantile(low, len(found), cause)
        told[f"{name}_high"] = limit.quantile(high, len(found), cause)
    return found.assign(ended_count=count, **told)
