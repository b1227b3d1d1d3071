"""What a training settles: which landmarks are learned from, and how departures are joined."""

from typing import Any

import pandas as pd
import pytest

from closecurve.crm.errors import UsageError
from closecurve.models.choice import ARRIVALS, DEFAULTS, Choice
from closecurve.models.held_back import Part

CUTOFF = pd.Timestamp("2026-01-11")
PART = Part(
    rows=pd.DataFrame(
        {
            "as_of": pd.date_range("2026-01-01", periods=10).as_unit("us"),
            "age_days": [0.0, 1.0] * 5,
        }
    ),
    labels=pd.DataFrame({"event": range(10), "duration_days": 1.0}),
)


@pytest.mark.parametrize(
    ("choice", "kept"),
    [
        (DEFAULTS, list(range(10))),
        (Choice(window_share=0.5), [5, 6, 7, 8, 9]),
        (Choice(landmarks=ARRIVALS), [0, 2, 4, 6, 8]),
        (Choice(window_share=0.5, landmarks=ARRIVALS), [6, 8]),
    ],
)
def test_only_the_chosen_landmarks_are_learned_from(choice: Choice, kept: list[int]) -> None:
    learned = choice.learned(PART, CUTOFF)
    assert learned.rows.index.tolist() == learned.labels["event"].tolist() == kept


def test_a_window_of_nothing_is_nothing() -> None:
    empty = Part(rows=PART.rows[:0], labels=PART.labels[:0])
    assert len(Choice(window_share=0.5).learned(empty, CUTOFF)) == 0


def test_joined_departures_hold_both_and_the_later_one_wins() -> None:
    first = Choice(settings={"leaves": 4, "l2": 5.0}, window_share=0.5)
    second = Choice(settings={"leaves": 15}, landmarks=ARRIVALS)
    assert first.joined(second).to_json() == {
        "leaves": 15,
        "l2": 5.0,
        "window_share": 0.5,
        "landmarks": ARRIVALS,
    }
    assert DEFAULTS.joined(first) == first


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"window_share": 0.0}, "choice-window"),
        ({"window_share": 1.5}, "choice-window"),
        ({"landmarks": "none"}, "choice-landmarks"),
    ],
)
def test_what_is_no_choice_is_refused(changed: dict[str, Any], code: str) -> None:
    with pytest.raises(UsageError) as caught:
        Choice(**changed)
    assert caught.value.code == code
