"""Stalls in a publication: every open deal with its probability, its flag and its reasons."""

from typing import Any

import pandas as pd

from closecurve.features.progress import last_touches
from closecurve.features.tables import HistoryTables
from closecurve.models.scopes import NOBODY
from closecurve.models.stall.flags import days_since, flags, still_days
from closecurve.models.stall.rules import CHECKPOINTS, FLAGGED
from closecurve.pipelines.scoring import Scores
from closecurve.pipelines.stalls import Stalls
from closecurve.stores.results.columns import STALLS


def score_stalls(
    tables: HistoryTables,
    stalls: Stalls | None,
    deals: Scores,
    passages: pd.DataFrame,
    as_of: pd.Timestamp,
) -> pd.DataFrame:
    """The columns of `stalls` for the open deals; none where there is no deal or no model.

    `passages` are the stays in stages known at the as-of (`funnel_facts`).
    """
    if stalls is None or deals.snapshots.empty:
        return pd.DataFrame()
    rows = _with_clocks(tables, deals.snapshots, passages, as_of)
    probability = stalls.model.predict_stall_probability(rows)
    usual = stalls.model.rate_.usual(rows)
    told = flags(rows, probability, usual, stalls.bound, stalls.usual)
    won = deals.scores["win_probability_eventual"]
    made = rows.assign(
        win_probability_eventual=won, stall_probability=probability, usual_probability=usual, **told
    )
    return made[list(STALLS.names)]


def by_owner(scored: pd.DataFrame) -> pd.DataFrame:
    """The columns of `stall_owners`: one row for each owner with open deals, `NOBODY` for none."""
    if scored.empty:
        return pd.DataFrame()
    keys = [scored["owner_id"].fillna(NOBODY).rename("owner_id"), scored["team"]]
    rows = [
        {"owner_id": owner_id, "team": team, **_totals(deals), **_missed(deals)}
        for (owner_id, team), deals in scored.groupby(keys, dropna=False)
    ]
    return pd.DataFrame(rows)


def stall_summary(stalls: Stalls | None, scored: pd.DataFrame) -> dict[str, Any]:
    """The head of the stalls page: what flags proved to be worth, and counts and money in all.

    Amounts are in the company's currency; a deal without an amount adds none.
    """
    return {} if stalls is None else {"report": dict(stalls.report), **_totals(scored)}


def _with_clocks(
    tables: HistoryTables, deals: pd.DataFrame, passages: pd.DataFrame, as_of: pd.Timestamp
) -> pd.DataFrame:
    """The deals with `quiet_days` since the last activity or change, `still_days` since the last
    move forward."""
    touched = last_touches(tables, as_of).execute().set_index("deal_id")["touched_at"]
    last = deals["deal_id"].map(touched).fillna(deals["created_at"])
    return deals.assign(
        quiet_days=days_since(last, as_of), still_days=still_days(passages, deals, as_of)
    )


def _totals(rows: pd.DataFrame) -> dict[str, Any]:
    flagged = rows[rows["verdict"] == FLAGGED] if len(rows) else rows
    return {
        "open_count": len(rows),
        "open_amount": _money(rows),
        "flagged_count": len(flagged),
        "flagged_amount": _money(flagged),
    }


def _missed(rows: pd.DataFrame) -> dict[str, int]:
    return {f"{name}_count": int((rows["checkpoint"] == name).sum()) for name in CHECKPOINTS}


def _money(rows: pd.DataFrame) -> float:
    return float(rows["amount_company"].sum()) if len(rows) else 0.0
