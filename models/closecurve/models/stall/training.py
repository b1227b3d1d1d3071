"""Training the stall model: what held-back time says of it, and what a flag is worth."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.models import metrics
from closecurve.models.held_back import (
    FINDING,
    Answers,
    Part,
    Question,
    gap_of,
    score_table,
)
from closecurve.models.panel import AS_OF, id_column
from closecurve.models.stall.bounds import Bound, choose_bound
from closecurve.models.stall.estimator import StallModel
from closecurve.models.stall.rates import STALL_DAYS

Floats = NDArray[np.float64]

HELD_BACK_SHARE = 0.3
"""The last part of the landmarks' time, on which is judged, as for the close curve."""

ROUNDS = (0, 25, 50, 100)
"""Rounds that are tried on the last part of what was learnt from; 0 is the rate alone."""

LEAST_ROWS = 50
"""Fewer held-back landmarks prove nothing."""

NAME = "stalled"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainedStall:
    """The model that answers from now on, the bound of its flags, and the report of both."""

    model: StallModel
    bound: Bound
    report: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Landmarks:
    """Snapshots whose `STALL_DAYS` are over, and whether each stalled (n,) of 0, 1."""

    rows: pd.DataFrame
    stalled: Floats

    def __len__(self) -> int:
        return len(self.rows)

    def of(self, chosen: NDArray[np.bool_]) -> "Landmarks":
        """Some of them."""
        return Landmarks(rows=self.rows[chosen], stalled=self.stalled[chosen])

    def over_before(self, instant: pd.Timestamp) -> "Landmarks":
        """Those whose days were over at an instant: what was known of them then is all there is."""
        return self.of((self.rows[AS_OF] + pd.Timedelta(days=STALL_DAYS) <= instant).to_numpy())

    def since(self, instant: pd.Timestamp) -> "Landmarks":
        """Those at and after an instant."""
        return self.of((self.rows[AS_OF] >= instant).to_numpy())

    def apart(self) -> NDArray[np.bool_]:
        """Which (n,) are of as-ofs so far apart that no deal's days are counted twice."""
        kept: list[pd.Timestamp] = []
        for as_of in sorted(self.rows[AS_OF].unique(), reverse=True):
            if not kept or as_of + pd.Timedelta(days=STALL_DAYS) <= kept[-1]:
                kept.append(as_of)
        return self.rows[AS_OF].isin(kept).to_numpy()

    def last_part(self) -> pd.Timestamp:
        """The day with which the last `HELD_BACK_SHARE` of their time begins."""
        as_of = self.rows[AS_OF]
        first, last = as_of.min(), as_of.max()
        start: pd.Timestamp = (last - HELD_BACK_SHARE * (last - first)).floor("D")
        return start


def train_stall(rows: pd.DataFrame, stalled: pd.Series) -> TrainedStall:
    """Train on landmarks (as_of, deal_id, features) and `stalled`, null where it is not known.

    The rounds are those that did best on the last part of what was learnt from; 0 where the trees
    did not beat the rate by stage and dwell on held-back time: then the rate answers. All known
    landmarks are learnt from in the end. Without any there is an answer too.
    """
    known = stalled.notna().to_numpy()
    whole = Landmarks(rows=rows[known], stalled=np.asarray(stalled[known], dtype=np.float64))
    verdict = _judge(whole) if len(whole) else None
    rounds, bound, report = verdict or (0, Bound(), {})
    return TrainedStall(
        model=StallModel(rounds=rounds).fit(whole.rows, whole.stalled),
        bound=bound,
        report=_sizes(whole) | {"rounds": rounds, "is_better": rounds > 0} | report,
    )


def _judge(whole: Landmarks) -> tuple[int, Bound, dict[str, Any]] | None:
    """Rounds, bound and report from held-back time; None where there is too little of it."""
    start = whole.last_part()
    learnt, held = whole.over_before(start), whole.since(start)
    if len(learnt) < LEAST_ROWS or len(held) < LEAST_ROWS:
        return None
    chosen = _rounds(learnt)
    model = StallModel(rounds=chosen).fit(learnt.rows, learnt.stalled)
    said = model.predict_stall_probability(held.rows)
    rate = model.rate_.predict_stall_probability(held.rows)
    scores = _scores(held, said, rate)
    is_better = scores["gap"] > FINDING * scores["gap_error"]
    served = said if is_better else rate
    apart = held.apart()
    bound = choose_bound(held.stalled[apart], served[apart], model.rate_.usual(held.rows[apart]))
    report = {
        "held_back_start": start.isoformat(),
        "held_back_rows": len(held),
        "reliability": metrics.reliability_bins(held.stalled, served).to_dict("records"),
        "flags": bound.worth_to_json(),
    }
    return chosen if is_better else 0, bound, scores | report


def _scores(held: Landmarks, said: Floats, rate: Floats) -> dict[str, Any]:
    """The scores of the model beside those of the rate, and the gap between their log losses."""
    asked = _question(held)
    given = {"model": _answered(asked, said), "stage_and_dwell": _answered(asked, rate)}
    gap = gap_of(_part(held), [asked], given["stage_and_dwell"], given["model"])
    scores = {name: score_table([asked], answer)[0] for name, answer in given.items()}
    return {"scores": scores, "gap": gap.gap, "gap_error": gap.standard_error}


def _rounds(learnt: Landmarks) -> int:
    """The rounds with the lowest log loss on the last part of what is learnt from."""
    start = learnt.last_part()
    early, late = learnt.over_before(start), learnt.since(start)
    if len(early) < LEAST_ROWS or len(late) < LEAST_ROWS:
        return 0
    trial = StallModel(rounds=ROUNDS[-1], seeds=1).fit(early.rows, early.stalled)
    return min(ROUNDS, key=lambda rounds: _loss(trial.with_rounds(rounds), late))


def _loss(model: StallModel, on: Landmarks) -> float:
    return metrics.log_loss(on.stalled, model.predict_stall_probability(on.rows))


def _question(held: Landmarks) -> Question:
    return Question(
        cause=1,
        name=NAME,
        horizon_days=STALL_DAYS,
        watched=np.ones(len(held), dtype=np.bool_),
        outcome=held.stalled,
    )


def _answered(asked: Question, said: Floats) -> Answers:
    """The probabilities as the answers to that one question."""
    return Answers(probabilities=[said], losses=[metrics.log_losses(asked.outcome, said)])


def _part(held: Landmarks) -> Part:
    """As `gap_of` takes landmarks; it reads their ids only."""
    return Part(rows=held.rows, labels=pd.DataFrame(index=held.rows.index))


def _sizes(whole: Landmarks) -> dict[str, Any]:
    column = id_column(whole.rows)
    return {
        "rows": len(whole),
        "deals": 0 if column is None else int(whole.rows[column].nunique()),
        "stall_rate": float(whole.stalled.mean()) if len(whole) else None,
        "horizon_days": STALL_DAYS,
    }
