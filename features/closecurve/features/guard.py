"""The leakage guard: columns that seem to be written as a record closes are set aside.

A column without history shows today's value on every past snapshot. That is a leak where the
value came with the outcome. Two signs are looked for, among records that were known before the
cutoff: the column is filled on closed records and hardly on open ones of the same age, or its
value alone all but tells the outcome.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import ibis.expr.types as ir
import numpy as np
import pandas as pd

from closecurve.features.facts import known_before
from closecurve.features.selected import SetAside
from closecurve.features.subjects import SUBJECTS, Subject
from closecurve.features.tables import HistoryTables
from closecurve.features.timeline import field_spans, known_records, number_of

MOST_RECORDS = 100_000
"""Records that are looked at, the newest: a leak shows in far fewer."""
AGE_STRATA = 10
"""Groups of creation time within which open and closed records are compared, so that a column
which came into use last year is not taken for one that is filled at the close."""
FEWEST_RECORDS = 30
"""Open and closed records (or closes) below which nothing is said."""
FILL_RATIO = 0.1
"""Filled (or missing) a tenth as often on one side counts as nearly only on the other."""
LEAST_MISSING = 0.1
"""Missing on fewer open records than this says nothing."""
SURE_Z = 4.0
"""Standard errors by which the fill must differ: one false alarm in 30,000 columns."""
DECIDING_AUC = 0.95
"""A column that ranks closes this well alone is not known beforehand in any sales team."""
NUMBER_BINS = 20
LATER_SHARE = 0.01
"""A field has a history where more than this share of its facts came after the creation."""
SAME_DAY_SHARE = 0.5
"""Expected close dates that fall on the close, as often as this, were written there."""


FIXED = {
    "deals": ("process", "account_id", "lead_id"),
    "leads": ("source", "region", "account_id"),
}
"""The fixed columns that features are made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    """A column without history, and its values among records that can have it, by id."""

    table: str
    column: str
    values: pd.Series


def set_aside(tables: HistoryTables, cutoff: pd.Timestamp) -> list[SetAside]:
    """The columns of deals and leads that should be no features, each with the reason.

    Sorted by table and column; only what was known before the cutoff is read.
    """
    known = known_before(tables, cutoff)
    found = [
        SetAside(table=candidate.table, column=candidate.column, reason=reason)
        for subject in SUBJECTS.values()
        for records in (_records(known, subject),)
        for candidate in _candidates(known, subject, records)
        if (reason := _reason(candidate, records.loc[candidate.values.index], subject)) is not None
    ]
    first = {item.name: item for item in reversed(found)}  # accounts are asked for by both
    return sorted(first.values(), key=lambda item: (item.table, item.column))


def _records(tables: HistoryTables, subject: Subject) -> pd.DataFrame:
    """The newest records with `outcome` (null: open) and `closed_at`, by id."""
    records = known_records(tables, subject)
    newest = records.order_by(records.created_at.desc(), subject.id_column).limit(MOST_RECORDS)
    ends = _last_values(tables, subject, "outcome").rename(closed_at="event_at", outcome="value")
    joined = newest.left_join(ends, subject.id_column).select(
        *newest.columns, "closed_at", "outcome"
    )
    frame: pd.DataFrame = joined.execute().set_index(subject.id_column)
    open_now = ~frame["outcome"].isin(subject.causes)
    return frame.assign(
        outcome=frame["outcome"].mask(open_now), closed_at=frame["closed_at"].mask(open_now)
    )


def _last_values(tables: HistoryTables, subject: Subject, field: str) -> ir.Table:
    spans = field_spans(tables, subject, field)
    return spans.filter(spans.place == spans.place.max().over(group_by=subject.id_column)).select(
        subject.id_column, "event_at", value="new_value"
    )


def _candidates(
    tables: HistoryTables, subject: Subject, records: pd.DataFrame
) -> Iterator[_Candidate]:
    table = subject.record_table
    fixed = {
        "deals": ("process", "account_id", "lead_id"),
        "leads": ("source", "region", "account_id"),
    }
    for column in (*fixed[table], *tables.attributes(table)):
        yield _Candidate(table=table, column=column, values=records[column])
    accounts = tables.accounts.execute().drop_duplicates("account_id").set_index("account_id")
    known = records["account_id"].dropna()
    for column in accounts:
        values = known.map(accounts[column])
        yield _Candidate(table="accounts", column=str(column), values=values)
    yield from _fields(tables, subject, records)


def _fields(tables: HistoryTables, subject: Subject, records: pd.DataFrame) -> Iterator[_Candidate]:
    """The tracked fields whose facts are all of the creation: a history in name only."""
    for field in subject.tracked:
        if field in ("outcome", "converted_deal_id") or _has_history(tables, subject, field):
            continue
        last = _last_values(tables, subject, field)
        value = number_of(last.value) if field == "amount" else last.value
        frame = last.select(subject.id_column, value=value).execute()
        values = frame.set_index(subject.id_column)["value"].reindex(records.index)
        yield _Candidate(table=subject.change_table, column=field, values=values)


