"""What each landmark weighs."""

import numpy as np
import pandas as pd
import pytest

from closecurve.crm.calendar import FiscalCalendar
from closecurve.models.close_curve.cells import CellMatrix
from closecurve.models.close_curve.landmarks import (
    Landmarks,
    at_arrival,
    deal_codes,
    raised_to,
    recency,
)
from closecurve.models.close_curve.trees import TreeSettings, scores
from closecurve.models.encoding import Encoding
from closecurve.models.unfold import Grid, Labels


def test_a_landmark_weighs_half_after_a_share_of_the_span() -> None:
    followed = np.array([0.0, 50.0, 100.0])
    made = Labels(event=np.zeros(3, int), duration_days=followed, followed_days=followed)
    assert recency(made, 0.5).tolist() == [1.0, 0.5, 0.25]


def test_what_is_chosen_is_raised_to_its_share_of_the_whole() -> None:
    chosen = np.array([True, False, False, False])
    weight = raised_to(0.75, chosen, np.array([2.0, 1.0, 1.0, 4.0]))
    assert weight[chosen].sum() / weight.sum() == pytest.approx(0.75)
    assert weight[~chosen].tolist() == [1.0, 1.0, 4.0]


@pytest.mark.parametrize("chosen", [[True, True], [False, False], [True, False]])
def test_nothing_is_lowered_and_nothing_raised_alone(chosen: list[bool]) -> None:
    weight = np.array([9.0, 1.0])
    assert raised_to(0.75, np.array(chosen), weight).tolist() == [9.0, 1.0]


def test_an_arrival_is_a_landmark_of_no_age() -> None:
    rows = pd.DataFrame({"age_days": pd.array([0.0, 1e-9, 0.5, None], dtype="Float64")})
    assert at_arrival(rows).tolist() == [True, True, False, False]
    assert not at_arrival(pd.DataFrame({"amount": [1.0]})).any()


def test_rows_without_ids_are_deals_of_their_own() -> None:
    rows = pd.DataFrame({"deal_id": ["a", "b", "a"]})
    assert deal_codes(rows).tolist() == [0, 1, 0]
    assert deal_codes(rows.drop(columns="deal_id").assign(x=1)).tolist() == [0, 1, 2]


KINDS = {"amount": "number", "created_weekday": "number", "days_to_quarter_end": "countdown"}


@pytest.mark.parametrize(
    ("days", "unseen"),
    [
        (4, {"created_weekday", "days_to_quarter_end", "interval_weekday"}),
        (20, {"days_to_quarter_end"}),
        (100, set[str]()),
    ],
)
def test_a_place_in_a_cycle_is_learned_from_once_the_whole_cycle_was_seen(
    days: int, unseen: set[str]
) -> None:
    matrix = CellMatrix(
        encoding=Encoding(kinds=KINDS, codes={}),
        grid=Grid(edges=(0.0, 1.0, 2.0)),
        calendar=FiscalCalendar(),
    )
    found = columns_without_values(matrix, landmarks_over(days))
    assert found & {*KINDS, "interval_weekday"} == unseen
    assert ("interval_quarter_place" in found) == ("days_to_quarter_end" in unseen)
    assert "interval_days_ahead" not in found


def landmarks_over(days: int) -> Landmarks:
    """A landmark a day."""
    n = days + 1
    return Landmarks(
        features=np.ones((n, len(KINDS)), dtype=np.float32),
        as_of=pd.Series(pd.date_range("2026-01-01", periods=n)).astype("datetime64[us]"),
        labels=Labels(
            event=np.ones(n, int), duration_days=np.ones(n), followed_days=np.full(n, 9.0)
        ),
        weight=np.ones(n),
        deal=np.arange(n),
        hashes=np.arange(n, dtype=np.uint64),
    )


def columns_without_values(matrix: CellMatrix, landmarks: Landmarks) -> set[str]:
    """The columns of the rows to learn from that hold nothing."""
    start = scores(np.full((2, 3), 1 / 3))
    plan = landmarks.plan(matrix, start, SETTINGS, most_cells=1_000)
    values = plan.samples[0].matrix.T
    pairs = zip(matrix.columns, values, strict=True)
    return {column for column, held in pairs if np.isnan(held).all()}


SETTINGS = TreeSettings(
    rounds=1,
    leaves=2,
    learning_rate=0.1,
    min_rows=1,
    column_share=1.0,
    l2=0.0,
    seeds=1,
    random_state=0,
)
