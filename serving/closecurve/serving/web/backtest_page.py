"""The page of the track record."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pandas as pd
from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse
from pydantic import BeforeValidator

from closecurve.models.track_record.words import FIRST_DAY, PEERS, POOLED, node_words
from closecurve.serving.backtest import COMPANY, Question, Row, TrackRecord, read_record
from closecurve.serving.problems import Problem
from closecurve.serving.schemas.common import Text
from closecurve.serving.service import Service, UsedService
from closecurve.serving.summary import Summary
from closecurve.serving.web import figures
from closecurve.serving.web.backtest_figures import quarters_figure, weeks_figure
from closecurve.serving.web.rendering import page

router = APIRouter(include_in_schema=False)
_EMPTY_IS_NONE = BeforeValidator(lambda value: value or None)
HERE = "/backtest"
LEADS = {
    "all": "All origins",
    FIRST_DAY: "First day of the quarter",
    "early": "9 weeks or more before the end",
    "middle": "5 to 8 weeks before",
    "late": "The last 4 weeks",
}
FEW_QUARTERS = 8
"""With fewer, not even an 80 % interval that holds half of them fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordView:
    """Everything on the page; `lead` is the group of origins that peers are shown for."""

    record: TrackRecord
    company: str
    time_zone: ZoneInfo
    quarter: str
    lead: str

    @property
    def currency(self) -> str:
        """The company's currency."""
        return str(self.record.head.metrics["currency"])

    @property
    def quarters(self) -> list[str]:
        """The names of all quarters, oldest first."""
        return list(self.record.head.metrics["quarters"])

    @property
    def scores(self) -> dict[str, Row]:
        """The node's scores by group of origins, in the order of `LEADS`."""
        found = {score["lead"]: score for score in self.record.scores}
        return {lead: found[lead] for lead in LEADS if lead in found}

    @property
    def whole(self) -> Row:
        """The scores over all origins."""
        return self.scores["all"]

    @property
    def held(self) -> Row:
        """How the 80 % interval held over all origins."""
        return next(each for each in self.whole["coverage"] if each["level"] == 80)

    @property
    def is_short(self) -> bool:
        """Whether there are too few quarters to fail an interval by."""
        return bool(self.whole["quarter_count"] < FEW_QUARTERS)

    @property
    def peers(self) -> list[tuple[str, Row]]:
        """The peers of the shown origins in words, the least error first."""
        peers = self.scores[self.lead]["peers"]
        told = [(PEERS[name], score) for name, score in peers.items() if name in PEERS]
        return sorted(told, key=lambda pair: _or_last(pair[1]["wape"]))

    @property
    def better_peers(self) -> list[str]:
        """The peers, in words, with less error than the forecast on the same origins."""
        return [words for words, score in self.peers if is_better(score)]

    @property
    def node(self) -> str:
        """The node as the address names it."""
        return node_value(self.record.question.scope_kind, self.record.question.scope)

    @property
    def node_choices(self) -> list[tuple[str, str]]:
        """Every node as the address names it, and in words."""
        nodes = self.record.nodes
        return [(node_value(n["scope_kind"], n["scope"]), node_words(dict(n))) for n in nodes]

    @property
    def own_failures(self) -> list[str]:
        """The sentences on intervals of this node that failed."""
        asked = (self.record.question.scope_kind, self.record.question.scope)
        failures = self.record.failures
        return [f["sentence"] for f in failures if (f["scope_kind"], f["scope"]) == asked]

    @property
    def first_days(self) -> list[Row]:
        """The first origin of each quarter, oldest first; none for many scopes scored together."""
        firsts = {row["period_name"]: row for row in reversed(self._rows)}
        return [firsts[name] for name in self.quarters if name in firsts]

    @property
    def weeks(self) -> list[Row]:
        """The origins of the shown quarter."""
        return [row for row in self._rows if row["period_name"] == self.quarter]

    @property
    def _rows(self) -> list[Row]:
        return [] if self.record.question.scope == POOLED else list(self.record.rows)

    @property
    def quarters_figure(self) -> figures.Figure:
        """The first days of all quarters."""
        return quarters_figure(self.first_days, self.currency)

    @property
    def weeks_figure(self) -> figures.Figure:
        """The shown quarter from week to week."""
        return weeks_figure(
            self.weeks, [self.day(row["as_of"]) for row in self.weeks], self.currency
        )

    def day(self, as_of: pd.Timestamp) -> date:
        """The company's day of an instant."""
        return pd.Timestamp(as_of).tz_localize("UTC").tz_convert(self.time_zone).date()

    def address(self, **changed: str) -> str:
        """This page with some of the question changed."""
        values = {"node": self.node, "quarter": self.quarter, "lead": self.lead} | changed
        return f"{HERE}?{urlencode(values)}"

    @property
    def twin(self) -> str:
        """The query of the JSON and CSV of this node."""
        asked = self.record.question
        return urlencode({"scope_kind": asked.scope_kind, "scope": asked.scope})


def node_value(scope_kind: str, scope: str) -> str:
    """A node in one text, as the address has it."""
    return f"{scope_kind}:{scope}"


def is_better(peer: Mapping[str, Any]) -> bool:
    """Whether a peer had less error than the forecast on the same origins."""
    return _or_last(peer["wape"]) < _or_last(peer["own_wape"])


def _or_last(value: float | None) -> float:
    return float("inf") if value is None else value


@router.get(HERE)
def backtest_page(
    service: UsedService,
    node: Annotated[Text | None, _EMPTY_IS_NONE, Query()] = None,
    quarter: Annotated[Text | None, _EMPTY_IS_NONE, Query()] = None,
    lead: Annotated[Text | None, _EMPTY_IS_NONE, Query()] = None,
) -> HTMLResponse:
    """How past forecasts came out, beside the peers, and where their intervals failed."""
    kind, _, scope = (node or node_value(COMPANY, COMPANY)).partition(":")
    try:
        record = read_record(service.results, Question(scope_kind=kind, scope=scope))
    except Problem as problem:
        if problem.kind.code == "nothing-backtested":
            return page("backtest_none.html", here=HERE)
        return page("missing.html", status=404, here=HERE)
    view = _view(service, record, quarter, lead or "all")
    if view is None:
        return page("missing.html", status=404, here=HERE)
    return page("backtest.html", here=HERE, view=view, leads=LEADS, is_better=is_better)


def _view(
    service: Service, record: TrackRecord, quarter: str | None, lead: str
) -> RecordView | None:
    """None for a quarter or a group of origins that the record does not have."""
    quarters = record.head.metrics["quarters"]
    is_known = quarter in (None, *quarters) and lead in {score["lead"] for score in record.scores}
    if not is_known:
        return None
    head = service.results.latest()
    summary = None if head is None else Summary.of(head)
    return RecordView(
        record=record,
        company=summary.company if summary else "",
        time_zone=summary.time_zone if summary else ZoneInfo("UTC"),
        quarter=quarter or quarters[-1],
        lead=lead,
    )
