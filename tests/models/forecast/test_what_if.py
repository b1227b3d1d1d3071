"""What if: the same draws with one thing changed, from a basis that was written and read."""

import json
from dataclasses import replace

import numpy as np
import pytest

from closecurve.crm.errors import UsageError
from closecurve.models.forecast.published import PublishedBasis
from closecurve.models.forecast.simulation import Basis, Shocks
from closecurve.models.forecast.what_if import WhatIf, answer, biggest, changed

COMPANY = ("company", "company")


def published() -> PublishedBasis:
    """Two owners of two deals each, two cells of 91 days, new deals of one owner."""
    labels = {
        "owner": np.array(["ann", "bo"]),
        "team": np.array(["x", "y"]),
        "region": np.array(["(none)"] * 2),
        "product": np.array(["(none)"] * 2),
    }
    shocks = Shocks(
        company=np.array([0.1, 0.2]),
        cell=np.zeros(2),
        kinds={"owner": 0.2},
        labels={"owner": np.array([0, 1])},
        shares={"owner": np.array([1310.0, 660.0]) / 1970.0},
    )
    basis = Basis(
        leaf=np.array([0, 0, 1, 1]),
        amount=np.array([100.0, 1000.0, 300.0, 300.0]),
        ratios=np.array([0.9, 1.1]),
        won_by=np.array([[0, 0.5, 0.6], [0, 0.4, 0.5], [0, 0.2, 0.3], [0, 0.0, 0.9]]),
        created_count=np.array([20.0, 10.0]),
        expected_count=np.array([[2.0, 3.0], [1.0, 1.0]]),
        stratum=np.array([0, 0]),
        amounts=(np.array([100.0, 200.0]),),
        scale=np.array([0.9, 1.0]),
        shocks=shocks,
        seed=4,
    )
    return PublishedBasis(
        basis=basis,
        deal_ids=("d1", "d2", "d3", "d4"),
        labels=labels,
        chains={"ann": ("ann",), "bo": ("ann",)},
        bound_days=np.array([0.0, 91.0, 182.0]),
        periods={"Q1": (0,), "Q2": (1,), "H1": (0, 1)},
        win_rate_ratio=0.5,
        draws=1021,
    )


def mean_of(what_if: WhatIf, scope: tuple[str, str] = COMPANY, period: str = "Q1") -> float:
    found = answer(published(), what_if, scope, period, 0.0)
    return float(found.after.mean() - found.before.mean())


def test_a_basis_is_the_same_after_it_was_written_and_read() -> None:
    read = PublishedBasis.from_json(json.loads(json.dumps(published().to_json())))
    first, again = (
        answer(each, WhatIf(), COMPANY, "H1", 5.0).before for each in (published(), read)
    )
    np.testing.assert_array_equal(first, again)
    assert read.to_json() == published().to_json()


def test_nothing_changed_changes_nothing() -> None:
    found = answer(published(), WhatIf(), ("team", "x"), "Q1", 10.0)
    np.testing.assert_array_equal(found.before, found.after)
    assert found.before.min() >= 10.0


def test_without_a_deal_its_share_of_the_mean_is_gone_and_the_others_draws_stay() -> None:
    assert mean_of(WhatIf(without=frozenset({"d2"}))) == pytest.approx(-0.4 * 1000 * 0.9, rel=0.05)
    other = answer(published(), WhatIf(without=frozenset({"d2"})), ("owner", "bo"), "Q1", 0.0)
    np.testing.assert_array_equal(other.before, other.after)


def test_the_biggest_deal_is_the_one_that_the_period_expects_most_of() -> None:
    assert biggest(published(), COMPANY, "Q1") == "d2"
    assert biggest(published(), COMPANY, "Q2") == "d4"
    assert biggest(published(), ("owner", "bo"), "Q1") == "d3"
    assert biggest(published(), ("team", "nowhere"), "Q1") is None


def test_a_deal_that_slips_brings_next_quarter_what_it_brought_in_this() -> None:
    basis = changed(published(), WhatIf(slipped=frozenset({"d1"})), np.ones(2, dtype=bool))
    assert basis.won_by[0].tolist() == [0.0, 0.0, 0.5]
    assert basis.won_by[1].tolist() == [0.0, 0.4, 0.5]


def test_half_the_win_rate_halves_open_and_new() -> None:
    before = answer(published(), WhatIf(), COMPANY, "Q1", 0.0).before.mean()
    half = mean_of(WhatIf(win_rates_of_last_year=True))
    assert half == pytest.approx(-before / 2, rel=0.05)


def test_one_more_rep_brings_what_an_average_one_does() -> None:
    basis = changed(published(), WhatIf(more_reps=1), np.ones(2, dtype=bool))
    assert basis.expected_count.sum() == pytest.approx(1.5 * 7.0)
    inside = published().inside("owner", "bo")
    of_bo = changed(published(), WhatIf(more_reps=1), inside).expected_count
    assert of_bo.tolist() == [[2.0, 3.0], [2.0, 2.0]]


def test_a_manager_s_scope_is_everybody_below() -> None:
    assert published().inside("manager", "ann").tolist() == [True, True]
    assert published().inside("manager", "bo").tolist() == [False, False]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (lambda: mean_of(WhatIf(without=frozenset({"gone"}))), "what-if-deal"),
        (lambda: mean_of(WhatIf(), period="Q9"), "what-if-period"),
        (lambda: WhatIf(more_reps=-1), "what-if-reps"),
    ],
)
def test_what_is_not_there_is_refused(asked: object, code: str) -> None:
    with pytest.raises(UsageError) as refused:
        asked()  # type: ignore[operator]
    assert refused.value.code == code


def test_what_nobody_asks_for_leaves_the_draws_as_they_are() -> None:
    both = published()
    narrow = replace(both, periods={"Q1": (0,)})
    first, again = (answer(each, WhatIf(), COMPANY, "Q1", 0.0).before for each in (both, narrow))
    np.testing.assert_array_equal(first, again)
