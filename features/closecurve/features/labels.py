"""What became of each snapshot: the event after its as-of, censored at the cutoff. Open is not
lost."""

import ibis
import ibis.expr.types as ir
import pandas as pd

from closecurve.crm.tables import DELETED
from closecurve.features.subjects import DEAL, LEAD, Subject
from closecurve.features.tables import HistoryTables
from closecurve.features.timeline import BEGINNING, days_between, field_spans, instant_literal


def deal_labels(tables: HistoryTables, grain: ir.Table, cutoff: pd.Timestamp) -> ir.Table:
    """(deal_id, as_of, event, duration_days) for each pair of `grain` before the cutoff.

    `event` is 1 won, 2 lost: the first close that became known from the as-of on and before the
    cutoff, `duration_days` after the as-of (0 for one that had happened before and was written
    later). Else 0: still open as far as the cutoff sees, for `duration_days` until the cutoff; or
    until the deal was gone from its source, which is neither.
    """
    return _labels(tables, DEAL, grain, cutoff)


def lead_labels(tables: HistoryTables, grain: ir.Table, cutoff: pd.Timestamp) -> ir.Table:
    """The same for (lead_id, as_of): 1 converted, 2 disqualified."""
    return _labels(tables, LEAD, grain, cutoff)


def _labels(
    tables: HistoryTables, subject: Subject, grain: ir.Table, cutoff: pd.Timestamp
) -> ir.Table:
    limit = instant_literal(cutoff)
    pairs = grain.filter(grain.as_of < limit).select(subject.id_column, "as_of")
    ends = _ends(tables, subject, cutoff)
    matched = pairs.left_join(
        ends,
        [
            pairs[subject.id_column] == ends.closed_id,
            ends.after < pairs.as_of,
            pairs.as_of <= ends.closed_known_at,
        ],
    )
    duration = days_between(matched.as_of, matched.closed_at.fill_null(limit))
    return matched.select(
        subject.id_column,
        "as_of",
        event=matched.event.fill_null(0).cast("int64"),
        duration_days=(duration < 0).ifelse(0.0, duration),
    )


def _ends(tables: HistoryTables, subject: Subject, cutoff: pd.Timestamp) -> ir.Table:
    """Closes known before the cutoff: each is the next for as-ofs in (after, closed_known_at]."""
    spans = field_spans(tables, subject, "outcome")
    won, lost = subject.causes
    shut = spans.filter(
        spans.new_value.isin((*subject.causes, DELETED)),
        spans.known_at < instant_literal(cutoff),
    )
    window = ibis.window(group_by=subject.id_column, order_by="place")
    return shut.select(
        closed_id=subject.id_column,
        closed_at="event_at",
        closed_known_at="known_at",
        event=ibis.cases((shut.new_value == won, 1), (shut.new_value == lost, 2), else_=0),
        after=shut.known_at.lag().over(window).fill_null(instant_literal(BEGINNING)),
    )
