"""The baseline: stall rates by stage and dwell band, each shrunk to the wider group."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from closecurve.models.stall.rates import UNSEEN_RATE, StallRate

ROWS = pd.DataFrame({"stage": ["a", "a", "b", "b"], "days_in_stage": [1.0, 9.0, 1.0, 9.0]})


def test_before_anything_was_seen_deals_move_once_in_the_usual_cycle() -> None:
    model = StallRate().fit(ROWS.head(0), [])
    assert model.predict_stall_probability(ROWS) == pytest.approx(np.exp(-30 / 45))


def test_the_rates_by_hand() -> None:
    model = StallRate(dwell_groups=2, strength=1.0).fit(ROWS, [1, 1, 0, 1])
    everyone = (3 + UNSEEN_RATE) / 5
    a, b = (2 + everyone) / 3, (1 + everyone) / 3
    bands = [(1 + a) / 2, (1 + a) / 2, (0 + b) / 2, (1 + b) / 2]
    assert model.predict_stall_probability(ROWS) == pytest.approx(bands)
    assert model.usual(ROWS) == pytest.approx([a, a, b, b])


def test_a_stage_that_was_never_seen_has_the_rate_of_all() -> None:
    model = StallRate(strength=1.0).fit(ROWS, [1, 1, 0, 1])
    unknown = pd.DataFrame({"stage": ["c"], "days_in_stage": [1.0]})
    assert model.predict_stall_probability(unknown) == pytest.approx((3 + UNSEEN_RATE) / 5)


@pytest.mark.parametrize("columns", [["stage", "days_in_stage"], ["stage"], []])
def test_one_snapshot_has_the_rate_of_its_row(columns: list[str]) -> None:
    rows = ROWS[columns].assign(other=1)
    model = StallRate(dwell_groups=2, strength=1.0).fit(rows, [1, 0, 0, 1])
    asked = pd.DataFrame({"stage": ["a", "b", "c", None], "days_in_stage": [9.0, np.nan, 1.0, 2.0]})
    plain: list[Any] = asked.astype(object).where(asked.notna(), None).to_dict("records")
    by_row = model.predict_stall_probability(asked)
    assert [model.rate_of(each) for each in plain] == pytest.approx(by_row.tolist())


def test_what_is_read_back_answers_the_same() -> None:
    model = StallRate().fit(ROWS, [1, 0, 0, 1])
    again = StallRate.from_json(model.to_json())
    assert again.predict_stall_probability(ROWS).tolist() == (
        model.predict_stall_probability(ROWS).tolist()
    )
