"""An import from end to end: read, map, check, make the history, publish it whole or not at all."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from closecurve.crm.calendar import FiscalCalendar
from closecurve.crm.errors import DataError
from closecurve.crm.history import history_tables
from closecurve.crm.mapping import ImportMapping
from closecurve.crm.quality import CheckedTables, check_tables
from closecurve.crm.review import TableReport
from closecurve.crm.rules import RULES
from closecurve.crm.stages import Process
from closecurve.sources.extract import read_tables
from closecurve.stores.files import write_text
from closecurve.stores.history import HistoryMeta, HistoryStore


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import did. `is_new` is false where it found the same history as before.

    `rejected` has one row for each row set aside (table, file, line, column, value, rule); it is
    also the CSV file at `report_path`. `digests` are the SHA-256 of the files that were read.
    """

    history_id: str
    is_new: bool
    data_until: pd.Timestamp
    tables: tuple[TableReport, ...]
    rejected: pd.DataFrame
    digests: dict[str, str]
    report_path: Path

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
) -> ImportReport:
    """Imports what the mapping names into the store and reports every row that was set aside.

    Raises DataError where nothing can be taken (the earlier history stays), EnvironmentFailure
    where the machine refuses. The report is written before the history becomes visible.
    """
    extract = read_tables(mapping, calendar.time_zone)
    checked = check_tables(extract.tables, processes, calendar.time_zone)
    _check_shares(checked, mapping.most_bad_share, store.home)
    if checked.frames["deals"].empty:
        raise DataError("deals-empty", "an import has at least one deal, got none in the sources")
    meta = HistoryMeta(
        company=company, currency=currency, calendar=calendar, files=dict(extract.digests)
    )
    tables = history_tables(checked.frames, processes, mapping.reopen)
    published = store.publish(
        tables, meta, before=lambda name: write_report(checked.rejected, store.home, name)
    )
    handle = store.current()
    return ImportReport(
        history_id=published.history_id,
        is_new=published.is_new,
        data_until=handle.data_until,
        tables=checked.reports,
        rejected=checked.rejected,
        digests=dict(extract.digests),
        report_path=report_path(store.home, published.history_id),
    )


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


def _check_shares(checked: CheckedTables, most: float, home: Path) -> None:
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
