"""The track record as the API and the page tell it: the newest back-test, of one node."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from closecurve.models.track_record.words import POOLED, failure_words
from closecurve.serving.problems import Problem
from closecurve.stores.results import BacktestHead, ResultsStore
from closecurve.stores.results.columns import BACKTEST_FORECASTS

Row = Mapping[str, Any]
COMPANY = "company"
RECORD_COLUMNS = BACKTEST_FORECASTS.names


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Which node is asked about, and of which quarter the origins (None: of all)."""

    scope_kind: str = COMPANY
    scope: str = COMPANY
    period_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackRecord:
    """The newest back-test: `scores` of the node by group of origins, `rows` by as-of."""

    head: BacktestHead
    question: Question
    scores: Sequence[Row]
    rows: Sequence[Row]

    @property
    def nodes(self) -> list[Row]:
        """The scores of every node over all origins, the company first."""
        return [score for score in self.head.metrics["scores"] if score["lead"] == "all"]

    @property
    def failures(self) -> list[dict[str, Any]]:
        """Every interval that failed, each with its `sentence`."""
        return [{**each, "sentence": failure_words(each)} for each in self.head.metrics["failures"]]

    @property
    def document(self) -> dict[str, Any]:
        """The answer of the API."""
        metrics = self.head.metrics
        return {
            **{name: getattr(self.head, name) for name in ("backtest_id", "made_at", "history_id")},
            **{name: metrics[name] for name in ("currency", "quarters", "tested_count")},
            "scope_kind": self.question.scope_kind,
            "scope": self.question.scope,
            "scores": self.scores,
            "nodes": self.nodes,
            "failures": self.failures,
            "items": self.rows,
        }


def read_record(results: ResultsStore, question: Question) -> TrackRecord:
    """The newest back-test of a node.

    Raises Problem `nothing-backtested` before the first, `not-found` for a node or a quarter that
    it does not have.
    """
    head = results.backtests.newest()
    if head is None:
        raise Problem("nothing-backtested")
    asked = (question.scope_kind, question.scope)
    scores = [s for s in head.metrics["scores"] if (s["scope_kind"], s["scope"]) == asked]
    rows = results.backtests.rows(head.backtest_id, _filters(question))
    is_known = question.period_name in (None, *head.metrics["quarters"])
    if not is_known or not (scores or rows):
        raise Problem("not-found")
    return TrackRecord(head=head, question=question, scores=scores, rows=rows)


def _filters(question: Question) -> dict[str, str | None]:
    """Owners scored together have the rows of each of them."""
    is_pooled = question.scope == POOLED
    return {
        "scope_kind": question.scope_kind,
        "scope": None if is_pooled else question.scope,
        "period_name": question.period_name,
    }
