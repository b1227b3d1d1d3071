"""Won amounts as a time series: the Theta forecast on the log scale, from statsmodels.

Sums of four weeks, counted back from an origin, are carried on by the Theta method (Assimakopoulos
and Nikolopoulos, 2000), with the season of the year where a test finds one. On the log scale, as
amounts grow and shrink by shares.
"""

import warnings

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.models.forecast.inputs import known
from closecurve.models.spans import days_of

BLOCK_DAYS = 28
YEAR_BLOCKS = 13
LEAST_BLOCKS = 13
"""A year of sums; below, a run rate says as much."""

BLOCKS_AHEAD = 27
"""Two years and a little: as far as any period is forecast."""

PAST_BLOCKS = 19
"""Past origins that are asked, one every four weeks: a fit takes as long as all other rules."""

LITTLE = 0.5
"""Half a usual win is added to every sum, so that a sum of nothing has a logarithm."""


def series_forecasts(wins: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """The expected amount of each of the next four weeks, from wins known strictly before.

    One row for each origin that has a year of history, today's first: as_of, then the columns 0 to
    `BLOCKS_AHEAD` - 1.
    """
    told = known(wins, as_of)
    rows = {}
    for back in range(PAST_BLOCKS + 1):
        at = as_of - pd.Timedelta(days=BLOCK_DAYS * back)
        sums, little = _sums(known(told, at), at)
        if len(sums) >= LEAST_BLOCKS:
            rows[at] = np.maximum(np.exp(_theta(np.log(sums + little))) - little, 0.0)
    made = pd.DataFrame.from_dict(rows, orient="index", columns=range(BLOCKS_AHEAD))
    return made.rename_axis("as_of").reset_index()


def _sums(wins: pd.DataFrame, at: pd.Timestamp) -> tuple[NDArray[np.float64], float]:
    """Won in each whole block before the instant, oldest first, and half a usual win."""
    amount = wins["amount_company"].fillna(0.0).to_numpy(dtype=np.float64)
    age_days = days_of(at - wins["closed_at"])
    blocks = int(age_days.max(initial=0.0) // BLOCK_DAYS)
    place = (age_days // BLOCK_DAYS).astype(np.intp)
    inside = (place >= 0) & (place < blocks)
    sums = np.bincount(place[inside], amount[inside], blocks)[::-1]
    mean = float(amount.mean()) if len(amount) else 0.0
    return np.asarray(sums, dtype=np.float64), LITTLE * (mean if mean > 0 else 1.0)


def _theta(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """(BLOCKS_AHEAD,) the series carried on; a level series stays where it is."""
    # A second to import, which only a forecast needs to spend.
    from statsmodels.tsa.forecasting.theta import ThetaModel

    if np.ptp(logs) == 0:
        return np.full(BLOCKS_AHEAD, logs[-1])
    seasonal = len(logs) >= 2 * YEAR_BLOCKS + 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = ThetaModel(
            logs, period=YEAR_BLOCKS if seasonal else None, deseasonalize=seasonal, method="add"
        )
        found = model.fit(disp=False).forecast(BLOCKS_AHEAD)
    return np.asarray(found, dtype=np.float64)


def rest_of(blocks: pd.DataFrame, start_days: float, end_days: float) -> pd.Series:
    """By as_of: what the rows of `series_forecasts` give between two days ahead of each origin."""
    edges = BLOCK_DAYS * np.arange(BLOCKS_AHEAD + 1, dtype=np.float64)
    shared = np.minimum(edges[1:], end_days) - np.maximum(edges[:-1], start_days)
    share = np.clip(shared, 0.0, None) / BLOCK_DAYS
    values = blocks[list(range(BLOCKS_AHEAD))].to_numpy(dtype=np.float64) @ share
    return pd.Series(values, index=pd.DatetimeIndex(blocks["as_of"]))
