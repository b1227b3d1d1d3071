"""The funnel: what is in each stage, how much of it moves on, and how long it stays.

By scope, process and stage. Rates and dwell are of the passages of the window before the as-of;
deals that are still on their way count as censored, not as failed.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.crm.stages import Process
from closecurve.crm.tables import DELETED
from closecurve.models.funnel.quantiles import duration_quantiles
from closecurve.models.metrics import wilson_interval
from closecurve.models.scopes import COMPANY, labels_of, present_kinds
from closecurve.models.spans import days_of
from closecurve.models.stage_rates import (
    STAGE,
    check_passages,
    entries,
    rates_of,
    shares,
)

A_DAY = pd.Timedelta(days=1)

FUNNEL_SCOPES = (COMPANY, "region", "team", "owner")
SCOPE = ["scope_kind", "scope"]
KEYS = [*SCOPE, *STAGE]

WINDOW_DAYS = 365.0
"""A year: every season once."""

DWELL = {"dwell_q50_days": 0.5, "dwell_q80_days": 0.8}

COLUMNS = (
    *KEYS,
    *("stage_order", "fixed_rate", "history_rate", "deal_count", "usual_count", "amount"),
    *("weighted_fixed", "weighted_history", "entered_count", "decided_count"),
    *("conversion_rate", "conversion_low", "conversion_high"),
    *(f"{name}{end}" for name in DWELL for end in ("", "_low", "_high")),
)


def funnel(
    open_deals: pd.DataFrame,
    passages: pd.DataFrame,
    as_of: pd.Timestamp,
    processes: Sequence[Process],
    window_days: float = WINDOW_DAYS,
) -> pd.DataFrame:
    """One row for each scope, process it works in, and open stage, empty stages included.

    `open_deals`: deal_id, process, stage, amount_company, and owner_id, team where there are.
    `passages`: see `stage_rates`. Columns as `COLUMNS`:
    - deal_count, amount, weighted_fixed, weighted_history: of the open deals; a deal without an
      amount is counted and adds 0; weighted is null where the stage has no rate;
    - usual_count: how many deals stood in the stage on a mean day of the window;
    - entered_count: deals that first entered the stage within the window;
    - decided_count: those of them that reached a later stage, were won or were lost;
    - conversion_rate: share of them that reached a later stage or were won, of those decided (the
      others were lost), with its 95 % interval; null where none is decided;
    - dwell_q50_days, dwell_q80_days: time until a passage ends in any way, with 95 % intervals
      (see `duration_quantiles`); null where fewer end.
    history_rate is the company's in every scope. Raises UsageError for a missing column.
    """
    check_passages(passages)
    kinds = (COMPANY, *(k for k in present_kinds([open_deals, passages]) if k in FUNNEL_SCOPES))
    entered = entries(passages, as_of, window_days)
    start = as_of - pd.Timedelta(days=window_days)
    deals, entered_by, every = (by_scope(part, kinds) for part in (open_deals, entered, passages))
    stays = every[every["entered_at"] >= start]
    rows = _grid([deals, stays], rates_of(entered, processes))
    for part in (
        _stock(deals),
        _usual(every, start, as_of),
        conversion(entered_by, KEYS),
        dwell(stays, as_of, KEYS),
    ):
        rows = rows.merge(part, on=KEYS, how="left")
    return _weighted(rows)[list(COLUMNS)]


def by_scope(rows: pd.DataFrame, kinds: Sequence[str]) -> pd.DataFrame:
    """Every row once for each of the scopes that it belongs to, with `KEYS` as categories."""
    every = repeated(rows, kinds)
    return every.astype(dict.fromkeys((key for key in KEYS if key in every), "category"))


def repeated(rows: pd.DataFrame, kinds: Sequence[str]) -> pd.DataFrame:
    """Every row once for each of the scopes that it belongs to: scope_kind and scope are text."""
    by_kind = [rows.assign(scope_kind=kind, scope=labels_of(kind, rows)) for kind in kinds]
    return pd.concat(by_kind, ignore_index=True)


def _grid(frames: Sequence[pd.DataFrame], rates: pd.DataFrame) -> pd.DataFrame:
    """Scopes x the open stages of each process in which the scope has a deal or a passage.

    The company has every process.
    """
    whole = rates[["process"]].assign(scope_kind=COMPANY, scope=COMPANY)
    parts = [frame[[*SCOPE, "process"]].drop_duplicates().astype("str") for frame in frames]
    seen = pd.concat([whole, *parts])
    place = seen["scope_kind"].map({kind: i for i, kind in enumerate(FUNNEL_SCOPES)})
    ordered = seen.assign(place=place).drop_duplicates().sort_values(["place", "scope", "process"])
    return ordered.drop(columns="place").merge(rates, on="process", how="inner")


def _weighted(rows: pd.DataFrame) -> pd.DataFrame:
    """With counts of 0 where a stage is empty, and amount x rate."""
    names = ("deal_count", "entered_count", "decided_count")
    counts = {name: rows[name].fillna(0).astype("int64") for name in names}
    usual, amount = rows["usual_count"].fillna(0.0), rows["amount"].fillna(0.0)
    weighted = {f"weighted_{kind}": amount * rows[f"{kind}_rate"] for kind in ("fixed", "history")}
    return rows.assign(**counts, **weighted, usual_count=usual, amount=amount)


def _stock(deals: pd.DataFrame) -> pd.DataFrame:
    found = deals.groupby(KEYS, observed=True)["amount_company"].agg(["size", "sum"])
    return found.rename(columns={"size": "deal_count", "sum": "amount"}).reset_index()


def _usual(passages: pd.DataFrame, start: pd.Timestamp, as_of: pd.Timestamp) -> pd.DataFrame:
    entered = passages["entered_at"]
    days = days_of(passages["left_at"].fillna(as_of) - entered.where(entered > start, start))
    inside = passages.assign(usual_count=np.maximum(days, 0.0) / ((as_of - start) / A_DAY))
    return inside.groupby(KEYS, observed=True)["usual_count"].sum().reset_index()


def conversion(entered: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """By `keys`: entered_count, decided_count, conversion_rate with its 95 % interval.

    `entered` as `stage_rates.entries` gives it.
    """
    found = shares(entered, keys, "moved")
    low, high = wilson(found["share"].to_numpy(), found["ended_count"].to_numpy())
    named = found.rename(columns={"share": "conversion_rate", "ended_count": "decided_count"})
    return named.assign(conversion_low=low, conversion_high=high)


def wilson(
    share: NDArray[np.float64], count: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The 95 % interval of a share that was worked out from `count`, both (n,); NaN without any.

    >>> [round(float(bound[0]), 3) for bound in wilson(np.array([0.5]), np.array([10]))]
    [0.237, 0.763]
    """
    some = np.where(count > 0, count, np.nan)
    return wilson_interval(share * some, some)


def dwell(stays: pd.DataFrame, as_of: pd.Timestamp, keys: Sequence[str]) -> pd.DataFrame:
    """By `keys`: the quantiles of `DWELL` over stays that ended in any way but deletion."""
    days = np.maximum(days_of(stays["left_at"].fillna(as_of) - stays["entered_at"]), 0.0)
    ended = (stays["left_at"].notna() & (stays["next"] != DELETED)).to_numpy()
    found = duration_quantiles(stays[list(keys)], days, ended.astype(np.intp), DWELL)
    return found.drop(columns="ended_count")
