"""Scoring: every open deal and lead at an as-of, with curve, dates and reasons."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from closecurve.features.subjects import DEAL, LEAD, Subject
from closecurve.features.tables import HistoryTables
from closecurve.models.close_curve.rows import CurveRows
from closecurve.models.explanation.explainer import Explainer
from closecurve.models.lead_quality import grade, queue_rank, response_due
from closecurve.models.reading import Readings, read_curves
from closecurve.pipelines.bundling import Bundle
from closecurve.pipelines.panels import open_rows, snapshots
from closecurve.pipelines.rates import StageFacts
from closecurve.settings import Settings
from closecurve.stores.results.columns import DEAL_SCORES, LEAD_SCORES

QUANTILES = {"close_q10_date": 0.1, "close_q50_date": 0.5, "close_q90_date": 0.9}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scores:
    """Snapshots of the cohort, and what is published of each."""

    snapshots: pd.DataFrame
    scores: pd.DataFrame


def score_deals(
    tables: HistoryTables,
    bundle: Bundle,
    facts: StageFacts,
    settings: Settings,
    as_of: pd.Timestamp,
) -> Scores:
    """The open deals: the columns of `deal_scores`; none where no deal is open."""
    rows = facts.beside(_cohort(tables, bundle, DEAL, as_of))
    if rows.empty:
        return Scores(snapshots=rows, scores=pd.DataFrame())
    seen = bundle.deal.rows(rows)
    read = read_curves(bundle.deal, seen, as_of, settings.calendar)
    scored = rows.assign(
        win_probability_eventual=read.won_eventual,
        win_probability_quarter=read.won_in_quarter(),
        win_probability_30=read.won_within(30),
        loss_probability_eventual=read.lost_eventual,
    )
    for name, dates in zip(QUANTILES, read.dates_passed([*QUANTILES.values()]), strict=True):
        scored[name] = dates
    _tell(scored, seen, Explainer(bundle.deal, bundle.cohorts[DEAL.name]), read)
    return Scores(snapshots=rows, scores=scored[list(DEAL_SCORES.names)])


def score_leads(
    tables: HistoryTables, bundle: Bundle, settings: Settings, as_of: pd.Timestamp
) -> Scores:
    """The open leads: the columns of `lead_scores`; none where there is no lead or no model."""
    rows = _cohort(tables, bundle, LEAD, as_of) if bundle.lead else pd.DataFrame()
    if rows.empty or bundle.lead is None:
        return Scores(snapshots=rows, scores=pd.DataFrame())
    seen = bundle.lead.rows(rows)
    read = read_curves(bundle.lead, seen, as_of, settings.calendar)
    grades = grade(read.won_eventual, settings.grades)
    due_at = response_due(rows["created_at"], grades, settings.calendar, settings.grades)
    answered = rows["responded_at"].notna()
    value = np.ones(len(rows))
    scored = rows.assign(
        conversion_probability_eventual=read.won_eventual,
        conversion_probability_30=read.won_within(30),
        conversion_probability_90=read.won_within(90),
        disqualification_probability_eventual=read.lost_eventual,
        grade=grades,
        response_due_at=due_at,
        is_overdue=~answered & (due_at < as_of),
        queue_rank=queue_rank(read.won_eventual, value, due_at, answered, as_of),
    )
    _tell(scored, seen, Explainer(bundle.lead, bundle.cohorts[LEAD.name]), read)
    return Scores(snapshots=rows, scores=scored[list(LEAD_SCORES.names)])


def _cohort(
    tables: HistoryTables, bundle: Bundle, subject: Subject, as_of: pd.Timestamp
) -> pd.DataFrame:
    return snapshots(tables, subject, open_rows(tables, subject, [as_of]), bundle.selection)


def _tell(scored: pd.DataFrame, rows: CurveRows, explainer: Explainer, read: Readings) -> None:
    """Add the curve and the explanation of each row."""
    found = explainer.explain(scored, rows=rows)
    told = [None if each is None else each.to_json() for each in found]
    scored["curve"] = pd.Series(read.curves(), index=scored.index, dtype=object)
    scored["reasons"] = pd.Series(told, index=scored.index, dtype=object)
