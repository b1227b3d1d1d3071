"""The page of targets."""

from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse
from pydantic import BeforeValidator

from closecurve.serving.forecasts import COMPANY
from closecurve.serving.problems import Problem
from closecurve.serving.schemas.common import Text
from closecurve.serving.service import UsedService
from closecurve.serving.summary import Summary
from closecurve.serving.targets import (
    Question,
    Row,
    Targets,
    read_readings,
    read_targets,
)
from closecurve.serving.web import figures
from closecurve.serving.web.rendering import page
from closecurve.serving.web.views import owner_names
from closecurve.stores.results import PublicationHead

router = APIRouter(include_in_schema=False)
_EMPTY_IS_NONE = BeforeValidator(lambda value: value or None)
PROBABILITIES = (0.5, 0.6, 0.7, 0.8, 0.9)
KINDS = {"region": "Region", "team": "Team", "owner": "Owner"}
BASES = {
    "history": "what they won in the last year",
    "pipeline": "what they have open",
    "capacity": "the days that they work in the period",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetsView:
    """Everything on the page."""

    head: PublicationHead
    summary: Summary
    targets: Targets
    owners: dict[str, str]
    readings: list[dict[str, Any]]
    figure: figures.Figure | None

    @property
    def company(self) -> Row:
        """The company's own row."""
        return self.targets.items[0]

    @property
    def parts(self) -> list[tuple[str, list[dict[str, Any]]]]:
        """The rows of each kind below the company, by what the kind is called."""
        rows = self.targets.items[1:]
        told = [
            (name, [r for r in rows if r["scope_kind"] == kind]) for kind, name in KINDS.items()
        ]
        return [(name, found) for name, found in told if found]

    @property
    def bases(self) -> list[tuple[str, float]]:
        """What the split goes by, in words, with its weight; the weightiest first."""
        weights = sorted(self.targets.weights.items(), key=lambda pair: -pair[1])
        return [(BASES[name], weight) for name, weight in weights]

    def name(self, row: Row) -> str:
        """A scope's name; an owner's instead of the id."""
        return self.owners.get(row["scope"], str(row["scope"]))

    def address(self, **changed: Any) -> str:
        """This page, or its CSV twin, with some of the question changed."""
        question = self.targets.question
        values = {
            "period": self.targets.period["period_name"],
            "probability": question.probability,
            "amount": question.amount,
        } | changed
        return urlencode({name: value for name, value in values.items() if value is not None})


@router.get("/targets")
def targets_page(
    service: UsedService,
    period: Annotated[Text | None, _EMPTY_IS_NONE, Query()] = None,
    probability: Annotated[float, Query(ge=0.05, le=0.95)] = 0.8,
    amount: Annotated[float | None, _EMPTY_IS_NONE, Query(ge=0, le=1e15)] = None,
) -> HTMLResponse:
    """What is reached with a chosen probability, who carries which part, and the pace."""
    head = service.results.latest()
    if head is None or not Summary.of(head).has_deals:
        return page("nothing.html", here="/targets")
    question = Question(period_name=period, probability=probability, amount=amount)
    try:
        found = read_targets(service.results, head, question)
    except Problem:
        return page("missing.html", status=404, here="/targets")
    readings = read_readings(service.results, head, COMPANY, COMPANY, found.period)
    summary = Summary.of(head)
    view = TargetsView(
        head=head,
        summary=summary,
        targets=found,
        owners=owner_names(service.results.owner_facts(head.publication_id)),
        readings=readings,
        figure=readings_figure(readings, summary.currency) if len(readings) > 1 else None,
    )
    return page("targets.html", here="/targets", view=view, probabilities=PROBABILITIES)


def readings_figure(readings: list[dict[str, Any]], currency: str) -> figures.Figure:
    """The forecast of one period from reading to reading: its 80 % band, what is booked, the
    target."""
    dates = [row["as_of"].isoformat() for row in readings]
    band = {"type": "scatter", "mode": "lines", "x": dates, "line": {"width": 0}}
    line = {"type": "scatter", "mode": "lines+markers", "x": dates, "marker": {"size": 6}}
    data: list[figures.Figure] = [
        band | {"y": _column(readings, "q10"), "showlegend": False, "hoverinfo": "skip"},
        band
        | {"y": _column(readings, "q90"), "fill": "tonexty", "fillcolor": "--band-2"}
        | {"name": "80%", "hoverinfo": "skip"},
        line | {"y": _column(readings, "q50"), "name": "median", "line": {"color": "--ink"}},
        line | {"y": _column(readings, "booked"), "name": "booked", "line": {"color": "--won"}},
    ]
    if any(row["target"] is not None for row in readings):
        dash = {"color": "--warn", "dash": "dot"}
        target = {"y": _column(readings, "target"), "name": "target", "line": dash}
        data.append(line | {"mode": "lines"} | target)
    layout = figures.layout() | {
        "yaxis": figures.MONEY_AXIS | {"title": {"text": currency}},
        "xaxis": {"type": "date", "showgrid": False},
        "hovermode": "x unified",
    }
    return {"data": data, "layout": layout}


def _column(rows: list[dict[str, Any]], name: str) -> list[Any]:
    return [row[name] for row in rows]
