"""Snoozed stalls: kept beside the publications, so that a new one wakes nobody."""

from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Protocol

import pandas as pd
from sqlalchemy import Connection, delete, insert, select

from closecurve.crm.errors import UsageError
from closecurve.stores.results.cells import is_storable_text
from closecurve.stores.results.publication import Row
from closecurve.stores.results.schema import SNOOZE_KEYS, SNOOZES, SqlPart, one_writer

KEYS_KEPT = timedelta(days=7)
"""For how long a key of a repeated request is known; who repeats it does so within minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snooze:
    """A deal that is not to be flagged up to and including `until_date`, and why.

    `snoozed_at` is naive UTC. Raises UsageError `snooze-reason` for a reason without a letter and
    `snooze-text` for text that no store can hold.
    """

    deal_id: str
    until_date: date
    reason: str
    snoozed_at: pd.Timestamp

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise UsageError("snooze-reason", f"a snooze says why, got reason {self.reason!r}")
        for name in ("deal_id", "reason"):
            if not is_storable_text(getattr(self, name)):
                raise UsageError(
                    "snooze-text",
                    f"a snooze is text without NUL and surrogates, got {name}"
                    f" {getattr(self, name)!r}",
                )

    def says(self, other: "Snooze") -> bool:
        """Whether another request asks for the same, whenever it came."""
        mine, theirs = asdict(self), asdict(other)
        return all(mine[name] == theirs[name] for name in ("deal_id", "until_date", "reason"))


class SnoozeStore(Protocol):
    """The snoozed deals of a company. Methods raise EnvironmentFailure as ResultsStore's do."""

    def put(self, snooze: Snooze, *, key: str | None = None) -> Snooze:
        """Snooze a deal, or change its snooze, and return what holds.

        A `key` that was used for the same before has no second effect and gives the first answer
        again; for anything else it raises UsageError `idempotency-key-reused`.
        """
        ...

    def remove(self, deal_id: str) -> Snooze | None:
        """Wake a deal; the snooze that it had, None where it had none."""
        ...

    def active(self, on: date) -> list[Snooze]:
        """The snoozes that hold on a day, by deal."""
        ...


class MemorySnoozes:
    """Snoozes that live as long as the object: the reference."""

    def __init__(self) -> None:
        self._by_deal: dict[str, Snooze] = {}
        self._by_key: dict[str, Snooze] = {}

    def put(self, snooze: Snooze, *, key: str | None = None) -> Snooze:
        oldest = snooze.snoozed_at - KEYS_KEPT
        self._by_key = {k: kept for k, kept in self._by_key.items() if kept.snoozed_at >= oldest}
        if key is not None and key in self._by_key:
            return _the_same(self._by_key[key], snooze)
        if key is not None:
            self._by_key[key] = snooze
        self._by_deal[snooze.deal_id] = snooze
        return snooze

    def remove(self, deal_id: str) -> Snooze | None:
        return self._by_deal.pop(deal_id, None)

    def active(self, on: date) -> list[Snooze]:
        held = (self._by_deal[deal_id] for deal_id in sorted(self._by_deal))
        return [snooze for snooze in held if snooze.until_date >= on]


class SqlSnoozes(SqlPart):
    """Snoozes in the results database."""

    def put(self, snooze: Snooze, *, key: str | None = None) -> Snooze:
        with self._writing() as connection:
            one_writer(connection, SNOOZE_KEYS)  # so that a repeated request finds the first one's
            oldest = snooze.snoozed_at - KEYS_KEPT
            connection.execute(delete(SNOOZE_KEYS).where(SNOOZE_KEYS.c.snoozed_at < oldest))
            known = _of_key(connection, key)
            if known is not None:
                return _the_same(known, snooze)
            _store(connection, snooze, key)
        return snooze

    def remove(self, deal_id: str) -> Snooze | None:
        of_deal = SNOOZES.c.deal_id == deal_id
        with self._writing() as connection:
            held = connection.execute(select(SNOOZES).where(of_deal)).mappings().first()
            connection.execute(delete(SNOOZES).where(of_deal))
        return None if held is None else _snooze({**held})

    def active(self, on: date) -> list[Snooze]:
        held = select(SNOOZES).where(SNOOZES.c.until_date >= on).order_by(SNOOZES.c.deal_id)
        return [_snooze(row) for row in self._read(held)]


def _of_key(connection: Connection, key: str | None) -> Snooze | None:
    if key is None:
        return None
    wanted = select(SNOOZE_KEYS).where(SNOOZE_KEYS.c.request_key == key)
    row = connection.execute(wanted).mappings().first()
    return None if row is None else _snooze({**row})


def _store(connection: Connection, snooze: Snooze, key: str | None) -> None:
    values = asdict(snooze) | {"snoozed_at": snooze.snoozed_at.to_pydatetime()}
    connection.execute(delete(SNOOZES).where(SNOOZES.c.deal_id == snooze.deal_id))
    connection.execute(insert(SNOOZES), values)
    if key is not None:
        connection.execute(insert(SNOOZE_KEYS), values | {"request_key": key})


def _snooze(row: Row) -> Snooze:
    return Snooze(
        deal_id=row["deal_id"],
        until_date=row["until_date"],
        reason=row["reason"],
        snoozed_at=pd.Timestamp(row["snoozed_at"]),
    )


def _the_same(known: Snooze, asked: Snooze) -> Snooze:
    if not known.says(asked):
        raise UsageError(
            "idempotency-key-reused",
            f"an Idempotency-Key stands for one request, got another one for {known.deal_id!r}",
        )
    return known