def _has_history(tables: HistoryTables, subject: Subject, field: str) -> bool:
    changes = subject.changes(tables)
    records = subject.records(tables).select(subject.id_column, "created_at")
    facts = changes.filter(changes.field == field).join(records, subject.id_column)
    later = facts.aggregate(
        n=facts.count(), later=facts.count(where=facts.event_at > facts.created_at)
    ).execute()
    return bool(later["later"][0] > LATER_SHARE * later["n"][0])


def _reason(candidate: _Candidate, records: pd.DataFrame, subject: Subject) -> str | None:
    if candidate.column == "expected_close_date":
        return _same_day_reason(candidate, records)
    return _fill_reason(candidate, records) or _deciding_reason(candidate, records, subject)


def _fill_reason(candidate: _Candidate, records: pd.DataFrame) -> str | None:
    """Whether open and closed records of one age differ in whether the column is filled."""
    rates = _fill_rates(candidate.values.notna().to_numpy(), records)
    if rates is None:
        return None
    on_open, on_closed, weight = rates
    pooled = (on_open + on_closed) / 2
    if on_closed - on_open < SURE_Z * np.sqrt(max(pooled * (1 - pooled), 1e-12) / weight):
        return None
    only_closed = on_open <= FILL_RATIO * on_closed
    missing_open = 1 - on_closed <= FILL_RATIO * (1 - on_open) and 1 - on_open >= LEAST_MISSING
    if not (only_closed or missing_open):
        return None
    return (
        f"it has no history and is filled on {on_closed:.0%} of closed records but on"
        f" {on_open:.0%} of open ones of the same age, so it seems to be written at the close"
    )


def _fill_rates(filled: np.ndarray, records: pd.DataFrame) -> tuple[float, float, float] | None:
    """Share filled among open and among closed records, and how many comparisons it rests on.

    Both are averaged over strata of creation time with the weights of Mantel and Haenszel. None
    where either side has too few records in strata that hold both.
    """
    strata, is_open = _strata(records["created_at"]), records["outcome"].isna().to_numpy()
    sides = [is_open, ~is_open]
    count = np.array([np.bincount(strata[side], minlength=AGE_STRATA) for side in sides])
    full = np.array([np.bincount(strata[side & filled], minlength=AGE_STRATA) for side in sides])
    shared = (count > 0).all(axis=0)
    if count[:, shared].sum(axis=1).min() < FEWEST_RECORDS:
        return None
    opened, closed = count[:, shared]
    weight = opened * closed / (opened + closed)
    on_open, on_closed = (full[:, shared] / count[:, shared]) @ weight / weight.sum()
    return float(on_open), float(on_closed), float(weight.sum())


def _deciding_reason(candidate: _Candidate, records: pd.DataFrame, subject: Subject) -> str | None:
    """Whether the value, or its absence, ranks closed records almost without error."""
    closed = records["outcome"].notna().to_numpy()
    won = (records["outcome"] == subject.causes[0]).to_numpy()[closed]
    if min(won.sum(), (~won).sum()) < FEWEST_RECORDS:
        return None
    auc = _ranking(_codes(candidate.values[closed]), won)
    if auc < DECIDING_AUC:
        return None
    return (
        f"it has no history and alone tells {subject.causes[0]} from {subject.causes[1]} records"
        f" (AUC {auc:.2f}), so it seems to be written at the close"
    )


def _same_day_reason(candidate: _Candidate, records: pd.DataFrame) -> str | None:
    expected = pd.to_datetime(candidate.values, errors="coerce", format="ISO8601")
    off = (expected - records["closed_at"].dt.normalize()).dt.days.dropna().abs()
    share = float((off <= 1).mean()) if len(off) >= FEWEST_RECORDS else 0.0
    if share < SAME_DAY_SHARE:
        return None
    return (
        f"it has no history and lies within a day of the close on {share:.0%} of closed records,"
        " so it seems to be overwritten at the close"
    )


def _strata(created_at: pd.Series) -> np.ndarray:
    """Groups of equal size by creation time."""
    rank = created_at.rank(method="first").to_numpy()
    return np.asarray((rank - 1) * AGE_STRATA // max(len(rank), 1), dtype=int)


def _codes(values: pd.Series) -> np.ndarray:
    """Values as whole numbers: one per category, one per bin of a number, 0 for null."""
    if pd.api.types.is_numeric_dtype(values):
        rank = values.rank(method="average", pct=True)
        return np.asarray(np.ceil(rank.fillna(0).to_numpy() * NUMBER_BINS), dtype=int)
    return np.asarray(pd.factorize(values, use_na_sentinel=True)[0] + 1)


def _ranking(codes: np.ndarray, won: np.ndarray) -> float:
    """AUC of the win rate of each code, learnt on every other record and used on the rest."""
    half = np.arange(len(codes)) % 2 == 0
    rate = np.empty(len(codes))
    for learnt in (half, ~half):
        wins = np.bincount(codes[learnt], weights=won[learnt], minlength=codes.max() + 1)
        count = np.bincount(codes[learnt], minlength=codes.max() + 1)
        rate[~learnt] = ((wins + won.mean()) / (count + 1))[codes[~learnt]]
    rank = pd.Series(rate).rank().to_numpy()
    positives, negatives = won.sum(), (~won).sum()
    return float((rank[won].sum() - positives * (positives + 1) / 2) / (positives * negatives))
