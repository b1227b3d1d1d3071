"""`closecurve changes`: the bridge from one date to another, of the pipeline and of a forecast."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from closecurve.cli.printing import money
from closecurve.crm.calendar import utc
from closecurve.models.changes.rows import Row, kind_rows, move_rows
from closecurve.models.changes.words import kind_name
from closecurve.pipelines.standings import Compared, pipeline_between
from closecurve.pipelines.workspace import Workspace
from closecurve.serving.changes import span_at
from closecurve.serving.compared import FORECAST, Comparison, Question, compared
from closecurve.serving.exports import csv_text
from closecurve.serving.problems import Problem
from closecurve.stores.files import write_text

PIPELINE = "pipeline"
MOVES_SHOWN = 5
CSV_COLUMNS = (
    *("of", "deal_id", "kind", "name", "effect", "before", "after"),
    *("owner_id", "team", "stage"),
)
NO_FORECAST = (
    "Forecast: no two publications of these dates hold it (closecurve score --as-of publishes one)."
)
MEASURES = {
    "amount": "amounts",
    "weighted_fixed": "amounts x fixed stage rates",
    "weighted_history": "amounts x stage rates in history",
}
"""What a pipeline may be measured in from the history alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The options as they were given."""

    start: str
    end: str | None
    measure: str
    scope_kind: str
    scope: str
    period: str | None

    def compared(self, workspace: Workspace) -> Compared:
        """What they ask for; without an end the end of what is known. Raises UsageError."""
        return Compared(
            start=_instant(workspace, self.start),
            end=workspace.data_end() if self.end is None else _instant(workspace, self.end),
            measure=self.measure,
            scope_kind=self.scope_kind,
            scope=self.scope,
            period=self.period,
        )


def run_changes(
    workspace: Workspace, asked: Asked, out: Path | None
) -> tuple[dict[str, Any], list[str]]:
    """Compare; what is printed for machines and for people. `out` gets every move as CSV."""
    question = asked.compared(workspace)
    with workspace.progress.step("compare"):
        found = pipeline_between(workspace.history().tables(), workspace.settings, question)
        forecast = _forecast(workspace, question)
    bridges = {
        PIPELINE: {
            "start": found.changes.start,
            "end": found.changes.end,
            "kinds": kind_rows(found.changes),
            "moves": move_rows(found.changes, found.before, found.after),
        },
        FORECAST: None if forecast is None else _forecast_bridge(forecast),
    }
    document = _document(workspace, question) | bridges
    if out is not None:
        write_text(out, csv_text(_all_moves(bridges), CSV_COLUMNS))
    written = [] if out is None else [f"Written to {out}"]
    return document, [*_lines(document), *written]


def _instant(workspace: Workspace, value: str) -> pd.Timestamp:
    """A day is the company's and begins at its midnight; an instant without a zone is UTC."""
    try:
        return workspace.settings.calendar.midnight(date.fromisoformat(value))
    except ValueError:
        return utc(value)


def _forecast(workspace: Workspace, question: Compared) -> Comparison | None:
    """The change of a forecast between the last publications of both dates, where there are two."""
    span = span_at(workspace.results, question.start, question.end)
    if span is None:
        return None
    asked = Question(
        measure=FORECAST,
        scope_kind=question.scope_kind,
        scope=question.scope,
        period=question.period,
    )
    try:
        return compared(workspace.results, span, asked)
    except Problem:
        return None


def _document(workspace: Workspace, question: Compared) -> dict[str, Any]:
    return {
        "from": question.start.isoformat(),
        "to": question.end.isoformat(),
        "time_zone": workspace.settings.calendar.time_zone,
        "currency": workspace.settings.company.currency,
        "measure": question.measure,
        "scope_kind": question.scope_kind,
        "scope": question.scope,
        "period": question.period,
    }


def _forecast_bridge(found: Comparison) -> dict[str, Any]:
    return {
        "from_as_of": found.span.start.as_of.isoformat(),
        "to_as_of": found.span.end.as_of.isoformat(),
        "period": found.question.period,
        "is_complete": found.is_complete,
        "start": found.start,
        "end": found.end,
        "kinds": list(found.kinds),
        "moves": list(found.moves),
    }


def _all_moves(bridges: Mapping[str, Any]) -> Iterator[Row]:
    for name, bridge in bridges.items():
        for move in bridge["moves"] if bridge else ():
            yield {**move, "of": name, "name": kind_name(move["kind"], "en")}


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    part = "the company" if document["scope"] == "company" else document["scope"]
    due = f" due in {document['period']}" if document["period"] else ""
    yield (
        f"Open pipeline of {part}{due}, {MEASURES[document['measure']]} in {document['currency']},"
        f" {_shown(document, 'from')} to {_shown(document, 'to')} ({document['time_zone']})"
    )
    yield from _bridge_lines(document[PIPELINE])
    forecast = document[FORECAST]
    if forecast is None:
        yield NO_FORECAST
        return
    both = {"time_zone": document["time_zone"]} | forecast
    yield (
        f"Forecast of {forecast['period']} for {part}, as published for"
        f" {_shown(both, 'from_as_of')} and {_shown(both, 'to_as_of')} ({both['time_zone']})"
    )
    yield from _bridge_lines(forecast)


def _shown(told: Mapping[str, Any], name: str) -> str:
    """An instant on the company's clock."""
    local = pd.Timestamp(told[name]).tz_localize("UTC").tz_convert(told["time_zone"])
    return f"{local:%Y-%m-%d %H:%M}"


def _bridge_lines(bridge: Mapping[str, Any]) -> Iterator[str]:
    """Start, every kind with its sum, end; then the deals that moved most."""
    yield f"  {'Start':<36}{_amount(bridge['start']):>10}"
    for row in bridge["kinds"]:
        named = kind_name(row["kind"], "en")
        yield f"  {named:<36}{_signed(row['effect']):>10}{_counted(row['deal_count'])}"
    yield f"  {'End':<36}{_amount(bridge['end']):>10}"
    yield from _largest([row for row in bridge["moves"] if row["deal_id"] is not None])


def _counted(deals: int) -> str:
    return f"  {deals:>7,} deal{'s' if deals > 1 else ''}" if deals else ""


def _largest(moves: Sequence[Row]) -> Iterator[str]:
    if moves:
        yield "  The deals that moved most:"
    for row in moves[:MOVES_SHOWN]:
        who = ", ".join(row[name] for name in ("stage", "owner_id") if row[name])
        yield (
            f"    {row['deal_id']:<14}{_signed(row['effect']):>10}"
            f"  {kind_name(row['kind'], 'en')}{who and f' ({who})'}"
        )


def _amount(value: float) -> str:
    return money(value, "").strip()


def _signed(value: float) -> str:
    return ("+" if value > 0 else "") + _amount(value)
