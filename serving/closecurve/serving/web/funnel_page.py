"""The page of the funnel: its picture, shape, conversion, leaks, losses, concentration, season."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse
from pydantic import BeforeValidator

from closecurve.serving.funnel import (
    COMPANY,
    EVERY,
    YEAR,
    Row,
    Scope,
    read_leaks,
    read_losses,
    read_metrics,
    read_season,
    read_stages,
)
from closecurve.serving.schemas.common import Text
from closecurve.serving.service import UsedService
from closecurve.serving.summary import Summary
from closecurve.serving.web import funnel_figures, funnel_words
from closecurve.serving.web.figures import Figure
from closecurve.serving.web.rendering import page
from closecurve.serving.web.views import owner_names
from closecurve.stores.results import PublicationHead, ResultsStore

router = APIRouter(include_in_schema=False)
_EMPTY_IS_NONE = BeforeValidator(lambda value: value or None)
KINDS = {COMPANY: "Company", "region": "Region", "team": "Team", "owner": "Owner"}
QUARTER_METRICS = (
    *("won_amount", "won_count", "win_rate_closed", "win_rate_created", "won_amount_mean"),
    *("moves_a_week", "slippage_rate", "pipeline_coverage"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """The funnel of one scope in one process."""

    name: str
    address: str
    scope: Scope
    stages: Sequence[Row]
    metrics: Sequence[Row]

    @property
    def of_year(self) -> dict[str, Row]:
        """The metrics of the whole funnel over the year, by name; of its process where there is
        such a row, else of all."""
        rows = [row for row in self.metrics if row["period"] == YEAR and row["stage"] == EVERY]
        return {row["metric"]: row for row in sorted(rows, key=lambda row: row["process"] != EVERY)}

    @property
    def quarters(self) -> list[str]:
        """The names of the quarters that there are metrics of, the oldest first."""
        rows = sorted(self._of_quarters(), key=lambda row: row["period_start"])
        return list(dict.fromkeys(row["period"] for row in rows))

    def by_quarter(self) -> Iterator[tuple[str, str, dict[str, Row]]]:
        """Title, unit and the rows by quarter of each metric that is shown by quarter."""
        for name in QUARTER_METRICS:
            rows = [row for row in self._of_quarters() if row["metric"] == name]
            if rows:
                of_process = sorted(rows, key=lambda row: row["process"] != EVERY)
                told = {row["period"]: row for row in of_process}
                yield rows[0]["title"], rows[0]["unit"], told

    def _of_quarters(self) -> list[Row]:
        return [row for row in self.metrics if row["period"] != YEAR and row["stage"] == EVERY]


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelView:
    """Everything on the page."""

    head: PublicationHead
    summary: Summary
    owners: Mapping[str, str]
    scopes: Sequence[tuple[str, Sequence[tuple[str, str]]]]
    processes: Sequence[str]
    process: str | None
    side: Side
    beside: Side | None
    company: Side | None
    leaks: Sequence[Row]
    losses: Mapping[str, Sequence[Row]]
    season: Row | None
    concentrations: Sequence[Row]
    owner_ranks: Sequence[Row]

    @property
    def series(self) -> list[tuple[str, Sequence[Row]]]:
        """The stages to draw beside each other: this scope's, the other's or the company's."""
        sides = [self.side, self.beside or self.company]
        return [(side.name, side.stages) for side in sides if side is not None]

    @property
    def levels_figure(self) -> Figure:
        """The funnel's picture."""
        return funnel_figures.levels_figure(self.side.stages)

    @property
    def conversion_figure(self) -> Figure:
        """Conversion by stage beside the other's, and beside its own past."""
        of_process = [row for row in self.leaks if row["process"] == self.process]
        return funnel_figures.conversion_figure(self.series, of_process)

    @property
    def narrowing_figure(self) -> Figure | None:
        """How steeply this and the other narrow; None without another."""
        return funnel_figures.narrowing_figure(self.series) if len(self.series) > 1 else None

    @property
    def season_figure(self) -> Figure | None:
        """Won revenue by month; None where the scope has no series."""
        if self.season is None or not self.season["months"]:
            return None
        return funnel_figures.season_figure(self.season, self.summary.currency)

    @property
    def lorenz_figure(self) -> Figure:
        """How evenly the revenue is spread."""
        return funnel_figures.lorenz_figure(self.concentrations)

    @property
    def shape(self) -> list[Mapping[str, Any]]:
        """The shape in words."""
        return funnel_words.shape_words(self.side.of_year, self.side.stages, self.summary.currency)

    @property
    def found_leaks(self) -> list[Row]:
        """The stages that leak."""
        return [row for row in self.leaks if row["is_leak"]]

    @property
    def season_sentences(self) -> list[str]:
        """What is said of the season."""
        if self.season is None:
            return []
        return list(funnel_words.season_sentences(self.season, self.summary.currency))

    def owner(self, owner_id: str) -> str:
        """An owner's name, the id where no name is known."""
        return self.owners.get(owner_id, owner_id)

    def address(self, **changed: str | None) -> str:
        """This page with some of the choice changed."""
        values = {
            "scope": self.side.address,
            "process": self.process,
            "beside": None if self.beside is None else self.beside.address,
        } | changed
        query = urlencode({name: value for name, value in values.items() if value is not None})
        return f"/funnel?{query}"

    @property
    def query(self) -> str:
        """The choice as the API takes it."""
        asked = self.side.scope.filters
        return urlencode({name: value for name, value in asked.items() if value is not None})


