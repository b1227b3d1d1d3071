"""The first pass of an import: range after range held against the rules, the kept rows spooled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import chain

import pandas as pd

from closecurve.crm.history import RECORDS, FieldsInUse
from closecurve.crm.quality import CheckedTables, Subjects, check_tables
from closecurve.crm.ranges import CUTS, Cut, IdRange
from closecurve.crm.review import REJECTED_COLUMNS, RawTable, TableReport
from closecurve.crm.stages import Process
from closecurve.crm.tables import CANONICAL
from closecurve.sources.cutting import KnownIds
from closecurve.sources.extract import Extract, SubjectIds
from closecurve.sources.room import give_back
from closecurve.sources.spool import Spool
from closecurve.stores.history import HistoryHandle

KEPT, SEEN = "kept", "seen"
"""What the spool holds of a range: the kept rows of its tables, and the ids that were read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowRules:
    """What rows are held against beside the rules themselves (`quality.check_tables`)."""

    processes: Sequence[Process]
    company_zone: str
    began_at: pd.Timestamp | None

    def checked(
        self, raw: Mapping[str, RawTable], elsewhere: Mapping[str, Subjects]
    ) -> CheckedTables:
        """The tables of a range held against the rules."""
        return check_tables(raw, self.processes, self.company_zone, self.began_at, elsewhere)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedRanges:
    """What all ranges came to; their rows are in the spool.

    `rejected` has the rows set aside in the order of table, file and line. Its size is that of
    what is at fault, not of the export.
    """

    ranges: tuple[IdRange, ...]
    reports: tuple[TableReport, ...]
    rejected: pd.DataFrame
    fields: FieldsInUse

    def report(self, table: str) -> TableReport:
        """The counts of a table."""
        return next(each for each in self.reports if each.table == table)


def check_ranges(
    extract: Extract, rules: RowRules, spool: Spool, known: HistoryHandle | None
) -> CheckedRanges:
    """Checks an extract and spools what is kept. Ranges are made such that a range of `known`,
    the history before, is small too."""
    ids_of = {name: SubjectIds(extract.connection, name) for name in RECORDS}
    ranges: list[IdRange] = []
    found = []
    for cut in CUTS:
        tables = extract.cut(cut, _known_ids(known, cut))
        ranges += tables.ranges
        for ids in tables.ranges:
            found.append(_check(tables.read(ids), rules, spool, ids, ids_of))
            give_back()
    return reduce(_Counts.joined, found).over(ranges)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counts:
    """What is left of a range once its rows are spooled."""

    reports: tuple[TableReport, ...]
    rejected: tuple[pd.DataFrame, ...]
    fields: FieldsInUse

    @classmethod
    def of(cls, checked: CheckedTables) -> "_Counts":
        rejected = () if checked.rejected.empty else (checked.rejected,)
        fields = FieldsInUse.of(checked.frames)
        return cls(reports=checked.reports, rejected=rejected, fields=fields)

    def joined(self, other: "_Counts") -> "_Counts":
        pairs = zip(self.reports, other.reports, strict=True)
        return _Counts(
            reports=tuple(one.joined(two) for one, two in pairs),
            rejected=self.rejected + other.rejected,
            fields=self.fields.joined(other.fields),
        )

    def over(self, ranges: Sequence[IdRange]) -> CheckedRanges:
        nothing = pd.DataFrame(columns=list(REJECTED_COLUMNS))
        rejected = pd.concat(self.rejected or (nothing,), ignore_index=True)
        place = rejected["table"].map({name: i for i, name in enumerate(CANONICAL)})
        order = rejected.assign(table=place).sort_values(["table", "file", "line"], kind="stable")
        return CheckedRanges(
            ranges=tuple(ranges),
            reports=self.reports,
            rejected=rejected.loc[order.index].reset_index(drop=True),
            fields=self.fields,
        )


def _check(
    raw: Mapping[str, RawTable],
    rules: RowRules,
    spool: Spool,
    ids: IdRange,
    ids_of: Mapping[str, SubjectIds],
) -> _Counts:
    """Checks the tables of a range and spools what is kept."""
    checked = rules.checked(raw, _elsewhere(ids_of, raw))
    _keep(spool, ids, checked, ids_of)
    return _Counts.of(checked)


def _known_ids(known: HistoryHandle | None, cut: Cut) -> KnownIds:
    if known is None or cut.key is None:
        return KnownIds()
    return KnownIds(
        rows=sum(known.row_counts[name] for name in cut.tables),
        cells=chain.from_iterable(known.ids(name, cut) for name in cut.tables),
    )


def _elsewhere(
    ids_of: Mapping[str, SubjectIds], raw: Mapping[str, RawTable]
) -> dict[str, Subjects]:
    """The deals and leads that the activities of a range name."""
    if "activities" not in raw:
        return {}
    frames = [part.frame for part in raw["activities"].parts]
    named = {
        name: [frame[key].str.strip() for frame in frames if key in frame]
        for name, key in (("deals", "deal_id"), ("leads", "lead_id"))
    }
    nothing = pd.Series(dtype="str")
    return {
        name: ids_of[name].among(pd.concat([nothing, *ids], ignore_index=True))
        for name, ids in named.items()
    }


def _keep(
    spool: Spool, ids: IdRange, checked: CheckedTables, ids_of: Mapping[str, SubjectIds]
) -> None:
    spool.write(KEPT, ids, {name: checked.frames[name] for name in ids.cut.tables})
    spool.write(SEEN, ids, {name: seen.to_frame("id") for name, seen in checked.seen.items()})
    for name, seen in checked.seen.items():
        key = CANONICAL[name].key or ""
        ids_of[name].add(Subjects(kept=checked.frames[name][key], seen=seen))
