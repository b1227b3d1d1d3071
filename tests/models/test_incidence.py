"""Curves as arrays: sums, monotony, reading between edges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from closecurve.crm.errors import UsageError
from closecurve.models.incidence import at_times, days_ahead, from_hazards, monotone

FRACTIONS = st.floats(0, 1, allow_subnormal=False)


def assert_curve(cif: np.ndarray) -> None:
    assert np.allclose(cif.sum(axis=1), 1)
    assert cif.min() >= 0
    assert np.diff(cif[:, 1:], axis=2).min(initial=0) >= -1e-12


@given(arrays(float, (2, 5, 3), elements=st.floats(1e-6, 1)))
def test_any_hazards_give_a_curve(raw: np.ndarray) -> None:
    cif = from_hazards(raw / raw.sum(axis=2, keepdims=True))
    assert_curve(cif)
    assert cif[:, 0, 0].tolist() == [1.0, 1.0]


@given(arrays(float, (2, 3, 6), elements=FRACTIONS))
def test_whatever_is_made_monotone_is_a_curve(raw: np.ndarray) -> None:
    assert_curve(monotone(raw))


def test_a_curve_stays_as_it_is_when_made_monotone() -> None:
    cif = from_hazards(np.tile([0.8, 0.15, 0.05], (1, 4, 1)))
    assert np.allclose(monotone(cif), cif)


def test_a_curve_is_linear_inside_an_interval_and_flat_beyond_the_last() -> None:
    cif = np.array([[[1.0, 0.6, 0.2], [0, 0.3, 0.5], [0, 0.1, 0.3]]])
    read = at_times(cif, [0.0, 10.0, 30.0], [0, 5, 10, 20, 30, 400, np.inf])
    assert read[0, 1] == pytest.approx([0, 0.15, 0.3, 0.4, 0.5, 0.5, 0.5])


@pytest.mark.parametrize("times", [[-1.0], [np.nan], [[1.0]]])
def test_times_are_days_ahead(times: list[float]) -> None:
    with pytest.raises(UsageError, match="0 or more") as caught:
        days_ahead(times)
    assert caught.value.code == "curve-times"
