"""Draws of open deals: exact shares, independence between deals, windows that add up."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closecurve.models.forecast.draws import DealPlan, open_draws, stratified_normals

DRAWS = 1021


def drawn(
    plan: DealPlan, low: np.ndarray, high: np.ndarray, amount: np.ndarray | None = None
) -> np.ndarray:
    """(deals, draws): every deal is a leaf of its own."""
    count = len(low)
    amounts = np.ones(count) if amount is None else amount
    leaves = np.arange(count, dtype=np.int32)
    return open_draws(plan, low, high, amounts, np.ones(1), leaves, count)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=6), st.integers(1, 200))
def test_every_deal_is_won_in_as_many_draws_as_its_probability_says(
    probabilities: list[float], draws: int
) -> None:
    won = np.array(probabilities)
    plan = DealPlan.of(len(won), draws, np.random.default_rng(0))
    found = drawn(plan, won * 0, won)
    assert set(np.unique(found)) <= {0.0, 1.0}
    assert np.abs(found.sum(axis=1) - draws * won).max() < 1.0 + 1e-9


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=5))
def test_windows_of_a_deal_add_up_draw_by_draw(bounds: list[float]) -> None:
    steps = np.sort(bounds)
    plan = DealPlan.of(1, DRAWS, np.random.default_rng(3))
    parts = sum(drawn(plan, np.array([a]), np.array([b])) for a, b in pairwise(steps))
    whole = drawn(plan, steps[:1], steps[-1:])
    np.testing.assert_array_equal(parts, whole)
    assert whole.max() <= 1.0


def test_deals_are_independent_over_plans() -> None:
    both = [
        drawn(DealPlan.of(2, 31, np.random.default_rng(s)), np.zeros(2), np.array([0.3, 0.5]))
        for s in range(3000)
    ]
    together = np.mean([found[0] * found[1] for found in both])
    assert together == pytest.approx(0.15, abs=0.005)


def test_a_mean_over_draws_is_sharper_than_plain_monte_carlo() -> None:
    won, amount = np.full(40, 0.2), np.ones(40)
    means = [
        drawn(DealPlan.of(40, 101, np.random.default_rng(s)), won * 0, won, amount).sum(axis=0)
        for s in range(200)
    ]
    plain = np.sqrt(40 * 0.2 * 0.8 / 101)
    assert np.std([each.mean() for each in means]) < 0.2 * plain
    assert np.mean([each.var() for each in means]) == pytest.approx(40 * 0.16, rel=0.02)


def test_amounts_are_picked_evenly_from_the_ratios() -> None:
    plan = DealPlan.of(50, DRAWS, np.random.default_rng(1))
    ratios = np.array([0.5, 1.0, 2.0])
    won = np.full(50, 0.4)
    total = open_draws(plan, won * 0, won, np.full(50, 10.0), ratios, np.zeros(50, int), 1)
    assert total.mean() == pytest.approx(50 * 0.4 * 10 * ratios.mean(), rel=0.01)


def test_normals_fill_every_slice_once() -> None:
    made = stratified_normals(3, 1000, np.random.default_rng(0))
    assert np.abs(made.mean(axis=1)).max() < 1e-9
    assert made.std(axis=1) == pytest.approx(np.ones(3), abs=0.01)
    assert abs(np.asarray(np.corrcoef(made))[0, 1]) < 0.1
