"""The page of stalls: the money that stands still, who stands, why, and what to review."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any, Self
from urllib.parse import parse_qs, urlencode
from uuid import uuid4

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BeforeValidator

from closecurve.crm.errors import UsageError
from closecurve.models.stall.words import CHECKPOINT_NAMES
from closecurve.serving import stalls
from closecurve.serving.language import Language
from closecurve.serving.origin import OwnForm
from closecurve.serving.problems import KINDS, Problem
from closecurve.serving.schemas.common import Cursor, Text
from closecurve.serving.service import LastPublication, Service, UsedService
from closecurve.serving.stalls import Checkpoint, StallFilters, StallOrder, Verdict
from closecurve.serving.summary import Summary
from closecurve.serving.web import figures
from closecurve.serving.web.rendering import page
from closecurve.serving.web.views import owner_names
from closecurve.serving.web.wording import UNKNOWN
from closecurve.stores.results import PublicationHead

router = APIRouter(include_in_schema=False)
HERE = "/stalls"
SHOWN = 15
SNOOZE_DAYS = 14
"""How far ahead the form's date stands: until the next follow-up."""
MOST_FIELDS = 10
LONGEST_FIELD = 4_000
"""Characters: the address of a page with a cursor is the longest that a form of ours holds."""
ORDERS = {
    StallOrder.AMOUNT_FIRST: "Most money",
    StallOrder.PROBABILITY_FIRST: "Likeliest to stall",
    StallOrder.STILL_FIRST: "Longest without a move",
    StallOrder.QUIET_FIRST: "Longest untouched",
}
DWELL_REACH = 1.15
"""The picture of a stay reaches so much beyond the longer of the stay and the P80."""

_EMPTY_IS_NONE = BeforeValidator(lambda value: value or None)
Choice = Annotated[Text | None, _EMPTY_IS_NONE, Query()]
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What the reader narrowed the page to; it stands in the address."""

    filters: StallFilters
    order: StallOrder
    after: str | None
    problem: str | None

    def address(self, **changed: str | None) -> str:
        """The page's address with some of the choices changed."""
        values = {
            "team": self.filters.team,
            "owner": self.filters.owner_id,
            "stage": self.filters.stage,
            "checkpoint": self.filters.checkpoint,
            "verdict": None if self.filters.verdict is Verdict.FLAGGED else self.filters.verdict,
            "order": None if self.order is StallOrder.AMOUNT_FIRST else self.order,
        } | changed
        query = urlencode({name: value for name, value in values.items() if value is not None})
        return f"{HERE}?{query}" if query else HERE

    def export(self) -> str:
        """The same choice as CSV."""
        values = self.filters.columns() | {"verdict": self.filters.verdict}
        return urlencode({name: value for name, value in values.items() if value is not None})


