"""What changed between two dates: the difference of a deal's probability, shared out.

First the new model is asked what it says of the deal as it stood then: that is the model's part.
Then the deal is walked from what it held to what it holds (`explanation_walk`), at the old as-of
and at the new one, and each group's part is the mean of both. What the calendar does by itself is
the part of time: a quarter's end that drew nearer. The parts add up to the whole difference, and a
group in which nothing differs has none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.crm.errors import UsageError
from closecurve.models.close_curve import CloseCurve
from closecurve.models.explanation.cohort import feature_groups
from closecurve.models.explanation.walk import GroupWalk

Floats = NDArray[np.float64]

EVER = float("inf")
MODEL, TIME = "model", "time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One deal: its probabilities then and now, and the parts that make up the difference.

    `parts` has the model's, that of time, and one for each feature group.
    """

    before: float
    after: float
    parts: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """The change as a JSON object."""
        return {"before": self.before, "after": self.after, "parts": dict(self.parts)}


def explain_changes(
    model: CloseCurve, then: pd.DataFrame, now: pd.DataFrame, *, earlier: CloseCurve | None = None
) -> list[Change]:
    """The change of the eventual win (conversion) of each deal, row by row.

    `then` and `now` hold the snapshots of the same deals at one as-of each, with the columns of the
    models; `model` answers now, `earlier` answered then (None: the same model). Raises UsageError
    where the rows do not pair.
    """
    if len(then) != len(now):
        raise UsageError(
            "change-rows", f"each deal has a snapshot then and now, got {len(then)} and {len(now)}"
        )
    if then.empty:
        return []
    walk = GroupWalk(model, feature_groups(model.encoding_.kinds))
    start, end = walk.origin(model.rows(then)), model.rows(now)
    old, new = (
        walk.between(start, end, X["as_of"].iloc[0] if model.is_dated_ else None, EVER)
        for X in (then, now)
    )
    before = old.start if earlier is None else _ever(earlier, then)
    time = (new.start - old.start + new.end - old.end) / 2
    shares = (old.contributions + new.contributions) / 2
    made = np.column_stack([old.start - before, time, shares])
    names = [MODEL, TIME, *walk.groups]
    return [
        Change(before=float(b), after=float(a), parts=dict(zip(names, row.tolist(), strict=True)))
        for b, a, row in zip(before, new.end, made, strict=True)
    ]


def _ever(model: CloseCurve, X: pd.DataFrame) -> Floats:
    found: Floats = model.predict_cumulative_incidence(X, [EVER])[:, 1, 0]
    return found
