"""Snapshots: every deal or lead as it was known at an as-of, strictly before it.

One row per grain row. The grain, then carried columns that are shown, then feature columns;
`FeatureSelection.columns` names those a model may use. Counts of what never happened are 0,
everything else that is not known is null (`catalog`).
"""

from collections.abc import Collection, Iterable

import ibis.expr.types as ir
import pandas as pd
from ibis import _

from closecurve.crm.errors import UsageError
from closecurve.features.definitions import CARRIED_DEAL, CARRIED_LEAD
from closecurve.features.parts import DEAL_PARTS, LEAD_PARTS, Sight
from closecurve.features.plans import PlannedTables, answer
from closecurve.features.selected import FeatureSelection
from closecurve.features.states import owner_states
from closecurve.features.subjects import DEAL, LEAD, SUBJECTS, Subject
from closecurve.features.tables import HistoryTables
from closecurve.features.timeline import INSTANT, as_of_table, attach, known_records, open_spans
from closecurve.features.told import TOLD, calendar, first_entries

CARRIED = {DEAL.name: CARRIED_DEAL, LEAD.name: CARRIED_LEAD}
PARTS = {DEAL.name: DEAL_PARTS, LEAD.name: LEAD_PARTS}


def open_deals(tables: HistoryTables, as_ofs: Iterable[pd.Timestamp]) -> ir.Table:
    """The cohort of each as-of: (deal_id, as_of) of the deals known and open strictly before."""
    return answer(_open, tables, {"instants": as_of_table(as_ofs)}, DEAL.name)


def open_leads(tables: HistoryTables, as_ofs: Iterable[pd.Timestamp]) -> ir.Table:
    """The same for leads: (lead_id, as_of)."""
    return answer(_open, tables, {"instants": as_of_table(as_ofs)}, LEAD.name)


def deal_snapshots(
    tables: HistoryTables,
    grain: ir.Table,
    selection: FeatureSelection,
    *,
    columns: Collection[str] | None = None,
) -> ir.Table:
    """The snapshots of the distinct pairs (deal_id, as_of) in `grain`, in no order.

    Pairs of a deal that is not in the history, or was not known before its as_of, give no row.
    `columns` names the only ones wanted beside the grain: what no wanted column needs is not
    worked out. Raises UsageError for a name that the snapshot does not have.
    """
    return _snapshots(tables, grain, selection, DEAL, columns)


def lead_snapshots(
    tables: HistoryTables,
    grain: ir.Table,
    selection: FeatureSelection,
    *,
    columns: Collection[str] | None = None,
) -> ir.Table:
    """The snapshots of the distinct pairs (lead_id, as_of) in `grain`, in the same way."""
    return _snapshots(tables, grain, selection, LEAD, columns)


def _open(tables: PlannedTables, subject_name: str) -> ir.Table:
    subject, instants = SUBJECTS[subject_name], tables.inputs["instants"]
    spans = open_spans(tables, subject)
    pairs = spans.join(
        instants, [spans.known_at < instants.as_of, instants.as_of <= spans.until_at]
    )
    return pairs.select(subject.id_column, "as_of")


def _snapshots(
    tables: HistoryTables,
    grain: ir.Table,
    selection: FeatureSelection,
    subject: Subject,
    columns: Collection[str] | None,
) -> ir.Table:
    pairs = grain.select(subject.id_column, as_of=grain.as_of.cast(INSTANT)).distinct()
    wanted = _wanted(selection, subject, columns)
    return answer(_snapshot, tables, {"grain": pairs}, subject.name, selection, wanted)


def _wanted(
    selection: FeatureSelection, subject: Subject, columns: Collection[str] | None
) -> tuple[str, ...]:
    """The columns after the grain, in their order."""
    carried = CARRIED[subject.name]
    every = (*carried, *(c for c in selection.columns(subject.name) if c not in carried))
    if columns is None:
        return every
    unknown = sorted(set(columns) - set(every))
    if unknown:
        raise UsageError("column-unknown", f"a column is one of the snapshot's, got {unknown}")
    return tuple(column for column in every if column in columns)


def _snapshot(
    tables: PlannedTables, subject_name: str, selection: FeatureSelection, wanted: tuple[str, ...]
) -> ir.Table:
    """The wanted columns, part by part: a part that gives none of them is left out."""
    subject, asked = SUBJECTS[subject_name], frozenset(wanted)
    parts = [part for part in PARTS[subject_name] if asked.intersection(part.gives(selection))]
    with_owner = any(part.needs_owner for part in parts)
    base = tables.once("base", lambda: _base(tables, subject, with_owner))
    sight = Sight(tables=tables, base=base, subject=subject, selection=selection, asked=asked)
    rows = _with_records(tables, base, subject)
    for part in parts:
        rows = part.joined(sight, rows)
    told = TOLD[subject_name] | first_entries(selection) | calendar(selection)
    values = {name: told.get(name, _[name]) for name in wanted}
    return rows.select(subject.id_column, "as_of", **values)


def _base(tables: PlannedTables, subject: Subject, with_owner: bool) -> ir.Table:
    """The grain with what its surroundings are looked up by: owner, account and lead."""
    records = known_records(tables, subject)
    links = [column for column in ("account_id", "lead_id") if column != subject.id_column]
    linked = records.select(subject.id_column, "known_at", *links)
    joined = tables.inputs["grain"].join(linked, subject.id_column)
    known = joined.filter(joined.known_at < joined.as_of).select(subject.id_column, "as_of", *links)
    if not with_owner:
        return known
    return attach(known, owner_states(tables, subject), subject.id_column, payload=["owner_id"])


def _with_records(tables: HistoryTables, base: ir.Table, subject: Subject) -> ir.Table:
    """What never changes. Attributes stand under a name of their own, apart from the rest."""
    records = subject.records(tables)
    attributes = tables.attributes(subject.record_table)
    named = {
        f"raw_{subject.record_table}_{column}" if column in attributes else column: records[column]
        for column in records.columns
        if column not in (*base.columns, "known_at")
    }
    fixed = records.select(record_id=records[subject.id_column], **named)
    joined = base.join(fixed, base[subject.id_column] == fixed.record_id)
    return joined.select(*base.columns, *named)
