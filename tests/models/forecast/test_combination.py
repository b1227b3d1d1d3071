"""Weights and error of the combined rules."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.stats import lognorm

from closecurve.models.forecast.combination import (
    LEAST_ERROR,
    PRIOR_ERROR,
    PRIOR_ERROR_DAYS,
    PRIOR_FACTOR,
    combine,
)
from closecurve.models.forecast.rules import RULES, TOP_DOWN, PastOrigins

AS_OF = pd.Timestamp("2025-07-01")
WEEK = pd.Timedelta(weeks=1)


def prior(days: float) -> lognorm:
    """The belief in an error before origins tell."""
    return lognorm(s=np.log(PRIOR_FACTOR), scale=PRIOR_ERROR * np.sqrt(days / PRIOR_ERROR_DAYS))


def posterior_mean(days: float, *misses: float) -> float:
    """By quadrature: the mean error after windows that missed by so much, without noise."""

    def weight(error: float) -> float:
        told = [np.exp(-((miss / error) ** 2) / 2) / error for miss in misses]
        return float(prior(days).pdf(error) * np.prod(told))

    mass = quad(weight, LEAST_ERROR, 2.0, limit=200)[0]
    return float(quad(lambda error: error * weight(error), LEAST_ERROR, 2.0, limit=200)[0] / mass)


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
            "squares": 0.0,
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
    assert learnt.error == pytest.approx(prior(PRIOR_ERROR_DAYS).mean(), rel=0.05)
    assert learnt.carried_by == "bottom_up"


def test_readings_of_the_same_wins_do_not_outvote_the_deals() -> None:
    learnt = combine(past_of(0, **dict.fromkeys(TOP_DOWN, 50.0)), bottom_up_rest=100.0)
    assert learnt.weights["bottom_up"] == pytest.approx(0.5)
    assert learnt.weights["last_year"] == pytest.approx(0.125)
    assert learnt.rest == pytest.approx(75.0)


def test_a_period_that_ends_four_times_later_is_twice_as_uncertain() -> None:
    near, far = (combine(past_of(0, ahead_days=days), 100.0).error for days in (90.0, 360.0))
    assert far == pytest.approx(2 * near, rel=0.05)


def test_the_rule_that_was_right_carries_the_forecast() -> None:
    learnt = combine(past_of(40, bottom_up=200.0, run_rate=101.0, same_days=130.0), 200.0)
    assert learnt.carried_by == "run_rate"
    assert learnt.weights["run_rate"] > 0.8
    assert sum(learnt.weights.values()) == pytest.approx(1.0)
    assert learnt.weights["last_year"] == 0.0


def test_the_error_of_one_rule_is_its_root_mean_square_log_error() -> None:
    many = combine(past_of(4000, run_rate=100.0 * np.exp(0.3)), 0.0)
    assert many.error == pytest.approx(0.3, rel=0.03)


def test_the_noise_of_counting_is_not_taken_for_error() -> None:
    past = past_of(400, run_rate=100.0 * np.exp(0.3))
    past.past["squares"] = 900.0
    assert combine(past, 0.0).error < 0.05


def test_windows_that_counting_explains_leave_the_prior() -> None:
    quiet, noisy = past_of(20, run_rate=100.0), past_of(20, run_rate=100.0)
    noisy.past["squares"] = 100.0**2
    assert combine(quiet, 0.0).error < 0.04
    assert combine(noisy, 0.0).error == pytest.approx(combine(past_of(0), 0.0).error, rel=0.05)


def test_a_window_without_wins_is_no_sure_sign_of_a_wrong_rate() -> None:
    """One usual win expected, none came: half a win more each, it was a third."""
    none = replace(past_of(5, actual=0.0, run_rate=100.0), usual_amount=100.0)
    assert combine(none, 0.0).error < 1.1 * combine(past_of(0), 0.0).error


def test_the_error_of_a_past_origin_is_made_with_the_weights_of_its_time() -> None:
    """By hand: alike at the first origin (200 for 100), and .800 / .200 at the second (140)."""
    learnt = combine(past_of(2, run_rate=100.0, same_days=300.0), np.nan)
    assert learnt.error == pytest.approx(posterior_mean(7.0, np.log(2.0), np.log(1.4)), rel=0.01)
