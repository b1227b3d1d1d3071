"""What was known when: facts become spans of time in which one value was the known one.

A fact counts from the instant after `known_at` on. Of the facts known so far the last by
(`event_at`, `seq`) holds the value. So a fact that becomes known after a later one never holds
it, and is left out; the facts that remain stand in the same order by event and by knowledge, and
each holds the value in `known_at < as_of <= until_at`, where `until_at` is the next one's
`known_at`. Facts learnt later only add spans and shorten the last one: no earlier answer changes.
"""

from collections.abc import Iterable, Sequence

import ibis
import ibis.expr.types as ir
import pandas as pd

from closecurve.features.definitions import DAY_PATTERN, NUMBER_PATTERN
from closecurve.features.subjects import Subject
from closecurve.features.tables import HistoryTables

FOREVER = pd.Timestamp("2300-01-01")
"""The end of a span that is still running: after every instant that is taken (see `crm.utc`)."""

BEGINNING = pd.Timestamp("1800-01-01")
"""Before every instant that is taken."""

MICROSECONDS_PER_DAY = 86_400_000_000
INSTANT = "timestamp(6)"
"""The type of an instant."""


def days_between(earlier: ir.Value, later: ir.Value) -> ir.Value:
    """Days from one instant to another, with fractions; null where either is."""
    return later.delta(earlier, unit="microsecond") / ibis.literal(float(MICROSECONDS_PER_DAY))


def instant_literal(instant: pd.Timestamp) -> ir.Value:
    """The instant as an expression."""
    return ibis.literal(instant, type=INSTANT)


def days_after(instant: ir.Value, days: int) -> ir.Value:
    """The instant so many days later."""
    return (instant + ibis.interval(days=days)).cast(INSTANT)


def number_of(text: ir.Value) -> ir.Value:
    """The finite number that a text holds, else null."""
    number = text.re_search(NUMBER_PATTERN).ifelse(text, ibis.null("string")).try_cast("float64")
    return number.isinf().ifelse(ibis.null("float64"), number)


def day_of(text: ir.Value) -> ir.Value:
    """The day that a text holds, as its first instant, else null."""
    day = text.re_search(DAY_PATTERN).ifelse(text, ibis.null("string")).try_cast("date")
    return day.cast(INSTANT)


def as_of_table(as_ofs: Iterable[pd.Timestamp]) -> ir.Table:
    """The instants as a table with the column `as_of`."""
    values = pd.Series(sorted(set(as_ofs)), dtype="datetime64[us]")
    frame = pd.DataFrame({"as_of": values})
    return ibis.memtable(frame, schema={"as_of": INSTANT})


def running(keys: Sequence[str], order: Sequence[str]) -> ir.Value:
    """The window over all rows of a key from its first to the present one."""
    return ibis.cumulative_window(group_by=list(keys), order_by=list(order))


def spans_of(facts: ir.Table, keys: Sequence[str]) -> ir.Table:
    """The facts that come to hold a value: keys, event_at, known_at, new_value and three more.

    `facts` has the keys, event_at, known_at, seq and new_value. The order is by event_at, seq,
    known_at, new_value; `place` counts in it, `previous` is the value that was replaced, and
    `until_at` the instant at which the next fact became known.
    """
    in_event_order = ibis.window(
        group_by=list(keys),
        order_by=["event_at", facts.seq.fill_null(0), "known_at", facts.new_value.fill_null("")],
    )
    placed = facts.mutate(place=ibis.row_number().over(in_event_order))
    ranked = placed.mutate(
        latest_place=placed.place.max().over(running(keys, ["known_at", "place"]))
    )
    held = ranked.filter(ranked.place == ranked.latest_place)
    window = ibis.window(group_by=list(keys), order_by="place")
    return held.select(
        *keys,
        "event_at",
        "known_at",
        "new_value",
        "place",
        until_at=held.known_at.lead().over(window).fill_null(instant_literal(FOREVER)),
        previous=held.new_value.lag().over(window),
    )


def field_spans(tables: HistoryTables, subject: Subject, field: str) -> ir.Table:
    """The spans of one field: id, event_at, known_at, until_at, new_value, previous, place."""
    changes = subject.changes(tables)
    facts = changes.filter(changes.field == field)
    columns = [subject.id_column, "event_at", "known_at", "seq", "new_value"]
    return spans_of(facts.select(columns), [subject.id_column])


