"""The classic weighted pipeline: amount x stage rate, added up over the deals due in a period."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.crm.calendar import Period
from closecurve.models.scopes import Scopes


def due(open_deals: pd.DataFrame, period: Period) -> NDArray[np.bool_]:
    """(deals,) whether the expected close is a day of the period.

    A deal without an expected close is due in any period: the classic funnel then counts it whole,
    which is what a company that keeps no such dates sees.
    """
    if "expected_close_date" not in open_deals:
        return np.ones(len(open_deals), dtype=bool)
    dates = pd.to_datetime(open_deals["expected_close_date"])
    start, end = pd.Timestamp(period.start_date), pd.Timestamp(period.end_date)
    return (dates.isna() | ((dates >= start) & (dates < end))).to_numpy(dtype=bool)


def weighted_pipeline(
    open_deals: pd.DataFrame, rate_column: str, scopes: Scopes, period: Period
) -> NDArray[np.float64]:
    """(scopes,) sum of amount x rate over the open deals due in the period, without what is booked.

    A deal without a rate or an amount adds nothing. NaN for a scope whose deals due all have no
    rate: nothing can be said of it, which is not the same as 0.
    """
    deals = open_deals[due(open_deals, period)]
    amount = deals["amount_company"].fillna(0.0).to_numpy(dtype=np.float64)
    rate = _column(deals, rate_column)
    is_rated = ~np.isnan(rate) + 0.0
    values = np.column_stack([np.ones(len(deals)), is_rated, amount * np.nan_to_num(rate)])
    counts, rated, total = (scopes.membership(deals) @ values).T
    return np.where((counts > 0) & (rated == 0), np.nan, total)


CATEGORY_AMOUNTS = {
    "commit_amount": ("commit", "closed"),
    "best_case_amount": ("best_case", "commit", "closed"),
}
"""What the CRM's forecast categories count, the second with the first in it."""


def category_amounts(
    open_deals: pd.DataFrame, scopes: Scopes, period: Period
) -> dict[str, NDArray[np.float64]]:
    """By name of `CATEGORY_AMOUNTS`: (scopes,) amount of the open deals due in the period that
    their owner put into such a category, without what is booked; NaN where no deal has one."""
    if "forecast_category" not in open_deals or open_deals["forecast_category"].isna().all():
        return {name: np.full(len(scopes), np.nan) for name in CATEGORY_AMOUNTS}
    deals = open_deals[due(open_deals, period)]
    amount = deals["amount_company"].fillna(0.0).to_numpy(dtype=np.float64)
    belongs = scopes.membership(deals)
    return {
        name: belongs @ (amount * deals["forecast_category"].isin(counted).to_numpy())
        for name, counted in CATEGORY_AMOUNTS.items()
    }


def _column(deals: pd.DataFrame, column: str) -> NDArray[np.float64]:
    if column not in deals:
        return np.full(len(deals), np.nan)
    return deals[column].to_numpy(dtype=np.float64, na_value=np.nan)
