"""What the pages show, read from one publication: plain values, worded by the templates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote, urlencode

import pandas as pd

from closecurve.models.explanation.change_words import ChangeTold
from closecurve.models.explanation.words import Wording, explained
from closecurve.serving.changes import Span, recent_change
from closecurve.serving.language import wording
from closecurve.serving.live import COMPANY_OWNER
from closecurve.serving.routers.deals import DealOrder, with_reason
from closecurve.serving.routers.leads import QUEUE
from closecurve.serving.service import Service
from closecurve.serving.stalls import stall_of
from closecurve.serving.summary import Summary, share_of
from closecurve.serving.web import figures
from closecurve.serving.web.quality import Quality
from closecurve.serving.web.wording import UNKNOWN
from closecurve.stores.results import PublicationHead

Row = Mapping[str, Any]
COMPANY = "company"
LEADS_SHOWN = 12
DEALS_SHOWN = 25
HISTORY_SHOWN = 60
CURVE_ROWS = 8
FINDINGS_SHOWN = 8
STALE_AFTER = pd.Timedelta(days=2)
"""Past this, deadlines are reckoned as of the publication: against today they would all be over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What the reader narrowed the overview to; it stands in the address."""

    team: str | None = None
    owner: str | None = None
    grade: str | None = None
    leads_after: str | None = None
    deals_after: str | None = None

    @property
    def scope(self) -> tuple[str, str]:
        """The kind and name of the scope that forecast and funnel are shown for."""
        if self.owner is not None:
            return "owner", self.owner
        return (COMPANY, COMPANY) if self.team is None else ("team", self.team)

    def address(self, **changed: str | None) -> str:
        """The overview's address with some of the filters changed."""
        values = {"team": self.team, "owner": self.owner, "grade": self.grade} | changed
        query = urlencode({name: value for name, value in values.items() if value is not None})
        return f"/?{query}" if query else "/"


def deal_address(deal_id: str) -> str:
    """The address of a deal's page; an id may hold any character."""
    return f"/deals/{quote(deal_id, safe='')}"


def lead_address(lead_id: str) -> str:
    """The address of a lead's page, in the same way."""
    return f"/leads/{quote(lead_id, safe='')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Everything on the first page."""

    head: PublicationHead
    summary: Summary
    filters: Filters
    now: pd.Timestamp
    quarters: Sequence[Row]
    figure: figures.Figure | None
    parts: Sequence[Row]
    parts_kind: Literal["team", "owner"]
    funnel: Sequence[Row]
    leads: Sequence[Row]
    leads_next: str | None
    deals: Sequence[Row]
    deals_next: str | None
    owners: Mapping[str, str]
    teams: Sequence[str]
    quality: Quality | None
    guarded_columns: Sequence[Row]

    @property
    def is_stale(self) -> bool:
        """Whether the results are so old that a reader must be told."""
        return self.now - self.head.as_of > STALE_AFTER

    @property
    def reckoned_at(self) -> pd.Timestamp:
        """The instant that deadlines are measured from."""
        return self.head.as_of if self.is_stale else self.now

    @property
    def is_filtered(self) -> bool:
        """Whether the page shows a part of the company."""
        return self.filters.scope[0] != COMPANY

    @property
    def findings(self) -> list[Row]:
        """What was found of the data, with the share of the rows; of the whole company only."""
        found = () if self.is_filtered else self.summary.findings[:FINDINGS_SHOWN]
        return [{**row, "share": share_of(row)} for row in found]

    @property
    def scope_name(self) -> str | None:
        """The team or the owner that the page shows; None for the whole company."""
        kind, scope = self.filters.scope
        if kind == COMPANY:
            return None
        return self.owner(scope) if kind == "owner" else scope

    @property
    def has_processes(self) -> bool:
        """Whether the funnel shows more than one process."""
        return len({row["process"] for row in self.funnel}) > 1

    def owner(self, owner_id: str | None) -> str:
        """An owner's name, the id where no name is known."""
        return UNKNOWN if owner_id is None else self.owners.get(owner_id, owner_id)

    def part_name(self, row: Row) -> str:
        """The name of a team or an owner in the table below the quarter."""
        return self.owner(row["scope"]) if self.parts_kind == "owner" else str(row["scope"])

    def part_address(self, row: Row) -> str:
        """The overview narrowed to that team or owner."""
        return self.filters.address(**{self.parts_kind: row["scope"]})

    def amount_share(self, row: Row) -> float:
        """A stage's amount as a share of the largest of the funnel: the length of its bar."""
        largest = max(other["amount"] for other in self.funnel)
        return row["amount"] / largest if largest > 0 else 0.0


