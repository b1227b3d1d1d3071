"""The page of what changed between two publications."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse
from pydantic import BeforeValidator

from closecurve.models.changes.words import kind_name
from closecurve.serving.changes import LOOKED_BACK, Row, span_of
from closecurve.serving.compared import FORECAST, Comparison, Question, compared
from closecurve.serving.forecasts import QUARTER, Node, read_rows
from closecurve.serving.language import Language
from closecurve.serving.problems import Problem
from closecurve.serving.schemas.changes import Measure
from closecurve.serving.schemas.common import Text
from closecurve.serving.service import Service, UsedService
from closecurve.serving.summary import Summary
from closecurve.serving.web import figures
from closecurve.serving.web.rendering import page
from closecurve.serving.web.scopes import node_name, node_of, nodes_by_kind, options
from closecurve.serving.web.views import owner_names
from closecurve.serving.web.wording import money
from closecurve.stores.results import PublicationHead

router = APIRouter(include_in_schema=False)
_EMPTY_IS_NONE = BeforeValidator(lambda value: value or None)
Choice = Annotated[Text | None, _EMPTY_IS_NONE, Query()]
HERE = "/changes"
MOVES_SHOWN = 25
CUT_ABOVE = 0.5
"""Where every level of the picture is above this share of the highest, its axis begins higher."""

MEASURES = {
    "forecast": "Forecast of a period",
    "amount": "Open pipeline",
    "weighted_fixed": "Weighted pipeline, fixed rates",
    "weighted_history": "Weighted pipeline, rates in history",
    "expected": "Amounts x probability to be won ever",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangesView:
    """Everything on the page."""

    head: PublicationHead
    summary: Summary
    found: Comparison
    heads: Sequence[PublicationHead]
    owners: Mapping[str, str]
    nodes: Mapping[str, Sequence[Node]]
    language: str

    @property
    def difference(self) -> float:
        """What all moves add up to."""
        return self.found.end - self.found.start

    @property
    def scope_name(self) -> str | None:
        """The scope that is looked at; None for the company."""
        return None if self.node == Node() else node_name(self.node, self.owners)

    @property
    def node(self) -> Node:
        """The scope that is looked at."""
        asked = self.found.question
        return Node(kind=asked.scope_kind, name=asked.scope)

    @property
    def scopes(self) -> Sequence[tuple[str, Sequence[tuple[str, str]]]]:
        """The choices of the form (`scopes.options`)."""
        return options(self.nodes, self.owners)

    @property
    def moves(self) -> Sequence[Row]:
        """The largest moves of single deals."""
        return [row for row in self.found.moves if row["deal_id"] is not None][:MOVES_SHOWN]

    @property
    def figure(self) -> figures.Figure:
        """The bridge as a picture."""
        return waterfall_figure(self.found, self.summary.currency, self.language)

    @property
    def is_cut(self) -> bool:
        """Whether the picture's axis begins above 0."""
        return _axis_start(_levels(self.found)) > 0

    def name(self, kind: str) -> str:
        """What a kind of change is called."""
        return kind_name(kind, self.language)

    def owner(self, owner_id: str | None) -> str:
        """The name of an owner."""
        return "–" if owner_id is None else self.owners.get(owner_id, owner_id)

    def address(self, path: str) -> str:
        """The same question asked of the API or its CSV twin."""
        asked, span = self.found.question, self.found.span
        values = {
            "from": span.start.publication_id,
            "to": span.end.publication_id,
            "measure": asked.measure,
            "scope_kind": asked.scope_kind,
            "scope": asked.scope,
            "period": asked.period,
        }
        return f"{path}?{urlencode({k: v for k, v in values.items() if v is not None})}"


