"""Changes that stand in the deals table itself: a date for each stage, and what a won deal brought
in."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

import pandas as pd

from closecurve.crm.guess.deals import DealGuess
from closecurve.crm.guess.draft import Entry, Section
from closecurve.crm.guess.formats import LEAST_DATES, date_share
from closecurve.crm.guess.histories import ChangeGuess
from closecurve.crm.guess.names import normal
from closecurve.crm.guess.seen import SeenTable, quoted
from closecurve.crm.values import read_instants

_CLOSES: Final = ("closed", "won_at", "mixed")
_ENTERED = (
    re.compile(r"hs_v2_date_entered_(.+)"),
    re.compile(r"hs_date_entered_(.+)"),
    re.compile(r"date entered ['\"“](.+?)(?: \([^()]*\))?['\"”](?: \(.*\))?", re.IGNORECASE),
)
_ENTERED_STAGE = (
    re.compile(r"(?:date_?)?(?:entered|reached|in)[_ ](.+)", re.IGNORECASE),
    re.compile(r"(.+?)[_ ](?:at|on|date|time|entered(?:[_ ](?:at|on|date))?)", re.IGNORECASE),
)
_FEWEST_ENTERED: Final = 2


def wide_columns(table: SeenTable, stage_column: str | None) -> dict[str, list[str]]:
    """The columns that hold when a deal came into a stage, by stage; empty where there are none."""
    stages = {normal(each): each for each in table.distinct(stage_column)} if stage_column else {}
    for pattern in _ENTERED:
        found = _matched(table, pattern, stages, any_stage=True)
        if found:
            return found
    for pattern in _ENTERED_STAGE:
        found = _matched(table, pattern, stages, any_stage=False)
        if len(found) >= _FEWEST_ENTERED:
            return found
    return {}


def _matched(
    table: SeenTable, pattern: re.Pattern[str], stages: Mapping[str, str], *, any_stage: bool
) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for column in table.columns:
        match = pattern.fullmatch(column)
        values = table.text(column)
        if not match or not len(values) or date_share(values) < LEAST_DATES:
            continue
        stage = stages.get(normal(match[1]), match[1] if any_stage else None)
        if stage:
            found.setdefault(stage, []).append(column)
    return found


def entered_changes(deals: DealGuess, wide: Mapping[str, Sequence[str]]) -> ChangeGuess:
    instants = {stage: _coalesced(columns) for stage, columns in wide.items()}
    entries = tuple(
        Entry(key=stage, value=value, why=f"the name {wide[stage][0]!r}")
        for stage, value in instants.items()
    )
    why = f"{deals.table.label} has a date for each of {len(wide)} stages"
    head = [Entry(key="from", value=deals.table.name, why=why)]
    if deals.where:
        head.append(Entry(key="where", value=deals.where, sure=None))
    columns = Section(
        name="columns",
        entries=(Entry(key="deal_id", value=quoted(deals.id_column), sure=None),),
    )
    parts = (columns, Section(name="wide.stage", entries=entries))
    section = Section(name="tables.deal_changes", entries=tuple(head), parts=parts, is_listed=True)
    return ChangeGuess(
        sections=(section,), moves=_wide_moves(deals, wide), fields=frozenset({"stage"})
    )


def _wide_moves(deals: DealGuess, wide: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    made = [
        pd.DataFrame(
            {
                "deal_id": deals.ids,
                "stage": stage,
                "at": read_instants(deals.table.rows[column], deals.table.written),
            }
        )
        for stage, columns in wide.items()
        for column in columns
    ]
    return pd.concat(made, ignore_index=True).dropna()


def _coalesced(columns: Sequence[str]) -> str:
    listed = ", ".join(quoted(each) for each in columns)
    return listed if len(columns) == 1 else f"COALESCE({listed})"


def won_amounts(deals: DealGuess, taken: frozenset[str]) -> ChangeGuess | None:
    """What a won deal brought in, where it has a column of its own, is known at the close."""
    won, amount = deals.columns.get("won_amount"), deals.columns.get("amount")
    closed = next((deals.columns[c] for c in _CLOSES if c in deals.columns), None)
    if won is None or closed is None or "amount" in taken:
        return None
    where = f"{quoted(won)} IS NOT NULL AND {quoted(closed)} IS NOT NULL"
    head = (
        Entry(key="from", value=deals.table.name, sure=None),
        Entry(key="where", value=where, why=f"{won!r} is known at the close"),
    )
    said = {
        "deal_id": quoted(deals.id_column),
        "field": "'amount'",
        "event_at": quoted(closed),
        "new_value": quoted(won),
        **({"old_value": quoted(amount)} if amount else {}),
    }
    entries = tuple(Entry(key=key, value=value, sure=None) for key, value in said.items())
    columns = Section(name="columns", entries=entries)
    section = Section(name="tables.deal_changes", entries=head, parts=(columns,), is_listed=True)
    return ChangeGuess(sections=(section,), fields=frozenset({"amount"}))
