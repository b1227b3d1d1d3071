"""Held-back time: what was known before an instant, what came after, how curves scored on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from closecurve.models import metrics
from closecurve.models.panel import AS_OF, id_column, labels_of
from closecurve.models.unfold import Labels

Floats = NDArray[np.float64]

CAUSES = ((1, "won"), (2, "lost"))
HORIZONS = (7.0, 14.0, 30.0, 90.0)
"""Days ahead at which curves are scored, where held-back time is long enough."""

LEAST_ROWS = 50
"""Fewer landmarks watched to a horizon say nothing about it."""

CLOSE_SHARES = (0.5, 0.9)
"""Shares of the closes that a short history is asked for."""

MOST_ROWS = 8_000
"""Held-back landmarks that are scored: the error of a gap comes from deals, not from more rows."""

RESAMPLES = 200
FINDING = 2.0
"""A gap under two standard errors is not a finding."""


class Curves(Protocol):
    """What answers with curves: the close curve and every baseline."""

    def predict_cumulative_incidence(self, X: pd.DataFrame, times: ArrayLike) -> Floats:
        """Curves (n, 3, n_times)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """Landmarks with their labels, as known at one instant."""

    rows: pd.DataFrame
    labels: pd.DataFrame

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def read(self) -> Labels:
        """The labels as arrays."""
        return labels_of(self.rows, self.labels)

    def where(self, kept: NDArray[np.bool_]) -> "Part":
        """The landmarks that are kept (n,)."""
        return Part(rows=self.rows[kept], labels=self.labels[kept])


HELD_BACK_SHARE = 0.3
"""The last part of the panel's time, on which is judged."""


def held_back_start(rows: pd.DataFrame, cutoff: pd.Timestamp) -> pd.Timestamp | None:
    """Where the last part of the panel's time begins; None for an empty panel."""
    if rows.empty:
        return None
    first: pd.Timestamp = rows[AS_OF].min()
    return (cutoff - HELD_BACK_SHARE * (cutoff - first)).floor("D")


def days_between(as_of: pd.Series, until: pd.Timestamp) -> Floats:
    """The days from each as-of to an instant (n,)."""
    passed = (until - as_of).to_numpy(dtype="timedelta64[us]")
    days: Floats = passed / np.timedelta64(1, "D")
    return days


def known_before(part: Part, start: pd.Timestamp) -> Part:
    """The landmarks before `start` as they were known then: later closes are censored there."""
    early = (part.rows[AS_OF] < start).to_numpy()
    rows, labels = part.rows[early], part.labels[early]
    until = days_between(rows[AS_OF], start)
    duration = labels["duration_days"].to_numpy(dtype=np.float64)
    known = duration < until
    return Part(
        rows=rows,
        labels=labels.assign(
            event=np.where(known, labels["event"], 0), duration_days=np.minimum(duration, until)
        ),
    )


