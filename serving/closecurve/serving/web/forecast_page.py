"""The page of the forecast: any period and scope, what carried it, its parts, and what if."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse
from pydantic import BeforeValidator

from closecurve.crm.errors import UsageError
from closecurve.serving.forecasts import (
    QUARTER,
    Change,
    Node,
    Row,
    WhatIfRead,
    read_rows,
    read_what_if,
)
from closecurve.serving.routers.forecast import MOST_REPS
from closecurve.serving.schemas.common import Text
from closecurve.serving.schemas.forecast import PeriodKind
from closecurve.serving.service import Service, UsedService
from closecurve.serving.summary import Summary
from closecurve.serving.web import figures
from closecurve.serving.web.rendering import page
from closecurve.serving.web.scopes import (
    KINDS,
    node_name,
    node_of,
    nodes_by_kind,
    options,
)
from closecurve.serving.web.views import owner_names
from closecurve.serving.web.wording import rule
from closecurve.stores.results import PublicationHead

router = APIRouter(include_in_schema=False)
_EMPTY_IS_NONE = BeforeValidator(lambda value: value or None)
Choice = Annotated[Text | None, _EMPTY_IS_NONE]
PERIOD_KINDS = {"month": "Month", "quarter": "Quarter", "half": "Half-year", "year": "Year"}
PARTED = ("team", "region", "product", "manager", "owner")
LEAST_SHARE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What stands in the address: the scope as `kind:name`, the kind of period, which of the two
    the change is asked of, and by what kind of scope the parts are shown."""

    node: Node
    kind: str
    period: str | None
    by: str | None
    change: Change

    @property
    def slipped_text(self) -> str:
        """The deals that slip, as the form has them."""
        return " ".join(self.change.slipped)

    @property
    def without_text(self) -> str:
        """The deals that are taken out, as the form has them."""
        return " ".join(self.change.without)

    def address(self, **changed: Any) -> str:
        """The page's address with something else asked."""
        return "/forecast?" + urlencode(_query(replace(self, **changed)))


def _query(asked: Asked) -> list[tuple[str, str]]:
    change = asked.change
    said = {
        "scope": asked.node.address,
        "kind": "" if asked.kind == QUARTER else asked.kind,
        "by": asked.by,
        "period": asked.period,
        "without": asked.without_text,
        "slipped": asked.slipped_text,
        "without_biggest": "true" if change.without_biggest else "",
        "last_year_win_rates": "true" if change.last_year_win_rates else "",
        "more_reps": str(change.more_reps or ""),
    }
    return [(name, value) for name, value in said.items() if value]


def read_asked(
    scope: Choice = None,
    kind: Annotated[PeriodKind, BeforeValidator(lambda value: value or QUARTER)] = "quarter",
    period: Choice = None,
    by: Choice = None,
    without: Choice = None,
    slipped: Choice = None,
    without_biggest: bool = False,
    last_year_win_rates: bool = False,
    more_reps: Annotated[
        int, BeforeValidator(lambda value: value or 0), Query(ge=0, le=MOST_REPS)
    ] = 0,
) -> Asked:
    """The choices in the address; deals are named apart by spaces or commas."""
    change = Change(
        without=_named(without),
        slipped=_named(slipped),
        without_biggest=without_biggest,
        last_year_win_rates=last_year_win_rates,
        more_reps=more_reps,
    )
    return Asked(node=node_of(scope), kind=kind, period=period, by=by, change=change)


