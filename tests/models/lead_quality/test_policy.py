"""Grades by bounds, by shares and by capacity."""

from typing import Any

import numpy as np
import pytest

from closecurve.crm.errors import UsageError
from closecurve.models.lead_quality.policy import GradeKind, GradePolicy, grade_bounds, graded


def grade(probabilities: Any, policy: GradePolicy, days: float = 1.0) -> str:
    """The letters of leads that are graded among themselves."""
    return "".join(graded(probabilities, grade_bounds(probabilities, policy, days=days)))


def test_bounds_belong_to_the_better_grade() -> None:
    policy = GradePolicy(bounds=(0.6, 0.3, 0.1))
    assert grade([1, 0.6, 0.59, 0.3, 0.1, 0.09, 0], policy) == "AABBCDD"


def test_shares_grade_the_likeliest_first() -> None:
    policy = GradePolicy(kind=GradeKind.SHARES, shares=(0.1, 0.2, 0.3))
    assert grade(np.arange(10, 0, -1) / 10, policy) == "ABBCCCDDDD"


def test_capacity_is_the_number_of_leads_a_day() -> None:
    policy = GradePolicy(kind=GradeKind.CAPACITY, capacity=(1, 2, 3))
    falling = np.arange(8, 0, -1) / 10
    assert grade(falling, policy) == "ABBCCCDD"
    assert grade(falling, policy, days=2) == "AABBBBCC"


def test_a_grade_without_room_has_nobody() -> None:
    policy = GradePolicy(kind=GradeKind.CAPACITY, capacity=(0, 0.5, 0))
    assert grade([1.0, 0.9, 0.8, 0.7], policy, days=2) == "BDDD"


def test_a_lead_that_comes_later_is_graded_by_the_same_bounds() -> None:
    policy = GradePolicy(kind=GradeKind.SHARES, shares=(0.25, 0.25, 0.25))
    bounds = grade_bounds([0.8, 0.6, 0.4, 0.2], policy)
    assert graded([0.9, 0.79, 0.3], bounds).tolist() == ["A", "B", "D"]


@pytest.mark.parametrize("kind", ["shares", "capacity"])
def test_equal_probabilities_get_the_same_grade(kind: Any) -> None:
    assert set(grade([0.4] * 7, GradePolicy(kind=kind))) == {"A"}


@pytest.mark.parametrize("kind", ["bounds", "shares", "capacity"])
def test_a_likelier_lead_has_no_worse_grade_in_whatever_order(kind: Any) -> None:
    p = np.random.default_rng(0).random(200)
    letters = np.array(list(grade(p, GradePolicy(kind=kind))))
    assert (np.sort(letters) == letters[np.argsort(-p)]).all()
    order = np.random.default_rng(1).permutation(200)
    assert grade(p[order], GradePolicy(kind=kind)) == "".join(letters[order])


@pytest.mark.parametrize("kind", ["bounds", "shares", "capacity"])
def test_without_leads_the_bounds_of_the_policy_hold(kind: Any) -> None:
    assert grade_bounds([], GradePolicy(kind=kind, bounds=(0.6, 0.4, 0.2))) == (0.6, 0.4, 0.2)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"kind": "luck"}, "grade-kind"),
        ({"bounds": (0.1, 0.3, 0.6)}, "grade-bounds"),
        ({"bounds": (1.2, 0.3, 0.1)}, "grade-bounds"),
        ({"bounds": (0.3, 0.1)}, "grade-bounds"),
        ({"shares": (0.6, 0.6, 0.1)}, "grade-shares"),
        ({"capacity": (-1, 0, 0)}, "grade-capacity"),
        ({"response_hours": (0, 1, 2, 3)}, "grade-times"),
        ({"follow_up_days": (7.0, float("nan"), 30, 30)}, "grade-times"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(change: dict[str, Any], code: str) -> None:
    with pytest.raises(UsageError) as caught:
        GradePolicy(**change)
    assert caught.value.code == code


def test_a_probability_is_one() -> None:
    with pytest.raises(UsageError, match=r"0\.\.1") as caught:
        graded([0.5, np.nan], (0.5, 0.25, 0.1))
    assert caught.value.code == "grade-probability"
