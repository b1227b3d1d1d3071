"""How good the data are, as known strictly before an as-of.

What a reader should know of them before trusting what is read off them: counts and plain
sentences. Nothing is left out because of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from closecurve.crm.errors import UsageError
from closecurve.crm.tables import HISTORY_TABLES
from closecurve.features.facts import known_before
from closecurve.features.money import with_company_rate
from closecurve.features.plans import answer
from closecurve.features.states import amount_states
from closecurve.features.subjects import DEAL, LEAD, Subject
from closecurve.features.tables import HistoryTables
from closecurve.features.timeline import (
    FOREVER,
    attach,
    days_between,
    field_spans,
    instant_literal,
    known_records,
    outcome_spans,
)

CODES = ("over-age", "owner-left", "bulk-close", "late", "missing")
"""What is looked for, the most telling first."""

LATE_DAYS = 1.0
"""Logged within a day counts as logged in time: people write up their calls in the evening."""

BULK_CLOSES, BULK_TIMES = 30, 10
"""A day with at least so many closes, and so many times the usual day with any, is no day's work:
the last days of quarters reach three to five times the usual."""

BULK_DAYS = 3
"""Days that are named, the fullest first."""

_NO_VALUE = ("outcome", "converted_deal_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was found: `count` of `total` rows of a history table.

    `amount` is in the company's currency, `days` an age or a delay, `day` one of the company's
    calendar; None where the finding has none. Raises UsageError for a code that is none or a count
    beyond the total.
    """

    code: str
    table: str
    sentence: str
    count: int
    total: int
    column: str | None = None
    amount: float | None = None
    days: float | None = None
    day: date | None = None

    def __post_init__(self) -> None:
        if self.code not in CODES:
            raise UsageError("finding-code", f"a code is one of {CODES}, got {self.code!r}")
        if not 0 <= self.count <= self.total:
            raise UsageError(
                "finding-count", f"a count lies in 0..{self.total}, got {self.count} ({self.code})"
            )

    def to_json(self) -> dict[str, Any]:
        """As a publication's summary holds it."""
        return asdict(self) | {"day": None if self.day is None else self.day.isoformat()}


def data_quality(
    tables: HistoryTables,
    as_of: pd.Timestamp,
    *,
    company_currency: str | None = None,
    time_zone: str = "UTC",
) -> tuple[Finding, ...]:
    """What is worth knowing of the data, in the order of CODES and the largest share first.

    - over-age: open records that are older than any that ever closed; count, amount, age. Their
      age is that at the last known fact: a close after it would not be known yet;
    - owner-left: open records of owners with a `left_date` by the last known fact;
    - bulk-close: a day with far more closes than its fellows;
    - late: facts logged more than a day after they happened; share and median delay in days;
    - missing: columns that some records have and others lack.
    Nothing known at the as-of or later is read, but for owners, who have no time of their own.
    """
    known = known_before(tables, as_of)
    until = _known_until(known)
    if until is None:
        return ()
    found = [
        finding
        for subject in (DEAL, LEAD)
        for finding in _of_subject(known, subject, until, company_currency, time_zone)
    ]
    found += _late(known)
    return tuple(sorted(found, key=lambda f: (CODES.index(f.code), -f.count / max(f.total, 1))))


def _known_until(tables: HistoryTables) -> pd.Timestamp | None:
    """The last instant at which anything became known; None where nothing is."""
    records = [known_records(tables, subject).known_at.max() for subject in (DEAL, LEAD)]
    facts = [tables.table(n).known_at.max() for n in ("deal_changes", "lead_changes", "activities")]
    last = [value.execute() for value in (*records, *facts)]
    return max((pd.Timestamp(each) for each in last if not pd.isna(each)), default=None)


def _of_subject(
    tables: HistoryTables,
    subject: Subject,
    until: pd.Timestamp,
    company_currency: str | None,
    time_zone: str,
) -> Iterator[Finding]:
    rows: pd.DataFrame = answer(_slim, tables, {}, subject, company_currency).execute()
    if rows.empty:
        return
    closed = rows[rows["outcome"].isin(subject.causes)]
    opened = rows[rows["outcome"].isna()]
    yield from _over_age(opened, closed, subject, until, company_currency)
    yield from _owners_left(tables, opened, subject, until, time_zone)
    yield from _bulk_closes(closed, subject, time_zone)
    yield from _missing(tables, subject)


