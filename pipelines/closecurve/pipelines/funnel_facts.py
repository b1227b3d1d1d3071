"""What the history tells of whole funnels: deals, losses, deals due, and monthly revenue."""

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from closecurve.crm.calendar import FiscalCalendar, Period
from closecurve.features.snapshot import open_deals
from closecurve.features.states import expected_close_states
from closecurve.features.subjects import DEAL
from closecurve.features.tables import HistoryTables
from closecurve.features.timeline import INSTANT, attach, field_spans, instant_literal
from closecurve.models.spans import days_of

PAST_QUARTERS = 4
YEAR = "last 365 days"
YEAR_DAYS = 365

RAMP_QUANTILE = 0.9
"""A history that begins with new deals lacks the wins of earlier ones: its first months count from
when nine in ten wins of its first deals are in."""


def past_quarters(calendar: FiscalCalendar, as_of: pd.Timestamp) -> tuple[Period, ...]:
    """The running quarter and the four before it, the oldest first."""
    found = [calendar.quarter_at(as_of)]
    for _ in range(PAST_QUARTERS):
        found.append(calendar.quarter_at(found[-1].start_at - pd.Timedelta(days=1)))
    return tuple(found[::-1])


def year_before(calendar: FiscalCalendar, as_of: pd.Timestamp) -> Period:
    """The 365 days before the as-of."""
    start_at = as_of - pd.Timedelta(days=YEAR_DAYS)
    start_date, end_date = (calendar.local(at).date() for at in (start_at, as_of))
    return Period(
        start_at=start_at, end_at=as_of, start_date=start_date, end_date=end_date, name=YEAR
    )


def deals_due(
    tables: HistoryTables, periods: Sequence[Period], as_of: pd.Timestamp
) -> pd.DataFrame:
    """deal_id, due_at, has_moved of the deals that were open as a period began and due in it.

    due_at is the period's start; has_moved whether the expected close known at its end (or by
    `as_of`) lies beyond it.
    """
    starts = {period.start_at: period for period in periods}
    states = expected_close_states(tables, DEAL, ())
    rows = attach(
        open_deals(tables, list(starts)), states, "deal_id", payload=["expected_at"]
    ).rename(due_on="expected_at")
    ends = {start: min(period.end_at, as_of) for start, period in starts.items()}
    seen = rows.mutate(seen_at=_by_instant(rows.as_of, ends))
    found: pd.DataFrame = attach(
        seen, states, "deal_id", at="seen_at", payload=["expected_at"]
    ).execute()
    first, last = (
        found["as_of"].map({at: pd.Timestamp(day) for at, day in days.items()})
        for days in (
            {at: period.start_date for at, period in starts.items()},
            {at: period.end_date for at, period in starts.items()},
        )
    )
    due = found[(found["due_on"] >= first) & (found["due_on"] < last)]
    return due[["deal_id"]].assign(
        due_at=due["as_of"], has_moved=(due["expected_at"] >= last[due.index])
    )


def _by_instant(column: ir.Value, values: dict[pd.Timestamp, pd.Timestamp]) -> ir.Value:
    cases = [
        (column == instant_literal(at), instant_literal(value)) for at, value in values.items()
    ]
    return ibis.cases(*cases).cast(INSTANT)


def told_by(tables: HistoryTables, names: Sequence[str], as_of: pd.Timestamp) -> pd.DataFrame:
    """deal_id and attributes as they were known before `as_of`; those that there are of `names`."""
    fixed = tables.attributes("deals")
    rows = tables.deals.select("deal_id", *(name for name in names if name in fixed))
    changed = tables.deal_changes.filter(tables.deal_changes.field.isin(list(names)))
    tracked = [str(name) for name in changed.select("field").distinct().execute()["field"]]
    rows = rows.mutate(as_of=instant_literal(as_of))
    for name in tracked:
        spans = field_spans(tables, DEAL, name).rename(**{f"{name}_told": "new_value"})
        rows = attach(rows, spans, "deal_id", payload=[f"{name}_told"])
    found: pd.DataFrame = rows.execute().drop(columns="as_of")
    for name in tracked:
        told = found.pop(f"{name}_told")
        found[name] = told.where(told.notna(), found[name]) if name in found else told
    return found


def won_by_month(
    wins: pd.DataFrame,
    first_created_at: pd.Timestamp,
    calendar: FiscalCalendar,
    as_of: pd.Timestamp,
) -> pd.DataFrame:
    """month, won_amount of every whole month that the history can tell of, also without a win.

    `wins`: created_at, closed_at, amount_company. From the month by which nine in ten wins of deals
    as old as the first one are in, to the last whole month before `as_of`.
    """
    cycles = days_of(wins["closed_at"] - wins["created_at"])
    ramp = max(float(np.quantile(cycles, RAMP_QUANTILE)), 0.0) if len(wins) else 0.0
    begins = first_created_at + pd.Timedelta(days=ramp)
    first = calendar.period_at("month", calendar.period_at("month", begins).end_at).start_date
    last = calendar.period_at("month", as_of).start_date
    months = pd.date_range(first, last, freq="MS", inclusive="left").as_unit("us")
    local = calendar.local_clock(wins["closed_at"].to_numpy())
    of_month = pd.DatetimeIndex(local.astype("datetime64[M]").astype("datetime64[us]"))
    sums = wins["amount_company"].groupby(np.asarray(of_month)).sum().reindex(months)
    return pd.DataFrame({"month": months, "won_amount": sums.fillna(0.0).to_numpy()})