def landmarks_from(part: Part, start: pd.Timestamp, *, most: int = MOST_ROWS) -> Part:
    """The landmarks at and after `start`; of many, those of evenly spread as-ofs."""
    late = part.where((part.rows[AS_OF] >= start).to_numpy())
    if len(late) <= most:
        return late
    codes = pd.factorize(late.rows[AS_OF], sort=True)[0]
    return late.where(codes % -(-len(late) // most) == 0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Question:
    """One thing that is scored: was the deal closed by `cause` within the horizon; and of whom."""

    cause: int
    name: str
    horizon_days: float
    watched: NDArray[np.bool_]
    outcome: Floats


def questions(part: Part, cutoff: pd.Timestamp, horizons: Sequence[float]) -> list[Question]:
    """What held-back landmarks can be asked: each horizon that enough of them were watched to.

    A landmark is watched to the cutoff. A horizon of which less was seen is not asked.
    """
    labels = part.read
    watched_days = days_between(part.rows[AS_OF], cutoff)
    made = []
    for horizon in horizons:
        watched = watched_days >= horizon
        if watched.sum() < LEAST_ROWS:
            continue
        for cause, name in CAUSES:
            hit = (labels.event == cause) & (labels.duration_days <= horizon)
            made.append(
                Question(
                    cause=cause,
                    name=name,
                    horizon_days=horizon,
                    watched=watched,
                    outcome=hit[watched].astype(np.float64),
                )
            )
    return made


def askable(part: Part, cutoff: pd.Timestamp, horizons: Sequence[float]) -> tuple[float, ...]:
    """The horizons that enough landmarks were watched to.

    Where all are too long for what was watched, the days by which half and nine tenths of the
    closes came: leads that are answered within a day can be judged after two.
    """
    watched = days_between(part.rows[AS_OF], cutoff)
    closing = part.read.closing_days
    own: list[float] = []
    if len(closing):
        own = np.unique(np.ceil(np.quantile(closing, CLOSE_SHARES))).tolist()
    for wanted in (horizons, own):
        enough = tuple(float(d) for d in wanted if np.sum(watched >= d) >= LEAST_ROWS)
        if enough:
            return enough
    return ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answers:
    """The probabilities that one set of curves gives to the questions, and the loss of each row."""

    probabilities: list[Floats]
    losses: list[Floats]

    @property
    def log_loss(self) -> float:
        """The headline: the mean over the questions of the log loss."""
        return float(np.mean([loss.mean() for loss in self.losses]))


def answers(asked: Sequence[Question], cif: Floats, horizons: Sequence[float]) -> Answers:
    """Read curves (n, 3, n_horizons) at the questions."""
    place = {horizon: index for index, horizon in enumerate(horizons)}
    said = [cif[q.watched, q.cause, place[q.horizon_days]] for q in asked]
    losses = [metrics.log_losses(q.outcome, p) for q, p in zip(asked, said, strict=True)]
    return Answers(probabilities=said, losses=losses)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """How much lower one log loss is than another, and the standard error over deals."""

    gap: float
    standard_error: float

    @property
    def is_finding(self) -> bool:
        """Whether it is above 0 by two standard errors."""
        return self.gap > FINDING * self.standard_error


def gap_of(
    part: Part, asked: Sequence[Question], baseline: Answers, model: Answers, *, seed: int = 0
) -> Gap:
    """The mean over the questions of baseline loss minus model loss, resampling deals, not rows."""
    column = id_column(part.rows)
    deals = np.arange(len(part)) if column is None else pd.factorize(part.rows[column])[0]
    size = int(deals.max(initial=-1)) + 1
    sums, counts = np.empty((len(asked), size)), np.empty((len(asked), size))
    for place, question in enumerate(asked):
        own = deals[question.watched]
        difference = baseline.losses[place] - model.losses[place]
        sums[place] = np.bincount(own, weights=difference, minlength=size)
        counts[place] = np.bincount(own, minlength=size)
    gap = float(np.mean(sums.sum(axis=1) / counts.sum(axis=1)))
    return Gap(gap=gap, standard_error=_bootstrap_error(sums, counts, seed))


def _bootstrap_error(sums: Floats, counts: Floats, seed: int) -> float:
    generator = np.random.default_rng(seed)
    size = sums.shape[1]
    gaps = []
    for _ in range(RESAMPLES):
        weight = np.bincount(generator.integers(size, size=size), minlength=size)
        gaps.append(np.mean((sums @ weight) / np.maximum(counts @ weight, 1)))
    return float(np.std(gaps, ddof=1))


def score_table(asked: Sequence[Question], given: Answers) -> list[dict[str, Any]]:
    """The scores of each question, for the report: NaN is written as None."""
    return [
        {
            "horizon_days": question.horizon_days,
            "outcome": question.name,
            "rows": len(question.outcome),
            "observed_rate": float(question.outcome.mean()),
            **_scores(question.outcome, said),
        }
        for question, said in zip(asked, given.probabilities, strict=True)
    ]


def _scores(outcome: Floats, said: Floats) -> dict[str, float | None]:
    area = metrics.auc(outcome, said)
    return {
        "log_loss": metrics.log_loss(outcome, said),
        "brier_score": metrics.brier_score(outcome, said),
        "auc": None if np.isnan(area) else area,
        "calibration_error": metrics.calibration_error(outcome, said),
        "calibration_luck": metrics.calibration_luck(said),
        "calibration_in_the_large": metrics.calibration_in_the_large(outcome, said),
    }


def integrated_brier(curves: Curves, part: Part, cutoff: pd.Timestamp, days: int) -> float | None:
    """IBS: the mean over days 1..`days` of the Brier score of the won curve; None without rows."""
    watched = days_between(part.rows[AS_OF], cutoff) >= days
    if watched.sum() < LEAST_ROWS:
        return None
    labels, grid = part.read, np.arange(1.0, days + 1)
    said = curves.predict_cumulative_incidence(part.rows[watched], grid)[:, 1]
    duration, event = labels.duration_days[watched], labels.event[watched]
    won = (event[:, None] == 1) & (duration[:, None] <= grid)
    return float(np.square(said - won).mean())