def read_choices(
    team: Choice = None,
    owner: Choice = None,
    stage: Choice = None,
    checkpoint: Annotated[Checkpoint | None, _EMPTY_IS_NONE, Query()] = None,
    verdict: Verdict = Verdict.FLAGGED,
    order: StallOrder = StallOrder.AMOUNT_FIRST,
    after: Annotated[Cursor | None, _EMPTY_IS_NONE, Query()] = None,
    problem: Choice = None,
) -> Choices:
    """The choices that stand in the address."""
    filters = StallFilters(
        owner_id=owner, team=team, stage=stage, checkpoint=checkpoint, verdict=verdict
    )
    return Choices(filters=filters, order=order, after=after, problem=problem)


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """What is open and what of it is flagged; amounts in the company's currency."""

    name: str
    open_count: int
    open_amount: float
    flagged_count: int
    flagged_amount: float

    @classmethod
    def of(cls, name: str, owners: Sequence[Row]) -> Self:
        """The sum over the owners' rows."""
        return cls(
            name=name,
            open_count=sum(row["open_count"] for row in owners),
            open_amount=sum(row["open_amount"] for row in owners),
            flagged_count=sum(row["flagged_count"] for row in owners),
            flagged_amount=sum(row["flagged_amount"] for row in owners),
        )

    @property
    def share(self) -> float:
        """The share of the money that is flagged."""
        return self.flagged_amount / self.open_amount if self.open_amount else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StallsView:
    """Everything on the page."""

    head: PublicationHead
    summary: Summary
    choices: Choices
    report: Row
    total: Money
    teams: Sequence[Money]
    stages: Sequence[str]
    found: stalls.StallList
    reviews: Sequence[Row]
    owners: Mapping[str, str]
    day: date

    @property
    def worth(self) -> Row:
        """What flags were worth on held-back time; empty before that could be seen."""
        worth: Row = self.report.get("flags", {})
        return worth

    @property
    def title(self) -> str:
        """What the list of deals holds."""
        chosen = self.choices.filters
        if chosen.checkpoint is not None:
            told = CHECKPOINT_NAMES["en"][chosen.checkpoint]
            which = "Flagged deals" if chosen.verdict is Verdict.FLAGGED else "Deals"
            return f"{which} that missed the {told}"
        return "Flagged deals" if chosen.verdict is Verdict.FLAGGED else "Open deals"

    @property
    def snooze_date(self) -> date:
        """The day that the form proposes."""
        return self.day + timedelta(days=SNOOZE_DAYS)

    @property
    def last_date(self) -> date:
        """The last day that the form takes."""
        return self.day + stalls.LONGEST_SNOOZE

    @property
    def problem(self) -> str | None:
        """Why a form was refused, in words."""
        kind = KINDS.get(self.choices.problem or "")
        return None if kind is None else kind.rule

    @property
    def figure(self) -> figures.Figure | None:
        """The money of each team, where there are teams to compare."""
        return teams_figure(self.teams, self.summary.currency) if len(self.teams) > 1 else None

    def owner(self, owner_id: str | None) -> str:
        """An owner's name, the id where no name is known."""
        return UNKNOWN if owner_id is None else self.owners.get(owner_id, owner_id)

    def request_key(self) -> str:
        """A new key for a form: sent twice by a double click, it has one effect."""
        return uuid4().hex


@router.get(HERE)
def stalls_page(
    service: UsedService, choices: Annotated[Choices, Depends(read_choices)], language: Language
) -> Response:
    """The flagged deals, the most money first, and what each owner has to review."""
    head = service.results.latest()
    if head is None:
        return page("nothing.html", here=HERE)
    try:
        view = stalls_view(service, head, choices, language)
    except UsageError as error:
        if error.code != "cursor-invalid":
            raise
        # A newer publication ends a walk over pages: it begins again with the same choice.
        return RedirectResponse(choices.address(), 303)
    return page(
        "stalls.html",
        here=HERE,
        view=view,
        orders=ORDERS,
        checkpoints=CHECKPOINT_NAMES["en"],
        dwell_picture=dwell_picture,
        language=language,
    )


def stalls_view(
    service: Service, head: PublicationHead, choices: Choices, language: str
) -> StallsView:
    """The page from one publication. Raises UsageError for a cursor that is none."""
    filters, results = choices.filters, service.results
    reviews = stalls.reviews(results, head, filters.owner_id, filters.team)
    report = (head.summary.get("stalls") or {}).get("report", {})
    return StallsView(
        head=head,
        summary=Summary.of(head),
        choices=choices,
        report=report,
        total=Money.of("all", reviews),
        teams=_teams(stalls.reviews(results, head, None, None)),
        stages=_stages(head),
        found=stalls.read_stalls(
            service,
            head,
            filters,
            language,
            order=choices.order,
            after=choices.after,
            limit=SHOWN,
        ),
        reviews=[row for row in reviews if any(row[f"{name}_count"] for name in Checkpoint)],
        owners=owner_names(results.owner_facts(head.publication_id)),
        day=stalls.today(service, head),
    )


