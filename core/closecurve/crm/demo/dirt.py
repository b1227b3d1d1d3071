"""Dirty rows, as every CRM export has them: each breaks one rule of an import.

A dirty row is a copy of a clean one, put after it and spoiled; the clean rows stay as they are, so
an import that sets the dirty ones aside holds the whole company.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

DIRTY_SHARE = 0.002

FEWEST_ROWS = 300
"""A table with fewer rows stays clean: one dirty row would be a large share of it."""

Row = dict[str, str | None]
Spoil = Callable[[Row], Row]

UNREADABLE = ("31.02.2024", "0000-00-00", "next Tuesday", "2024-13-45T10:00:00Z", "########")


def _earlier(row: Row, days: int) -> str:
    made = datetime.fromisoformat(str(row["created_at"]))
    return f"{made - timedelta(days=days):%Y-%m-%dT%H:%M:%S}Z"


def _unreadable(column: str) -> Spoil:
    def spoil(row: Row) -> Row:
        number = sum(map(ord, str(row[column])))
        return row | {column: UNREADABLE[number % len(UNREADABLE)]}

    return spoil


def _set(**values: str | None) -> Spoil:
    return lambda row: row | values


def _renamed(key: str, spoil: Spoil) -> Spoil:
    """The spoiled copy under an id of its own."""
    return lambda row: spoil(row | {key: f"{row[key]}X"})


def _closed_before_created(row: Row) -> Row:
    ended = {"outcome": "lost", "stage": "Lost", "closed_at": _earlier(row, 30)}
    return row | ended


def _converted_before_created(row: Row) -> Row:
    return row | {"converted_at": _earlier(row, 3), "disqualified_at": None}


SPOILS: dict[str, tuple[Spoil, ...]] = {
    "deals": (
        _set(amount="1"),
        _renamed("deal_id", _closed_before_created),
        _renamed("deal_id", _set(stage="Handshake", outcome=None, closed_at=None)),
        _renamed("deal_id", _unreadable("created_at")),
        _renamed("deal_id", _set(amount="-99999999999999")),
    ),
    "deal_changes": (
        _unreadable("event_at"),
        _set(field="stage", new_value="Handshake"),
        _set(field="expected_close_date", new_value="end of Q5"),
        _set(field="amount", new_value="-99999999999999"),
    ),
    "activities": (_unreadable("event_at"), _set(kind=None)),
    "leads": (
        _set(source="unknown"),
        _renamed("lead_id", _converted_before_created),
        _renamed("lead_id", _unreadable("created_at")),
    ),
}
"""By table, the ways to spoil a row; the first one of deals and leads leaves a duplicate id."""


def spoiled(name: str, table: pa.Table, rng: np.random.Generator) -> pa.Table:
    """The table (all text) with two dirty rows in a thousand, each way of spoiling in turn."""
    ways = SPOILS.get(name, ())
    if not ways or table.num_rows < FEWEST_ROWS:
        return table
    count = max(len(ways), round(DIRTY_SHARE * table.num_rows))
    places = np.sort(rng.choice(table.num_rows, min(count, table.num_rows), replace=False))
    rows = table.take(pa.array(places)).to_pylist()
    dirty = [ways[i % len(ways)](row) for i, row in enumerate(rows)]
    both = pa.concat_tables([table, pa.Table.from_pylist(dirty, schema=table.schema)])
    order = np.argsort(np.concatenate([np.arange(table.num_rows), places]), kind="stable")
    return both.take(pa.array(order))
