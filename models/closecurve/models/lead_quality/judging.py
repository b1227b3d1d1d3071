"""Judging leads that were scored: grade, deadlines, status, value and sub-scores.

The night judges all open leads and publishes what it judged by; a posted lead is judged by that, so
the two never differ.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.models.lead_quality.deadlines import OwnerClocks, follow_up_due, response_due
from closecurve.models.lead_quality.parts import Reasons, SubScoreScale
from closecurve.models.lead_quality.policy import Bounds, GradeKind, GradePolicy, graded
from closecurve.models.lead_quality.queue import LeadStatus, lead_status
from closecurve.models.lead_quality.value import LeadValues

Floats = NDArray[np.float64]

QUIET = "days_since_activity"
"""The feature that tells when somebody was last in touch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """By what the leads of one publication are judged.

    `bounds` are those that the policy came to; `amount_feature` is the feature that holds a lead's
    own estimated amount, None where the company names none.
    """

    policy: GradePolicy
    bounds: Bounds
    values: LeadValues
    scale: SubScoreScale
    amount_feature: str | None = None

    def judged(
        self,
        leads: pd.DataFrame,
        probability: Floats,
        reasons: Sequence[Reasons | None],
        clocks: OwnerClocks,
        as_of: pd.Timestamp,
    ) -> pd.DataFrame:
        """What a publication holds of snapshots of leads beside their probabilities, row by row.

        `probability` (n,) is that of an eventual conversion, `reasons` the explanations as stored.
        """
        grades = graded(probability, self.bounds)
        owners = [None if pd.isna(owner) else str(owner) for owner in leads["owner_id"]]
        due_at = response_due(leads["created_at"], grades, owners, clocks, self.policy)
        responded_at = pd.to_datetime(leads["responded_at"])
        follow_up_at = follow_up_due(_last_contact(leads, responded_at, as_of), grades, self.policy)
        status = lead_status(due_at, follow_up_at, responded_at.notna(), as_of)
        return pd.DataFrame(
            {
                "grade": grades,
                "response_due_at": due_at,
                "follow_up_due_at": follow_up_at,
                "status": status,
                "is_overdue": status == LeadStatus.OVERDUE,
                "sub_scores": [self.scale.scores(each) for each in reasons],
            },
            index=leads.index,
        ).assign(**self._worth(leads, probability))

    def _worth(self, leads: pd.DataFrame, probability: Floats) -> dict[str, list[Any]]:
        """What each brings if it converts, what that rests on, and that times its probability."""
        rows: list[dict[str, Any]] = leads.to_dict("records")  # type: ignore[assignment]
        values = [self.values.of(lead, self._own_amount(lead)) for lead in rows]
        return {
            "value_amount": [None if value is None else value.amount for value in values],
            "value_basis": [None if value is None else value.basis() for value in values],
            "expected_amount": [
                None if value is None else value.amount * float(p)
                for value, p in zip(values, probability, strict=True)
            ],
        }

    def _own_amount(self, lead: Mapping[str, Any]) -> float | None:
        """The lead's own estimate; None where it has none above 0."""
        found = None if self.amount_feature is None else lead.get(self.amount_feature)
        return float(found) if isinstance(found, float | int) and found > 0 else None

    def to_json(self) -> dict[str, Any]:
        """A value that `from_json` reads back."""
        return {
            "policy": asdict(self.policy),
            "bounds": list(self.bounds),
            "values": self.values.to_json(),
            "sub_score_marks": dict(self.scale.marks),
            "amount_feature": self.amount_feature,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """What `to_json` wrote."""
        first, second, third = value["bounds"]
        return cls(
            policy=policy_from_json(value["policy"]),
            bounds=(first, second, third),
            values=LeadValues.from_json(value["values"]),
            scale=SubScoreScale(marks=value["sub_score_marks"]),
            amount_feature=value["amount_feature"],
        )


def policy_from_json(value: Mapping[str, Any]) -> GradePolicy:
    """The policy whose fields were written as JSON."""
    numbers = {name: tuple(found) for name, found in value.items() if name != "kind"}
    return GradePolicy(kind=GradeKind(value["kind"]), **numbers)


def _last_contact(leads: pd.DataFrame, responded_at: pd.Series, as_of: pd.Timestamp) -> pd.Series:
    """When somebody was last in touch with each answered lead; null for one nobody answered."""
    if QUIET not in leads:
        return responded_at
    quiet = pd.to_timedelta(leads[QUIET].astype("float64"), unit="D").dt.round("us")
    latest = (as_of - quiet).astype("datetime64[us]").dt.round("s")
    return latest.fillna(responded_at).where(responded_at.notna())
