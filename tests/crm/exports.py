"""Exports and their imports, one on top of the other: made by hand, and at random from a seed."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from closecurve.crm.continuing import (
    ContinuedHistory,
    ExportedHistory,
    KnownHistory,
    begun,
    continued,
    latest_knowledge,
)
from closecurve.crm.history import history_tables, stated_values
from closecurve.crm.stages import DEFAULT_PROCESS

Canonical = dict[str, pd.DataFrame]
START, DAY = pd.Timestamp("2025-01-01"), timedelta(days=1)


def at(day: float) -> pd.Timestamp:
    return START + day * DAY


def table(*rows: Mapping[str, Any]) -> pd.DataFrame:
    return pd.DataFrame([*rows])


def deal(name: str = "D", created: float = 0, **more: Any) -> dict[str, Any]:
    return {"deal_id": name, "created_at": at(created), **more}


def change(day: float, field: str, value: str | None, of: str = "D", **more: Any) -> dict[str, Any]:
    return {"deal_id": of, "event_at": at(day), "field": field, "new_value": value, **more}


def call(day: float, of: str = "D", **more: Any) -> dict[str, Any]:
    return {"deal_id": of, "event_at": at(day), "kind": "call", **more}


def exported(canonical: Canonical, seen: Mapping[str, list[str]] | None = None) -> ExportedHistory:
    """What an export makes alone; `seen` are ids that were read beside the kept ones."""
    ids = {
        name: pd.Series([*canonical[name][f"{name[:-1]}_id"], *(seen or {}).get(name, [])])
        for name in ("deals", "leads")
        if name in canonical
    }
    return ExportedHistory(
        tables=history_tables(canonical, [DEFAULT_PROCESS]),
        stated=stated_values(canonical, [DEFAULT_PROCESS]),
        seen={name: found.astype("str") for name, found in ids.items()},
    )


def known(history: ContinuedHistory) -> KnownHistory:
    until = latest_knowledge(history.tables)
    assert until is not None
    return KnownHistory(tables=history.tables, stated=history.stated, data_until=until)


def imported(*exports: Canonical, seen: Mapping[str, list[str]] | None = None) -> ContinuedHistory:
    """Imports one after the other; `seen` belongs to the last."""
    history = begun(exported(exports[0]))
    for canonical in exports[1:]:
        history = continued(known(history), exported(canonical, seen))
    return history


VALUES = {
    "stage": ["Qualification", "Proposal", "Closing", "Won", "Lost", None],
    "owner_id": ["O", "P", None],
    "amount": ["1", "2.5", None],
    "sector": ["a", "b", None],
}
DEAL_IDS, LEAD_IDS = [f"D{i}" for i in range(40)], [f"L{i}" for i in range(20)]


def export_of(seed: int, until: int) -> Canonical:
    """A random export of what happened up to a day, with late facts, ends and holes."""
    dice = np.random.default_rng(seed)

    def pick(values: list[Any]) -> Any:
        return values[int(dice.integers(0, len(values)))]

    def record(key: str, name: str, born: int) -> dict[str, Any]:
        made = {key: name, "created_at": at(born), "owner_id": pick(VALUES["owner_id"])}
        return made | {"sector": pick(VALUES["sector"]), "account_id": pick(["A", "B", None])}

    def moved(key: str, ids: list[str], fields: list[str]) -> pd.DataFrame:
        rows = []
        for _ in range(int(dice.integers(0, 160))):
            field, day = pick(fields), int(dice.integers(0, until))
            late = min(day + pick([0, 0, 3, 9]), until)
            row = {key: pick(ids), "field": field, "event_at": at(day), "known_at": at(late)}
            rows.append(row | {"new_value": pick(VALUES[field]), "old_value": None})
        columns = [key, "field", "event_at", "known_at", "new_value", "old_value"]
        return pd.DataFrame(rows, columns=columns)

    deals = [name for name in DEAL_IDS if dice.random() < 0.8] or DEAL_IDS[:1]
    leads = [name for name in LEAD_IDS if dice.random() < 0.8]
    rows = []
    for name in deals:
        row = record("deal_id", name, int(dice.integers(0, 4)))
        ended = pick([None, "won", "lost"])
        end = int(dice.integers(4, until)) if ended else None
        row |= {"closed_at": pd.NaT if end is None else at(end), "outcome": ended}
        row["stage"] = pick(["Qualification", "Proposal", None])
        rows.append(row | {"amount": pick([1.0, 2.5, None])})
    acts = [
        {"deal_id": pick(deals), "event_at": at(int(dice.integers(0, until))), "kind": "call"}
        for _ in range(int(dice.integers(0, 60)))
    ]
    made = {
        "deals": pd.DataFrame(rows),
        "deal_changes": moved("deal_id", deals, [*VALUES]),
        "leads": pd.DataFrame(
            [record("lead_id", name, int(dice.integers(0, 4))) for name in leads],
            columns=["lead_id", "created_at", "owner_id", "sector", "account_id"],
        ),
        "lead_changes": moved("lead_id", leads or ["?"], ["owner_id", "sector"]),
        "activities": pd.DataFrame(acts, columns=["deal_id", "event_at", "kind"]),
    }
    if seed % 3 == 0:
        del made["deal_changes"]
    return made
