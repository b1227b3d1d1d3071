"""Moves of stage as a source shows them, and what they tell: the order of stages, their rates."""

from collections.abc import Mapping, Sequence
from typing import Final

import pandas as pd

FEWEST_DEALS: Final = 10
"""Deals with two stages or more, from which on their moves tell the order of stages."""
FEWEST_CLOSED: Final = 20
"""Closed deals that passed through a stage, from which on its win rate is taken from them."""

MOVE_COLUMNS: Final = ("deal_id", "stage", "at")


def no_moves() -> pd.DataFrame:
    """An empty frame of moves: deal_id, stage, at (naive instants)."""
    return pd.DataFrame({"deal_id": [], "stage": [], "at": []}).astype(
        {"deal_id": "str", "stage": "str", "at": "datetime64[us]"}
    )


def moves_of(
    deal: pd.Series,
    at: pd.Series,
    new: pd.Series,
    old: pd.Series | None,
    renamed: Mapping[str, str],
) -> pd.DataFrame:
    """The moves of a table of changes; the first old stage of a deal is one more, before them."""
    made = pd.DataFrame({"deal_id": deal, "stage": _renamed(new, renamed), "at": at})
    made = made.dropna().sort_values(["deal_id", "at"], kind="stable")
    if old is None:
        return made.reset_index(drop=True)
    before = pd.DataFrame({"deal_id": deal, "stage": _renamed(old, renamed), "at": at}).dropna()
    before = before.sort_values("at", kind="stable").drop_duplicates("deal_id")
    before = before.assign(at=before["at"] - pd.Timedelta(microseconds=1))
    return pd.concat([before, made], ignore_index=True)


def _renamed(stage: pd.Series, renamed: Mapping[str, str]) -> pd.Series:
    text = stage.astype("str").str.strip()
    return text.replace(dict(renamed)) if renamed else text


def order_by_moves(moves: pd.DataFrame, stages: Sequence[str]) -> list[str] | None:
    """The stages so that most deals pass through them in this order; None where too few moved.

    Each pair of stages is decided by which of the two more deals reached first (Copeland's rule);
    of two that win as many pairs, the one that comes first in `stages` does.
    """
    ours = moves[moves["stage"].isin(stages)]
    first = ours.groupby(["deal_id", "stage"], as_index=False)["at"].min()
    pairs = first.merge(first, on="deal_id", suffixes=("", "_other"))
    pairs = pairs[pairs["at"] < pairs["at_other"]]
    if pairs["deal_id"].nunique() < FEWEST_DEALS or set(stages) - set(first["stage"]):
        return None
    count = pairs.groupby(["stage", "stage_other"]).size().unstack(fill_value=0)
    count = count.reindex(index=list(stages), columns=list(stages), fill_value=0)
    wins = (count > count.T).sum(axis=1) - (count < count.T).sum(axis=1)
    return sorted(stages, key=lambda stage: -int(wins[stage]))


def rates_by_moves(
    moves: pd.DataFrame, said: pd.Series, stages: Sequence[str]
) -> dict[str, float] | None:
    """The share won of the closed deals that ever were in each stage; None where any has too few.

    `said` is won or lost by deal id, null where the deal is open.
    """
    visits = moves[moves["stage"].isin(stages)].drop_duplicates(["deal_id", "stage"])
    outcome = visits["deal_id"].map(said[~said.index.duplicated()])
    closed = visits.assign(is_won=outcome == "won")[outcome.notna()]
    counted = closed.groupby("stage")["is_won"].agg(["mean", "size"]).reindex(list(stages))
    if not len(counted) or not (counted["size"] >= FEWEST_CLOSED).all():
        return None
    return {str(stage): float(rate) for stage, rate in counted["mean"].items()}
