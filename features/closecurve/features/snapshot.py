"""Snapshots: every deal or lead as it was known at an as-of, strictly before it.

One row per grain row. The grain, then carried columns that are shown, then feature columns;
`FeatureSelection.columns` names those a model may use. Counts of what never happened are 0,
everything else that is not known is null (`catalog`).
"""

from collections.abc import Collection, Iterable, Sequence
from weakref import WeakKeyDictionary

import ibis.expr.operations as ops
import ibis.expr.types as ir
import pandas as pd
from ibis import _

from closecurve.crm.errors import UsageError
from closecurve.features.definitions import CARRIED_DEAL, CARRIED_LEAD
from closecurve.features.parts import DEAL_PARTS, LEAD_PARTS
from closecurve.features.plans import PlannedTables, answer
from closecurve.features.selected import FeatureSelection
from closecurve.features.sight import Sight
from closecurve.features.states import owner_states
from closecurve.features.subjects import DEAL, LEAD, SUBJECTS, Subject
from closecurve.features.tables import HistoryTables
from closecurve.features.timeline import INSTANT, as_of_table, attach, known_records, open_spans
from closecurve.features.told import TOLD, calendar, first_entries

CARRIED = {DEAL.name: CARRIED_DEAL, LEAD.name: CARRIED_LEAD}
PARTS = {DEAL.name: DEAL_PARTS, LEAD.name: LEAD_PARTS}


_COHORTS: WeakKeyDictionary[ops.Node, ops.Node] = WeakKeyDictionary()
"""The grains made here that are still in use, each with the records that it was made of. Their
pairs are distinct and of known records: a snapshot need not see to that a second time."""


def open_deals(tables: HistoryTables, as_ofs: Iterable[pd.Timestamp]) -> ir.Table:
    """The cohort of each as-of: (deal_id, as_of) of the deals known and open strictly before."""
    return _cohorts(tables, as_ofs, DEAL)


def open_leads(tables: HistoryTables, as_ofs: Iterable[pd.Timestamp]) -> ir.Table:
    """The same for leads: (lead_id, as_of)."""
    return _cohorts(tables, as_ofs, LEAD)


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


def _cohorts(tables: HistoryTables, as_ofs: Iterable[pd.Timestamp], subject: Subject) -> ir.Table:
    grain = answer(_open, tables, {"instants": as_of_table(as_ofs)}, subject.name)
    _COHORTS[grain.op()] = subject.records(tables).op()
    return grain


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
    wanted = _wanted(selection, subject, columns)
    is_cohort = _COHORTS.get(grain.op()) == subject.records(tables).op()
    pairs = grain.select(subject.id_column, as_of=grain.as_of.cast(INSTANT))
    inputs = {"grain": grain if is_cohort else pairs.distinct()}
    return answer(_snapshot, tables, inputs, subject.name, selection, wanted, is_cohort)


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
    tables: PlannedTables,
    subject_name: str,
    selection: FeatureSelection,
    wanted: tuple[str, ...],
    is_cohort: bool,
) -> ir.Table:
    """The wanted columns, part by part: a part that gives none of them is left out."""
    subject, asked = SUBJECTS[subject_name], frozenset(wanted)
    parts = [part for part in PARTS[subject_name] if asked.intersection(part.gives(selection))]
    links = sorted({link for part in parts for link in part.needs})
    base = tables.once("base", lambda: _base(tables, subject, links, is_cohort))
    sight = Sight(tables=tables, base=base, subject=subject, selection=selection, asked=asked)
    rows = base
    for part in parts:
        rows = part.joined(sight, rows)
    told = TOLD[subject_name] | first_entries(selection) | calendar(selection)
    values = {name: told.get(name, _[name]) for name in wanted}
    return rows.select(subject.id_column, "as_of", **values)


def _base(
    tables: PlannedTables, subject: Subject, links: Sequence[str], is_cohort: bool
) -> ir.Table:
    """The grain with the links by which its surroundings are looked up."""
    rows = tables.inputs["grain"]
    fixed = [link for link in links if link != "owner_id"]
    if fixed or not is_cohort:
        rows = _of_known_records(tables, rows, subject, fixed)
    if "owner_id" not in links:
        return rows
    return attach(rows, owner_states(tables, subject), subject.id_column, payload=["owner_id"])


def _of_known_records(
    tables: PlannedTables, rows: ir.Table, subject: Subject, links: Sequence[str]
) -> ir.Table:
    """The rows whose record was known before their as-of, with its fixed links."""
    records = known_records(tables, subject).select(subject.id_column, "known_at", *links)
    joined = rows.join(records, subject.id_column)
    known = joined.filter(joined.known_at < joined.as_of)
    return known.select(subject.id_column, "as_of", *links)
