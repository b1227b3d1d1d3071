"""The pages of leads: the whole queue, and one lead."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

import pandas as pd
from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BeforeValidator

from closecurve.crm.errors import UsageError
from closecurve.models.lead_quality.words import value_sentence
from closecurve.serving.language import Language, wording
from closecurve.serving.routers.deals import with_reason
from closecurve.serving.routers.leads import QUEUE, TABLE, LeadFilters
from closecurve.serving.schemas.common import Cursor, Text
from closecurve.serving.schemas.leads import Grade, Status
from closecurve.serving.service import Service, UsedService
from closecurve.serving.summary import Summary
from closecurve.serving.web import figures
from closecurve.serving.web.rendering import page
from closecurve.serving.web.views import STALE_AFTER, RecordView, owner_names
from closecurve.stores.results import PublicationHead

router = APIRouter(include_in_schema=False)
_EMPTY_IS_NONE = BeforeValidator(lambda value: value or None)
Choice = Annotated[Text | None, _EMPTY_IS_NONE]
Row = Mapping[str, Any]

LEADS_SHOWN = 40
ENDS = ("converted", "disqualified")
STATUSES = {
    "waiting": "To be answered",
    "overdue": "Answer overdue",
    "answered": "Answered",
    "follow_up_overdue": "Follow-up overdue",
}
SUB_SCORES = {
    "fit": "Fit",
    "authority": "Authority",
    "budget and timing": "Budget, timing",
    "engagement": "Engagement",
    "source": "Source",
}
"""The sub-scores in the order they are shown, by what the page calls them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadsView:
    """The queue's page; `owners` and `sources` are the choices that the filters offer."""

    head: PublicationHead
    summary: Summary
    filters: LeadFilters
    now: pd.Timestamp
    rows: Sequence[Row]
    following: str | None
    owners: Mapping[str, str]
    sources: Sequence[str]

    @property
    def reckoned_at(self) -> pd.Timestamp:
        """The instant that deadlines are measured from: of old results their own."""
        is_stale = self.now - self.head.as_of > STALE_AFTER
        return self.head.as_of if is_stale else self.now

    @property
    def counts(self) -> Row:
        """How many open leads there are in all, of each grade, and overdue."""
        said = self.head.summary
        names = ("open_leads", "grades", "overdue_leads")
        return {name: said.get(name) for name in names}

    @property
    def conversion(self) -> Row | None:
        """What became of each grade on held-back time; None where it is not known."""
        found: Row | None = self.head.summary.get("grade_conversion")
        return found

    @property
    def is_filtered(self) -> bool:
        """Whether the list shows a part of the queue."""
        return any(asdict(self.filters).values())

    def address(self, path: str = "/leads", **changed: str | None) -> str:
        """This page, or a twin of it, with some of the filters changed."""
        values = asdict(self.filters) | changed
        query = urlencode({name: value for name, value in values.items() if value is not None})
        return f"{path}?{query}" if query else path

    def owner(self, owner_id: str | None) -> str:
        """An owner's name, the id where no name is known."""
        return "–" if owner_id is None else self.owners.get(owner_id, owner_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadView(RecordView):
    """One lead's page."""

    @property
    def value_words(self) -> str | None:
        """The fact behind the value of a conversion."""
        return value_sentence(self.record["value_basis"], self.words)


def read_choices(
    grade: Annotated[Grade | None, _EMPTY_IS_NONE, Query()] = None,
    owner_id: Annotated[Choice, Query()] = None,
    source: Annotated[Choice, Query()] = None,
    status: Annotated[Status | None, _EMPTY_IS_NONE, Query()] = None,
) -> LeadFilters:
    """The filters that stand in the address; a form sends those nobody chose as empty text."""
    return LeadFilters(grade=grade, owner_id=owner_id, source=source, status=status)


@router.get("/leads")
def leads(
    service: UsedService,
    filters: Annotated[LeadFilters, Depends(read_choices)],
    language: Language,
    after: Annotated[Cursor | None, _EMPTY_IS_NONE, Query()] = None,
) -> Response:
    """The queue of leads, page by page."""
    head = service.results.latest()
    if head is None:
        return page("nothing.html")
    try:
        view = leads_view(service, head, filters, after, language)
    except UsageError as error:
        if error.code != "cursor-invalid":
            raise
        # A newer publication ends a walk over pages: it begins again with the same choice.
        kept = {name: value for name, value in asdict(filters).items() if value is not None}
        return RedirectResponse(f"/leads?{urlencode(kept)}" if kept else "/leads", 303)
    return page(
        "leads.html",
        here="/leads",
        view=view,
        language=language,
        statuses=STATUSES,
        sub_scores=SUB_SCORES,
    )


def leads_view(
    service: Service, head: PublicationHead, filters: LeadFilters, after: str | None, language: str
) -> LeadsView:
    """The page of the queue from one publication. Raises UsageError for a cursor that is none."""
    results = service.results
    found = results.page(
        head.publication_id,
        TABLE,
        filters.as_columns(),
        order=QUEUE,
        after=after,
        limit=LEADS_SHOWN,
    )
    words = wording(head, "lead", language)
    return LeadsView(
        head=head,
        summary=Summary.of(head),
        filters=filters,
        now=service.clock(),
        rows=[with_reason(row, words) for row in found.rows],
        following=found.next_cursor,
        owners=owner_names(results.owner_facts(head.publication_id)),
        sources=head.summary.get("lead_sources", []),
    )


@router.get("/leads/{lead_id:path}")
def lead(service: UsedService, lead_id: Text, language: Language) -> HTMLResponse:
    """One lead: its curve, its reasons, what it is worth."""
    head = service.results.latest()
    row = None if head is None else service.results.lead(head.publication_id, lead_id)
    if head is None or row is None:
        return page("missing.html", status=404)
    owners = owner_names(service.results.owner_facts(head.publication_id))
    view = LeadView(
        head=head,
        summary=Summary.of(head),
        record=row,
        owner_name=owners.get(row["owner_id"], row["owner_id"]),
        words=wording(head, "lead", language),
        curve_figure=figures.curve_figure(row["curve"], head.as_of, {}, ENDS),
    )
    return page(
        "lead.html",
        here="/leads",
        view=view,
        language=language,
        statuses=STATUSES,
        sub_scores=SUB_SCORES,
    )
