"""One record with its facts, and its surroundings, as plain values: what live scoring reads."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, TypeAlias

import pandas as pd

from closecurve.crm.errors import UsageError
from closecurve.crm.stages import StageKind

Row: TypeAlias = Mapping[str, Any]
Rows: TypeAlias = pd.DataFrame | Iterable[Row]


@dataclass(frozen=True, slots=True, kw_only=True)
class DealRecord:
    """A deal: rows as in the history tables; null is None, NaN or NaT.

    `is_counted` is False for a deal that the context's counts do not hold yet, because it is not
    in the history: it is then added to its owner's and its account's. Raises UsageError for a row
    without `deal_id` or `created_at`.
    """

    deal: Row
    changes: Sequence[Row] = ()
    activities: Sequence[Row] = ()
    lead: Row | None = None
    lead_activities: Sequence[Row] = ()
    account: Row | None = None
    is_counted: bool = True

    def __post_init__(self) -> None:
        _check_key(self.deal, "deal_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadRecord:
    """A lead, in the same way."""

    lead: Row
    changes: Sequence[Row] = ()
    activities: Sequence[Row] = ()
    account: Row | None = None
    is_counted: bool = True

    def __post_init__(self) -> None:
        _check_key(self.lead, "lead_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What was known about everything around a record, strictly before `as_of`.

    `owners` and `accounts` are the rows of `owner_facts` and `account_facts` by id (owner None:
    the company), `median_days` and `stage_orders` go by (process, stage), `rates` by currency.
    """

    as_of: pd.Timestamp
    owners: Mapping[str | None, Row] = field(default_factory=dict)
    accounts: Mapping[str, Row] = field(default_factory=dict)
    median_days: Mapping[tuple[str, str], float] = field(default_factory=dict)
    stage_orders: Mapping[tuple[str, str], float] = field(default_factory=dict)
    rates: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def from_frames(
        cls,
        as_of: pd.Timestamp,
        *,
        owner_facts: Rows = (),
        account_facts: Rows = (),
        stage_facts: Rows = (),
        stages: Rows = (),
        fx_rates: Rows = (),
    ) -> "Context":
        """From frames, or lists of dicts as JSON gives them, of the facts at one as-of.

        `stages` and `fx_rates` are the history tables of these names.
        """
        orders = {
            (row["process"], row["stage"]): row["stage_order"]
            for row in rows_of(stages)
            if row["kind"] == StageKind.OPEN.value
        }
        medians = {
            (row["process"], row["stage"]): row["median_days"] for row in rows_of(stage_facts)
        }
        return cls(
            as_of=as_of,
            owners={row["owner_id"]: row for row in rows_of(owner_facts)},
            accounts={row["account_id"]: row for row in rows_of(account_facts)},
            median_days=medians,
            stage_orders=orders,
            rates=_rates_before(as_of, rows_of(fx_rates)),
        )


def rows_of(rows: Rows) -> list[dict[str, Any]]:
    """The rows as dicts with None for null and Python's own instants and numbers."""
    given: Iterable[Row] = rows.to_dict("records") if isinstance(rows, pd.DataFrame) else rows  # type: ignore[assignment]
    return [{name: plain(value) for name, value in row.items()} for row in given]


def plain(value: Any) -> Any:
    """A value without NumPy or pandas in it: None for null, `datetime` for an instant."""
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime(warn=False)
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and math.isnan(value) else value


def instant_of(value: Any) -> datetime | None:
    """An instant from a timestamp, a `datetime` or ISO text, naive in UTC; None for null."""
    found = plain(value)
    if found is None or (isinstance(found, datetime) and found.tzinfo is None):
        return found
    stamp = pd.Timestamp(found)
    if stamp.tzinfo is not None:
        stamp = stamp.tz_convert("UTC").tz_localize(None)
    return stamp.to_pydatetime(warn=False)


def instant(value: Any) -> datetime:
    """The same where null is not allowed: raises UsageError."""
    found = instant_of(value)
    if found is None:
        raise UsageError(
            "record-instant", f"a fact and a record have their instants, got {value!r}"
        )
    return found


def _rates_before(as_of: pd.Timestamp, rows: Sequence[Row]) -> dict[str, float]:
    """The last rate of each currency dated before the as-of; of one day the higher."""
    limit = instant(as_of)
    dated = sorted(
        (day, row["rate"], row["currency"])
        for row in rows
        if row["rate"] is not None and (day := _first_instant(row["date"])) < limit
    )
    return {currency: rate for _, rate, currency in dated}


def _first_instant(day: Any) -> datetime:
    if isinstance(day, date) and not isinstance(day, datetime):
        return datetime(day.year, day.month, day.day)
    return instant(day)


def _check_key(row: Row, key: str) -> None:
    for column in (key, "created_at"):
        if plain(row.get(column)) is None:
            raise UsageError("record-key", f"a record has {key} and created_at, got no {column}")
