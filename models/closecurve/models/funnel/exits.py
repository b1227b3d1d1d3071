"""Exits: how deals left the stages that they entered, and after how long a stay.

Only what was decided is an exit. A deal that is still in its stage has not failed there, so it is
no exit at all.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.models.stage_rates import FAILED, SUCCEEDED


def exits_of(entered: pd.DataFrame) -> pd.DataFrame:
    """One row for each deal and stage that it was seen to leave for good.

    `entered` as `stage_rates.entries` gives it, of all time: an exit of this quarter may be from an
    entry of last year. Its columns, and
    - exited_at: when it first reached a later stage or was won, or was lost without that;
    - stay_days: from its first entry until then;
    - has_moved: whether it got further;
    - is_won: 1.0 won, 0.0 lost in the end, NaN still undecided.
    """
    left = entered[entered["moved_cause"] > 0]
    ends = left["won_cause"].to_numpy()
    return left.assign(
        exited_at=left["entered_at"] + pd.to_timedelta(left["moved_days"], unit="D"),
        stay_days=left["moved_days"],
        has_moved=left["moved_cause"] == SUCCEEDED,
        is_won=np.select([ends == SUCCEEDED, ends == FAILED], [1.0, 0.0], np.nan),
    )


def within(exits: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    """The exits from `start` on and before `end`."""
    return exits[(exits["exited_at"] >= start) & (exits["exited_at"] < end)]


def stay_bands(days: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """(n,) the band of each stay, cut so that about equally many fall into each of `count`.

    >>> stay_bands(np.array([1.0, 9.0, 2.0, 8.0]), 2).tolist()
    [0, 1, 0, 1]
    """
    if not len(days):
        return np.zeros(0, dtype=np.intp)
    cuts = np.quantile(days, np.arange(1, count) / count)
    return np.searchsorted(cuts, days, side="left").astype(np.intp)
