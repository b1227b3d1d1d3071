"""The product limit against plain shares, by hand, and against scikit-survival."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sksurv.nonparametric import cumulative_incidence_competing_risks, kaplan_meier_estimator

from closecurve.models.product_limit import codes_of, product_limit


def one_group(count: int) -> np.ndarray:
    return np.zeros(count, dtype=np.intp)


def test_without_censoring_a_share_is_a_plain_share() -> None:
    causes = np.array([1, 2, 1, 1])
    limit = product_limit(one_group(4), np.array([4.0, 1.0, 2.0, 2.0]), causes)
    assert limit.share(1, 1).tolist() == pytest.approx([0.75])


def test_by_hand_with_a_censored_row() -> None:
    """1 of 4 ends at 1; one leaves at 2; 1 of 2 ends at 3: 3/4 x 1/2 are still there."""
    limit = product_limit(one_group(4), np.array([1.0, 2, 3, 5]), np.array([1, 0, 2, 0]))
    assert limit.mass.tolist() == pytest.approx([1 / 4, 0, 3 / 8, 0])
    assert limit.share(1, 1).tolist() == pytest.approx([0.4])


def test_a_quantile_is_the_first_duration_by_which_so_many_ended() -> None:
    limit = product_limit(one_group(4), np.array([1.0, 2, 3, 9]), np.array([1, 1, 1, 0]))
    assert limit.quantile(0.5, 1).tolist() == [2.0]
    assert np.isnan(limit.quantile(0.8, 1)[0])


def test_a_group_without_an_end_has_no_share_and_no_quantile() -> None:
    limit = product_limit(np.array([0, 1]), np.array([1.0, 2.0]), np.array([0, 1]))
    assert np.isnan(limit.share(1, 2)[0])
    assert limit.share(1, 2)[1] == 1.0
    assert np.isnan(limit.quantile(0.5, 2)[0])


def test_no_rows_are_no_groups() -> None:
    limit = product_limit(one_group(0), np.zeros(0), one_group(0))
    assert limit.share(1, 0).tolist() == []


followed = st.lists(
    st.tuples(st.integers(0, 2), st.integers(1, 8), st.integers(0, 2)), min_size=1, max_size=30
)


@given(followed)
def test_groups_taken_together_are_as_each_alone(rows: list[tuple[int, int, int]]) -> None:
    group, duration, cause = np.array(rows).T
    together = product_limit(group, duration.astype(float), cause)
    for one in np.unique(group):
        of = group == one
        alone = product_limit(one_group(of.sum()), duration[of].astype(float), cause[of])
        np.testing.assert_allclose(together.mass[together.group == one], alone.mass, atol=1e-12)
        np.testing.assert_array_equal(together.quantile(0.5, 3)[one], alone.quantile(0.5, 1)[0])


def test_it_agrees_with_scikit_survival() -> None:
    rng = np.random.default_rng(4)
    duration, cause = rng.integers(1, 20, 200).astype(float), rng.integers(0, 3, 200)
    limit = product_limit(one_group(200), duration, cause)
    times, incidence = cumulative_incidence_competing_risks(cause, duration)
    for event in (1, 2):
        mass = np.where(limit.cause == event, limit.mass, 0.0)
        ours = [mass[limit.duration <= time].sum() for time in times]
        np.testing.assert_allclose(ours, incidence[event], atol=1e-12)
    times, survival = kaplan_meier_estimator(cause > 0, duration)
    median = times[np.argmax(survival <= 0.5 + 1e-12)]
    assert limit.quantile(0.5, 1)[0] == median


def test_rows_with_equal_keys_are_one_group_null_being_a_key() -> None:
    codes, groups = codes_of(pd.DataFrame({"stage": ["b", None, "a", None]}))
    assert codes.tolist() == [1, 2, 0, 2]
    assert groups["stage"].tolist()[:2] == ["a", "b"]
