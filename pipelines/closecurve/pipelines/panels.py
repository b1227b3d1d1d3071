"""Panels: the snapshots of a training run or of a scoring, with their labels."""

from collections.abc import Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import pandas as pd

from closecurve.features.labels import deal_labels, lead_labels
from closecurve.features.landmarks import landmark_as_ofs
from closecurve.features.selected import FeatureSelection
from closecurve.features.snapshot import deal_snapshots, lead_snapshots, open_deals, open_leads
from closecurve.features.subjects import DEAL, Subject
from closecurve.features.tables import HistoryTables

MOST_ROWS = 60_000
"""Landmark rows of a training panel: beyond it held-back scores no longer move (bpic2012, demo)."""

ARRIVAL = pd.Timedelta(microseconds=1)
"""A lead at its arrival is asked for one microsecond after its creation: its own row is known."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Panel:
    """Snapshots and, aligned with them, `event` and `duration_days`; ordered by as_of and id."""

    rows: pd.DataFrame
    labels: pd.DataFrame


def training_panel(
    tables: HistoryTables, subject: Subject, cutoff: pd.Timestamp, selection: FeatureSelection
) -> Panel:
    """The landmarks before the cutoff, censored there. Leads are also taken at their arrival.

    A company without leads has a panel of them without rows and columns.
    """
    as_ofs = landmark_as_ofs(tables, cutoff, subject=subject.name, most_rows=MOST_ROWS)
    if subject is not DEAL and not as_ofs:
        return Panel(rows=pd.DataFrame(), labels=pd.DataFrame())
    grain = open_rows(tables, subject, as_ofs)
    if subject is not DEAL:
        first = min(as_ofs[0], _newest_since(tables, cutoff))
        grain = grain.union(arrivals(tables, first, cutoff), distinct=True)
    return panel_of(tables, subject, grain, cutoff, selection)


def panel_of(
    tables: HistoryTables,
    subject: Subject,
    grain: ir.Table,
    cutoff: pd.Timestamp,
    selection: FeatureSelection,
) -> Panel:
    """The snapshots of a grain with labels as known before the cutoff."""
    rows = snapshots(tables, subject, grain, selection)
    pairs = ibis.memtable(rows[[subject.id_column, "as_of"]])
    label = deal_labels if subject is DEAL else lead_labels
    labels = label(tables, pairs, cutoff).execute()
    keys = [subject.id_column, "as_of"]
    aligned = rows[keys].merge(labels, on=keys, how="left", validate="one_to_one")
    return Panel(rows=rows, labels=aligned[["event", "duration_days"]])


def open_rows(tables: HistoryTables, subject: Subject, as_ofs: Sequence[pd.Timestamp]) -> ir.Table:
    """The (id, as_of) of what is open at each as-of."""
    return (open_deals if subject is DEAL else open_leads)(tables, as_ofs)


def snapshots(
    tables: HistoryTables, subject: Subject, grain: ir.Table, selection: FeatureSelection
) -> pd.DataFrame:
    """The snapshots of a grain, ordered by as_of and id."""
    make = deal_snapshots if subject is DEAL else lead_snapshots
    rows: pd.DataFrame = make(tables, grain, selection).execute()
    return rows.sort_values(["as_of", subject.id_column], kind="stable", ignore_index=True)


def _newest_since(tables: HistoryTables, cutoff: pd.Timestamp) -> pd.Timestamp:
    """When the first of the newest `MOST_ROWS` leads arrived: leads that were answered between two
    landmarks are in no other row."""
    leads = tables.leads.filter(tables.leads.created_at < cutoff)
    newest = leads.order_by(leads.created_at.desc()).limit(MOST_ROWS)
    return pd.Timestamp(newest.created_at.min().execute())


def arrivals(tables: HistoryTables, start: pd.Timestamp, end: pd.Timestamp) -> ir.Table:
    """(lead_id, as_of) of the leads that arrive in [start, end), each asked for at its arrival."""
    leads = tables.leads
    arrived = leads.filter(leads.created_at >= start, leads.created_at < end - ARRIVAL)
    return arrived.select("lead_id", as_of=arrived.created_at + ibis.interval(microseconds=1))
