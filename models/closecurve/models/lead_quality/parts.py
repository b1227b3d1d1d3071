"""Sub-scores of a lead: how each group of features speaks for it beside the other open leads.

The reading of a group is what it adds to the lead's probability (`models.explanation`); its
sub-score is the percentile of that reading among the open leads, the middle of equal ones. Leads
are explained against the typical lead of their own source, so the source's reading is that typical
lead's probability and what the source adds to it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

SOURCE = "source"
SUB_SCORES = ("fit", "authority", "budget and timing", "engagement", SOURCE)
"""The groups that leads are judged on, in the order they are shown (docs/glossary.md)."""

MARKS = 51
"""Readings kept of each group, evenly spread over the open leads: a sub-score is to two points."""

Reasons = Mapping[str, Any]


def readings(reasons: Reasons | None) -> dict[str, float]:
    """The reading of each group there is, from a stored explanation; none without one."""
    if reasons is None or reasons.get("cohort_probability") is None:
        return {}
    given = reasons["contributions"]
    found = {group: float(given[group]) for group in SUB_SCORES if group in given}
    if SOURCE in found:
        found[SOURCE] += float(reasons["cohort_probability"])
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class SubScoreScale:
    """The readings of the open leads of a publication: `marks` rise, for each group there is.

    A group whose reading is the same for all leads tells nothing of one and has no scale.
    """

    marks: Mapping[str, Sequence[float]]

    @classmethod
    def of(cls, leads: Sequence[Reasons | None]) -> Self:
        """The scale of the open leads, from their stored explanations."""
        found = [readings(reasons) for reasons in leads]
        columns = {
            group: np.array([each[group] for each in found if group in each])
            for group in SUB_SCORES
        }
        levels = np.linspace(0, 1, MARKS)
        return cls(
            marks={
                group: np.quantile(column, levels, method="nearest").tolist()
                for group, column in columns.items()
                if len(column) and np.ptp(column) > 0
            }
        )

    def scores(self, reasons: Reasons | None) -> dict[str, int | None]:
        """0 to 100 for each of `SUB_SCORES`, None where the group is absent or tells nothing.

        >>> scale = SubScoreScale(marks={"fit": [-0.1, 0.0, 0.1, 0.2]})
        >>> scale.scores({"cohort_probability": 0.3, "contributions": {"fit": 0.1}})["fit"]
        62
        """
        found = readings(reasons)
        return {group: self._score(group, found.get(group)) for group in SUB_SCORES}

    def _score(self, group: str, reading: float | None) -> int | None:
        if reading is None or group not in self.marks:
            return None
        marks = self.marks[group]
        below = np.searchsorted(marks, reading, side="left")
        up_to = np.searchsorted(marks, reading, side="right")
        return round(100 * float(below + up_to) / (2 * len(marks)))
