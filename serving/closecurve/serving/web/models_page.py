"""The page of the models: how far to trust them, what drifted, which versions answered when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from closecurve.serving.changes import LOOKED_BACK
from closecurve.serving.service import UsedService
from closecurve.serving.summary import Summary
from closecurve.serving.web import figures
from closecurve.serving.web.quality import MODEL, WON, Quality
from closecurve.serving.web.rendering import page
from closecurve.stores.results import PublicationHead

router = APIRouter(include_in_schema=False)
HERE = "/models"
Row = Mapping[str, Any]

SUBJECTS = {"deal": ("Deals", "won"), "lead": ("Leads", "converted")}
"""By subject: its title, and what is foretold of it."""

LINES = ("--band-2", "--band-3", "--accent", "--won")
DRIFT_SHOWN = 12
NAMES = {
    "model": "Close curve",
    "historical_stage_rate": "Stage rates in history",
    "fixed_stage_rate": "Fixed stage rates",
    "stage_curves": "Curves by stage and age",
    "stall_model": "Stall model",
    "stall_stage_and_dwell": "Rate by stage and days in it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelView:
    """One model: its report as published, and how far what is open drifted (None: not known)."""

    subject: str
    version: str
    report: Row
    drift: Row | None

    @property
    def title(self) -> str:
        """What the model is about."""
        return SUBJECTS[self.subject][0]

    @property
    def event(self) -> str:
        """What it foretells."""
        return SUBJECTS[self.subject][1]

    def day(self, name: str) -> date | None:
        """A day of the report; None where it has none."""
        return _day(self.report, name)

    @property
    def quality(self) -> Quality | None:
        """The verdict in a sentence."""
        return Quality.of(self.report)

    @property
    def scores(self) -> list[Row]:
        """The model and each baseline: log loss over all horizons, and each horizon's of winning,
        the best first."""
        losses = self.report.get("log_loss") or {}
        scores = self.report.get("scores") or {}
        rows = [
            {
                "name": NAMES.get(name, name.replace("_", " ")),
                "is_model": name == MODEL,
                "log_loss": loss,
                "won": [row for row in scores.get(name) or () if row["outcome"] == WON],
            }
            for name, loss in losses.items()
        ]
        return sorted(rows, key=lambda row: float(row["log_loss"]))

    @property
    def horizons(self) -> list[Row]:
        """The model's own scores of winning by horizon."""
        rows = (self.report.get("scores") or {}).get(MODEL) or ()
        return [row for row in rows if row["outcome"] == WON]

    @property
    def figure(self) -> figures.Figure | None:
        """Said against happened; None where held-back time was too short."""
        won = [row for row in self.report.get("reliability") or () if row["outcome"] == WON]
        return reliability_figure(won) if won else None

    @property
    def drifted(self) -> Sequence[Row]:
        """The features that drifted, the most first."""
        rows = (self.drift or {}).get("rows") or ()
        return [row for row in rows if row["is_finding"]][:DRIFT_SHOWN]


@dataclass(frozen=True, slots=True, kw_only=True)
class StallView:
    """The stall model: its report as published."""

    report: Row

    @property
    def held_back_date(self) -> date | None:
        """When held-back time began."""
        return _day(self.report, "held_back_start")

    @property
    def scores(self) -> list[Row]:
        """The model and the rate by stage and dwell on held-back time, the better first."""
        scores: Mapping[str, Row] = self.report.get("scores") or {}
        rows = [
            {**row, "name": NAMES.get(f"stall_{name}", name), "is_model": name == MODEL}
            for name, row in scores.items()
        ]
        return sorted(rows, key=lambda row: float(row["log_loss"]))

    @property
    def figure(self) -> figures.Figure | None:
        """Said against happened; None where held-back time was too short."""
        bins = self.report.get("reliability")
        days = self.report.get("horizon_days")
        return reliability_figure([{"horizon_days": days, "bins": bins}]) if bins else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelsView:
    """Everything on the page; `versions` are the spans of publications that one answered, `stalls`
    is None where there is no stall model."""

    head: PublicationHead
    summary: Summary
    models: Sequence[ModelView]
    stalls: StallView | None
    versions: Sequence[Row]


@router.get(HERE)
def models_page(service: UsedService) -> HTMLResponse:
    """The models that the last publication was scored with."""
    head = service.results.latest()
    if head is None:
        return page("nothing.html", here=HERE)
    summary = Summary.of(head)
    versions = {"deal": head.deal_model_version, "lead": head.lead_model_version}
    models = [
        ModelView(
            subject=subject,
            version=versions[subject] or "none",
            report=summary.reports[subject],
            drift=summary.drift.get(subject),
        )
        for subject in SUBJECTS
        if subject in summary.reports
    ]
    view = ModelsView(
        head=head,
        summary=summary,
        models=models,
        stalls=StallView(report=summary.stalls) if summary.stalls.get("scores") else None,
        versions=_versions(service.results.publications(LOOKED_BACK)),
    )
    return page("models.html", here=HERE, view=view)


def _day(report: Row, name: str) -> date | None:
    said = report.get(name)
    return None if said is None else date.fromisoformat(str(said)[:10])


def _versions(publications: Sequence[PublicationHead]) -> list[Row]:
    """Which bundle answered from when to when, the newest first."""
    heads = sorted(publications, key=lambda head: (head.as_of, head.publication_id))
    spans: list[dict[str, Any]] = []
    for head in heads:
        if not spans or spans[-1]["digest"] != head.bundle_digest:
            trained = ((head.summary.get("models") or {}).get("deal") or {}).get("cutoff")
            spans.append(
                {
                    "digest": head.bundle_digest,
                    "version": head.deal_model_version or head.lead_model_version,
                    "trained": None if trained is None else date.fromisoformat(trained[:10]),
                    "since": head.as_of,
                    "publications": 0,
                }
            )
        spans[-1] |= {"until": head.as_of, "publications": spans[-1]["publications"] + 1}
    return [*reversed(spans)]


def reliability_figure(won: Sequence[Row]) -> figures.Figure:
    """Said against happened for each horizon, with the interval of what happened."""
    data = [_horizon(row, LINES[place % len(LINES)]) for place, row in enumerate(won)]
    top = max(row["observed_high"] for each in won for row in each["bins"])
    top = min(max(top, max(row["probability"] for each in won for row in each["bins"])), 1.0)
    share = {"tickformat": ".0%", "gridcolor": "--line", "range": [0, top], "fixedrange": True}
    even = {"color": "--ink", "width": 1, "dash": "dot"}
    layout = figures.layout() | {
        "xaxis": share | {"title": {"text": "said"}},
        "yaxis": share | {"title": {"text": "happened"}},
        "shapes": [{"type": "line", "x0": 0, "y0": 0, "x1": top, "y1": top, "line": even}],
        "margin": {"l": 60, "r": 12, "t": 16, "b": 48},
    }
    return {"data": data, "layout": layout}


def _horizon(question: Row, colour: str) -> figures.Figure:
    bins = question["bins"]
    happened = [row["observed_rate"] for row in bins]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": f"within {question['horizon_days']:.0f} days",
        "x": [row["probability"] for row in bins],
        "y": happened,
        "error_y": {
            "type": "data",
            "array": [row["observed_high"] - row["observed_rate"] for row in bins],
            "arrayminus": [row["observed_rate"] - row["observed_low"] for row in bins],
            "color": colour,
            "thickness": 1,
            "width": 3,
        },
        "line": {"color": colour, "width": 2},
        "marker": {"size": 6},
        "hovertemplate": "said %{x:.0%}, happened %{y:.0%}",
    }
