"""Canonical tables to history tables: facts with the instant they happened and were known.

docs/history.md is the contract of what comes out.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from closecurve.crm.facts import changes_of, initial_facts, sequence, value_text
from closecurve.crm.outcomes import deal_outcomes, lead_outcomes
from closecurve.crm.stages import Process
from closecurve.crm.tables import (
    CANONICAL,
    HISTORY_TABLES,
    TRACKED_DEAL_FIELDS,
    TRACKED_LEAD_FIELDS,
)
from closecurve.crm.values import DTYPES


def history_tables(
    canonical: Mapping[str, pd.DataFrame], processes: Sequence[Process], reopen: bool = True
) -> dict[str, pd.DataFrame]:
    """The history tables (all of HISTORY_TABLES, columns in order) of typed canonical tables.

    Instants are datetime64[us], days midnights, sorted by id. A table that is missing counts as
    empty, a column that is missing as null. With `reopen` false the first outcome of a deal is its
    last, as in an event log that goes on after the close.
    """
    given = {name: _complete(name, canonical.get(name)) for name in CANONICAL}
    deals, deal_facts = _deal_history(given["deals"], given["deal_changes"], processes, reopen)
    leads, lead_facts = _lead_history(given["leads"], given["lead_changes"])
    made = {
        "deals": deals,
        "deal_changes": deal_facts,
        "leads": leads,
        "lead_changes": lead_facts,
        "activities": _activity_history(given["activities"], deals, leads),
        "accounts": given["accounts"].sort_values("account_id"),
        "owners": given["owners"].sort_values("owner_id"),
        "stages": stages_frame(processes),
    }
    return {name: _ordered(name, (given | made)[name]) for name in HISTORY_TABLES}


def stated_values(
    canonical: Mapping[str, pd.DataFrame], processes: Sequence[Process]
) -> dict[str, dict[str, pd.Series]]:
    """What the tables of deals and leads state now, by table and field: a text by id.

    Tracked fields and attributes that any record has. A won or lost stage states nothing: the
    outcome tells it.
    """
    tracked = {"deals": TRACKED_DEAL_FIELDS, "leads": ("owner_id",)}
    made = {}
    for name, fields in tracked.items():
        table, rows = CANONICAL[name], canonical.get(name, pd.DataFrame())
        names = [*fields, *(column for column in rows if column not in table.names)]
        made[name] = {
            str(field): value_text(rows.set_index(table.key)[field])
            for field in names
            if field in rows and rows[field].notna().any()
        }
    if "stage" in made["deals"]:
        stage = made["deals"]["stage"]
        made["deals"]["stage"] = stage[~stage.isin(_ends(processes))]
    return made


def stages_frame(processes: Sequence[Process]) -> pd.DataFrame:
    """One row for each stage of each process; `stage_order` counts from 1."""
    rows = [
        (process.name, stage.name, order, stage.kind.value, stage.fixed_rate, stage.expected_days)
        for process in processes
        for order, stage in enumerate(process.stages, 1)
    ]
    return pd.DataFrame(rows, columns=[column.name for column in HISTORY_TABLES["stages"]])


def _deal_history(
    deals: pd.DataFrame, changes: pd.DataFrame, processes: Sequence[Process], reopen: bool
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A deal that only its table knows to be won or lost was not yet so when it was created."""
    deals = deals.sort_values("deal_id", ignore_index=True)
    deals["process"] = deals["process"].fillna(processes[0].name)
    facts = changes_of(changes, deals, "deal_id")
    outcomes = deal_outcomes(deals, facts, processes, reopen)
    fields = _tracked(TRACKED_DEAL_FIELDS, facts)
    start = deals.assign(stage=deals["stage"].mask(deals["stage"].isin(_ends(processes))))
    facts = facts[facts["field"] != "outcome"]
    made = [initial_facts(start, facts, fields), facts, outcomes]
    return _static(deals, fields), sequence(made, deals["deal_id"])


def _ends(processes: Sequence[Process]) -> list[str]:
    """The names of won and lost stages."""
    return [s.name for p in processes for s in p.stages if s not in p.open_stages]


def _lead_history(leads: pd.DataFrame, changes: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    leads = leads.sort_values("lead_id", ignore_index=True)
    facts = changes_of(changes, leads, "lead_id")
    outcomes = lead_outcomes(leads, facts)
    fields = _tracked(TRACKED_LEAD_FIELDS, facts)
    start = leads.assign(converted_deal_id=None)
    facts = facts[facts["field"] != "outcome"]
    made = [initial_facts(start, facts, fields), facts, outcomes]
    return _static(leads, fields), sequence(made, leads["lead_id"])


def _tracked(fields: tuple[str, ...], facts: pd.DataFrame) -> tuple[str, ...]:
    """The tracked fields, and every attribute that has changes."""
    changed = set(facts["field"].unique()) - {"outcome", *fields}
    return (*fields, *sorted(changed))


def _static(rows: pd.DataFrame, tracked: tuple[str, ...]) -> pd.DataFrame:
    kept = rows.drop(columns=[name for name in tracked if name in rows])
    return kept.assign(known_at=rows["created_at"])


def _activity_history(
    activities: pd.DataFrame, deals: pd.DataFrame, leads: pd.DataFrame
) -> pd.DataFrame:
    """Activities sorted by deal, lead and time."""
    deal = pd.Index(deals["deal_id"]).get_indexer(activities["deal_id"])
    lead = pd.Index(leads["lead_id"]).get_indexer(activities["lead_id"])
    known_at = activities["known_at"].fillna(activities["event_at"])
    made = activities.assign(known_at=known_at.clip(lower=activities["event_at"]))
    return made.iloc[np.lexsort((activities["event_at"].to_numpy(), lead, deal))]


def _complete(name: str, frame: pd.DataFrame | None) -> pd.DataFrame:
    """The canonical table with all its columns, typed, attributes after them."""
    table = CANONICAL[name]
    given = pd.DataFrame() if frame is None else frame
    attributes = [column for column in given.columns if column not in table.names]
    typed = {
        column.name: pd.Series(given.get(column.name), given.index, DTYPES[column.type])
        for column in table.columns
    }
    return pd.DataFrame(typed | {each: given[each] for each in attributes})


def _ordered(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """The history table's own columns in order, then the attributes of tables that have them."""
    fixed = [column.name for column in HISTORY_TABLES[name]]
    if name not in CANONICAL or not CANONICAL[name].attributes:
        return frame[fixed].reset_index(drop=True)
    ended = {column.name for column in CANONICAL[name].columns}
    attributes = [each for each in frame.columns if each not in {*fixed, *ended}]
    return frame[[*fixed, *attributes]].reset_index(drop=True)
