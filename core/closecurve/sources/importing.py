"""An import from end to end: read, map, check, put on top of the history that is current, publish
whole or not at all."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from closecurve.crm.calendar import FiscalCalendar
from closecurve.crm.continuing_report import SubjectReport
from closecurve.crm.errors import DataError
from closecurve.crm.history import RECORDS
from closecurve.crm.mapping import ImportMapping
from closecurve.crm.review import TableReport
from closecurve.crm.rules import RULES
from closecurve.crm.stages import Process
from closecurve.sources.building import HistoryParts
from closecurve.sources.checking import CheckedRanges, RowRules, check_ranges
from closecurve.sources.extract import extracted
from closecurve.sources.room import paged_memory
from closecurve.sources.spool import spooling
from closecurve.sources.state import SourceState
from closecurve.stores.files import write_text
from closecurve.stores.history import HistoryHandle, HistoryMeta, HistoryStore, Published


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import did. `is_new` is false where it found the same history as before.

    `rejected` has one row for each row set aside (table, file, line, column, value, rule); it is
    also the CSV file at `report_path`. `digests` are the SHA-256 of the files that were read.
    `changes` tell deals and leads from those of the history before; none where there was none.
    `other_mapping` is true where that history was made with another mapping or other stages.
    """

    history_id: str
    is_new: bool
    data_until: pd.Timestamp
    tables: tuple[TableReport, ...]
    rejected: pd.DataFrame
    digests: dict[str, str]
    report_path: Path
    changes: tuple[SubjectReport, ...] = ()
    other_mapping: bool = False

    @property
    def set_aside(self) -> int:
        """How many rows were set aside in all."""
        return sum(table.set_aside for table in self.tables)


def run_import(
    mapping: ImportMapping,
    processes: Sequence[Process],
    *,
    company: str,
    currency: str,
    calendar: FiscalCalendar,
    store: HistoryStore,
    began_at: pd.Timestamp | None = None,
    afresh: bool = False,
) -> ImportReport:
    """Imports what the mapping names into the store and reports every row that was set aside.

    The history that is current is continued (`crm.continuing`); `afresh` rests on the sources
    alone. `began_at` is the instant of the import: facts dated after it are set aside, None takes
    every date. Raises DataError where nothing can be taken (the earlier history stays),
    EnvironmentFailure where the machine refuses or the current history is damaged. The report is
    written before the history becomes visible.
    """
    before = None if afresh else store.current_or_none()
    rules = RowRules(processes=processes, company_zone=calendar.time_zone, began_at=began_at)
    with paged_memory(), spooling() as spool:
        with extracted(mapping, calendar.time_zone, state=_state(store, before)) as extract:
            checked = check_ranges(extract, rules, spool, before)
        _check_kept(checked, mapping.most_bad_share, store.home)
        meta = HistoryMeta(
            company=company,
            currency=currency,
            calendar=calendar,
            files=dict(extract.digests),
            source_states=dict(extract.source_states),
            mapping=_digest(mapping, processes),
        )
        parts = HistoryParts(
            checked=checked,
            spool=spool,
            processes=processes,
            reopen=mapping.reopen,
            known=before,
        )
        published = store.publish_parts(
            parts, meta, before=lambda name: write_report(checked.rejected, store.home, name)
        )
    return _report(checked, parts, published, store, meta)


def _check_kept(checked: CheckedRanges, most_bad_share: float, home: Path) -> None:
    """Raises DataError where too much was set aside, or nothing is left."""
    _check_shares(checked, most_bad_share, home)
    if not any(checked.report(name).kept for name in RECORDS):
        raise DataError(
            "deals-empty", "an import has at least one deal or lead, got none of either"
        )


def _state(store: HistoryStore, before: HistoryHandle | None) -> SourceState:
    known = {} if before is None else before.meta.source_states
    return SourceState(folder=store.home / "sources", known=known)


def _report(
    checked: CheckedRanges,
    parts: HistoryParts,
    published: Published,
    store: HistoryStore,
    meta: HistoryMeta,
) -> ImportReport:
    before = parts.known
    return ImportReport(
        history_id=published.history_id,
        is_new=published.is_new,
        data_until=store.current().data_until,
        tables=checked.reports,
        rejected=checked.rejected,
        digests=dict(meta.files),
        report_path=report_path(store.home, published.history_id),
        changes=tuple(parts.reports.values()),
        other_mapping=before is not None and before.meta.mapping != meta.mapping,
    )


def _digest(mapping: ImportMapping, processes: Sequence[Process]) -> str:
    """What a history's content depends on beside the sources' rows; no path and no secret."""
    written = {name: source.written("UTC") for name, source in mapping.sources.items()}
    parts = [dict(mapping.tables), dict(mapping.changes), mapping.reopen, written, [*processes]]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def report_path(home: Path, name: str) -> Path:
    """Where the report of an import lies."""
    return home / "reports" / f"import-{name}.csv"


def write_report(rejected: pd.DataFrame, home: Path, name: str) -> Path:
    """Writes the rows set aside as CSV, no cell of which a spreadsheet takes for a formula.

    Raises EnvironmentFailure where the disk refuses.
    """
    path = report_path(home, name)
    shown = rejected.assign(value=_harmless(rejected["value"]))
    write_text(path, shown.to_csv(index=False))
    return path


def _harmless(values: pd.Series) -> pd.Series:
    text = values.astype("str")
    is_formula = text.str.match(r"[=+\-@\t\r]", na=False) & ~text.str.fullmatch(
        r"-?[\d.,]+", na=False
    )
    return text.mask(is_formula, "'" + text)


def _check_shares(checked: CheckedRanges, most: float, home: Path) -> None:
    bad = [report for report in checked.reports if report.bad_share > most]
    if not bad:
        return
    content = checked.rejected.to_csv(index=False)
    name = f"refused-{hashlib.sha256(content.encode()).hexdigest()[:12]}"
    path = write_report(checked.rejected, home, name)
    worst = max(bad, key=lambda report: report.bad_share)
    rows = checked.rejected[checked.rejected["table"] == worst.table]
    rule = str(rows["rule"].mode().iloc[0])
    raise DataError(
        "too-many-bad-rows",
        f"at most {most:.1%} of a table's rows break a rule (import.most_bad_share), got"
        f" {worst.bad_share:.1%} of {worst.read} rows of {worst.table}, most often {rule}:"
        f" {RULES[rule].mend} Every row is in {path}",
    )