@router.get(HERE)
def changes_page(
    service: UsedService,
    language: Language,
    start: Annotated[Text | None, _EMPTY_IS_NONE, Query(alias="from")] = None,
    to: Choice = None,
    measure: Measure = FORECAST,
    period: Choice = None,
    scope: Choice = None,
) -> HTMLResponse:
    """From the earlier number to the later one, by what happened to which deals."""
    latest = service.results.latest()
    if latest is None or not Summary.of(latest).has_deals:
        return page("nothing.html", here=HERE)
    node = node_of(scope)
    question = Question(measure=measure, scope_kind=node.kind, scope=node.name, period=period)
    try:
        span = span_of(service.results, start, to)
        found = compared(service.results, span, question)
    except Problem as problem:
        return page("changes_none.html", status=404, here=HERE, kind=problem.kind)
    return page("changes.html", here=HERE, view=_view(service, found, language), measures=MEASURES)


def _view(service: Service, found: Comparison, language: str) -> ChangesView:
    head = found.span.end
    heads = service.results.publications(LOOKED_BACK)
    return ChangesView(
        head=head,
        summary=Summary.of(head),
        found=found,
        heads=sorted(heads, key=lambda each: (each.as_of, each.publication_id), reverse=True),
        owners=owner_names(service.results.owner_facts(head.publication_id)),
        nodes=nodes_by_kind(read_rows(service.results, head, period_kind=QUARTER)),
        language=language,
    )


def waterfall_figure(found: Comparison, currency: str, language: str) -> figures.Figure:
    """The start, each kind of change on top of what stands by then, and the end."""
    effects = [row["effect"] for row in found.kinds]
    start = _axis_start(_levels(found))
    names = [kind_name(row["kind"], language) for row in found.kinds]
    bars: dict[str, Any] = {
        "type": "waterfall",
        "x": [_wrapped(name) for name in ("Start", *names, "End")],
        "y": [found.start, *effects, found.end],
        "measure": ["absolute", *["relative"] * len(effects), "total"],
        "base": 0,
        "text": [money(value, currency) for value in (found.start, *effects, found.end)],
        "textposition": "outside",
        "cliponaxis": False,
        "hoverinfo": "x+text",
        "increasing": {"marker": {"color": "--won"}},
        "decreasing": {"marker": {"color": "--lost"}},
        "totals": {"marker": {"color": "--band-3"}},
        "connector": {"line": {"color": "--line", "width": 1}},
    }
    top = max(_levels(found)) if found.kinds else found.end
    layout = figures.layout() | {
        "yaxis": figures.MONEY_AXIS
        | {
            "range": [start, top + 0.12 * (top - start)],
            "tickformat": f".{_tick_digits(start, top)}~s",
            "title": {"text": currency, "standoff": 12},
            "automargin": True,
        },
        "xaxis": {"fixedrange": True, "tickangle": 0, "showgrid": False, "type": "category"},
        "showlegend": False,
        "margin": {"l": 56, "r": 8, "t": 24, "b": 64},
    }
    return {"data": [bars], "layout": layout}


def _tick_digits(start: float, top: float) -> int:
    """Digits that tell the ticks of an axis apart, also where it shows a narrow piece far from 0.

    >>> _tick_digits(0, 1.4e6), _tick_digits(1.4e6, 1.41e6)
    (3, 5)
    """
    return 3 + int(math.log10(top / (top - start))) if top > start > 0 else 3


def _wrapped(name: str) -> str:
    """A name in lines of a word or two: bars stand close together."""
    lines = [""]
    for word in name.split(" "):
        if len(lines[-1]) + len(word) > WORDS_IN_LINE:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "<br>".join(line for line in lines if line)


WORDS_IN_LINE = 11
"""Letters that fit under a bar."""


def _levels(found: Comparison) -> list[float]:
    """What stands at the start and after each kind."""
    levels = [found.start]
    for row in found.kinds:
        levels.append(levels[-1] + row["effect"])
    return [*levels, found.end]


def _axis_start(levels: Sequence[float]) -> float:
    """0, or a little below the lowest level where all are far above 0."""
    low, high = min(levels), max(levels)
    return max(low - (high - low) * 0.25, 0.0) if low > CUT_ABOVE * high else min(low, 0.0)