def attach(
    rows: ir.Table, spans: ir.Table, key: str, *, at: str = "as_of", payload: Sequence[str]
) -> ir.Table:
    """The rows with the payload of the span that holds at `at`; null where none does."""
    right = spans.select(
        span_key=key, span_from="known_at", span_until="until_at", **_same(payload)
    )
    joined = rows.left_join(
        right,
        [rows[key] == right.span_key, right.span_from < rows[at], rows[at] <= right.span_until],
    )
    return joined.select(*rows.columns, *payload)


def known_records(tables: HistoryTables, subject: Subject) -> ir.Table:
    """The records with `known_at` filled in: at the creation where it is not told."""
    records = subject.records(tables)
    return records.mutate(known_at=ibis.coalesce(records.known_at, records.created_at))


def open_spans(tables: HistoryTables, subject: Subject) -> ir.Table:
    """When each record was known and open: id, known_at, until_at."""
    id_column = subject.id_column
    records = known_records(tables, subject).select(id_column, opened_at="known_at")
    outcomes = field_spans(tables, subject, "outcome")
    first = outcomes.group_by(id_column).aggregate(first_at=outcomes.known_at.min())
    fresh = records.left_join(first, id_column).select(
        id_column,
        known_at="opened_at",
        until_at=lambda t: t.first_at.fill_null(instant_literal(FOREVER)),
    )
    again = outcomes.filter(outcomes.new_value == "open").select(id_column, "known_at", "until_at")
    reopened = again.join(records, id_column).select(
        id_column, known_at=lambda t: ibis.greatest(t.known_at, t.opened_at), until_at="until_at"
    )
    spans = fresh.union(reopened)
    return spans.filter(spans.known_at < spans.until_at)


def running_totals(
    keys: ir.Table,
    steps: ir.Table,
    by: Sequence[str],
    sums: Sequence[str],
    latest: str | None = None,
) -> ir.Table:
    """The sums of all steps strictly before each key's `as_of`, in one pass over both.

    `keys` has the columns `by` and as_of; `steps` the columns `by`, at, whole numbers in `sums`
    and instants in `latest`. Comes back with the columns of `keys`, the sums and the maximum of
    `latest` so far. Sums are doubles: exact for whole numbers below 2^53, and quicker in windows.
    """
    kept = [latest] if latest else []
    nothing = dict.fromkeys(sums, ibis.literal(0.0)) | dict.fromkeys(kept, ibis.null(INSTANT))
    asked = keys.select(*by, at="as_of", is_step=ibis.literal(0), **nothing)
    given = {name: steps[name].cast("float64") for name in sums} | {k: steps[k] for k in kept}
    both = asked.union(steps.select(*by, at="at", is_step=ibis.literal(1), **given))
    window = running(by, ["at", "is_step"])
    totals = {name: both[name].sum().over(window) for name in sums}
    summed = both.mutate(**totals, **{k: both[k].max().over(window) for k in kept})
    wanted = summed.filter(summed.is_step == 0)
    return wanted.select(*by, *sums, *kept, as_of="at")


def on_grid(
    steps: ir.Table, instants: ir.Table, by: Sequence[str], sums: Sequence[str]
) -> ir.Table:
    """The steps added up between the instants (as_of): the same sums strictly before each of
    them, from far fewer rows.

    Each step moves back to the last instant that does not see it, or to the beginning.
    """
    nothing = {c: ibis.null(steps[c].type()) for c in by} | {c: ibis.literal(0.0) for c in sums}
    asked = instants.select("as_of", at="as_of", is_step=ibis.literal(0), **nothing)
    given = {c: steps[c] for c in by} | {c: steps[c].cast("float64") for c in sums}
    never = ibis.null(INSTANT)
    both = asked.union(steps.select(as_of=never, at="at", is_step=ibis.literal(1), **given))
    grid_at = both.as_of.max().over(running([], ["at", "is_step"]))
    placed = both.mutate(at=grid_at.fill_null(instant_literal(BEGINNING)))
    moved = placed.filter(placed.is_step == 1)
    return moved.group_by(*by, "at").aggregate(**{name: moved[name].sum() for name in sums})


def _same(names: Sequence[str]) -> dict[str, str]:
    return {name: name for name in names}
