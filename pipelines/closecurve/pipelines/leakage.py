"""The leakage guard's report, as people read it: which columns are used, and why not the others."""

from collections.abc import Sequence

from closecurve.features.guard import ColumnReport
from closecurve.features.subjects import Subject

HEAD = """# Columns and the leakage guard

Shares are over records of the same age. AUC is what the column alone ranks closes by: 0.5 says
nothing, 1 everything. A column is overruled by its name in closecurve.toml:

    [features]
    keep = ["deals.close_value"]       # used whatever is said here
    set_aside = ["deals.internal_id"]  # not used

| column | used | why | filled: open | filled: closed | AUC alone | values of the close |
|---|---|---|---|---|---|---|
"""

SIGNS = str.maketrans({"|": "\\|", "\n": " ", "\r": " ", "<": "&lt;", "`": "'"})
"""What would break a table, or be read as more than text."""


def columns_of(reports: Sequence[ColumnReport], subject: Subject) -> list[ColumnReport]:
    """The columns that the model of one subject may be made of."""
    tables = (subject.record_table, subject.change_table, "accounts")
    return [report for report in reports if report.table in tables]


def as_markdown(reports: Sequence[ColumnReport]) -> str:
    """The report as a table in Markdown, what is set aside first."""
    ordered = sorted(reports, key=lambda report: (report.is_used, not report.is_overruled))
    return HEAD + "".join(f"| {' | '.join(_cells(report))} |\n" for report in ordered)


def _cells(report: ColumnReport) -> list[str]:
    used = "yes" if report.is_used else "no"
    return [
        report.name.translate(SIGNS),
        f"{used}, by name" if report.is_overruled else used,
        report.reason.translate(SIGNS),
        _share(report.filled_on_open),
        _share(report.filled_on_closed),
        "" if report.auc is None else f"{report.auc:.2f}",
        "; ".join(report.examples).translate(SIGNS),
    ]


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"
