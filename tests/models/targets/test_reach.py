"""Amounts and probabilities are two readings of the same quantiles."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from closecurve.crm.errors import UsageError
from closecurve.models.forecast.totals import LEVELS
from closecurve.models.targets.reach import amount_reached, probability_reached

levels = list(LEVELS.values())
bells = st.tuples(st.floats(1, 1e6), st.floats(0.01, 0.5)).map(
    lambda bell: bell[0] * (1 + bell[1] * norm.ppf(levels))
)


@given(bells, st.floats(0.05, 0.95))
def test_a_bell_is_read_exactly(quantiles: np.ndarray, probability: float) -> None:
    (amount,) = amount_reached([quantiles], levels, probability)
    mean, spread = quantiles[3], (quantiles[5] - quantiles[1]) / (2 * norm.ppf(0.9))
    assert amount == pytest.approx(norm.isf(probability, mean, spread), rel=1e-9)
    (back,) = probability_reached([quantiles], levels, [amount])
    assert back == pytest.approx(probability, abs=1e-9)


@given(st.lists(st.floats(0, 1e9), min_size=7, max_size=7).map(sorted), st.floats(0, 2e9))
def test_more_is_never_likelier(quantiles: list[float], amount: float) -> None:
    more, less = probability_reached([quantiles] * 2, levels, [amount, amount * 1.1 + 1])
    assert 0.05 - 1e-12 <= less <= more <= 0.95 + 1e-12


def test_a_certain_amount_is_reached_and_one_more_is_not() -> None:
    certain = [[5.0] * 7] * 2
    assert probability_reached(certain, levels, [5.0, 5.1]).round(2).tolist() == [0.95, 0.05]


def test_an_amount_that_is_unknown_has_no_probability() -> None:
    assert np.isnan(probability_reached([[1.0] * 7], levels, [np.nan])).all()


@pytest.mark.parametrize("probability", [0.0, 0.04, 0.96, 1.0, float("nan")])
def test_what_a_forecast_does_not_tell_is_refused(probability: float) -> None:
    with pytest.raises(UsageError) as caught:
        amount_reached([[1.0] * 7], levels, probability)
    assert caught.value.code == "target-probability"
