"""What a publication keeps so that any two of them can be compared without the history.

Of every open deal and lead: how its probability moved since the publication before, shared out
over the feature groups (`closecurve.models.explanation.change`). Steps of successive publications
add up, so a chain of them explains the difference of any two. Of every open deal also the
probability that it is won by each edge of the periods that are forecast, and of deals that ended
how they did.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.crm.calendar import FiscalCalendar
from closecurve.crm.tables import DELETED
from closecurve.features.subjects import DEAL, LEAD, Subject
from closecurve.features.tables import HistoryTables
from closecurve.models.close_curve import CloseCurve
from closecurve.models.explanation.change import HISTORY, MODEL, explain_changes
from closecurve.pipelines.bundling import Bundle
from closecurve.pipelines.revenue import products_of, with_product
from closecurve.pipelines.scoring import Scores, cohort
from closecurve.stores.results import PublicationHead, ResultsStore
from closecurve.stores.results.columns import CLOSED_DEALS, DEAL_STEPS, LEAD_STEPS

Floats = NDArray[np.float64]

LOOKED_BACK = 30
"""The publication before is among so many of the newest, or a new score starts a new chain."""

SCORES = {
    DEAL.name: ("deal_scores", "win_probability_eventual"),
    LEAD.name: ("lead_scores", "conversion_probability_eventual"),
}
"""Where the probability of each subject that is explained is published."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scored:
    """What is about to be published: an as-of, the model and its bundle's digest, the scores."""

    as_of: pd.Timestamp
    digest: str
    bundle: Bundle
    deals: Scores
    leads: Scores
    forecasts: pd.DataFrame

    def of(self, subject: Subject) -> Scores:
        """The scores of deals or of leads."""
        return self.deals if subject is DEAL else self.leads


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparable:
    """The tables `deal_steps`, `lead_steps` and `closed_deals` of a publication."""

    deal_steps: pd.DataFrame
    lead_steps: pd.DataFrame
    closed_deals: pd.DataFrame

    def tables(self) -> dict[str, pd.DataFrame]:
        """By name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def comparable(
    results: ResultsStore,
    tables: HistoryTables,
    scored: Scored,
    closed: pd.DataFrame,
    calendar: FiscalCalendar,
) -> Comparable:
    """What the publication keeps for comparisons; `results` holds those before it, `closed` are the
    `closes` that stood at its as-of."""
    earlier, products = publication_before(results, scored.as_of), products_of(tables)
    then = {
        subject.name: _then(results, tables, scored, subject, earlier) for subject in (DEAL, LEAD)
    }
    steps = _with_curve(results, scored, then[DEAL.name], calendar)
    return Comparable(
        deal_steps=with_product(steps, products).reindex(columns=list(DEAL_STEPS.names)),
        lead_steps=_steps(scored, LEAD, then[LEAD.name]).reindex(columns=list(LEAD_STEPS.names)),
        closed_deals=_closed(results, with_product(closed, products), scored, earlier, calendar),
    )


def publication_before(results: ResultsStore, as_of: pd.Timestamp) -> PublicationHead | None:
    """The newest publication of an earlier as-of; None where there is none."""
    heads = [head for head in results.publications(LOOKED_BACK) if head.as_of < as_of]
    return max(heads, key=lambda head: (head.as_of, head.publication_id), default=None)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Then:
    """The records that are open now and were open at the publication before, as it saw them.

    `rows` are their snapshots as of then; `said` (n,) what was published of them.
    """

    head: PublicationHead
    ids: pd.Index
    rows: pd.DataFrame
    said: Floats


def _then(
    results: ResultsStore,
    tables: HistoryTables,
    scored: Scored,
    subject: Subject,
    earlier: PublicationHead | None,
) -> Then | None:
    """None where nothing was published before, or nothing is left of it."""
    now = scored.of(subject).scores
    if earlier is None or now.empty:
        return None
    table, column = SCORES[subject.name]
    key = subject.id_column
    published = results.rows(earlier.publication_id, table, columns=(key, column))
    said = {row[key]: row[column] for row in published}
    rows = cohort(tables, scored.bundle, subject, earlier.as_of)
    kept = rows[rows[key].isin(said) & rows[key].isin(now[key])].reset_index(drop=True)
    if kept.empty:
        return None
    ids = pd.Index(kept[key])
    return Then(head=earlier, ids=ids, rows=kept, said=np.array([said[each] for each in ids]))


def _steps(scored: Scored, subject: Subject, then: Then | None) -> pd.DataFrame:
    """Every record of now with its step; gaps where it was not open at the publication before."""
    key, (_, column) = subject.id_column, SCORES[subject.name]
    now = scored.of(subject)
    if now.scores.empty:
        return pd.DataFrame(columns=[key])
    made = pd.DataFrame({key: now.scores[key].to_numpy(), "after": now.scores[column].to_numpy()})
    made = made.assign(since_publication_id=np.nan, before=np.nan, parts=None)
    if then is None:
        return made
    parts = pd.Series(_parts(scored, subject, then), index=then.ids, dtype=object)
    is_known = made[key].isin(then.ids)
    return made.assign(
        since_publication_id=np.where(is_known, float(then.head.publication_id), np.nan),
        before=made[key].map(pd.Series(then.said, index=then.ids)),
        parts=made[key].map(parts).astype(object),
    )


def _parts(scored: Scored, subject: Subject, then: Then) -> list[dict[str, float]]:
    """The parts of each record's change; a part of nothing is left out."""
    model = scored.bundle.model(subject)
    assert model is not None, "what has scores has a model"
    now = scored.of(subject).snapshots.set_index(subject.id_column, drop=False).loc[then.ids]
    said_by = HISTORY if then.head.bundle_digest == scored.digest else MODEL
    changes = explain_changes(
        model, then.rows, now.reset_index(drop=True), before=then.said, said_by=said_by
    )
    return [{name: part for name, part in each.parts.items() if part} for each in changes]


