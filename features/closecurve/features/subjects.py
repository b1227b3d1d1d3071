"""Deals and leads are read the same way: where their records, facts and causes stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from closecurve.features.tables import HistoryTables


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is scored: `causes` are the outcomes behind event 1 and event 2."""

    name: str
    id_column: str
    record_table: str
    change_table: str
    causes: tuple[str, str]
    tracked: tuple[str, ...]

    def records(self, tables: HistoryTables) -> ir.Table:
        """One row per deal or lead."""
        return tables.table(self.record_table)

    def changes(self, tables: HistoryTables) -> ir.Table:
        """Its facts."""
        return tables.table(self.change_table)


DEAL = Subject(
    name="deal",
    id_column="deal_id",
    record_table="deals",
    change_table="deal_changes",
    causes=("won", "lost"),
    tracked=("stage", "amount", "expected_close_date", "owner_id", "forecast_category", "outcome"),
)
LEAD = Subject(
    name="lead",
    id_column="lead_id",
    record_table="leads",
    change_table="lead_changes",
    causes=("converted", "disqualified"),
    tracked=("owner_id", "converted_deal_id", "outcome"),
)
SUBJECTS = {subject.name: subject for subject in (DEAL, LEAD)}
"""By the name that calls use."""
