"""Whether deals move: the labels of the stall model, and when each deal was last touched.

Progress is a move to a later open stage, or a win. A loss is none: a deal that ends without having
moved stood still until its end, and a warning before it would have been right.
"""

import ibis
import ibis.expr.types as ir
import pandas as pd

from closecurve.crm.tables import DELETED
from closecurve.features.facts import known_before
from closecurve.features.states import with_stage_order
from closecurve.features.subjects import DEAL
from closecurve.features.tables import HistoryTables
from closecurve.features.timeline import attach, days_after, field_spans, instant_literal

STALL_DAYS = 30
"""Days within which a deal that is alive moves: the last checkpoint of the 1-15-30 rule."""

BEYOND_STAGES = 1e6
"""The place of a win among the stages: after the last of any process."""


def stall_labels(tables: HistoryTables, grain: ir.Table, cutoff: pd.Timestamp) -> ir.Table:
    """(deal_id, as_of, stalled) for the pairs of `grain` whose `STALL_DAYS` are over at the cutoff.

    `stalled` is whether neither a move to a later stage nor a win became known in them. Pairs whose
    days are not over have no row, whatever was seen of them so far: keeping those that have moved
    already would count too many. Whether the days are over depends on the as-of alone, so what
    remains is a fair sample. A deal that was gone from its source before it moved has no row.
    """
    end = days_after(grain.as_of, STALL_DAYS)
    pairs = grain.filter(end <= instant_literal(cutoff)).select("deal_id", "as_of")
    standing = attach(pairs, _places(tables), "deal_id", payload=["place_order"])
    steps = _steps(tables).rename(step_id="deal_id", step_order="place_order")
    seen = standing.left_join(
        steps,
        [
            standing.deal_id == steps.step_id,
            standing.as_of <= steps.step_at,
            steps.step_at < days_after(standing.as_of, STALL_DAYS),
        ],
    )
    ahead = seen.step_order > seen.place_order.fill_null(0.0)
    found = seen.group_by("deal_id", "as_of").aggregate(
        moved=ahead.fill_null(False).any(), gone=seen.is_gone.fill_null(False).any()
    )
    kept = found.filter(found.moved | ~found.gone)
    return kept.select("deal_id", "as_of", stalled=~kept.moved)


def last_touches(tables: HistoryTables, as_of: pd.Timestamp) -> ir.Table:
    """(deal_id, touched_at): the last activity or change of each deal known before the as-of.

    Its creation is one: the first values of its fields are changes.
    """
    known = known_before(tables, as_of)
    events = ibis.union(
        *(table.select("deal_id", "event_at") for table in (known.deal_changes, known.activities))
    )
    of_deals = events.filter(events.deal_id.notnull())
    return of_deals.group_by("deal_id").aggregate(touched_at=of_deals.event_at.max())


def _places(tables: HistoryTables) -> ir.Table:
    """The stage spans of deals with `place_order`, the place in the process; null if not open."""
    processes = DEAL.records(tables).select("deal_id", "process")
    spans = field_spans(tables, DEAL, "stage").join(processes, "deal_id")
    ordered = with_stage_order(tables, spans)
    return ordered.select(
        "deal_id", "known_at", "until_at", place_order=ordered.stage_order.cast("float64")
    )


def _steps(tables: HistoryTables) -> ir.Table:
    """What became of deals and when it was known: deal_id, step_at, place_order, is_gone."""
    moves, ends = _places(tables), field_spans(tables, DEAL, "outcome")
    told = ends.filter(ends.new_value.isin((DEAL.causes[0], DELETED)))
    is_win = told.new_value == DEAL.causes[0]
    return moves.select(
        "deal_id", "place_order", step_at="known_at", is_gone=ibis.literal(False)
    ).union(
        told.select(
            "deal_id",
            place_order=is_win.ifelse(BEYOND_STAGES, ibis.null("float64")),
            step_at="known_at",
            is_gone=~is_win,
        )
    )
