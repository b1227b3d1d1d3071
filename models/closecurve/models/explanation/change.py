"""What changed between two dates: the difference of a deal's probability, shared out.

First the model is asked what it says of the deal as it stood then: where it differs from what was
said then, that is the part of a new model (of the same model: of a history corrected since). Then
the deal is walked from what it held to what it holds (`explanation.walk`), at the old as-of and at
the new one, and each group's part is the mean of both. What the calendar does by itself is the part
of time: a quarter's end that drew nearer. The parts add up to the whole difference, and a group in
which nothing differs has none.
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
MODEL, TIME, HISTORY = "model", "time", "history"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One deal: its probabilities then and now, and the parts that make up the difference.

    `parts` has the model's (or the history's), that of time, and one for each feature group.
    """

    before: float
    after: float
    parts: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """The change as a JSON object."""
        return {"before": self.before, "after": self.after, "parts": dict(self.parts)}


def explain_changes(
    model: CloseCurve,
    then: pd.DataFrame,
    now: pd.DataFrame,
    *,
    before: Floats | None = None,
    said_by: str = MODEL,
) -> list[Change]:
    """The change of the eventual win (conversion) of each deal, row by row.

    `then` and `now` hold the snapshots of the same deals at one as-of each, with the columns of
    `model`, which answers now. `before` (n,) is what was said then, and `said_by` the part that
    takes the difference to what the model says of then: `model` where another one answered,
    `history` where it was this one. None: this one, and nothing was corrected. Raises UsageError
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
    said = old.start if before is None else before
    time = (new.start - old.start + new.end - old.end) / 2
    shares = (old.contributions + new.contributions) / 2
    made = np.column_stack([old.start - said, time, shares])
    names = [said_by, TIME, *walk.groups]
    return [
        Change(before=float(b), after=float(a), parts=dict(zip(names, row.tolist(), strict=True)))
        for b, a, row in zip(said, new.end, made, strict=True)
    ]
