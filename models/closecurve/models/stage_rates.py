"""What history shows of each stage: who entered it, who got further, who was won, how long it took.

A *passage* is one stay of a deal in a stage: deal_id, process, stage, stage_order, entered_at,
left_at (null: still there), next (the stage after it, `won`, `lost`, `deleted`, or null), owner_id,
team, amount_company. All passages known as of the instant are given, also those before the window.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.crm.errors import UsageError
from closecurve.crm.stages import Process
from closecurve.crm.tables import DELETED
from closecurve.models.product_limit import codes_of, product_limit
from closecurve.models.spans import days_of

PASSAGE_COLUMNS = ("deal_id", "process", "stage", "stage_order", "entered_at", "left_at", "next")

WON, LOST = "won", "lost"
SUCCEEDED, FAILED = 1, 2
"""Causes that end a following, beside 0 for still undecided."""

PRIOR_DEALS = 10.0
"""The fixed rate weighs as much as ten deals: the count at which a share's own standard error is
still 15 points."""

STAGE = ["process", "stage"]

ALL_TIME_DAYS = 36_525.0
"""A century: a window that every entry of a history lies in."""


def check_passages(passages: pd.DataFrame) -> None:
    """Raises UsageError for a missing column."""
    missing = [column for column in PASSAGE_COLUMNS if column not in passages]
    if missing:
        raise UsageError(
            "funnel-columns", f"passages have {PASSAGE_COLUMNS}, got none of {missing}"
        )


def open_stages(processes: Sequence[Process]) -> pd.DataFrame:
    """process, stage, stage_order, fixed_rate of every open stage, in order."""
    rows = [
        (process.name, stage.name, process.order_of(stage.name), stage.fixed_rate)
        for process in processes
        for stage in process.open_stages
    ]
    frame = pd.DataFrame(rows, columns=[*STAGE, "stage_order", "fixed_rate"])
    return frame.astype({"fixed_rate": "float64"})


def entries(passages: pd.DataFrame, as_of: pd.Timestamp, window_days: float) -> pd.DataFrame:
    """The first entry of each deal into each stage, where it lies in the window before `as_of`.

    Beside the passage's columns: `won_cause` and `won_days` (until the deal was won or lost, else
    `as_of`), `moved_cause` and `moved_days` (until it first reached a later stage or was won; or
    was lost without that). A deal counts as ended if its last passage ended it; one that was
    deleted is followed until then.
    """
    coded = passages.assign(deal=pd.factorize(passages["deal_id"])[0])
    ordered = coded.sort_values(["entered_at", "stage_order"], kind="stable", ignore_index=True)
    first = ordered.drop_duplicates(["deal", *STAGE])
    first = first[first["entered_at"] >= as_of - pd.Timedelta(days=window_days)]
    last = ordered.drop_duplicates("deal", keep="last").set_index("deal")
    ending = last[["next", "left_at"]].reindex(first["deal"]).set_axis(first.index)
    won, lost = ending["next"] == WON, ending["next"] == LOST
    end = ending["left_at"].where(won | lost)
    until = ending["left_at"].where(won | lost | (ending["next"] == DELETED))
    moved = _first_move_ahead(ordered, first).fillna(end.where(won))
    return first.assign(
        won_cause=np.select([won, lost], [SUCCEEDED, FAILED], 0),
        won_days=_days_until(first, until, as_of),
        moved_cause=np.select([moved.notna(), lost], [SUCCEEDED, FAILED], 0),
        moved_days=_days_until(first, moved.fillna(until), as_of),
    )


def _days_until(first: pd.DataFrame, end: pd.Series, as_of: pd.Timestamp) -> NDArray[np.float64]:
    return np.maximum(days_of(end.fillna(as_of) - first["entered_at"]), 0.0)


def _first_move_ahead(ordered: pd.DataFrame, first: pd.DataFrame) -> pd.Series:
    """When each first entry's deal next entered a later stage of its process; NaT for never."""
    columns = ["deal", "stage_order", "entered_at"]
    moves = ordered.loc[ordered["deal"].isin(first["deal"]), columns]
    pairs = first[columns].reset_index(names="row").merge(moves, on="deal", suffixes=("", "_later"))
    ahead = (pairs["stage_order_later"] > pairs["stage_order"]) & (
        pairs["entered_at_later"] >= pairs["entered_at"]
    )
    return pairs[ahead].groupby("row")["entered_at_later"].min().reindex(first.index)


def shares(rows: pd.DataFrame, keys: Sequence[str], kind: str) -> pd.DataFrame:
    """By `keys`: entered_count, ended_count, and `share` that succeeded of those that ended.

    `kind` is `won` or `moved`. Deals that are undecided count as long as they were followed
    (Aalen-Johansen); without them the share is plain succeeded / ended.
    """
    group, found = codes_of(rows[list(keys)])
    cause = rows[f"{kind}_cause"].to_numpy(dtype=np.intp)
    limit = product_limit(group, rows[f"{kind}_days"].to_numpy(dtype=np.float64), cause)
    return found.assign(
        entered_count=np.bincount(group, minlength=len(found)),
        ended_count=np.bincount(group[cause > 0], minlength=len(found)),
        share=limit.share(SUCCEEDED, len(found)),
    )


def historical_stage_rates(
    passages: pd.DataFrame,
    as_of: pd.Timestamp,
    processes: Sequence[Process],
    window_days: float = 365.0,
) -> pd.DataFrame:
    """process, stage, stage_order, fixed_rate, history_rate, ended_count of every open stage.

    history_rate is the share of the deals that entered the stage within the window and were won in
    the end, open ones counted as censored, shrunk to the fixed rate by `PRIOR_DEALS`; to the
    process' own share where a stage has no fixed rate; null where there is neither.
    """
    check_passages(passages)
    return rates_of(entries(passages, as_of, window_days), processes)


def rates_of(entered: pd.DataFrame, processes: Sequence[Process]) -> pd.DataFrame:
    """`historical_stage_rates` from entries that were made already."""
    stages = open_stages(processes)
    found = stages.merge(shares(entered, STAGE, "won"), on=STAGE, how="left")
    prior = found["fixed_rate"].fillna(found["process"].map(_process_share(entered)))
    ended = found["ended_count"].fillna(0.0)
    shrunk = (found["share"].fillna(0.0) * ended + PRIOR_DEALS * prior) / (ended + PRIOR_DEALS)
    return stages.assign(
        history_rate=shrunk.fillna(found["share"]), ended_count=ended.astype("int64")
    )


def _process_share(entered: pd.DataFrame) -> pd.Series:
    """By process, the share won of the deals that entered its first stage that was entered."""
    begins = entered.groupby("process")["stage_order"].transform("min")
    first = entered[entered["stage_order"] == begins]
    return shares(first, ["process"], "won").set_index("process")["share"]
