"""Weights and error of the combined rules."""

import numpy as np
import pandas as pd
import pytest

from closecurve.models.forecast.combination import (
    LEAST_ERROR,
    PRIOR_ERROR,
    PRIOR_ERROR_DAYS,
    combine,
)
from closecurve.models.forecast.rules import RULES, TOP_DOWN, PastOrigins

AS_OF = pd.Timestamp("2025-07-01")
WEEK = pd.Timedelta(weeks=1)


def past_of(
    count: int, actual: float = 100.0, ahead_days: float = 7.0, **rules: float
) -> PastOrigins:
    """`count` weekly origins at which every rule gave the same value; NaN for those not named."""
    as_of = [AS_OF - WEEK * (i + 1) for i in range(count)]
    values = {rule: rules.get(rule, np.nan) for rule in RULES}
    past = pd.DataFrame(
        {
            "as_of": pd.Series(as_of, dtype="datetime64[us]"),
            "period_end": pd.Series(as_of, dtype="datetime64[us]") + WEEK,
            "actual": actual,
            "noise": 0.0,
            **values,
        }
    )
    return PastOrigins(
        as_of=AS_OF,
        period_end=AS_OF + pd.Timedelta(days=ahead_days),
        today=pd.Series({rule: values[rule] for rule in TOP_DOWN}),
        past=past,
        usual_amount=1e-9,
    )


def test_without_origins_rules_weigh_alike_and_the_error_is_the_prior() -> None:
    learnt = combine(past_of(0, ahead_days=PRIOR_ERROR_DAYS, run_rate=50.0), bottom_up_rest=100.0)
    assert learnt.weights["bottom_up"] == learnt.weights["run_rate"] == 0.5
    assert learnt.rest == 75.0
    assert learnt.error == pytest.approx(PRIOR_ERROR)
    assert learnt.carried_by == "bottom_up"


def test_a_period_that_ends_four_times_later_is_twice_as_uncertain() -> None:
    near, far = (combine(past_of(0, ahead_days=days), 100.0).error for days in (40.0, 160.0))
    assert far == pytest.approx(2 * near)


def test_the_rule_that_was_right_carries_the_forecast() -> None:
    learnt = combine(past_of(40, bottom_up=200.0, run_rate=101.0, same_days=130.0), 200.0)
    assert learnt.carried_by == "run_rate"
    assert learnt.weights["run_rate"] > 0.8
    assert sum(learnt.weights.values()) == pytest.approx(1.0)
    assert learnt.weights["last_year"] == 0.0


def test_the_error_of_one_rule_is_its_root_mean_square_log_error() -> None:
    many = combine(past_of(4000, run_rate=100.0 * np.exp(0.3)), 0.0)
    assert many.error == pytest.approx(0.3, rel=0.01)


def test_the_noise_of_counting_is_not_taken_for_error() -> None:
    past = past_of(400, run_rate=100.0 * np.exp(0.3))
    past.past["noise"] = 0.09
    assert combine(past, 0.0).error == LEAST_ERROR


def test_the_error_of_a_past_origin_is_made_with_the_weights_of_its_time() -> None:
    """By hand: alike at the first origin (200 for 100), and .800 / .200 at the second (140)."""
    first, second = np.log(2.0), np.log(1.4003)
    prior = PRIOR_ERROR**2 * 7 / PRIOR_ERROR_DAYS
    learnt = combine(past_of(2, run_rate=100.0, same_days=300.0), np.nan)
    assert learnt.error == pytest.approx(np.sqrt((first**2 + second**2 + prior) / 3), rel=1e-4)
