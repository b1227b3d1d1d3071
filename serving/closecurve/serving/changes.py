"""Two publications that are compared, and one record's way from the first to the second."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pandas as pd

from closecurve.crm.calendar import FiscalCalendar
from closecurve.crm.errors import UsageError
from closecurve.models.explanation.change_words import ChangeTold, added_up
from closecurve.serving.problems import Problem
from closecurve.serving.summary import Summary
from closecurve.stores.results import PublicationHead, ResultsStore

Row = Mapping[str, Any]
LOOKED_BACK = 100
"""Publications that may be chosen by a date: three months of nights. Older ones go by their id."""

RECENT = pd.Timedelta(weeks=1)
RECENT_HEADS = 10
"""What a page shows of a record by itself: a week, looked for among a week of nights and some."""

MOST_DIGITS = 9
"""A publication's id is shorter; a date has dashes."""

STEPS = {"deal": ("deal_steps", "deal_id"), "lead": ("lead_steps", "lead_id")}
SCORES = {
    "deal": ("deal_scores", "win_probability_eventual"),
    "lead": ("lead_scores", "conversion_probability_eventual"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Two publications, and all that lie between them by their as-ofs, the later one last."""

    start: PublicationHead
    end: PublicationHead
    between: Sequence[PublicationHead]

    def new_models(self) -> Iterator[PublicationHead]:
        """The publications after the start that another bundle answered than the one before."""
        before = self.start
        for head in self.between:
            if head.bundle_digest != before.bundle_digest:
                yield head
            before = head


def span_of(results: ResultsStore, start: str | None, end: str | None) -> Span:
    """The two publications that an address names, each by its id or by a day of the company.

    A day stands for the last publication of that day or before. Without an end it is the newest,
    without a start the one before. Raises Problem `nothing-earlier` where `start` is not of an
    earlier as-of, `not-found` for a publication that is not there.
    """
    heads = sorted(results.publications(LOOKED_BACK), key=_place)
    last = _named(results, heads, end) if end else results.latest()
    if last is None:
        raise Problem("not-found" if end else "nothing-published")
    earlier = [head for head in heads if head.as_of < last.as_of]
    first = _named(results, heads, start) if start else next(reversed(earlier), None)
    if first is None or first.as_of >= last.as_of:
        raise Problem("nothing-earlier")
    return _span(heads, first, last)


def span_at(results: ResultsStore, start: pd.Timestamp, end: pd.Timestamp) -> Span | None:
    """The last publications as of two instants or before; None where they are not two."""
    heads = sorted(results.publications(LOOKED_BACK), key=_place)
    first, last = (
        next((head for head in reversed(heads) if head.as_of <= at), None) for at in (start, end)
    )
    if first is None or last is None or first.as_of >= last.as_of:
        return None
    return _span(heads, first, last)


def _span(heads: Sequence[PublicationHead], first: PublicationHead, last: PublicationHead) -> Span:
    """Of several publications of one as-of between the two the newest counts."""
    inside = [head for head in heads if first.as_of < head.as_of <= last.as_of]
    kept = {head.as_of: head for head in inside} | {last.as_of: last}
    return Span(start=first, end=last, between=[kept[as_of] for as_of in sorted(kept)])


def _place(head: PublicationHead) -> tuple[pd.Timestamp, int]:
    return head.as_of, head.publication_id


def _named(
    results: ResultsStore, heads: Sequence[PublicationHead], name: str
) -> PublicationHead | None:
    if name.isdecimal() and len(name) <= MOST_DIGITS:
        found = results.publication(int(name))
    else:
        found = next((head for head in reversed(heads) if head.as_of < _day_end(head, name)), None)
    if found is None:
        raise Problem("not-found")
    return found


def _day_end(head: PublicationHead, day: str) -> pd.Timestamp:
    try:
        following = date.fromisoformat(day) + timedelta(days=1)
        return calendar_of(head).midnight(following)
    except (ValueError, OverflowError, UsageError) as error:
        raise Problem("not-found") from error


def calendar_of(head: PublicationHead) -> FiscalCalendar:
    """The company's days; nothing else of its calendar is known here."""
    return FiscalCalendar(time_zone=Summary.of(head).time_zone.key)


def recent_span(results: ResultsStore, head: PublicationHead) -> Span | None:
    """From the last publication that is a week older, else from the one before; None without."""
    heads = sorted(results.publications(RECENT_HEADS), key=_place)
    newest_first = [each for each in reversed(heads) if each.as_of < head.as_of]
    older = (each for each in newest_first if each.as_of <= head.as_of - RECENT)
    start = next(older, next(iter(newest_first), None))
    return None if start is None else _span(heads, start, head)


def recent_change(
    results: ResultsStore, subject: str, record_id: str, head: PublicationHead
) -> tuple[Span, ChangeTold] | None:
    """How a record's probability moved over `recent_span`; None where it is not in both."""
    span = recent_span(results, head)
    if span is None:
        return None
    try:
        return span, record_change(results, subject, record_id, span)
    except Problem:
        return None


def record_change(results: ResultsStore, subject: str, record_id: str, span: Span) -> ChangeTold:
    """How the eventual probability of a deal or lead moved, by part.

    Raises Problem `not-found` where one of the two publications has no such record.
    """
    before, after = (
        _probability(results, subject, record_id, head) for head in (span.start, span.end)
    )
    return added_up(before, after, list(_steps(results, subject, record_id, span)))


def _probability(
    results: ResultsStore, subject: str, record_id: str, head: PublicationHead
) -> float:
    table, column = SCORES[subject]
    key = STEPS[subject][1]
    rows = results.rows(head.publication_id, table, {key: record_id}, (column,))
    if not rows:
        raise Problem("not-found")
    return float(rows[0][column])


def _steps(
    results: ResultsStore, subject: str, record_id: str, span: Span
) -> Iterator[Mapping[str, float]]:
    """The parts of each step back from the end, as far as the steps are linked to the start."""
    table, key = STEPS[subject]
    at: int | None = span.end.publication_id
    for _ in span.between:
        if at is None or at == span.start.publication_id:
            return
        rows = results.rows(at, table, {key: record_id}, ("since_publication_id", "parts"))
        at = rows[0]["since_publication_id"] if rows else None
        if at is not None:
            yield rows[0]["parts"] or {}
