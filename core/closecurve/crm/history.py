"""Canonical tables to history tables: facts with the instant they happened and were known.

docs/history.md is the contract of what comes out.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from closecurve.crm.facts import changes_of, initial_facts, sequence, value_text
from closecurve.crm.matching import empty_columns
from closecurve.crm.outcomes import deal_outcomes, lead_outcomes
from closecurve.crm.reading import no_rows
from closecurve.crm.stages import Process
from closecurve.crm.tables import (
    CANONICAL,
    HISTORY_TABLES,
    TRACKED_DEAL_FIELDS,
    TRACKED_LEAD_FIELDS,
)
from closecurve.crm.values import DTYPES

RECORDS = ("deals", "leads")
"""The tables whose rows have changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldsInUse:
    """What every range of an export has to know of all its deals and leads.

    By table: `changed` are the fields that have changes, `filled` the columns with any value.
    """

    changed: Mapping[str, frozenset[str]]
    filled: Mapping[str, frozenset[str]]

    @classmethod
    def of(cls, canonical: Mapping[str, pd.DataFrame]) -> "FieldsInUse":
        """Those of some canonical tables."""
        nothing = pd.DataFrame(columns=["field"])
        rows = {name: canonical.get(name, nothing) for name in RECORDS}
        changes = {name: canonical.get(f"{name[:-1]}_changes", nothing) for name in RECORDS}
        return cls(
            changed={n: frozenset(changes[n]["field"].unique()) - {"outcome"} for n in RECORDS},
            filled={n: frozenset(rows[n].columns) - empty_columns(rows[n]) for n in RECORDS},
        )

    def joined(self, other: "FieldsInUse") -> "FieldsInUse":
        """Those of two ranges together."""
        return FieldsInUse(
            changed={name: self.changed[name] | other.changed[name] for name in RECORDS},
            filled={name: self.filled[name] | other.filled[name] for name in RECORDS},
        )


def history_tables(
    canonical: Mapping[str, pd.DataFrame],
    processes: Sequence[Process],
    reopen: bool = True,
    fields: FieldsInUse | None = None,
) -> dict[str, pd.DataFrame]:
    """The history tables (all of HISTORY_TABLES, columns in order) of typed canonical tables.

    Instants are datetime64[us], days midnights, sorted by id. A table that is missing counts as
    empty, a column that is missing as null. With `reopen` false the first outcome of a deal is its
    last, as in an event log that goes on after the close. Where the tables are a range of an
    export, `fields` are those of all of it.
    """
    given = {name: _complete(name, canonical[name]) for name in CANONICAL if name in canonical}
    changed = (fields or FieldsInUse.of(canonical)).changed
    made = {**given, "stages": stages_frame(processes)}
    if given.keys() & {"deals", "deal_changes"}:
        made |= _deal_history(given, processes, reopen, changed["deals"])
    if given.keys() & {"leads", "lead_changes"}:
        made |= _lead_history(given, changed["leads"])
    if "activities" in given:
        made["activities"] = _activity_history(given["activities"])
    for name in ("accounts", "owners"):
        if name in given:
            made[name] = given[name].sort_values(f"{name[:-1]}_id")
    return {
        name: _ordered(name, made[name]) if name in made else _no_history(name)
        for name in HISTORY_TABLES
    }


def stated_values(
    canonical: Mapping[str, pd.DataFrame],
    processes: Sequence[Process],
    fields: FieldsInUse | None = None,
) -> dict[str, dict[str, pd.Series]]:
    """What the tables of deals and leads state now, by table and field: a text by id.

    Tracked fields and attributes that any record has; `fields` as in `history_tables`. A won or
    lost stage states nothing: the outcome tells it.
    """
    stating = {"deals": TRACKED_DEAL_FIELDS, "leads": ("owner_id",)}
    filled = (fields or FieldsInUse.of(canonical)).filled
    made = {}
    for name, tracked in stating.items():
        table, rows = CANONICAL[name], canonical.get(name, pd.DataFrame())
        names = [*tracked, *(column for column in rows if column not in table.names)]
        made[name] = {
            str(each): value_text(rows.set_index(table.key)[each])
            for each in names
            if each in rows and each in filled[name]
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
    given: Mapping[str, pd.DataFrame],
    processes: Sequence[Process],
    reopen: bool,
    changed: Collection[str],
) -> dict[str, pd.DataFrame]:
    """A deal that only its table knows to be won or lost was not yet so when it was created."""
    deals, changes = (given.get(name, no_rows(name)) for name in ("deals", "deal_changes"))
    deals = deals.sort_values("deal_id", ignore_index=True)
    deals["process"] = deals["process"].fillna(processes[0].name)
    facts = changes_of(changes, deals, "deal_id")
    outcomes = deal_outcomes(deals, facts, processes, reopen)
    fields = _tracked(TRACKED_DEAL_FIELDS, changed)
    start = deals.assign(stage=deals["stage"].mask(deals["stage"].isin(_ends(processes))))
    facts = facts[facts["field"] != "outcome"]
    made = [initial_facts(start, facts, fields), facts, outcomes]
    return {"deals": _static(deals, fields), "deal_changes": sequence(made, deals["deal_id"])}


def _ends(processes: Sequence[Process]) -> list[str]:
    """The names of won and lost stages."""
    return [s.name for p in processes for s in p.stages if s not in p.open_stages]


def _lead_history(
    given: Mapping[str, pd.DataFrame], changed: Collection[str]
) -> dict[str, pd.DataFrame]:
    leads, changes = (given.get(name, no_rows(name)) for name in ("leads", "lead_changes"))
    leads = leads.sort_values("lead_id", ignore_index=True)
    facts = changes_of(changes, leads, "lead_id")
    outcomes = lead_outcomes(leads, facts)
    fields = _tracked(TRACKED_LEAD_FIELDS, changed)
    start = leads.assign(converted_deal_id=None)
    facts = facts[facts["field"] != "outcome"]
    made = [initial_facts(start, facts, fields), facts, outcomes]
    return {"leads": _static(leads, fields), "lead_changes": sequence(made, leads["lead_id"])}


def _tracked(fields: tuple[str, ...], changed: Collection[str]) -> tuple[str, ...]:
    """The tracked fields, and every attribute that has changes."""
    return (*fields, *sorted({*changed} - {"outcome", *fields}))


def _static(rows: pd.DataFrame, tracked: tuple[str, ...]) -> pd.DataFrame:
    kept = rows.drop(columns=[name for name in tracked if name in rows])
    return kept.assign(known_at=rows["created_at"])


def activities_in_order(activities: pd.DataFrame) -> pd.DataFrame:
    """Activities by deal (those without one first), lead and time; ties keep their order."""
    ids = [pd.factorize(activities[name], sort=True)[0] for name in ("deal_id", "lead_id")]
    order = np.lexsort((activities["event_at"].to_numpy(), ids[1], ids[0]))
    return activities.iloc[order].reset_index(drop=True)


def _activity_history(activities: pd.DataFrame) -> pd.DataFrame:
    known_at = activities["known_at"].fillna(activities["event_at"])
    made = activities.assign(known_at=known_at.clip(lower=activities["event_at"]))
    return activities_in_order(made)


@cache
def _no_history(name: str) -> pd.DataFrame:
    """A history table without rows; every column has its type."""
    columns = HISTORY_TABLES[name]
    return pd.DataFrame({each.name: pd.Series(dtype=DTYPES[each.type]) for each in columns})


def _complete(name: str, given: pd.DataFrame) -> pd.DataFrame:
    """The canonical table with all its columns, typed, attributes after them."""
    table = CANONICAL[name]
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
