"""Scoring: every open deal at an as-of, with curve, dates and reasons (leads: `leads`)."""

from dataclasses import dataclass

import pandas as pd

from closecurve.features.subjects import DEAL, Subject
from closecurve.features.tables import HistoryTables
from closecurve.models.close_curve.rows import CurveRows
from closecurve.models.explanation.explainer import Explainer
from closecurve.models.reading import Readings, read_curves
from closecurve.pipelines.bundling import Bundle
from closecurve.pipelines.panels import open_rows, snapshots
from closecurve.pipelines.rates import StageFacts
from closecurve.settings import Settings
from closecurve.stores.results.columns import DEAL_SCORES

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
    rows = facts.beside(cohort(tables, bundle, DEAL, as_of))
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
    low, high = bundle.interval(DEAL, read.won_eventual, seen)
    scored = scored.assign(win_probability_low=low, win_probability_high=high)
    for name, dates in zip(QUANTILES, read.dates_passed([*QUANTILES.values()]), strict=True):
        scored[name] = dates
    tell(scored, seen, Explainer(bundle.deal, bundle.cohorts[DEAL.name]), read)
    return Scores(snapshots=rows, scores=scored[list(DEAL_SCORES.names)])


def cohort(
    tables: HistoryTables, bundle: Bundle, subject: Subject, as_of: pd.Timestamp
) -> pd.DataFrame:
    """The snapshots of what is open at an as-of."""
    return snapshots(tables, subject, open_rows(tables, subject, [as_of]), bundle.selection)


def tell(scored: pd.DataFrame, rows: CurveRows, explainer: Explainer, read: Readings) -> None:
    """Add the curve and the explanation of each row."""
    found = explainer.explain(scored, rows=rows)
    told = [None if each is None else each.to_json() for each in found]
    scored["curve"] = pd.Series(read.curves(), index=scored.index, dtype=object)
    scored["reasons"] = pd.Series(told, index=scored.index, dtype=object)