def _with_curve(
    results: ResultsStore, scored: Scored, then: Then | None, calendar: FiscalCalendar
) -> pd.DataFrame:
    """The steps of deals with `won_by`, and `won_by_shift` where another model answered before."""
    steps = _steps(scored, DEAL, then)
    if steps.empty:
        return steps
    edges = _edges(scored, calendar)
    won_by = _won_by(scored.bundle.deal, scored.deals.snapshots, edges, scored.as_of, calendar)
    steps = steps.assign(won_by=pd.Series(won_by, dtype=object), won_by_shift=None)
    if then is not None and then.head.bundle_digest != scored.digest:
        shifts = _shifts(results, scored, then, edges, calendar)
        steps["won_by_shift"] = steps["deal_id"].map(shifts).astype(object)
    return steps


def _shifts(
    results: ResultsStore,
    scored: Scored,
    then: Then,
    edges: Sequence[date],
    calendar: FiscalCalendar,
) -> pd.Series:
    """By deal_id: what the new model says of then, less what was said, at the edges of both."""
    rows = results.rows(then.head.publication_id, "deal_steps", columns=("deal_id", "won_by"))
    said = {row["deal_id"]: row["won_by"] or {} for row in rows}
    new = _won_by(scored.bundle.deal, then.rows, edges, then.head.as_of, calendar)
    shifts = [
        {day: won - old[day] for day, won in each.items() if day in old}
        for each, old in zip(new, (said.get(deal_id, {}) for deal_id in then.ids), strict=True)
    ]
    return pd.Series(shifts, index=then.ids, dtype=object)


def _edges(scored: Scored, calendar: FiscalCalendar) -> list[date]:
    """The first and last days of the periods that are forecast, those ahead of the as-of."""
    if scored.forecasts.empty:
        return []
    days = pd.concat([scored.forecasts["period_start"], scored.forecasts["period_end"]])
    every = {pd.Timestamp(day).date() for day in days.unique()}
    return sorted(day for day in every if calendar.midnight(day) > scored.as_of)


def _won_by(
    model: CloseCurve,
    rows: pd.DataFrame,
    edges: Sequence[date],
    as_of: pd.Timestamp,
    calendar: FiscalCalendar,
) -> list[dict[str, float]]:
    """Of each row the probability of a win before each edge, by its ISO date."""
    ahead = [(calendar.midnight(day) - as_of) / pd.Timedelta(days=1) for day in edges]
    if not ahead or rows.empty:
        return [{} for _ in range(len(rows))]
    won = model.predict_cumulative_incidence(rows, ahead)[:, 1]
    names = [day.isoformat() for day in edges]
    return [dict(zip(names, row, strict=True)) for row in won.tolist()]


def _closed(
    results: ResultsStore,
    found: pd.DataFrame,
    scored: Scored,
    earlier: PublicationHead | None,
    calendar: FiscalCalendar,
) -> pd.DataFrame:
    """The ends in the periods that run, those known since the publication before, and deletions."""
    starts = pd.to_datetime(scored.forecasts.get("period_start", pd.Series(dtype="datetime64[us]")))
    since = calendar.midnight(starts.min().date()) if len(starts) else scored.as_of
    is_kept = found["closed_at"] >= since
    if earlier is not None:
        is_kept |= found["known_at"] >= earlier.as_of
    kept = found[is_kept].reindex(columns=list(CLOSED_DEALS.names))
    deleted = _deleted(results, scored, earlier, set(found["deal_id"]))
    return pd.concat([kept, deleted], ignore_index=True) if len(deleted) else kept


def _deleted(
    results: ResultsStore,
    scored: Scored,
    earlier: PublicationHead | None,
    closed: set[str],
) -> pd.DataFrame:
    """The deals of the publication before that are neither open nor closed any more."""
    if earlier is None:
        return pd.DataFrame()
    open_now = set(scored.deals.scores["deal_id"]) if len(scored.deals.scores) else set()
    columns = ("deal_id", "owner_id", "team", "region")
    known = results.rows(earlier.publication_id, "deal_scores", columns=columns)
    gone = [row for row in known if row["deal_id"] not in open_now | closed]
    made = pd.DataFrame(gone, columns=list(columns)).assign(outcome=DELETED)
    return made.reindex(columns=list(CLOSED_DEALS.names))
