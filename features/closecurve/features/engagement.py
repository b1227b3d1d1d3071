"""Activities around a deal or lead: how many, of which kind and direction, how long ago."""

from collections.abc import Sequence

import ibis.expr.types as ir

from closecurve.features.definitions import INBOUND, OUTBOUND, SPANS, TREND_DAYS, WINDOWS
from closecurve.features.subjects import Subject
from closecurve.features.tables import HistoryTables
from closecurve.features.timeline import days_after, days_between


def engagement(
    tables: HistoryTables, grain: ir.Table, subject: Subject, kinds: Sequence[str]
) -> ir.Table:
    """Counts and recency of the activities that were known: one row per grain row that has any.

    Columns: id, as_of, activity_count_<days>, inbound_count_30, outbound_count_30,
    activity_trend, days_since_activity, activity_count_90_<kind>, days_since_<kind>,
    first_outbound_at. A window holds `as_of - days <= event_at`.
    """
    pairs = _known_pairs(tables, grain, subject, SPANS)
    within = {days: pairs.as_of <= pairs[f"until_{days}"] for days in SPANS}
    month = within[TREND_DAYS]
    counts = {f"activity_count_{days}": pairs.count(where=within[days]) for days in WINDOWS}
    counts |= {
        "inbound_count_30": pairs.count(where=month & (pairs.direction == INBOUND)),
        "outbound_count_30": pairs.count(where=month & (pairs.direction == OUTBOUND)),
        "count_60": pairs.count(where=within[2 * TREND_DAYS]),
    }
    for kind in kinds:
        counts[f"activity_count_90_{kind}"] = pairs.count(where=within[90] & (pairs.kind == kind))
    instants = {"last_activity": pairs.event_at.max()} | {
        f"last_{kind}": pairs.event_at.max(where=pairs.kind == kind) for kind in kinds
    }
    grouped = pairs.group_by(subject.id_column, "as_of").aggregate(
        **counts,
        **{f"{name}_at": value for name, value in instants.items()},
        first_outbound_at=pairs.event_at.min(where=pairs.direction == OUTBOUND),
    )
    return _told(grouped, subject, kinds)


def first_outbound(tables: HistoryTables, keys: ir.Table, subject: Subject) -> ir.Table:
    """The earliest outbound activity that was known by each key (id, as_of)."""
    pairs = _known_pairs(tables, keys.distinct(), subject)
    return pairs.group_by(subject.id_column, "as_of").aggregate(
        first_outbound_at=pairs.event_at.min(where=pairs.direction == OUTBOUND)
    )


def response_hours(created_at: ir.Value, first_outbound_at: ir.Value) -> ir.Value:
    """Hours until the first outbound activity; 0 where it came before the record was made."""
    hours = days_between(created_at, first_outbound_at) * 24.0
    return (hours < 0).ifelse(0.0, hours)


def _known_pairs(
    tables: HistoryTables, grain: ir.Table, subject: Subject, spans: Sequence[int] = ()
) -> ir.Table:
    """Each grain row with each activity it knows, and until when that is in each window."""
    acts = tables.activities.filter(tables.activities[subject.id_column].notnull()).select(
        "kind",
        "direction",
        "event_at",
        "known_at",
        act_id=subject.id_column,
        **{f"until_{days}": days_after(tables.activities.event_at, days) for days in spans},
    )
    joined = grain.join(
        acts, [grain[subject.id_column] == acts.act_id, acts.known_at < grain.as_of]
    )
    ends = [f"until_{days}" for days in spans]
    return joined.select(subject.id_column, "as_of", "kind", "direction", "event_at", *ends)


def _told(grouped: ir.Table, subject: Subject, kinds: Sequence[str]) -> ir.Table:
    """The aggregates as features."""
    plain = [f"activity_count_{days}" for days in WINDOWS]
    plain += ["inbound_count_30", "outbound_count_30"]
    plain += [f"activity_count_90_{kind}" for kind in kinds]
    now = grouped.as_of
    clocks = {f"days_since_{kind}": days_between(grouped[f"last_{kind}_at"], now) for kind in kinds}
    return grouped.select(
        subject.id_column,
        "as_of",
        "first_outbound_at",
        **{name: grouped[name].cast("float64") for name in plain},
        activity_trend=(2 * grouped.activity_count_30 - grouped.count_60)
        / grouped.count_60.cast("float64").nullif(0.0),
        days_since_activity=days_between(grouped.last_activity_at, now),
        **clocks,
    )
