"""Judging leads: one by one as all together, and by what was published."""

import json

import numpy as np
import pandas as pd
import pytest

from closecurve.crm.calendar import FiscalCalendar
from closecurve.models.lead_quality.deadlines import OwnerClocks
from closecurve.models.lead_quality.judging import Judging
from closecurve.models.lead_quality.parts import SubScoreScale
from closecurve.models.lead_quality.policy import GradeKind, GradePolicy
from closecurve.models.lead_quality.value import LeadValues

AS_OF = pd.Timestamp("2026-01-20 12:00")
CLOCKS = OwnerClocks(company=FiscalCalendar(), zones={"o-1": "Asia/Tokyo"})
PROBABILITY = np.array([0.8, 0.5, 0.2, 0.1])
REASONS = [{"cohort_probability": 0.3, "contributions": {"fit": p}} for p in PROBABILITY]
CLOSES = pd.DataFrame(
    {"lead_id": ["l-0", None], "source": ["event", None], "outcome": "won", "amount": 100.0}
)


@pytest.fixture
def leads() -> pd.DataFrame:
    """Four leads: the second was answered and met three days ago."""
    answered = pd.Series([None, "2026-01-12 10:00", None, None], dtype="datetime64[us]")
    return pd.DataFrame(
        {
            "owner_id": ["o-1", "o-2", None, "o-1"],
            "source": ["event", "search", None, "event"],
            "created_at": pd.Series(pd.to_datetime(["2026-01-12 09:00"] * 4)).astype("M8[us]"),
            "responded_at": answered,
            "days_since_activity": [2.0, 3.0, np.nan, np.nan],
            "attribute_estimate": [None, 5000.0, None, None],
        }
    )


@pytest.fixture
def judging() -> Judging:
    return Judging(
        policy=GradePolicy(kind=GradeKind.SHARES),
        bounds=(0.7, 0.4, 0.15),
        values=LeadValues.learned(CLOSES, pd.DataFrame(index=pd.Index([], name="lead_id"))),
        scale=SubScoreScale.of(REASONS),
        amount_feature="attribute_estimate",
    )


def test_leads_are_graded_valued_and_held_to_their_deadlines(
    leads: pd.DataFrame, judging: Judging
) -> None:
    found = judging.judged(leads, PROBABILITY, REASONS, CLOCKS, AS_OF)
    assert found["grade"].tolist() == list("ABCD")
    assert found["status"].tolist() == ["overdue", "answered", "overdue", "waiting"]
    assert found["is_overdue"].tolist() == [True, False, True, False]
    assert found["follow_up_due_at"][1] == pd.Timestamp("2026-01-24 12:00")
    assert found["follow_up_due_at"].notna().sum() == 1
    assert found["value_amount"].tolist() == [100.0, 5000.0, 100.0, 100.0]
    assert found["expected_amount"].tolist() == pytest.approx([80.0, 2500.0, 20.0, 10.0])
    assert [each["fit"] for each in found["sub_scores"]] == sorted(
        (each["fit"] for each in found["sub_scores"]), reverse=True
    )


def test_one_lead_is_judged_as_among_all_by_what_was_published(
    leads: pd.DataFrame, judging: Judging
) -> None:
    together = judging.judged(leads, PROBABILITY, REASONS, CLOCKS, AS_OF)
    published = Judging.from_json(json.loads(json.dumps(judging.to_json())))
    assert published == judging
    for row in range(len(leads)):
        alone = published.judged(
            leads.iloc[[row]], PROBABILITY[[row]], [REASONS[row]], CLOCKS, AS_OF
        )
        pd.testing.assert_frame_equal(alone, together.iloc[[row]], check_dtype=False)
