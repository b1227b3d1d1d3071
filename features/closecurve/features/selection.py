"""Choosing a selection from what was known before a cutoff."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import pandas as pd

from closecurve.crm.stages import StageKind
from closecurve.features.definitions import CODE_PATTERN, DATE_PATTERN, NUMBER_PATTERN
from closecurve.features.facts import known_before
from closecurve.features.guard import set_aside
from closecurve.features.selected import (
    MOST_KINDS,
    Attribute,
    FeatureSelection,
    SetAside,
    SubjectSelection,
)
from closecurve.features.subjects import DEAL, LEAD, Subject
from closecurve.features.tables import HistoryTables

__all__ = ["Attribute", "FeatureSelection", "SetAside", "SubjectSelection", "choose"]

MOST_STAGES = 20
"""Stages that get a column of their own, from the first of each process on."""
FREE_TEXT_SHARE = 0.5
"""Text with more distinct values than this share of its rows is a name or a note, no category."""
FEWEST_FREE_TEXT = 20
"""Distinct values below which text is a category whatever its share."""
RESERVED_KINDS = frozenset({"activity", "push", "account_win"})
"""Kinds whose `days_since_<kind>` is the name of another feature."""
RESERVED_BEGINNINGS = ("stage_", "date_", "account_date_")
"""Kinds that begin so would take the names of families."""


def choose(
    tables: HistoryTables,
    cutoff: pd.Timestamp,
    *,
    keep: Collection[str] = (),
    without: Sequence[SetAside] | None = None,
    company_currency: str | None = None,
    year_start_month: int = 1,
) -> FeatureSelection:
    """The selection for a model that is trained at the cutoff; equal histories choose alike.

    Only what was known before the cutoff is read. Left out are attributes with one value, free
    text, and what the guard sets aside but for the names (`table.column`) in `keep`; with
    `without` given, that instead. Without `company_currency` it is the most frequent currency that
    has no rate of its own.
    """
    known = known_before(tables, cutoff)
    found = set_aside(tables, cutoff) if without is None else without
    left = tuple(item for item in found if item.name not in keep)
    return FeatureSelection(
        deals=_subject(known, DEAL, left),
        leads=_subject(known, LEAD, left),
        company_currency=company_currency or _own_currency(known),
        year_start_month=year_start_month,
        without=left,
    )


def _subject(
    tables: HistoryTables, subject: Subject, without: Sequence[SetAside]
) -> SubjectSelection:
    dropped = {(item.table, item.column) for item in without}
    # a column that changed between two exports has facts too, and its first values are the column's
    dropped |= {
        (subject.change_table, name) for table, name in dropped if table == subject.record_table
    }
    found = (
        *_changed_attributes(tables, subject),
        *_record_attributes(tables, subject),
        *_account_attributes(tables, subject, dropped),
    )
    allowed = [a for a in found if (a.table, a.name) not in dropped]
    return SubjectSelection(
        attributes=tuple(sorted(_distinct(allowed), key=lambda a: a.column)),
        kinds=_kinds(tables, subject),
        stages=_stages(tables) if subject is DEAL else (),
    )


def _record_attributes(tables: HistoryTables, subject: Subject) -> list[Attribute]:
    return _useful(subject.records(tables), subject.record_table, tables)


def _account_attributes(
    tables: HistoryTables, subject: Subject, dropped: Collection[tuple[str, str]]
) -> list[Attribute]:
    """Attributes of the accounts that have a record, unless the account itself is set aside."""
    if (subject.record_table, "account_id") in dropped:
        return []
    used = subject.records(tables).select("account_id").distinct()
    return _useful(tables.accounts.semi_join(used, "account_id"), "accounts", tables)


def _useful(rows: ir.Table, table: str, tables: HistoryTables) -> list[Attribute]:
    names = tables.attributes(table)
    if not names:
        return []
    sums = {
        f"{told}_{i}": value
        for i, name in enumerate(names)
        for told, value in _told(rows[name]).items()
    }
    counts = rows.aggregate(rows=rows.count(), **sums).execute().iloc[0]
    found = {
        name: Column(**{told: int(counts[f"{told}_{i}"]) for told in Column.__slots__})
        for i, name in enumerate(names)
    }
    total = int(counts["rows"])
    return [
        Attribute(name=name, table=table, kind=column.kind)
        for name, column in found.items()
        if column.tells(total)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """What the values of an attribute look like, as counts of rows."""

    filled: int
    distinct: int
    numbers: int
    codes: int
    dates: int

    @property
    def kind(self) -> str:
        """The kind that every value is of."""
        if self.filled and self.dates == self.filled:
            return "date"
        return "number" if self.numbers == self.filled and not self.codes else "category"

    def tells(self, rows: int) -> bool:
        """Whether values (null as one of them) differ, and repeat where they are categories."""
        if self.filled == 0 or self.distinct + (self.filled < rows) < 2:
            return False
        most = max(FREE_TEXT_SHARE * self.filled, FEWEST_FREE_TEXT)
        return self.kind != "category" or self.distinct <= most


def _told(values: ir.Value) -> dict[str, ir.Value]:
    """The counts of a `Column`; text may hold numbers and dates."""
    filled = values.count()
    if values.type().is_numeric():
        none = ibis.literal(0)
        looks = {"numbers": filled, "codes": none, "dates": none}
    else:
        patterns = {"numbers": NUMBER_PATTERN, "codes": CODE_PATTERN, "dates": DATE_PATTERN}
        looks = {
            name: values.re_search(pattern).cast("int64").sum().fill_null(0)
            for name, pattern in patterns.items()
        }
    return {"filled": filled, "distinct": values.nunique(), **looks}


def _changed_attributes(tables: HistoryTables, subject: Subject) -> list[Attribute]:
    changes = subject.changes(tables)
    facts = changes.filter(changes.field.notin(subject.tracked), changes.new_value.notnull())
    counts = facts.group_by("field").aggregate(**_told(facts.new_value)).execute()
    found = {
        row["field"]: Column(**{told: int(row[told]) for told in Column.__slots__})
        for row in counts.to_dict("records")
    }
    return [
        Attribute(name=name, table=subject.change_table, kind=column.kind)
        for name, column in found.items()
        if column.tells(column.filled + 1)
    ]


def _distinct(attributes: Iterable[Attribute]) -> Iterable[Attribute]:
    """The first of every column name, whatever its letter case."""
    seen: dict[str, Attribute] = {}
    for attribute in attributes:
        seen.setdefault(attribute.column.casefold(), attribute)
    return seen.values()


def _kinds(tables: HistoryTables, subject: Subject) -> tuple[str, ...]:
    acts = tables.activities.filter(tables.activities[subject.id_column].notnull())
    counts = acts.group_by("kind").aggregate(n=acts.count()).execute().dropna()
    ordered = counts.sort_values(["n", "kind"], ascending=[False, True])["kind"]
    named: dict[str, str] = {}
    for kind in ordered:
        if kind not in RESERVED_KINDS and not kind.startswith(RESERVED_BEGINNINGS):
            named.setdefault(kind.casefold(), kind)
    return tuple(sorted(list(named.values())[:MOST_KINDS]))


def _stages(tables: HistoryTables) -> tuple[str, ...]:
    """Open stages that some deal entered, in the order of their processes."""
    changes = tables.deal_changes
    moves = changes.filter(changes.field == "stage").select("new_value").distinct()
    entered = set(moves.execute()["new_value"])
    rows = tables.stages.filter(tables.stages.kind == StageKind.OPEN.value).execute()
    ordered = rows.sort_values(["process", "stage_order", "stage"])["stage"]
    named: dict[str, str] = {}
    for stage in ordered:
        if stage in entered:
            named.setdefault(stage.casefold(), stage)
    return tuple(list(named.values())[:MOST_STAGES])


def _own_currency(tables: HistoryTables) -> str | None:
    deals, rates = tables.deals, tables.fx_rates
    unrated = deals.filter(deals.currency.notnull()).anti_join(rates, "currency")
    counts = unrated.group_by("currency").aggregate(n=unrated.count()).execute()
    if counts.empty:
        return None
    return str(counts.sort_values(["n", "currency"], ascending=[False, True])["currency"].iloc[0])
