"""What was known when: facts become spans of time in which one value was the known one.

A fact counts from the instant after `known_at` on. Of the facts known so far the last by
(`event_at`, `seq`) holds the value. So a fact that becomes known after a later one never holds
it, and is left out; the facts that remain stand in the same order by event and by knowledge, and
each holds the value in `known_at < as_of <= until_at`, where `until_at` is the next one's
`known_at`. Facts learnt later only add spans and shorten the last one: no earlier answer changes.
"""

import sys
from collections.abc import Iterable, Sequence
from functools import partial

import ibis
import ibis.expr.types as ir
import pandas as pd

from closecurve.features.definitions import DATE_PATTERN, DAY_LENGTH, DAY_PATTERN, NUMBER_PATTERN
from closecurve.features.subjects import Subject
from closecurve.features.tables import HistoryTables

FOREVER = pd.Timestamp("2300-01-01")
"""The end of a span that is still running: after every instant that is taken (see `crm.utc`)."""

BEGINNING = pd.Timestamp("1800-01-01")
"""Before every instant that is taken."""

MICROSECONDS_PER_DAY = 86_400_000_000
LARGEST_NUMBER = repr(sys.float_info.max)
"""As text, which engines read alike; Spark takes a number that is written out for a decimal."""
INSTANT = "timestamp(6)"
"""The type of an instant."""


def days_between(earlier: ir.Value, later: ir.Value) -> ir.Value:
    """Days from one instant to another, with fractions; null where either is."""
    return in_days(later.delta(earlier, unit="microsecond"))


def in_days(microseconds: ir.Value) -> ir.Value:
    """Microseconds as days, with fractions. Spark takes a fraction that is written for a decimal:
    the cast is what makes the quotient a double there too."""
    return microseconds.cast("float64") / ibis.literal(float(MICROSECONDS_PER_DAY))


def instant_literal(instant: pd.Timestamp) -> ir.Value:
    """The instant as an expression."""
    return ibis.literal(instant, type=INSTANT)


def days_after(instant: ir.Value, days: int) -> ir.Value:
    """The instant so many days later."""
    return (instant + ibis.interval(days=days)).cast(INSTANT)


def number_of(text: ir.Value) -> ir.Value:
    """The finite number that a text holds, else null."""
    number = text.re_search(NUMBER_PATTERN).ifelse(text, ibis.null("string")).try_cast("float64")
    largest = ibis.literal(LARGEST_NUMBER).cast("float64")
    return (number.abs() <= largest).ifelse(number, ibis.null("float64"))


def day_of(text: ir.Value) -> ir.Value:
    """The day that a text holds, as its first instant, else null."""
    day = text.re_search(DAY_PATTERN).ifelse(text, ibis.null("string")).try_cast("date")
    return day.cast(INSTANT)


def date_of(text: ir.Value) -> ir.Value:
    """The day with which a text begins, as its first instant, else null."""
    is_date = text.re_search(DATE_PATTERN)
    return day_of(is_date.ifelse(text, ibis.null("string")).substr(0, DAY_LENGTH))


def as_of_table(as_ofs: Iterable[pd.Timestamp]) -> ir.Table:
    """The instants as a table with the column `as_of`."""
    values = pd.Series(sorted(set(as_ofs)), dtype="datetime64[us]")
    frame = pd.DataFrame({"as_of": values})
    return ibis.memtable(frame, schema={"as_of": INSTANT})


def running(keys: Sequence[str], order: Sequence[str]) -> ir.Value:
    """The window over all rows of a key from its first to the present one."""
    return ibis.cumulative_window(group_by=list(keys), order_by=list(order))


def spans_of(facts: ir.Table, keys: Sequence[str]) -> ir.Table:
    """The facts that come to hold a value: keys, event_at, known_at, new_value and two more.

    `facts` has the keys, event_at, known_at, seq and new_value. The order is by event_at, seq,
    known_at, new_value; `place` counts in it. `until_at` is the first instant at which a fact
    further on in that order became known: a fact that was known later than that never held.
    """
    order = ["event_at", facts.seq.fill_null(0), "known_at", facts.new_value.fill_null("")]
    placed = facts.mutate(
        place=ibis.row_number().over(ibis.window(group_by=list(keys), order_by=order)),
        until_at=facts.known_at.min()
        .over(ibis.window(group_by=list(keys), order_by=order, rows=(1, None)))
        .fill_null(instant_literal(FOREVER)),
    )
    held = placed.filter(placed.known_at <= placed.until_at)
    return held.select(*keys, "event_at", "known_at", "until_at", "new_value", "place")


def field_spans(tables: HistoryTables, subject: Subject, field: str) -> ir.Table:
    """The spans of one field: id, event_at, known_at, until_at, new_value, place."""
    changes = subject.changes(tables)
    facts = changes.filter(changes.field == field)
    columns = [subject.id_column, "event_at", "known_at", "seq", "new_value"]
    return spans_of(facts.select(columns), [subject.id_column])


def outcome_spans(tables: HistoryTables, subject: Subject) -> ir.Table:
    """The spans of the outcome, which closes and cohorts read alike."""
    make = partial(field_spans, tables, subject, "outcome")
    return tables.once(f"{subject.name}_outcomes", make)


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
    outcomes = outcome_spans(tables, subject)
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

    Each step moves back to the last instant that does not see it, or to the beginning: looked for
    among the instants of its own day, then before that day.
    """
    dated = steps.mutate(day=steps["at"].truncate("D").cast(INSTANT))
    earlier = _last_before(dated.select("day").distinct(), instants)
    found = dated.left_join(earlier, dated.day == earlier.before_day)
    same_day = instants.select("as_of", on_day=instants.as_of.truncate("D").cast(INSTANT))
    following = same_day.as_of.lead().over(ibis.window(group_by="on_day", order_by="as_of"))
    spans = same_day.mutate(before=following.fill_null(instant_literal(FOREVER)))
    own = [found.day == spans.on_day, spans.as_of <= found["at"], found["at"] < spans.before]
    both = found.left_join(spans, own)
    at = ibis.coalesce(both.as_of, both.last_at, instant_literal(BEGINNING))
    placed = both.select(*by, *sums, at=at)
    return placed.group_by(*by, "at").aggregate(**{name: placed[name].sum() for name in sums})


def _last_before(days: ir.Table, instants: ir.Table) -> ir.Table:
    """The last of the instants before each day: before_day, last_at."""
    pairs = days.join(instants, instants.as_of < days.day)
    return pairs.group_by(before_day="day").aggregate(last_at=pairs.as_of.max())


def _same(names: Sequence[str]) -> dict[str, str]:
    return {name: name for name in names}
