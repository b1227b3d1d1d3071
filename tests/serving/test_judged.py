"""A posted lead is judged by what the publication was judged by."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from closecurve.crm.calendar import FiscalCalendar
from closecurve.features.records import Context
from closecurve.models.lead_quality.deadlines import OwnerClocks
from closecurve.models.lead_quality.judging import Judging
from closecurve.models.lead_quality.parts import SubScoreScale
from closecurve.models.lead_quality.policy import GradePolicy
from closecurve.models.lead_quality.value import LeadValues
from closecurve.serving.judged import judged_lead
from closecurve.stores.results import MemoryResultsStore

AS_OF = pd.Timestamp("2026-02-02 10:00")
ROW = {
    "owner_id": "o-1",
    "source": "event",
    "created_at": pd.Timestamp("2026-02-02 02:00").to_pydatetime(),
    "responded_at": None,
    "days_since_activity": None,
}
REASONS = {"cohort_probability": 0.2, "contributions": {"fit": 0.1}}
BUNDLE: Any = SimpleNamespace(calendar=FiscalCalendar(), grades=GradePolicy())
CONTEXT = Context.from_frames(
    AS_OF,
    owner_facts=[
        {"owner_id": "o-1", "time_zone": "Asia/Tokyo"},
        {"owner_id": None, "time_zone": None},
    ],
)


def head_of(publication: Any, **summary: Any) -> Any:
    store = MemoryResultsStore()
    store.publish(publication(summary=publication().summary | summary))
    return store.latest()


def test_it_equals_what_the_night_would_publish(publication: Any) -> None:
    closes = pd.DataFrame(
        {"lead_id": ["l"], "source": ["event"], "outcome": ["won"], "amount": [90.0]}
    )
    judging = Judging(
        policy=GradePolicy(),
        bounds=(0.9, 0.8, 0.3),
        values=LeadValues.learned(closes, pd.DataFrame(index=pd.Index([], name="lead_id"))),
        scale=SubScoreScale.of([{**REASONS, "contributions": {"fit": p}} for p in (0.0, 0.1)]),
    )
    night = judging.judged(
        pd.DataFrame([ROW]).astype({"created_at": "datetime64[us]"}),
        np.array([0.4]),
        [REASONS],
        OwnerClocks(company=FiscalCalendar(), zones={"o-1": "Asia/Tokyo"}),
        AS_OF,
    ).iloc[0]
    head = head_of(publication, judging=judging.to_json())
    found = judged_lead(head, BUNDLE, CONTEXT, ROW, 0.4, REASONS)
    assert found["grade"] == night["grade"] == "C"
    assert found["sub_scores"] == night["sub_scores"]
    assert found["response_due_at"] == night["response_due_at"] == pd.Timestamp("2026-02-05 02:00")
    assert found["follow_up_due_at"] is None
    assert found["expected_amount"] == night["expected_amount"] == 0.4 * 90


def test_without_published_judging_the_policy_of_the_bundle_holds(publication: Any) -> None:
    found = judged_lead(head_of(publication), BUNDLE, CONTEXT, ROW, 0.4, None)
    assert (found["grade"], found["value_amount"]) == ("B", None)
    assert set(found["sub_scores"].values()) == {None}
