"""What changed in the pipeline or in a forecast between two publications, from what they keep."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from closecurve.crm.calendar import Period
from closecurve.models.changes.rows import kind_rows, move_rows
from closecurve.serving.changes import Row, Span, calendar_of
from closecurve.serving.problems import Problem
from closecurve.stores.results import PublicationHead, ResultsStore

if TYPE_CHECKING:
    from closecurve.models.changes.pipeline import Changes

COMPANY: Final = "company"
MANAGER: Final = "manager"
FORECAST: Final = "forecast"
EXPECTED: Final = "expected"
DEAL_COLUMNS = (
    "deal_id", "owner_id", "team", "region", "stage", "currency", "amount", "amount_company",
    "expected_close_date", "win_probability_eventual", "stage_rate_fixed", "stage_rate_history",
)  # fmt: skip
STEP_COLUMNS = ("deal_id", "product", "parts", "won_by", "won_by_shift")
CLOSED_COLUMNS = (
    "deal_id", "owner_id", "team", "region", "product", "outcome", "closed_at", "amount_company",
)  # fmt: skip

WonBy = Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is compared: a measure, a scope, and a period by its name (None: no period)."""

    measure: str = FORECAST
    scope_kind: str = COMPANY
    scope: str = COMPANY
    period: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """The answer: `moves` with what is known of each deal, the largest first.

    `kinds` has kind, effect and deal_count in the order of a waterfall; `periods` are those that
    both publications forecast. `is_complete` says whether both kept how likely each deal is in a
    period; those of earlier releases did not.
    """

    span: Span
    question: Question
    periods: Sequence[str]
    start: float
    end: float
    kinds: Sequence[Row]
    moves: Sequence[Row]
    is_complete: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kept:
    """What a publication keeps: its open deals with their steps, and a scope's forecasts by name.

    `chains` are the managers above each owner, read for a manager's scope only. `has_steps` is
    False for a publication of an earlier release.
    """

    head: PublicationHead
    deals: pd.DataFrame
    outlooks: Mapping[str, Row]
    chains: Mapping[str, tuple[str, ...]]
    has_steps: bool

    @classmethod
    def of(cls, results: ResultsStore, head: PublicationHead, question: Question) -> "Kept":
        """Read from the store."""
        number = head.publication_id
        deals = _frame(results.rows(number, "deal_scores", None, DEAL_COLUMNS), DEAL_COLUMNS)
        steps = _frame(results.rows(number, "deal_steps", None, STEP_COLUMNS), STEP_COLUMNS)
        forecasts = results.forecast(number, question.scope_kind, question.scope)
        return cls(
            head=head,
            deals=deals.merge(steps, on="deal_id", how="left"),
            outlooks={row["period_name"]: row for row in forecasts},
            chains=_chains(results, number) if question.scope_kind == MANAGER else {},
            has_steps=len(steps) > 0 or deals.empty,
        )


def compared(results: ResultsStore, span: Span, question: Question) -> Comparison:
    """The change of the pipeline or, with the measure `forecast`, of a period's forecast.

    A forecast without a period is that of the first one that both publications hold. Raises Problem
    `not-found` for a period that is not in both.
    """
    before, after = (Kept.of(results, head, question) for head in (span.start, span.end))
    periods = [name for name in after.outlooks if name in before.outlooks]
    asked = replace(question, period=_period_asked(question, periods))
    changes = _changes(results, span, before, after, asked)
    return Comparison(
        span=span,
        question=asked,
        periods=periods,
        start=changes.start,
        end=changes.end,
        kinds=kind_rows(changes),
        moves=move_rows(changes, before.deals, after.deals),
        is_complete=before.has_steps and after.has_steps,
    )


def _chains(results: ResultsStore, number: int) -> Mapping[str, tuple[str, ...]]:
    """The managers above each owner, as the publication's forecast was drawn by."""
    basis = next(iter(results.rows(number, "forecast_basis")), None)
    return {} if basis is None else {o: tuple(c) for o, c in basis["content"]["chains"].items()}


def _frame(rows: Sequence[Row], columns: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(columns))


