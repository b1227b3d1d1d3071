"""What a training logs beside its version: its reports as nested numbers, and its settings.

The registry makes a metric of each number by its path, `stall.scores.model.log_loss`; lists have no
path, so their rows go by name here.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from closecurve.features.subjects import DEAL, LEAD
from closecurve.pipelines.fitting import Fitted

Report = Mapping[str, Any]
STALL = "stall"


def logged_report(
    reports: Mapping[str, Report], stalls: Report, grades: Report | None
) -> dict[str, Any]:
    """The reports by subject with `by_horizon` (`model.won.30`), that of the stall model, and of
    leads what became of each grade on held-back time."""
    told: dict[str, Any] = {
        name: dict(report) | {"by_horizon": _by_horizon(report)} for name, report in reports.items()
    }
    if grades is not None:
        told[LEAD.name]["grades"] = {row["grade"]: _numbers(row) for row in grades["items"]}
    return told | {STALL: dict(stalls)}


def logged_params(fitted: Fitted) -> dict[str, object]:
    """What each training chose, by subject."""
    return {
        f"{subject.name}.{name}": value
        for subject in (DEAL, LEAD)
        if (trained := fitted.curve(subject)) is not None
        for name, value in trained.report["chosen"].items()
    }


def _by_horizon(report: Report) -> dict[str, Any]:
    """The scores of the model and of each baseline by outcome and days."""
    scores: Mapping[str, Iterable[Report]] = report.get("scores") or {}
    found: dict[str, Any] = {name: {} for name in scores}
    for name, rows in scores.items():
        for row in rows:
            days = f"{row['horizon_days']:.0f}"
            found[name].setdefault(row["outcome"], {})[days] = _numbers(row)
    return found


def _numbers(row: Report) -> dict[str, float]:
    """A row without what names it."""
    named = ("horizon_days", "outcome", "grade")
    return {key: value for key, value in row.items() if key not in named}
