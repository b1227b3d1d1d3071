"""Scoring leads: every open lead at an as-of, graded, valued and put in the order to work it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.crm.calendar import FiscalCalendar
from closecurve.features.subjects import LEAD
from closecurve.features.tables import HistoryTables
from closecurve.models.close_curve import CloseCurve
from closecurve.models.explanation.explainer import Explainer
from closecurve.models.lead_quality.deadlines import OwnerClocks
from closecurve.models.lead_quality.judging import Judging
from closecurve.models.lead_quality.parts import SubScoreScale
from closecurve.models.lead_quality.policy import GradeKind, grade_bounds
from closecurve.models.lead_quality.queue import queue_rank
from closecurve.models.reading import read_curves
from closecurve.pipelines.bundling import Bundle
from closecurve.pipelines.lead_values import lead_values
from closecurve.pipelines.panels import arrivals, snapshots
from closecurve.pipelines.scoring import Scores, cohort, tell
from closecurve.settings import Settings
from closecurve.stores.results.columns import LEAD_SCORES

Floats = NDArray[np.float64]

ARRIVAL_DAYS = 28
"""The leads that arrived in four weeks tell how many a business day brings."""

ZONE = "time_zone"
"""The attribute of owners that names their time zone."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LeadScores(Scores):
    """The scores of the open leads, and by what they were judged (None: there was nobody)."""

    judging: Judging | None
    grade_conversion: dict[str, Any] | None

    def summary(self) -> dict[str, Any]:
        """What the publication's summary tells of leads, and what a posted lead is judged by."""
        told = {"grade_conversion": self.grade_conversion}
        if self.judging is None:
            return {"open_leads": 0, "grades": {}, "overdue_leads": 0, "judging": None} | told
        return told | {
            "open_leads": len(self.scores),
            "grades": self.scores["grade"].value_counts().to_dict(),
            "overdue_leads": int(self.scores["is_overdue"].sum()),
            "lead_sources": sorted(self.scores["source"].dropna().unique()),
            "judging": self.judging.to_json(),
        }


def score_leads(
    tables: HistoryTables, bundle: Bundle, settings: Settings, as_of: pd.Timestamp
) -> LeadScores:
    """The open leads: the columns of `lead_scores`; none where there is no lead or no model."""
    rows = cohort(tables, bundle, LEAD, as_of) if bundle.lead else pd.DataFrame()
    if rows.empty or bundle.lead is None:
        return LeadScores(
            snapshots=rows,
            scores=pd.DataFrame(),
            judging=None,
            grade_conversion=bundle.grade_conversion,
        )
    seen = bundle.lead.rows(rows)
    read = read_curves(bundle.lead, seen, as_of, settings.calendar)
    low, high = bundle.interval(LEAD, read.won_eventual, seen)
    scored = rows.assign(
        conversion_probability_eventual=read.won_eventual,
        conversion_probability_low=low,
        conversion_probability_high=high,
        conversion_probability_30=read.won_within(30),
        conversion_probability_90=read.won_within(90),
        disqualification_probability_eventual=read.lost_eventual,
    )
    tell(scored, seen, Explainer(bundle.lead, bundle.cohorts[LEAD.name]), read)
    judging = _judging(tables, bundle, bundle.lead, scored, settings, as_of)
    clocks = OwnerClocks(company=settings.calendar, zones=owner_zones(tables))
    reasons = scored["reasons"].tolist()
    judged = judging.judged(rows, read.won_eventual, reasons, clocks, as_of)
    scored = pd.concat([scored, judged], axis=1)
    scored["queue_rank"] = _ranks(scored, as_of)
    return LeadScores(
        snapshots=rows,
        scores=scored[list(LEAD_SCORES.names)],
        judging=judging,
        grade_conversion=bundle.grade_conversion,
    )


def owner_zones(tables: HistoryTables) -> dict[str, str]:
    """The time zone of each owner whose attribute `time_zone` is filled in."""
    if ZONE not in tables.owners.columns:
        return {}
    found = tables.owners.select("owner_id", ZONE).execute().dropna()
    return dict(zip(found["owner_id"], found[ZONE].astype(str), strict=True))


def _ranks(scored: pd.DataFrame, as_of: pd.Timestamp) -> NDArray[np.int64]:
    """The queue: an answered lead is held to its follow-up, the others to their first answer."""
    is_answered = scored["responded_at"].notna()
    return queue_rank(
        scored["conversion_probability_eventual"],
        scored["value_amount"].astype("float64"),
        scored["response_due_at"].mask(is_answered, scored["follow_up_due_at"]),
        is_answered,
        as_of,
    )


def _judging(
    tables: HistoryTables,
    bundle: Bundle,
    curve: CloseCurve,
    scored: pd.DataFrame,
    settings: Settings,
    as_of: pd.Timestamp,
) -> Judging:
    policy, attribute = settings.grades, settings.leads.amount_attribute
    said, days = scored["conversion_probability_eventual"].to_numpy(), 1.0
    if policy.kind == GradeKind.CAPACITY:
        said, days = _said_at_arrival(tables, bundle, curve, settings.calendar, as_of)
    return Judging(
        policy=policy,
        bounds=grade_bounds(said, policy, days=days),
        values=lead_values(tables, bundle, settings.company.currency, as_of),
        scale=SubScoreScale.of(scored["reasons"].tolist()),
        amount_feature=None if attribute is None else f"attribute_{attribute}",
    )


def _said_at_arrival(
    tables: HistoryTables,
    bundle: Bundle,
    curve: CloseCurve,
    calendar: FiscalCalendar,
    as_of: pd.Timestamp,
) -> tuple[Floats, float]:
    """The probability of each lead of `ARRIVAL_DAYS` at its arrival, and the business days."""
    start = as_of - pd.Timedelta(days=ARRIVAL_DAYS)
    rows = snapshots(tables, LEAD, arrivals(tables, start, as_of), bundle.selection)
    days = ARRIVAL_DAYS * len(calendar.business_days) / 7
    if rows.empty:
        return np.empty(0), days
    return curve.predict_cumulative_incidence(rows, [np.inf])[:, 1, 0], days
