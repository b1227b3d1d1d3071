"""The passes of an import that build the history: range after range, out of the spool."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, reduce

import pandas as pd

from closecurve.crm.continuing import (
    KEYS,
    NOTHING_STATED,
    ContinuedHistory,
    ExportedHistory,
    KnownHistory,
    Whole,
    begun,
    changes_of,
    continued,
)
from closecurve.crm.continuing_report import SubjectReport
from closecurve.crm.history import history_tables, stated_values
from closecurve.crm.ranges import IdRange
from closecurve.crm.stages import Process
from closecurve.crm.values import is_among
from closecurve.sources.checking import KEPT, SEEN, CheckedRanges
from closecurve.sources.room import give_back
from closecurve.sources.spool import Spool
from closecurve.stores.history import HistoryHandle
from closecurve.stores.history_files import STATED_TABLE, Part

_MADE = "made"
"""What the spool holds of a range beside its kept rows: the history that they make alone."""


@dataclass(kw_only=True)
class HistoryParts:
    """The history of the kept rows, on top of `known` where there is one, part by part.

    It may be gone through once. `reports` then has what was found of deals and of leads; none
    where nothing was known.
    """

    checked: CheckedRanges
    spool: Spool
    processes: Sequence[Process]
    reopen: bool
    known: HistoryHandle | None
    reports: dict[str, SubjectReport] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Part]:
        made = self._begun() if self.known is None else self._continued(self.known)
        for each in made:
            for report in each.reports:
                before = self.reports.get(report.table)
                self.reports[report.table] = report if before is None else before.joined(report)
            yield {**each.tables, STATED_TABLE: each.stated}
            give_back()

    def _begun(self) -> Iterator[ContinuedHistory]:
        for ids in self.checked.ranges:
            yield begun(self._export(ids), self.checked.fields)

    def _continued(self, known: HistoryHandle) -> Iterator[ContinuedHistory]:
        """What all ranges hold is found first: when things were noticed, and what has facts."""
        found = []
        for ids in self.checked.ranges:
            export = self._export(ids)
            found.append(Whole.of(_outline(known, ids), export))
            self.spool.write(_MADE, ids, export.tables)
            give_back()
        whole = reduce(Whole.joined, found)
        for ids in self.checked.ranges:
            yield continued(_known(known, ids), self._made(known, ids), whole)

    def _export(self, ids: IdRange) -> ExportedHistory:
        """The history that the kept rows of a range make alone."""
        kept = {name: self.spool.read(KEPT, ids, name) for name in ids.cut.tables}
        fields = self.checked.fields
        tables = history_tables(kept, self.processes, self.reopen, fields)
        return ExportedHistory(
            tables={name: tables[name] for name in _tables(ids)},
            stated=stated_values(kept, self.processes, fields),
            seen={},
        )

    def _made(self, known: HistoryHandle, ids: IdRange) -> ExportedHistory:
        """The same once more, with the ids that were read."""
        records = [name for name in KEYS if name in ids.cut.tables]
        kept = {name: self.spool.read(KEPT, ids, name) for name in records}
        seen = {name: self._seen(known, ids, name) for name in records}
        return ExportedHistory(
            tables={name: self.spool.read(_MADE, ids, name) for name in _tables(ids)},
            stated=stated_values(kept, self.processes, self.checked.fields),
            seen={name: found for name, found in seen.items() if found is not None},
        )

    def _seen(self, known: HistoryHandle, ids: IdRange, table: str) -> pd.Series | None:
        """The ids that were read, and known ones that stand in a line which could not be read: a
        row at fault says nothing of its record, least of all that it is gone."""
        if not self.spool.has(SEEN, ids, table):
            return None
        seen: pd.Series = self.spool.read(SEEN, ids, table)["id"]
        if not self._unread[table]:
            return seen
        there = known.frame(table, ids)[KEYS[table]]
        missing = there[~is_among(there, seen)]
        found = missing[[each in self._unread[table] for each in missing]]
        return pd.concat([seen, found], ignore_index=True)

    @cached_property
    def _unread(self) -> dict[str, str]:
        """By table, the text of the lines that are no rows."""
        rejected = self.checked.rejected
        lines = rejected[rejected["rule"] == "row-shape"]
        return {
            name: "\n".join(lines["value"][lines["table"] == name].dropna().astype("str"))
            for name in KEYS
        }


def _tables(ids: IdRange) -> list[str]:
    """The history tables of a range: those of its cut, and the settings' stages with the last."""
    return [*ids.cut.tables, *(["stages"] if ids.cut.key is None else [])]


def _outline(known: HistoryHandle, ids: IdRange) -> KnownHistory:
    """As much of a range as `Whole` looks at: of changes only their fields."""
    columns = {changes_of(name): ["field"] for name in KEYS} | {"activities": []}
    return KnownHistory(
        tables={name: known.frame(name, ids, columns.get(name)) for name in ids.cut.tables},
        stated=NOTHING_STATED,
        data_until=known.data_until,
    )


def _known(known: HistoryHandle, ids: IdRange) -> KnownHistory:
    return KnownHistory(
        tables={name: known.frame(name, ids) for name in ids.cut.tables},
        stated=NOTHING_STATED if ids.cut.key is None else known.stated(ids),
        data_until=known.data_until,
    )
