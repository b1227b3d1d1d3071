"""The report of a model that was just trained, from what the training holds: no refit."""

from collections.abc import Mapping
from typing import Any

from closecurve.features.subjects import DEAL, LEAD, Subject
from closecurve.models.held_back import Part, landmarks_from
from closecurve.models.report.evidence import Asked, ask, by_month, by_segment
from closecurve.models.report.limits import known_limits
from closecurve.models.report.page import report_page
from closecurve.pipelines.fitting import Fitted
from closecurve.settings import Settings

Document = dict[str, Any]


def training_pages(
    fitted: Fitted,
    stalls: Mapping[str, Any],
    grades: Mapping[str, Any] | None,
    settings: Settings,
    history_id: str,
) -> dict[str, str]:
    """By name the HTML report of deals with stalls and, where there are leads, of leads with what
    became of their grades."""
    reports = fitted.reports()
    made = {}
    for subject in (DEAL, LEAD):
        if subject.name in reports:
            told = document(subject, reports[subject.name], settings.company.name, history_id)
            told |= seen(_asked(fitted, subject)) | beside(subject, stalls, grades)
            made[f"report_{subject.name}"] = report_page(told)
    return made


def beside(
    subject: Subject, stalls: Mapping[str, Any] | None, grades: Mapping[str, Any] | None
) -> Document:
    """What is reported beside the curve: of deals the stall model, of leads their grades; nothing
    where held-back time was too short."""
    if subject is DEAL:
        return {"stalls": dict(stalls)} if stalls and stalls.get("scores") else {}
    return {"grades": dict(grades)} if grades else {}


def document(
    subject: Subject, report: Mapping[str, Any], company: str, history_id: str
) -> Document:
    """What every report tells: calibration, baselines, limits, and the data used."""
    sizes = {"rows": "landmarks", "ids": f"{subject.name}s", "closed": "closed before the cutoff"}
    dates = {"first_as_of": "first landmark", "last_as_of": "last landmark", "cutoff": "cutoff"}
    data = {name: report.get(key) for key, name in (sizes | dates).items()}
    return {
        "subject": subject.name,
        "company": company,
        "finding": report["finding"],
        "reliability": report["reliability"],
        "comparison": compared(report),
        "limits": known_limits(report),
        "data": data | {"held back from": report.get("held_back_start"), "history": history_id},
    }


def compared(report: Mapping[str, Any]) -> list[Document]:
    """The log loss of the model and of each baseline on the same held-back landmarks."""
    gaps, rows = report["gaps"], report.get("held_back_rows")
    return [
        {"name": name.replace("_", " "), "rows": rows, "log_loss": loss} | gaps.get(name, {})
        for name, loss in sorted(report["log_loss"].items(), key=lambda pair: pair[1])
    ]


def seen(asked: Asked | None) -> Document:
    """What held-back landmarks say by segment and by month; nothing where there are none."""
    if asked is None:
        return {}
    return {
        "horizon_days": asked.horizon_days,
        "segments": by_segment(asked),
        "months": by_month(asked),
    }


def _asked(fitted: Fitted, subject: Subject) -> Asked | None:
    trained = fitted.curve(subject)
    if trained is None or trained.held_back_model is None or trained.held_back_start is None:
        return None
    panel = fitted.panels[subject.name]
    held = landmarks_from(Part(rows=panel.rows, labels=panel.labels), trained.held_back_start)
    return ask(trained.held_back_model, held, fitted.cutoff, asked_horizons(trained.report))


def asked_horizons(report: Mapping[str, Any]) -> list[float]:
    """The horizons that the model was judged at, shortest first."""
    rows = (report["scores"] or {}).get("model") or []
    return sorted({float(row["horizon_days"]) for row in rows})