@router.get("/funnel")
def funnel_page(
    service: UsedService,
    scope: Annotated[Text | None, _EMPTY_IS_NONE, Query()] = None,
    process: Annotated[Text | None, _EMPTY_IS_NONE, Query()] = None,
    beside: Annotated[Text | None, _EMPTY_IS_NONE, Query()] = None,
) -> HTMLResponse:
    """The funnel of a scope (`kind:name`, the company where none is named), beside another's."""
    head = service.results.latest()
    if head is None or not Summary.of(head).has_deals:
        return page("nothing.html", here="/funnel")
    view = funnel_view(service.results, head, scope or COMPANY, process, beside)
    if view is None:
        return page("missing.html", status=404, here="/funnel")
    return page("funnel.html", here="/funnel", view=view, words=funnel_words)


def funnel_view(
    results: ResultsStore,
    head: PublicationHead,
    asked: str,
    process: str | None,
    beside: str | None,
) -> FunnelView | None:
    """The page from one publication; None where it has no such scope or process."""
    owners = owner_names(results.owner_facts(head.publication_id))
    every = results.rows(head.publication_id, "funnel")
    processes = sorted({row["process"] for row in every if row["scope_kind"] == COMPANY})
    chosen = process or next(iter(processes), None)
    wanted = [name for name in (asked, beside) if name is not None]
    known = {_address(row["scope_kind"], row["scope"]) for row in every} | {COMPANY}
    if chosen not in (*processes, None) or not known.issuperset(wanted):
        return None
    sides = {name: _side(results, head, name, chosen, owners) for name in {*wanted, COMPANY}}
    side = sides[asked]
    of_company = side.scope.kind == COMPANY
    return FunnelView(
        head=head,
        summary=Summary.of(head),
        owners=owners,
        scopes=_choices(every, owners),
        processes=processes,
        process=chosen,
        side=side,
        beside=None if beside is None else sides[beside],
        company=None if of_company else sides[COMPANY],
        leaks=read_leaks(results, head, side.scope),
        losses=_by_dimension(read_losses(results, head, side.scope)),
        season=next(map(_opened, read_season(results, head, side.scope)), None),
        concentrations=_sorted_holders(results, head) if of_company else (),
        owner_ranks=_ranked(results, head) if of_company else (),
    )


def _side(
    results: ResultsStore,
    head: PublicationHead,
    address: str,
    process: str | None,
    owners: Mapping[str, str],
) -> Side:
    kind, _, name = address.partition(":")
    scope = Scope(kind=kind, name=name or COMPANY, process=process)
    shown = owners.get(name, name) if kind == "owner" else name or "The company"
    return Side(
        name=shown,
        address=address,
        scope=scope,
        stages=read_stages(results, head, scope),
        metrics=read_metrics(results, head, scope),
    )


def _address(kind: str, name: str) -> str:
    return COMPANY if kind == COMPANY else f"{kind}:{name}"


def _choices(
    rows: Sequence[Row], owners: Mapping[str, str]
) -> list[tuple[str, list[tuple[str, str]]]]:
    """The scopes to choose from, by kind: address and name."""
    pairs = sorted({(row["scope_kind"], row["scope"]) for row in rows})
    named = [(kind, name, owners.get(name, name)) for kind, name in pairs if kind != COMPANY]
    named.sort(key=lambda row: row[2].casefold())
    return [
        (said, [(_address(kind, name), shown) for of, name, shown in named if of == kind])
        for kind, said in KINDS.items()
        if any(of == kind for of, _, _ in named)
    ]


def _by_dimension(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The losses by dimension, the stage first."""
    names = sorted({row["dimension"] for row in rows}, key=lambda name: (name != "stage", name))
    return {name: [row for row in rows if row["dimension"] == name] for name in names}


def _opened(row: Row) -> Row:
    """A season with the months as dates."""
    months = [month | {"month": date.fromisoformat(month["month"])} for month in row["months"]]
    return {**row, "months": months}


def _sorted_holders(results: ResultsStore, head: PublicationHead) -> list[Row]:
    rows = results.rows(head.publication_id, "concentrations")
    return sorted(rows, key=lambda row: row["holder_kind"] != "owner")


def _ranked(results: ResultsStore, head: PublicationHead) -> list[Row]:
    rows = results.rows(head.publication_id, "owner_ranks")
    return sorted(rows, key=lambda row: (row["behind_best"], row["owner_id"]))
