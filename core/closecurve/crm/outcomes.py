"""How deals and leads ended, as facts: from their changes, else from their table."""

from collections.abc import Sequence

import pandas as pd

from closecurve.crm.facts import facts_at
from closecurve.crm.quality import kinds_of
from closecurve.crm.stages import Process, StageKind
from closecurve.crm.tables import DELETED

_OPEN = StageKind.OPEN.value


def deal_outcomes(
    deals: pd.DataFrame, facts: pd.DataFrame, processes: Sequence[Process], reopen: bool
) -> pd.DataFrame:
    """Facts of `outcome`: moves to won and lost stages, and back to open ones after them.

    Of a move and an outcome of one instant the outcome counts: a deal is often won in the stage
    that it reached with the same write. The deals table's own close is added where the moves do
    not already end with it. Without `reopen` only the first close counts.
    """
    moves = pd.concat([_moved(deals, facts, processes), _said(facts)], ignore_index=True)
    moves = _after_first_close(_in_order(moves))
    stated = _stated(deals, moves[~_of_deletion(moves)])
    outcomes = _in_order(pd.concat([moves, stated], ignore_index=True))
    if reopen:
        return _returned(outcomes)
    final = outcomes[~_of_deletion(outcomes)].drop_duplicates("row")
    return _returned(_in_order(pd.concat([final, outcomes[_of_deletion(outcomes)]])))


def lead_outcomes(leads: pd.DataFrame, facts: pd.DataFrame) -> pd.DataFrame:
    """Facts of `outcome`: those of the changes, else the instants of the leads table.

    Of a disqualification and a conversion at one instant the conversion counts.
    """
    said = _said(facts)
    silent = ~leads.index.isin(said["row"][~_of_deletion(said)])
    ended = [
        facts_at(leads[name][silent], "outcome", pd.Series(outcome, leads.index[silent], "str"))
        for name, outcome in (("disqualified_at", "disqualified"), ("converted_at", "converted"))
    ]
    deal = facts_at(leads["converted_at"], "converted_deal_id", leads["converted_deal_id"])
    changed = facts.loc[facts["field"] == "converted_deal_id", "row"]
    outcomes = _returned(_in_order(pd.concat([said, *ended], ignore_index=True)))
    return pd.concat([outcomes, deal[~deal["row"].isin(changed)]], ignore_index=True)


def _said(facts: pd.DataFrame) -> pd.DataFrame:
    """Changes of the outcome itself, and an emptied outcome is open again."""
    said = facts[facts["field"] == "outcome"]
    lower = {name: said[name].str.lower() for name in ("old_value", "new_value")}
    return said.assign(**lower).fillna({"new_value": _OPEN})


def _in_order(facts: pd.DataFrame) -> pd.DataFrame:
    return facts.sort_values(["row", "event_at"], kind="stable", ignore_index=True)


def _of_deletion(facts: pd.DataFrame) -> pd.Series:
    """Which facts say that a record is gone from its source, or is back there."""
    return (facts["new_value"] == DELETED) | (facts["old_value"] == DELETED)


def _returned(outcomes: pd.DataFrame) -> pd.DataFrame:
    """The outcomes in order, with those of records that came back: they are as they were."""
    back = (outcomes["old_value"] == DELETED) & (outcomes["new_value"] == _OPEN)
    told = outcomes["new_value"].mask(_of_deletion(outcomes))
    before = told.groupby(outcomes["row"]).ffill().fillna(_OPEN)
    return outcomes.assign(new_value=outcomes["new_value"].mask(back, before))


def _moved(deals: pd.DataFrame, facts: pd.DataFrame, processes: Sequence[Process]) -> pd.DataFrame:
    """The outcome that each move of stage brings."""
    moves = facts[(facts["field"] == "stage") & facts["new_value"].notna()]
    process = pd.Series(deals["process"].to_numpy()[moves["row"].to_numpy()], moves.index)
    kinds = kinds_of(process, moves["new_value"], processes).fillna(_OPEN)
    return moves.assign(field="outcome", new_value=kinds, old_value=None)


def _after_first_close(moves: pd.DataFrame) -> pd.DataFrame:
    closes = moves["new_value"] != _OPEN
    return moves[closes.groupby(moves["row"]).cummax()]


def _stated(deals: pd.DataFrame, moves: pd.DataFrame) -> pd.DataFrame:
    """The closes of the deals table that the moves leave out."""
    last = moves.drop_duplicates("row", keep="last").set_index("row").reindex(deals.index)
    later = last["event_at"].isna() | (deals["closed_at"] > last["event_at"])
    missing = later & (last["new_value"] != deals["outcome"]) & deals["outcome"].notna()
    return facts_at(deals["closed_at"][missing], "outcome", deals["outcome"][missing])
