"""The columns that the guard looks at: their values as a snapshot of any date would show them."""

from collections.abc import Iterator
from dataclasses import dataclass

import ibis.expr.types as ir
import numpy as np
import pandas as pd

from closecurve.crm.tables import DELETED
from closecurve.features.guard_evidence import Lives
from closecurve.features.subjects import Subject
from closecurve.features.tables import HistoryTables
from closecurve.features.timeline import field_spans, known_records, number_of

MOST_RECORDS = 100_000
"""Records that are looked at, the newest: a leak shows in far fewer."""

FIXED = {
    "deals": ("process", "account_id", "lead_id"),
    "leads": ("source", "region", "account_id"),
}
"""The fixed columns that features are made of."""

NO_FEATURES = ("outcome", "converted_deal_id")
"""Fields that say what became of a record; no snapshot holds them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A column, and its values (without what changed later) among records that can have it, by id.

    `column` is a field where `table` is a table of changes.
    """

    table: str
    column: str
    values: pd.Series

    @property
    def name(self) -> str:
        """`table.column`."""
        return f"{self.table}.{self.column}"


def records_of(tables: HistoryTables, subject: Subject) -> pd.DataFrame:
    """The newest records with `outcome` (null: open) and `closed_at`, by id, newest first.

    What was deleted at the source is left out: it is neither open nor did it close.
    """
    records = known_records(tables, subject)
    newest = records.order_by(records.created_at.desc(), subject.id_column).limit(MOST_RECORDS)
    ends = _last_values(tables, subject, "outcome").rename(closed_at="event_at", outcome="value")
    joined = newest.left_join(ends, subject.id_column).select(
        *newest.columns, "closed_at", "outcome"
    )
    there = joined.filter(joined.outcome.isnull() | (joined.outcome != DELETED))
    # A join keeps no order, and halves are taken by place.
    ordered = there.order_by(there.created_at.desc(), subject.id_column)
    frame: pd.DataFrame = ordered.execute().set_index(subject.id_column)
    open_now = ~frame["outcome"].isin(subject.causes)
    return frame.assign(
        outcome=frame["outcome"].mask(open_now), closed_at=frame["closed_at"].mask(open_now)
    )


def lives_of(records: pd.DataFrame, subject: Subject) -> Lives:
    """The lives of the records; now is the last instant that any of them shows."""
    created, closed = (
        records[name].to_numpy(dtype="datetime64[us]").astype(np.float64) / 86_400e6
        for name in ("created_at", "closed_at")
    )
    is_open = records["outcome"].isna().to_numpy()
    ends = np.where(is_open, -np.inf, closed)
    now = max(created.max(initial=-np.inf), ends.max(initial=-np.inf))
    return Lives(
        created=created,
        until=np.maximum(np.where(is_open, now, closed), created),
        is_open=is_open,
        is_won=(records["outcome"] == subject.causes[0]).to_numpy(),
    )


def candidates(
    tables: HistoryTables, subject: Subject, records: pd.DataFrame
) -> Iterator[Candidate]:
    """Every column that a feature may be made of."""
    table = subject.record_table
    for column in (*FIXED[table], *tables.attributes(table)):
        yield Candidate(table=table, column=column, values=records[column])
    accounts = tables.accounts.execute().drop_duplicates("account_id").set_index("account_id")
    known = records["account_id"].dropna()
    for column in accounts:
        values = known.map(accounts[column])
        yield Candidate(table="accounts", column=str(column), values=values)
    yield from _fields(tables, subject, records)


def _fields(tables: HistoryTables, subject: Subject, records: pd.DataFrame) -> Iterator[Candidate]:
    """Fields of changes by their first value, where that is said to be of the creation.

    It is the only value that may have been written later: of the others it is known when.
    """
    named = subject.changes(tables).select("field").distinct().execute()["field"]
    for field in sorted(set(named) - set(NO_FEATURES)):
        first = _first_values(tables, subject, field)
        value = number_of(first.value) if field == "amount" else first.value
        frame = first.select(subject.id_column, value=value).execute()
        values = frame.set_index(subject.id_column)["value"].reindex(records.index)
        if values.notna().any():
            yield Candidate(table=subject.change_table, column=field, values=values)


def _first_values(tables: HistoryTables, subject: Subject, field: str) -> ir.Table:
    spans = field_spans(tables, subject, field)
    records = subject.records(tables).select(subject.id_column, "created_at")
    first = spans.filter(spans.place == spans.place.min().over(group_by=subject.id_column))
    joined = first.join(records, subject.id_column)
    return joined.filter(joined.event_at <= joined.created_at).select(
        subject.id_column, value="new_value"
    )


def _last_values(tables: HistoryTables, subject: Subject, field: str) -> ir.Table:
    spans = field_spans(tables, subject, field)
    return spans.filter(spans.place == spans.place.max().over(group_by=subject.id_column)).select(
        subject.id_column, "event_at", value="new_value"
    )
