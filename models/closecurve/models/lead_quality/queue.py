"""The lead queue: what to do first, and where each lead stands against its deadline."""

from enum import StrEnum

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from closecurve.models.lead_quality.deadlines import DAY_HOURS
from closecurve.models.lead_quality.policy import GRADES
from closecurve.models.metrics import wilson_interval

Floats = NDArray[np.float64]

ANSWERED_URGENCY = 0.5
"""A lead that was answered and waits for its follow-up is half as urgent as one that nobody met."""

FADING_DAYS = 7.0
"""Over a week after its deadline urgency fades to about a third: a lead that waited long has
mostly gone cold."""


class LeadStatus(StrEnum):
    """Where a lead stands: to be answered or answered, in time or late."""

    WAITING = "waiting"
    OVERDUE = "overdue"
    ANSWERED = "answered"
    FOLLOW_UP_OVERDUE = "follow_up_overdue"


def lead_status(
    response_due_at: pd.Series,
    follow_up_due_at: pd.Series,
    answered: ArrayLike,
    as_of: pd.Timestamp,
) -> NDArray[np.str_]:
    """The `LeadStatus` of each lead (n,) at an instant."""
    done = np.asarray(answered, dtype=bool)
    late = np.asarray(np.where(done, follow_up_due_at < as_of, response_due_at < as_of), dtype=bool)
    open_one = np.where(late, LeadStatus.OVERDUE.value, LeadStatus.WAITING.value)
    done_one = np.where(late, LeadStatus.FOLLOW_UP_OVERDUE.value, LeadStatus.ANSWERED.value)
    return np.where(done, done_one, open_one)


def queue_rank(
    probability: ArrayLike,
    value: ArrayLike,
    due_at: pd.Series,
    answered: ArrayLike,
    as_of: pd.Timestamp,
) -> NDArray[np.int64]:
    """The place of each lead in the queue, 1 first: by probability x value x urgency.

    `due_at` is the deadline that a lead is held to now, the first answer's or the follow-up's. An
    unknown value is the median one. Equal leads stand in order of their deadline, then as given.
    """
    worth = np.asarray(value, dtype=np.float64)
    known = worth[np.isfinite(worth)]
    worth = np.where(np.isfinite(worth), worth, np.median(known) if len(known) else 1.0)
    priority = np.asarray(probability, dtype=np.float64) * worth * urgency(due_at, answered, as_of)
    order = np.lexsort((due_at.to_numpy(), -priority))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(1, len(order) + 1)
    return rank


def urgency(due_at: pd.Series, answered: ArrayLike, as_of: pd.Timestamp) -> Floats:
    """How much sooner is better: 2 at the deadline, 1 far from it, half of that once answered.

    It rises over the last day before the deadline and fades over the week after it.
    """
    hours = ((due_at - as_of) / pd.Timedelta(hours=1)).to_numpy(dtype=np.float64)
    near = np.exp(np.where(hours >= 0, -hours / DAY_HOURS, hours / (FADING_DAYS * DAY_HOURS)))
    share: Floats = np.where(np.asarray(answered, dtype=bool), ANSWERED_URGENCY, 1.0)
    found: Floats = share * (1 + np.nan_to_num(near))
    return found


def conversion_by_grade(grades: ArrayLike, converted: ArrayLike) -> pd.DataFrame:
    """What became of each grade: count, converted_count, conversion_rate and its 95 % interval."""
    letters, hits = np.asarray(grades), np.asarray(converted, dtype=bool)
    count = np.asarray([(letters == letter).sum() for letter in GRADES])
    won = np.asarray([hits[letters == letter].sum() for letter in GRADES])
    low, high = wilson_interval(won, count)
    rate = np.divide(won, count, out=np.full(len(GRADES), np.nan), where=count > 0)
    return pd.DataFrame(
        {
            "grade": GRADES,
            "count": count,
            "converted_count": won,
            "conversion_rate": rate,
            "conversion_low": low,
            "conversion_high": high,
        }
    )
