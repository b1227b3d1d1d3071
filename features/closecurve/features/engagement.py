"""Activities around a deal or lead: how many, of which kind and direction, how long ago."""

from collections.abc import Collection, Sequence

import ibis.expr.types as ir
from ibis import _

from closecurve.features.definitions import INBOUND, OUTBOUND, TREND_DAYS, WINDOWS
from closecurve.features.subjects import LEAD, Subject
from closecurve.features.tables import HistoryTables
from closecurve.features.timeline import MICROSECONDS_PER_DAY, days_after, days_between, in_days

ANSWERED = "first_outbound_at"
"""When the customer was first answered: what response times are made of."""
TREND = "activity_trend"


def engagement_names(kinds: Sequence[str]) -> tuple[str, ...]:
    """The features that `engagement` gives."""
    return (*_counted(kinds), TREND, *_looked_for(kinds))


def counted_names(kinds: Sequence[str]) -> frozenset[str]:
    """Those of them that count: 0 where nothing ever happened."""
    return frozenset(_counted(kinds))


def engagement(
    tables: HistoryTables,
    grain: ir.Table,
    subject: Subject,
    kinds: Sequence[str],
    asked: Collection[str],
) -> ir.Table:
    """Counts and recency of the activities that were known: one row per grain row that has any.

    Columns: id, as_of, and those of `engagement_names` and `ANSWERED` that are asked for. A window
    holds `as_of - days <= event_at`. Grain rows without an activity in the windows asked for, or
    at all where more is asked, have no row.
    """
    counts = {name: met for name, met in _counted(kinds).items() if name in asked}
    latest = {name: met for name, met in _looked_for(kinds).items() if name in asked}
    sums = {name: _.count(where=met).cast("float64") for name, met in counts.items()}
    ages = {name: in_days(_.age_us.min(where=met)) for name, met in latest.items()}
    trend = {TREND: _trend()} if TREND in asked else {}
    first = {ANSWERED: _.event_at.min(where=_.direction == OUTBOUND)} if ANSWERED in asked else {}
    within = None if latest or first else _longest(asked)
    pairs = _known_pairs(tables, grain, subject, within)
    return pairs.group_by(subject.id_column, "as_of").aggregate(**sums, **trend, **ages, **first)


def lead_engagement(tables: HistoryTables, keys: ir.Table) -> ir.Table:
    """What was known of the activities of a deal's lead, for each of the keys (lead_id, as_of).

    Columns: the keys, lead_activity_count, lead_inbound_count, `ANSWERED`.
    """
    pairs = _known_pairs(tables, keys, LEAD, None)
    return pairs.group_by("lead_id", "as_of").aggregate(
        lead_activity_count=pairs.count().cast("float64"),
        lead_inbound_count=pairs.count(where=pairs.direction == INBOUND).cast("float64"),
        **{ANSWERED: pairs.event_at.min(where=pairs.direction == OUTBOUND)},
    )


def response_hours(created_at: ir.Value, first_outbound_at: ir.Value) -> ir.Value:
    """Hours until the first outbound activity; 0 where it came before the record was made."""
    hours = days_between(created_at, first_outbound_at) * 24.0
    return (hours < 0).ifelse(0.0, hours)


def _counted(kinds: Sequence[str]) -> dict[str, ir.Value]:
    """What each count counts, as a condition on a pair of a grain row and an activity."""
    every = {f"activity_count_{days}": _within(days) for days in WINDOWS}
    ways = {
        f"{way}_count_{days}": _within(days) & (_.direction == way)
        for way in (INBOUND, OUTBOUND)
        for days in WINDOWS
    }
    by_kind = {
        f"activity_count_{days}_{kind}": _within(days) & (_.kind == kind)
        for days in WINDOWS
        for kind in kinds
    }
    return every | ways | by_kind


def _looked_for(kinds: Sequence[str]) -> dict[str, ir.Value]:
    """What each recency looks for."""
    found = {"days_since_activity": _.age_us.notnull()}
    return found | {f"days_since_{kind}": _.kind == kind for kind in kinds}


def _within(days: int) -> ir.Value:
    return _.age_us <= days * MICROSECONDS_PER_DAY


def _trend() -> ir.Value:
    """The last month against the one before: difference over sum."""
    both = _.count(where=_within(2 * TREND_DAYS)).cast("float64")
    return (_.count(where=_within(TREND_DAYS)) * 2.0 - both) / both.nullif(0.0)


def _longest(asked: Collection[str]) -> int:
    """Days that the windows asked for reach back."""
    spans = [days for days in WINDOWS if any(f"_count_{days}" in name for name in asked)]
    return max([*spans, 2 * TREND_DAYS] if TREND in asked else spans)


def _known_pairs(
    tables: HistoryTables, grain: ir.Table, subject: Subject, within: int | None
) -> ir.Table:
    """Each grain row with each activity that it knows and that happened `within` so many days.

    Columns: id, as_of, kind, direction, event_at, and `age_us`, from the event to the as-of.
    """
    acts = tables.activities.filter(tables.activities[subject.id_column].notnull()).select(
        "kind", "direction", "event_at", "known_at", act_id=subject.id_column
    )
    seen = [grain[subject.id_column] == acts.act_id, acts.known_at < grain.as_of]
    if within is not None:
        seen.append(grain.as_of <= days_after(acts.event_at, within))
    joined = grain.join(acts, seen)
    return joined.select(
        subject.id_column,
        "as_of",
        "kind",
        "direction",
        "event_at",
        age_us=joined.as_of.delta(joined.event_at, unit="microsecond"),
    )
