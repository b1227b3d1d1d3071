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
from closecurve.models.product_limit import codes_of, product_limit
from closecurve.models.scopes import COMPANY, labels_of, present_kinds
from closecurve.models.spans import days_of
from closecurve.models.stage_rates import (
    STAGE,
    check_passages,
    entries,
    rates_of,
    shares,
)

FUNNEL_SCOPES = (COMPANY, "team", "owner")
SCOPE = ["scope_kind", "scope"]
KEYS = [*SCOPE, *STAGE]

COUNTS = ("deal_count", "entered_count")

WINDOW_DAYS = 365.0
"""A year: every season once."""

WILSON_Z = 1.959963984540054
"""The 95 % interval of Wilson (1927)."""

COLUMNS = (
    *KEYS,
    *("stage_order", "fixed_rate", "history_rate", "deal_count", "amount"),
    *("weighted_fixed", "weighted_history", "entered_count"),
    *("conversion_rate", "conversion_low", "conversion_high", "dwell_q50_days", "dwell_q80_days"),
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
    - entered_count: deals that first entered the stage within the window;
    - conversion_rate: share of them that reached a later stage or were won, of those decided (the
      others were lost), with its 95 % interval; null where none is decided;
    - dwell_q50_days, dwell_q80_days: time until a passage ends in any way; null where fewer end.
    history_rate is the company's in every scope. Raises UsageError for a missing column.
    """
    check_passages(passages)
    kinds = (COMPANY, *(k for k in present_kinds([open_deals, passages]) if k in FUNNEL_SCOPES))
    entered = entries(passages, as_of, window_days)
    stays = passages[passages["entered_at"] >= as_of - pd.Timedelta(days=window_days)]
    deals, stays = _by_scope(open_deals, kinds), _by_scope(stays, kinds)
    rows = _grid([deals, stays], rates_of(entered, processes))
    for part in (_stock(deals), _conversion(_by_scope(entered, kinds)), _dwell(stays, as_of)):
        rows = rows.merge(part, on=KEYS, how="left")
    return _weighted(rows)[list(COLUMNS)]


def _by_scope(rows: pd.DataFrame, kinds: Sequence[str]) -> pd.DataFrame:
    """Every row once for each of the scopes that it belongs to."""
    by_kind = [rows.assign(scope_kind=kind, scope=labels_of(kind, rows)) for kind in kinds]
    every = pd.concat(by_kind, ignore_index=True)
    return every.astype(dict.fromkeys(KEYS, "category"))


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
    counts = {
        name: rows[name].fillna(0).astype("int64") for name in ("deal_count", "entered_count")
    }
    amount = rows["amount"].fillna(0.0)
    weighted = {f"weighted_{kind}": amount * rows[f"{kind}_rate"] for kind in ("fixed", "history")}
    return rows.assign(**counts, **weighted, amount=amount)


def _stock(deals: pd.DataFrame) -> pd.DataFrame:
    found = deals.groupby(KEYS, observed=True)["amount_company"].agg(["size", "sum"])
    return found.rename(columns={"size": "deal_count", "sum": "amount"}).reset_index()


def _conversion(entered: pd.DataFrame) -> pd.DataFrame:
    found = shares(entered, KEYS, "moved")
    low, high = wilson(found["share"].to_numpy(), found["ended_count"].to_numpy())
    named = found.rename(columns={"share": "conversion_rate"}).drop(columns="ended_count")
    return named.assign(conversion_low=low, conversion_high=high)


def wilson(
    share: NDArray[np.float64], count: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The 95 % interval of a share of `count` (Wilson, 1927), both (n,); NaN without a count.

    >>> [round(float(bound[0]), 3) for bound in wilson(np.array([0.5]), np.array([10]))]
    [0.237, 0.763]
    """
    n = np.where(count > 0, count, np.nan)
    spread = WILSON_Z**2 / n
    centre = (share + spread / 2) / (1 + spread)
    half = np.sqrt(share * (1 - share) * spread + spread**2 / 4) / (1 + spread)
    return np.clip(centre - half, 0.0, 1.0), np.clip(centre + half, 0.0, 1.0)


def _dwell(stays: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    group, found = codes_of(stays[KEYS])
    days = np.maximum(days_of(stays["left_at"].fillna(as_of) - stays["entered_at"]), 0.0)
    ended = stays["left_at"].notna() & (stays["next"] != DELETED)
    limit = product_limit(group, days, np.asarray(ended, dtype=np.intp))
    return found.assign(
        dwell_q50_days=limit.quantile(0.5, len(found)),
        dwell_q80_days=limit.quantile(0.8, len(found)),
    )