def _named(text: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys((text or "").replace(",", " ").split()))


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastView:
    """Everything on the page: `rows` are the running and the next period of the scope."""

    head: PublicationHead
    summary: Summary
    asked: Asked
    owners: Mapping[str, str]
    nodes: Mapping[str, Sequence[Node]]
    rows: Sequence[Row]
    parts: Sequence[Row]
    what_if: WhatIfRead | None
    is_unknown_deal: bool

    @property
    def name(self) -> str:
        """The scope in words."""
        return self.node_name(self.asked.node)

    @property
    def figure(self) -> figures.Figure:
        """The spread of both periods beside the weighted funnel and the target."""
        return figures.quarter_figure(self.rows, self.summary.currency)

    @property
    def what_if_figure(self) -> figures.Figure | None:
        """The period as it stands beside the changed one; None where nothing is asked."""
        if self.what_if is None:
            return None
        read = self.what_if
        sides = [("As it stands", read.before), ("What if", read.after)]
        rows = [{**read.row, **spread, "period_name": name} for name, spread in sides]
        return figures.quarter_figure(rows, self.summary.currency)

    @property
    def part_kinds(self) -> list[str]:
        """The kinds that the company's forecast is divided by."""
        return [kind for kind in PARTED if kind in self.nodes]

    @property
    def changed_words(self) -> list[str]:
        """What is taken to be otherwise, in words."""
        if self.what_if is None:
            return []
        change, read = self.asked.change, self.what_if
        said = [f"{deal} is not won" for deal in read.without]
        said += [f"{deal} slips by a quarter" for deal in read.slipped]
        if change.last_year_win_rates:
            said.append(f"win rates of the year before: {read.win_rate_ratio:.0%} of today's")
        if change.more_reps:
            more = "one more rep" if change.more_reps == 1 else f"{change.more_reps} more reps"
            said.append(f"{more}, who get as many new deals as an average one")
        return said

    def node_name(self, node: Node) -> str:
        """A scope for reading."""
        return node_name(node, self.owners, self.summary.company)

    @property
    def scopes(self) -> Sequence[tuple[str, Sequence[tuple[str, str]]]]:
        """The choices of the form (`scopes.options`)."""
        return options(self.nodes, self.owners)

    def row_node(self, row: Row) -> Node:
        """The scope of a row."""
        return Node(kind=row["scope_kind"], name=row["scope"])

    def rules(self, row: Row) -> list[tuple[str, float]]:
        """The rules that carry a row, with their weights, the heaviest first."""
        weights = row["rule_weights"] or {}
        heaviest = sorted(weights.items(), key=lambda pair: -pair[1])
        return [(rule(name), share) for name, share in heaviest if share >= LEAST_SHARE]


@router.get("/forecast")
def forecast(service: UsedService, asked: Annotated[Asked, Depends(read_asked)]) -> HTMLResponse:
    """The forecast of a scope: the running and the next period of a kind."""
    head = service.results.latest()
    if head is None:
        return page("nothing.html", here="/forecast")
    view = forecast_view(service, head, asked)
    if view is None:
        return page("missing.html", status=404, here="/forecast")
    return page(
        "forecast.html",
        here="/forecast",
        view=view,
        kinds=KINDS,
        period_kinds=PERIOD_KINDS,
        no_change=Change(),
    )


def forecast_view(service: Service, head: PublicationHead, asked: Asked) -> ForecastView | None:
    """The page from one publication; None for a scope or a period that it does not hold."""
    every = read_rows(service.results, head, period_kind=asked.kind)
    summary = Summary.of(head)
    rows = [
        row
        for row in every
        if (row["scope_kind"], row["scope"]) == (asked.node.kind, asked.node.name)
    ]
    if every and not rows:
        return None
    what_if, is_unknown = _what_if(service, head, asked, rows)
    return ForecastView(
        head=head,
        summary=summary,
        asked=asked,
        owners=owner_names(service.results.owner_facts(head.publication_id)),
        nodes=nodes_by_kind(every),
        rows=rows if summary.has_deals else [],
        parts=_parts(every, asked),
        what_if=what_if,
        is_unknown_deal=is_unknown,
    )


def _what_if(
    service: Service, head: PublicationHead, asked: Asked, rows: Sequence[Row]
) -> tuple[WhatIfRead | None, bool]:
    """What the change does to the chosen period, and whether it names a deal that is not open."""
    chosen = [row for row in rows if asked.period in (None, row["period_name"])]
    if asked.change.is_none or not chosen:
        return None, False
    try:
        return read_what_if(service.results, head, asked.node, chosen[0], asked.change), False
    except UsageError as error:
        if error.code != "what-if-deal":
            raise
        return None, True


def _parts(every: Sequence[Row], asked: Asked) -> list[Row]:
    """The company's running period by the kind of scope that is asked, the largest first."""
    if asked.node != Node():
        return []
    kinds = [kind for kind in PARTED if any(row["scope_kind"] == kind for row in every)]
    by = asked.by if asked.by in kinds else next(iter(kinds), None)
    of_kind = [row for row in every if row["scope_kind"] == by]
    running = [row for row in of_kind if row["period_start"] == of_kind[0]["period_start"]]
    return sorted(running, key=lambda row: (-row["q50"], row["scope"]))
