"""Which target belongs to a scope and a period."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.crm.calendar import Period
from closecurve.models.scopes import COMPANY, Scopes

DAY = pd.Timedelta(days=1)
KEY = ["scope_kind", "scope"]


def targets_for(
    targets: pd.DataFrame | None, scopes: Scopes, period: Period
) -> NDArray[np.float64]:
    """(scopes,) target of the period, NaN where there is none.

    A target for exactly the period counts, the last one where it is given twice; else shorter ones
    (months) that fill the period are added up. A target for longer is not cut. Every target of kind
    company is the company's, whatever its scope is called.
    """
    if targets is None or targets.empty:
        return np.full(len(scopes), np.nan)
    inside = _inside(targets, period)
    whole = inside["days"] == _length_days(period)
    found = _filling(inside[~whole], _length_days(period)) | _last(inside[whole])
    keys = zip(scopes.kinds, scopes.names, strict=True)
    return np.array([found.get(key, np.nan) for key in keys], dtype=np.float64)


def _inside(targets: pd.DataFrame, period: Period) -> pd.DataFrame:
    """The targets that lie inside the period: scope_kind, scope, days, amount_company."""
    start = pd.to_datetime(targets["period_start"])
    end = _day_after(pd.to_datetime(targets["period_end"]))
    scope = targets["scope"].where(targets["scope_kind"] != COMPANY, COMPANY)
    rows = targets.assign(scope=scope, days=(end - start) / DAY)
    first, last = pd.Timestamp(period.start_date), pd.Timestamp(period.end_date)
    return rows[(start >= first) & (end <= last)].dropna(subset=["amount_company"])


def _day_after(end: pd.Series) -> pd.Series:
    """The first day after a target: an end that closes a month is taken as its last day."""
    return end.where((end + DAY).dt.day != 1, end + DAY)


def _length_days(period: Period) -> float:
    return float((pd.Timestamp(period.end_date) - pd.Timestamp(period.start_date)) / DAY)


def _last(targets: pd.DataFrame) -> dict[tuple[str, str], float]:
    columns = (targets[name] for name in (*KEY, "amount_company"))
    return {(kind, scope): amount for kind, scope, amount in zip(*columns, strict=True)}


def _filling(parts: pd.DataFrame, length_days: float) -> dict[tuple[str, str], float]:
    once = parts.drop_duplicates([*KEY, "period_start", "period_end"], keep="last")
    sums = once.groupby(KEY)[["amount_company", "days"]].sum()
    return _last(sums[sums["days"] == length_days].reset_index())