def _period_asked(question: Question, periods: Sequence[str]) -> str | None:
    name = question.period
    if name is None and question.measure == FORECAST:
        name = next(iter(periods), "")
    if name is not None and name not in periods:
        raise Problem("not-found")
    return name


def _changes(
    results: ResultsStore, span: Span, before: Kept, after: Kept, question: Question
) -> "Changes":
    # Here, so that the service starts without what sums over scopes need.
    from closecurve.models.changes.forecast import Outlook, forecast_changes
    from closecurve.models.changes.pipeline import pipeline_changes
    from closecurve.models.changes.standing import Choice, Standing, measured

    period = _period(after, question.period)

    def standing(kept: Kept, deals: pd.DataFrame, closed: pd.DataFrame) -> Standing:
        if question.measure == FORECAST:
            chances = deals.assign(chance=[_chance(won_by, period) for won_by in deals["won_by"]])
        else:
            chances = measured(deals, question.measure)
        return Standing(as_of=kept.head.as_of, deals=chances, closed=closed, chains=kept.chains)

    shifts = _shifts(results, span, after.deals["deal_id"], question, period)
    then = standing(before, before.deals, _closed(results, before.head))
    now = standing(
        after, after.deals.assign(model_shift=shifts), _closed_since(results, span, before, after)
    )
    choice = Choice(scope_kind=question.scope_kind, scope=question.scope, period=period)
    if question.measure != FORECAST:
        return pipeline_changes(then, now, choice)
    first, last = (Outlook.of(kept.outlooks.get(str(question.period))) for kept in (before, after))
    return forecast_changes(then, now, (first, last), choice)


def _period(kept: Kept, name: str | None) -> Period | None:
    if name is None:
        return None
    row, calendar = kept.outlooks[name], calendar_of(kept.head)
    start, end = row["period_start"], row["period_end"]
    return Period(
        start_at=calendar.midnight(start),
        end_at=calendar.midnight(end),
        start_date=start,
        end_date=end,
        name=name,
    )


def _chance(won_by: Any, period: Period | None) -> float:
    """What the probabilities by a day say of a period: won by its end, less by its start."""
    if period is None or not isinstance(won_by, Mapping):
        return 0.0
    start, end = period.start_date.isoformat(), period.end_date.isoformat()
    return float(won_by.get(end, 0.0)) - float(won_by.get(start, 0.0))


def _shifts(
    results: ResultsStore, span: Span, ids: pd.Series, question: Question, period: Period | None
) -> np.ndarray:
    """(deals,) how far the new models of the span alone moved what the amount is multiplied by."""
    total = np.zeros(len(ids))
    if question.measure not in (FORECAST, EXPECTED):
        return total
    for head in span.new_models():
        rows = results.rows(head.publication_id, "deal_steps", None, STEP_COLUMNS)
        by_deal = {row["deal_id"]: _shift(row, question, period) for row in rows}
        total += ids.map(by_deal).fillna(0.0).to_numpy(dtype=np.float64)
    return total


def _shift(step: Row, question: Question, period: Period | None) -> float:
    if question.measure == FORECAST:
        return _chance(step["won_by_shift"], period)
    return float((step["parts"] or {}).get("model", 0.0))


def _closed(results: ResultsStore, head: PublicationHead) -> pd.DataFrame:
    rows = results.rows(head.publication_id, "closed_deals", None, CLOSED_COLUMNS)
    return _frame(rows, CLOSED_COLUMNS)


def _closed_since(results: ResultsStore, span: Span, before: Kept, after: Kept) -> pd.DataFrame:
    """The ends as of the later publication; of deals that it no longer tells, as of one between."""
    closed = _closed(results, span.end)
    left = set(before.deals["deal_id"]) - set(after.deals["deal_id"])
    for head in reversed(span.between[:-1]):
        if left <= set(closed["deal_id"]):
            break
        earlier = _closed(results, head)
        added = earlier["deal_id"].isin(left) & ~earlier["deal_id"].isin(closed["deal_id"])
        closed = pd.concat([closed, earlier[added]], ignore_index=True)
    return closed