def _standing(tables: HistoryTables, subject: Subject) -> ir.Table:
    """The records with what they hold at the end of the history: outcome (null: open), closed_at
    and the tracked fields. What was deleted is left out."""
    rows = known_records(tables, subject).mutate(as_of=instant_literal(FOREVER))
    ends = outcome_spans(tables, subject)
    ends = ends.mutate(outcome=ends.new_value.nullif("open"), closed_at=ends.event_at)
    rows = attach(rows, ends, subject.id_column, payload=["outcome", "closed_at"])
    rows = rows.filter(rows.outcome.isnull() | rows.outcome.isin(subject.causes))
    for name in _tracked(subject):
        spans = field_spans(tables, subject, name)
        spans = spans.rename({name: "new_value"})
        others = [column for column in rows.columns if column != name]
        rows = attach(rows.select(*others), spans, subject.id_column, payload=[name])
    return rows


def _tracked(subject: Subject) -> list[str]:
    return [name for name in subject.tracked if name not in _NO_VALUE]


def _slim(tables: HistoryTables, subject: Subject, company_currency: str | None) -> ir.Table:
    """created_at, outcome, closed_at, owner_id and amount (company currency) of each record."""
    standing = _standing(tables, subject)
    columns = ["created_at", "outcome", "closed_at", "owner_id"]
    if subject is not DEAL:
        return standing.select(*columns, amount=ibis.null("float64"))
    rows = standing.select("deal_id", "as_of", "currency", *columns)
    rows = attach(rows, amount_states(tables, DEAL), "deal_id", payload=["amount"])
    rows = with_company_rate(tables, rows, company_currency=company_currency)
    return rows.select(*columns, amount=rows.amount * rows.company_rate)


def _over_age(
    opened: pd.DataFrame,
    closed: pd.DataFrame,
    subject: Subject,
    until: pd.Timestamp,
    currency: str | None,
) -> Iterator[Finding]:
    if closed.empty or opened.empty:
        return
    oldest = (closed["closed_at"] - closed["created_at"]).max()
    beyond = opened[until - opened["created_at"] > oldest]
    if beyond.empty:
        return
    days, worth = oldest / pd.Timedelta(days=1), beyond["amount"].sum(min_count=1)
    yield Finding(
        code="over-age",
        table=subject.record_table,
        count=len(beyond),
        total=len(opened),
        amount=None if pd.isna(worth) else float(worth),
        days=float(days),
        sentence=f"{len(beyond):,} of {len(opened):,} open {subject.record_table} are older than"
        f" any {subject.name} that ever closed ({days:,.0f} days){_worth(worth, currency)}.",
    )


def _worth(amount: float, currency: str | None) -> str:
    if pd.isna(amount) or not amount:
        return ""
    return f"; they are worth {amount:,.0f} {currency or ''}".rstrip()


def _owners_left(
    tables: HistoryTables,
    opened: pd.DataFrame,
    subject: Subject,
    until: pd.Timestamp,
    time_zone: str,
) -> Iterator[Finding]:
    today = _local_day(pd.Series([until]), time_zone).iloc[0]
    owners = tables.owners.select("owner_id", "left_date").execute()
    gone = owners[pd.to_datetime(owners["left_date"]) <= today]
    theirs = opened[opened["owner_id"].isin(gone["owner_id"])]
    if theirs.empty:
        return
    people, worth = theirs["owner_id"].nunique(), theirs["amount"].sum(min_count=1)
    yield Finding(
        code="owner-left",
        table=subject.record_table,
        column="owner_id",
        count=len(theirs),
        total=len(opened),
        amount=None if pd.isna(worth) else float(worth),
        sentence=f"{len(theirs):,} open {subject.record_table} belong to"
        f" {_counted(people, 'owner')} who left.",
    )


