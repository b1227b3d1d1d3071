"""What an import prints: counts, what changed since the one before, how good the data are."""

from pathlib import Path
from typing import Any

import pandas as pd

from closecurve.cli.printing import import_document, import_lines, training_lines
from closecurve.crm.continuing_report import SubjectReport
from closecurve.crm.review import REJECTED_COLUMNS, TableReport
from closecurve.features.data_quality import Finding
from closecurve.sources.importing import ImportReport

FINDINGS = [
    Finding(code="late", table="activities", count=i, total=9, sentence=f"Finding {i}.")
    for i in range(7)
]


def report(**changed: Any) -> ImportReport:
    rejected = [("deals", "deals.csv", 3, "amount", "x", "number-unreadable")]
    made: dict[str, Any] = {
        "history_id": "h1",
        "is_new": True,
        "data_until": pd.Timestamp("2026-01-02 03:04"),
        "tables": (TableReport(table="deals", read=40, kept=39, set_aside=1, at_fault=1),),
        "rejected": pd.DataFrame(rejected, columns=list(REJECTED_COLUMNS)),
        "digests": {},
        "report_path": Path("reports/import-h1.csv"),
    }
    return ImportReport(**(made | changed))


def test_the_counts_and_the_place_of_the_report_are_printed() -> None:
    assert import_lines(report()) == [
        "Imported a new history, known up to 2026-01-02 03:04 UTC.",
        "  deals                 40 rows read,      1 set aside",
        "Set aside 1 rows: number-unreadable 1",
        "  reports/import-h1.csv",
    ]


def test_what_changed_since_the_import_before_is_told() -> None:
    changes = (
        SubjectReport(table="deals", new=2, returned=1, late=4),
        SubjectReport(table="leads", moved=1, kept={"source": 2}),
    )
    lines = import_lines(report(changes=changes, other_mapping=True))[4:]
    assert lines == [
        "Since the import before: 2 new deals.",
        "Since the import before: 1 deleted deals came back and are as they were.",
        "Since the import before: 4 facts of deals were logged after they happened.",
        "Since the import before: 3 corrections of the past of leads (instants of facts 1, source"
        " 2): what was known stays; closecurve import --afresh takes them.",
        "The mapping or the stages changed since then. What was known stays as it was: closecurve"
        " import --afresh reads all of it anew.",
    ]


def test_the_most_telling_findings_are_printed_and_all_go_into_the_document() -> None:
    assert import_lines(report(), FINDINGS)[-5:] == [f"Data: Finding {i}." for i in range(5)]
    document = import_document(report(changes=(SubjectReport(table="deals", new=2),)), FINDINGS)
    assert len(document["data_quality"]) == 7
    assert document["changes"]["deals"]["new"] == 2
    assert document["other_mapping"] is False


def tuned(**tuning: Any) -> str:
    """What is printed of a tuning."""
    best = {"candidate": {"leaves": 4, "l2": 5.0}, "gap": 0.0123, "standard_error": 0.004}
    made = {"tried": [{}, {}], "left_out": 0, "best": best} | tuning
    report = {"ids": 3, "closed": 2, "finding": "It is so.", "tuning": made, "columns": []}
    return training_lines({"deal": report})[1]


def test_what_a_tuning_tried_and_found_is_told() -> None:
    assert tuned() == (
        "  Tuning: 2 settings tried; best: leaves 4, l2 5.0 (log loss lower by 0.0123, its error"
        " 0.0040)."
    )
    assert tuned(left_out=3, best={"candidate": {}}) == (
        "  Tuning: 2 settings tried, 3 left out for lack of time; none is better than the defaults"
        " by more than its error."
    )
    assert "too short" in tuned(tried=[])
