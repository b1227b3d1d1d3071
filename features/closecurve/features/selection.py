"""Choosing a selection from what was known before a cutoff."""

from collections.abc import Collection, Iterable, Sequence

import ibis.expr.types as ir
import pandas as pd

from closecurve.crm.stages import StageKind
from closecurve.features.definitions import NUMBER_PATTERN
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
"""Kinds whose `days_since_<kind>` is the name of another feature, as is one from `stage_` on."""


def choose(
    tables: HistoryTables,
    cutoff: pd.Timestamp,
    *,
    keep: Collection[str] = (),
    company_currency: str | None = None,
) -> FeatureSelection:
    """The selection for a model that is trained at the cutoff; equal histories choose alike.

    Only what was known before the cutoff is read. Left out are attributes with one value, free
    text, and what the guard sets aside but for the names (`table.column`) in `keep`. Without
    `company_currency` it is the most frequent currency that has no rate of its own.
    """
    known = known_before(tables, cutoff)
    without = tuple(item for item in set_aside(tables, cutoff) if item.name not in keep)
    return FeatureSelection(
        deals=_subject(known, DEAL, without),
        leads=_subject(known, LEAD, without),
        company_currency=company_currency or _own_currency(known),
        without=without,
    )


def _subject(
    tables: HistoryTables, subject: Subject, without: Sequence[SetAside]
) -> SubjectSelection:
    dropped = {(item.table, item.column) for item in without}
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
    sums = {f"filled_{i}": rows[name].count() for i, name in enumerate(names)}
    sums |= {f"distinct_{i}": rows[name].nunique() for i, name in enumerate(names)}
    counts = rows.aggregate(rows=rows.count(), **sums).execute().iloc[0]
    return [
        Attribute(name=name, table=table, kind="number" if is_number else "category")
        for i, name in enumerate(names)
        for is_number in (rows[name].type().is_numeric(),)
        if _tells(counts["rows"], counts[f"filled_{i}"], counts[f"distinct_{i}"], is_number)
    ]


def _tells(rows: int, filled: int, distinct: int, is_number: bool) -> bool:
    """Whether values (null as one of them) differ, and repeat unless they are numbers."""
    if filled == 0 or distinct + (filled < rows) < 2:
        return False
    return is_number or distinct <= max(FREE_TEXT_SHARE * filled, FEWEST_FREE_TEXT)


def _changed_attributes(tables: HistoryTables, subject: Subject) -> list[Attribute]:
    changes = subject.changes(tables)
    facts = changes.filter(changes.field.notin(subject.tracked), changes.new_value.notnull())
    counts = facts.group_by("field").aggregate(
        filled=facts.count(),
        distinct=facts.new_value.nunique(),
        numbers=facts.count(where=facts.new_value.re_search(NUMBER_PATTERN)),
    )
    return [
        Attribute(
            name=row.field,
            table=subject.change_table,
            kind="number" if row.numbers == row.filled else "category",
        )
        for row in counts.execute().itertuples()
        if _tells(row.filled + 1, row.filled, row.distinct, row.numbers == row.filled)
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
        if kind not in RESERVED_KINDS and not kind.startswith("stage_"):
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