def overview(service: Service, head: PublicationHead, filters: Filters, language: str) -> Overview:
    """The first page from one publication. Raises UsageError for a cursor that is none."""
    results, summary = service.results, Summary.of(head)
    forecast = results.forecast(head.publication_id)
    owners = results.owner_facts(head.publication_id)
    kind, scope = filters.scope
    quarters = [row for row in _of_scope(forecast, kind) if scope == row["scope"]][:2]
    quarters = quarters if summary.has_deals else []
    leads = results.leads(
        head.publication_id,
        grade=filters.grade,
        owner_id=filters.owner,
        order=QUEUE,
        after=filters.leads_after,
        limit=LEADS_SHOWN,
    )
    deals = results.deals(
        head.publication_id,
        owner_id=filters.owner,
        team=filters.team,
        order=DealOrder.WIN_PROBABILITY_QUARTER_FIRST.value,
        after=filters.deals_after,
        limit=DEALS_SHOWN,
    )
    return Overview(
        head=head,
        summary=summary,
        filters=filters,
        now=service.clock(),
        quarters=quarters,
        figure=figures.quarter_figure(quarters, summary.currency) if quarters else None,
        parts=_parts(forecast, owners, filters),
        parts_kind="team" if kind == COMPANY else "owner",
        funnel=results.funnel(head.publication_id, kind, scope),
        leads=[with_reason(row, wording(head, "lead", language)) for row in leads.rows],
        leads_next=leads.next_cursor,
        deals=[with_reason(row, wording(head, "deal", language)) for row in deals.rows],
        deals_next=deals.next_cursor,
        owners=owner_names(owners),
        teams=sorted({row["scope"] for row in _of_scope(forecast, "team")}),
        quality=Quality.of(_judged(summary)),
        guarded_columns=summary.guarded_columns,
    )


def _judged(summary: Summary) -> Row | None:
    """The report that the page speaks of: that of deals, in a company with leads only theirs."""
    return summary.reports.get("deal" if summary.has_deals else "lead")


def owner_names(facts: Sequence[Row]) -> dict[str, str]:
    """The name of each owner by id, in the order of the names; the id where no name is known."""
    owners = [row for row in facts if row["owner_id"] != COMPANY_OWNER]
    named = {row["owner_id"]: row.get("name") or row["owner_id"] for row in owners}
    return dict(sorted(named.items(), key=lambda pair: (pair[1].casefold(), pair[0])))


def _of_scope(rows: Sequence[Row], kind: str) -> list[Row]:
    chosen = [row for row in rows if row["scope_kind"] == kind]
    return sorted(chosen, key=lambda row: (row["period_start"], row["scope"]))


def _parts(forecast: Sequence[Row], owners: Sequence[Row], filters: Filters) -> list[Row]:
    """The running quarter by team; of one team by its owners. The largest forecast is first."""
    kind, scope = filters.scope
    members = {row["owner_id"] for row in owners if row.get("team") == scope}
    of_part = "team" if kind == COMPANY else "owner"
    rows = [
        row
        for row in _of_scope(forecast, of_part)
        if kind == COMPANY or (kind == "team" and row["scope"] in members)
    ]
    running = [row for row in rows if row["period_start"] == rows[0]["period_start"]]
    return sorted(running, key=lambda row: -row["q50"])


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordView:
    """What the page of one deal and that of one lead show alike."""

    head: PublicationHead
    summary: Summary
    record: Row
    owner_name: str | None
    words: Wording
    curve_figure: figures.Figure

    @property
    def why(self) -> Row:
        """The reasons, and what they add up to."""
        return explained(self.record["reasons"], self.words)

    @property
    def rest(self) -> float | None:
        """What the groups without a reason of their own add together; None where not known."""
        why = self.why
        if why["cohort_probability"] is None:
            return None
        told = sum(reason["delta_probability"] for reason in why["reasons"])
        return float(sum(why["contributions"].values()) - told)

    @property
    def curve_rows(self) -> list[Row]:
        """The curve at about eight of its days, from the first to the last, for the table."""
        curve = self.record["curve"]
        last = len(curve["days"]) - 1
        places = sorted({round(last * step / CURVE_ROWS) for step in range(1, CURVE_ROWS + 1)})
        return [_curve_row(curve, self.head.as_of, place) for place in places]


@dataclass(frozen=True, slots=True, kw_only=True)
class DealView(RecordView):
    """Everything on a deal's page; the newest of the history is first."""

    history: Sequence[Row]
    change: tuple[Span, ChangeTold] | None
    stall: Row | None
    history_figure: figures.Figure | None


def _curve_row(curve: Row, as_of: pd.Timestamp, place: int) -> Row:
    won, lost = curve["won"][place], curve["lost"][place]
    by = (as_of + pd.Timedelta(days=float(curve["days"][place]))).date()
    return {"by": by, "won": won, "lost": lost, "open": max(1 - won - lost, 0.0)}


def deal_view(
    service: Service, head: PublicationHead, deal_id: str, language: str
) -> DealView | None:
    """A deal's page from one publication; None where the publication has no such deal."""
    results = service.results
    deal = results.deal(head.publication_id, deal_id)
    if deal is None:
        return None
    history = results.deal_history(deal_id, HISTORY_SHOWN, until=head.publication_id)
    quarters = _of_scope(results.forecast(head.publication_id, COMPANY), COMPANY)[:1]
    marks = {
        "expected close": deal["expected_close_date"],
        "median, if won": deal["close_q50_date"],
        **{f"{row['period_name']} ends": row["period_end"] for row in quarters},
    }
    owners = owner_names(results.owner_facts(head.publication_id))
    return DealView(
        head=head,
        summary=Summary.of(head),
        record=deal,
        owner_name=owners.get(deal["owner_id"], deal["owner_id"]),
        words=wording(head, "deal", language),
        history=history,
        change=recent_change(results, "deal", deal_id, head),
        stall=stall_of(service, head, deal_id, language),
        curve_figure=figures.curve_figure(deal["curve"], head.as_of, marks),
        history_figure=figures.history_figure(history[::-1]) if len(history) > 1 else None,
    )
