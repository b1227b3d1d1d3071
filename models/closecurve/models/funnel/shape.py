"""The shape of funnels, and the metrics that are worked out of others: long rows as `measures`."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import norm

from closecurve.crm.calendar import Period
from closecurve.models.funnel.measures import COLUMNS, EVERY, KEYS, VALUES, dated
from closecurve.models.funnel.stages import FUNNEL_SCOPES, SCOPE
from closecurve.models.scopes import COMPANY, Scopes
from closecurve.models.weighted import due

Z_95 = float(norm.ppf(0.975))
FUNNEL = [*SCOPE, "process"]


def shape(stages: pd.DataFrame, year: Period) -> pd.DataFrame:
    """Volume, slope and evenness of every funnel: `stages` as `funnel` gives them.

    Volume is also given over all processes. Slope is null where a stage decided nothing or let
    nobody through, evenness where no deal stood in any stage all year.
    """
    whole = stages.assign(process=EVERY)
    several = stages["process"].nunique() > 1
    parts = [_volume(whole), *([_volume(stages)] if several else []), _slope(stages)]
    found = pd.concat([*parts, _evenness(stages)], ignore_index=True).dropna(subset="value")
    return dated(found.assign(period=year.name), [year])


def _volume(stages: pd.DataFrame) -> pd.DataFrame:
    found = stages.groupby(FUNNEL).agg(value=("amount", "sum"), count=("deal_count", "sum"))
    return found.reset_index().assign(metric="volume", low=np.nan, high=np.nan)


def _slope(stages: pd.DataFrame) -> pd.DataFrame:
    """The geometric mean of the conversions; the variances of their logarithms add up."""
    rate = stages["conversion_rate"].where(stages["conversion_rate"] > 0)
    told = stages.assign(
        log=np.log(rate), variance=(1 - rate) / (rate * stages["decided_count"]), level=1
    )
    found = told.groupby(FUNNEL).agg(
        log=("log", lambda logs: logs.mean(skipna=False)),
        variance=("variance", "sum"),
        levels=("level", "sum"),
        count=("decided_count", "sum"),
    )
    half = Z_95 * np.sqrt(found["variance"]) / found["levels"]
    value = np.exp(found["log"])
    high = np.minimum(value * np.exp(half), 1.0)
    named = found.assign(metric="slope", value=value, low=value * np.exp(-half), high=high)
    return named.reset_index()[[*FUNNEL, *VALUES]]


def _evenness(stages: pd.DataFrame) -> pd.DataFrame:
    """How full the emptiest level is, against its usual number of deals."""
    usual = stages["usual_count"].where(stages["usual_count"] > 0)
    told = stages.assign(fullness=stages["deal_count"] / usual)
    found = told.groupby(FUNNEL).agg(value=("fullness", "min"), count=("deal_count", "sum"))
    return found.reset_index().assign(metric="evenness", low=np.nan, high=np.nan)


def velocity(measured: pd.DataFrame, stages: pd.DataFrame, year: Period) -> pd.DataFrame:
    """Money a day: open deals x mean won amount x win rate / median cycle, of the year."""
    of_year = measured[(measured["period"] == year.name) & (measured["stage"] == EVERY)]
    wide = of_year.pivot(index=FUNNEL, columns="metric", values="value")
    needed = ["won_amount_mean", "win_rate_closed", "cycle_q50_days"]
    wide = wide.reindex(columns=needed).dropna().reset_index()
    several = stages["process"].nunique() > 1
    parts = [stages.assign(process=EVERY), *([stages] if several else [])]
    counts = pd.concat(parts).groupby(FUNNEL)["deal_count"].sum().rename("count")
    wide = wide.join(counts, on=FUNNEL, how="inner")
    days = wide["cycle_q50_days"].where(wide["cycle_q50_days"] > 0)
    value = wide["count"] * wide["won_amount_mean"] * wide["win_rate_closed"] / days
    found = wide.assign(
        metric="velocity", value=value, low=np.nan, high=np.nan, period=year.name
    ).dropna(subset="value")
    return dated(found, [year])


def coverage(
    open_deals: pd.DataFrame, forecasts: pd.DataFrame, periods: Sequence[Period]
) -> pd.DataFrame:
    """Pipeline coverage of the scopes that have a target in a period.

    `forecasts`: scope_kind, scope, period_start, period_end, booked, target; rows of other periods
    are not looked at.
    """
    parts = [_coverage(open_deals, _targets(forecasts, period), period) for period in periods]
    known = [part for part in parts if len(part)]
    if not known:
        return pd.DataFrame(columns=list(COLUMNS))
    return dated(pd.concat(known, ignore_index=True).dropna(subset="value"), periods)


def _targets(forecasts: pd.DataFrame, period: Period) -> pd.DataFrame:
    """The rows of a period that have a target."""
    dates = ("period_start", "period_end")
    starts, ends = (pd.to_datetime(forecasts[name]) for name in dates)
    return forecasts[
        (starts == pd.Timestamp(period.start_date))
        & (ends == pd.Timestamp(period.end_date))
        & forecasts["target"].notna()
        & forecasts["scope_kind"].isin(FUNNEL_SCOPES)
    ]


def _coverage(open_deals: pd.DataFrame, rows: pd.DataFrame, period: Period) -> pd.DataFrame:
    left = (rows["target"] - rows["booked"]).where(lambda money: money > 0)
    stock = _due_amounts(open_deals[due(open_deals, period)], rows)
    return rows[SCOPE].assign(
        process=EVERY, period=period.name, metric="pipeline_coverage", low=np.nan, high=np.nan,
        value=stock["amount"].to_numpy() / left, count=stock["count"].to_numpy(),
    )[[*KEYS, *VALUES]]  # fmt: skip


def _due_amounts(deals: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """(rows,) amount and count of the deals of each row's scope."""
    kinds, names = rows["scope_kind"], rows["scope"]
    scopes = Scopes(kinds=(COMPANY, *kinds), names=(COMPANY, *names))
    amounts = deals["amount_company"].fillna(0.0).to_numpy(dtype=np.float64)
    count = scopes.sums(deals, np.ones(len(deals))).astype("int64")
    return pd.DataFrame({"amount": scopes.sums(deals, amounts), "count": count}).iloc[1:]
