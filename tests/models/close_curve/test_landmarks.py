"""What each landmark weighs."""

import numpy as np
import pandas as pd
import pytest

from closecurve.models.close_curve.landmarks import at_arrival, deal_codes, raised_to, recency
from closecurve.models.unfold import Labels


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