@router.post(f"{HERE}/snooze")
async def snooze_form(
    request: Request, service: UsedService, head: LastPublication, own: OwnForm
) -> RedirectResponse:
    """Take the form of one deal and show the page again."""
    form = await read_form(request)
    try:
        until_date = date.fromisoformat(form.get("until_date", ""))
        stalls.snooze_deal(
            service,
            head,
            form.get("deal_id", ""),
            until_date,
            form.get("reason", ""),
            form.get("key"),
        )
    except ValueError:
        return _back(form, "snooze-date")
    except Problem as problem:
        return _back(form, problem.kind.code)
    except UsageError as error:
        return _back(form, error.code)
    return _back(form)


@router.post(f"{HERE}/wake")
async def wake_form(request: Request, service: UsedService, own: OwnForm) -> RedirectResponse:
    """End a snooze; one that has ended meanwhile is as the reader wished."""
    form = await read_form(request)
    service.results.snoozes.remove(form.get("deal_id", ""))
    return _back(form)


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form, each once. Raises Problem `request-refused` for what is none."""
    try:
        text = (await request.body()).decode("utf-8")
        fields = parse_qs(text, strict_parsing=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise Problem("request-refused") from error
    form = {name: values[0] for name, values in fields.items()}
    if any("\x00" in value or len(value) > LONGEST_FIELD for value in form.values()):
        raise Problem("request-refused")
    return form


def teams_figure(teams: Sequence[Money], currency: str) -> figures.Figure:
    """The open money of each team: what is flagged, and what is on course."""
    names = [team.name for team in teams][::-1]
    flagged = [team.flagged_amount for team in teams][::-1]
    others = [team.open_amount - team.flagged_amount for team in teams][::-1]
    layout = figures.layout() | {
        "barmode": "stack",
        "xaxis": figures.MONEY_AXIS | {"title": {"text": currency}, "fixedrange": True},
        "yaxis": {"automargin": True, "fixedrange": True},
        "margin": {"l": 8, "r": 12, "t": 16, "b": 44},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    }
    return {
        "data": [
            _bar("flagged", names, flagged, "--warn"),
            _bar("on course", names, others, "--band-2"),
        ],
        "layout": layout,
    }


def _bar(name: str, names: Sequence[str], amounts: Sequence[float], colour: str) -> figures.Figure:
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "y": list(names),
        "x": list(amounts),
        "marker": {"color": colour},
        "hovertemplate": f"%{{x:.3s}} {name}",
    }


def dwell_picture(row: Row) -> dict[str, float] | None:
    """Where a stay stands beside those of won deals, as shares of the picture's width.

    `stay`, and `middle` and `high`, the median and the P80 of won deals in the stage; None where
    no won deal has left the stage.
    """
    stay, middle, high = (
        row[name] for name in ("days_in_stage", "dwell_q50_days", "dwell_q80_days")
    )
    if stay is None or middle is None:
        return None
    reach = max(stay, high) * DWELL_REACH or 1.0
    return {"stay": stay / reach, "middle": middle / reach, "high": high / reach}


def _teams(owners: Sequence[Row]) -> list[Money]:
    """The money of each team, the most flagged first."""
    names = sorted({row["team"] for row in owners if row["team"] is not None})
    made = [Money.of(name, [row for row in owners if row["team"] == name]) for name in names]
    return sorted(made, key=lambda team: -team.flagged_amount)


def _stages(head: PublicationHead) -> list[str]:
    """The open stages of the company in the order of its processes, each once."""
    processes = head.summary.get("processes") or ()
    names = [
        stage["name"]
        for process in processes
        for stage in process["stages"]
        if stage["kind"] == "open"
    ]
    return list(dict.fromkeys(names))


def _back(form: Mapping[str, str], problem: str | None = None) -> RedirectResponse:
    """The page that the form stood on; another address is not followed."""
    asked = form.get("back", HERE)
    address = asked if asked == HERE or asked.startswith(f"{HERE}?") else HERE
    if problem is not None:
        address += f"{'&' if '?' in address else '?'}{urlencode({'problem': problem})}"
    return RedirectResponse(address, 303)
