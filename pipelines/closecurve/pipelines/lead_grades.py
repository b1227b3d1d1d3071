"""What became of each grade on held-back time: leads graded by a model that had not seen them."""

from typing import Any

import numpy as np
import pandas as pd

from closecurve.crm.calendar import FiscalCalendar
from closecurve.models.held_back import days_between
from closecurve.models.lead_quality.policy import GradePolicy, grade_bounds, graded
from closecurve.models.lead_quality.queue import conversion_by_grade
from closecurve.models.training import TrainedCurve
from closecurve.pipelines.panels import Panel

WITHIN_DAYS = 90
"""A lead counts as converted if it was within so many days, each having been followed as long."""

ITEMS, WITHIN, SINCE = "items", "within_days", "since"


def observed_conversion(
    trained: TrainedCurve,
    panel: Panel,
    cutoff: pd.Timestamp,
    policy: GradePolicy,
    calendar: FiscalCalendar,
) -> dict[str, Any] | None:
    """The share of each grade that converted, with its 95 % interval (Wilson), for JSON.

    Each lead is graded where it first stands in the held-back time. None where that was too short.
    """
    model, start = trained.held_back_model, trained.held_back_start
    if model is None or start is None:
        return None
    asked = _first_seen(panel, start, cutoff)
    if asked.rows.empty:
        return None
    said = model.predict_cumulative_incidence(asked.rows, [np.inf])[:, 1, 0]
    span = (asked.rows["as_of"].max() - start) / pd.Timedelta(days=1)
    days = max(span * len(calendar.business_days) / 7, 1.0)
    grades = graded(said, grade_bounds(said, policy, days=days))
    converted = asked.labels["event"].eq(1) & asked.labels["duration_days"].le(WITHIN_DAYS)
    found = conversion_by_grade(grades, converted)
    items = found.astype(object).where(found.notna(), None).to_dict("records")
    return {WITHIN: WITHIN_DAYS, SINCE: start.isoformat(), ITEMS: items}


def _first_seen(panel: Panel, start: pd.Timestamp, cutoff: pd.Timestamp) -> Panel:
    """The first landmark of each lead from the start on that was followed long enough."""
    is_late = panel.rows["as_of"] >= start
    is_followed = days_between(panel.rows["as_of"], cutoff) >= WITHIN_DAYS
    late = panel.rows[is_late & is_followed]
    first = late.sort_values("as_of", kind="stable").drop_duplicates("lead_id").index
    return Panel(rows=panel.rows.loc[first], labels=panel.labels.loc[first])