def _bulk_closes(closed: pd.DataFrame, subject: Subject, time_zone: str) -> Iterator[Finding]:
    by_day = _local_day(closed["closed_at"], time_zone).value_counts()
    bound = max(BULK_CLOSES, BULK_TIMES * by_day.median()) if len(by_day) else 0
    full = by_day[by_day >= bound].sort_index().sort_values(ascending=False, kind="stable")
    for day, count in full.head(BULK_DAYS).items():
        yield Finding(
            code="bulk-close",
            table=subject.record_table,
            count=int(count),
            total=len(closed),
            day=pd.Timestamp(str(day)).date(),
            sentence=f"{count:,} {subject.record_table} were closed on {day:%Y-%m-%d}; the usual"
            f" day with a close has {by_day.median():,.0f}.",
        )


def _local_day(instants: pd.Series, time_zone: str) -> pd.Series:
    local = instants.dt.tz_localize("UTC").dt.tz_convert(time_zone)
    days: pd.Series = local.dt.tz_localize(None).dt.normalize()
    return days


def _missing_counts(tables: HistoryTables, subject: Subject) -> ir.Table:
    """One row: how many records there are, open ones, and those without each of `_columns`."""
    standing, columns = _standing(tables, subject), _columns(tables, subject)
    is_open = standing.outcome.isnull()
    sums = {
        f"{side}_{place}": standing.count(where=standing[name].isnull() & on_side)
        for place, name in enumerate(columns)
        for side, on_side in (("open", is_open), ("closed", ~is_open))
    }
    return standing.aggregate(total=standing.count(), opened=standing.count(where=is_open), **sums)


def _missing(tables: HistoryTables, subject: Subject) -> Iterator[Finding]:
    counted = answer(_missing_counts, tables, {}, subject).execute()
    row = {str(name): int(value) for name, value in counted.iloc[0].items()}
    sides = (row["opened"], row["total"] - row["opened"])
    for place, name in enumerate(_columns(tables, subject)):
        missing = (row[f"open_{place}"], row[f"closed_{place}"])
        if 0 < sum(missing) < row["total"]:
            yield Finding(
                code="missing",
                table=subject.record_table,
                column=name,
                count=sum(missing),
                total=row["total"],
                sentence=_missing_sentence(name, subject, missing, sides),
            )


def _columns(tables: HistoryTables, subject: Subject) -> list[str]:
    """The columns that a record may lack: fixed ones, attributes, tracked fields."""
    told = (subject.id_column, "created_at", "known_at")
    fixed = [column.name for column in HISTORY_TABLES[subject.record_table]]
    attributes = tables.attributes(subject.record_table)
    names = [name for name in (*fixed, *attributes) if name not in told]
    return list(dict.fromkeys([*names, *_tracked(subject)]))


def _missing_sentence(
    name: str, subject: Subject, missing: Sequence[int], sides: Sequence[int]
) -> str:
    on_open, on_closed = (
        f"{count:,} of {total:,} {side} {subject.record_table}"
        for side, count, total in zip(("open", "closed"), missing, sides, strict=True)
    )
    if not missing[1]:
        return f"{name} is missing only in open {subject.record_table}: {on_open}."
    if not missing[0]:
        return f"{name} is missing only in closed {subject.record_table}: {on_closed}."
    return f"{name} is missing in {on_open}, and in {on_closed}."


def _late(tables: HistoryTables) -> Iterator[Finding]:
    words = {
        "deal_changes": "changes of deals",
        "lead_changes": "changes of leads",
        "activities": "activities",
    }
    for name, said in words.items():
        facts = tables.table(name)
        delay = days_between(facts.event_at, facts.known_at)
        is_late = delay > LATE_DAYS
        row = facts.aggregate(
            total=facts.count(), late=facts.count(where=is_late), median=delay.median(where=is_late)
        ).execute()
        total, late = int(row["total"][0]), int(row["late"][0])
        if late:
            median = float(row["median"][0])
            yield Finding(
                code="late",
                table=name,
                count=late,
                total=total,
                days=median,
                sentence=f"{late:,} of {total:,} {said} ({late / total:.1%}) were logged more than"
                f" a day after they happened; half of those more than {median:,.1f} days after.",
            )


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
