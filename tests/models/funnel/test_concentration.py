"""Concentration: Gini by hand, against even luck, and the rule of three quarters."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closecurve.models.funnel.concentration import Concentration, concentration, gini


def closed(holders: list[str], amounts: list[float], won: bool = True) -> pd.DataFrame:
    return pd.DataFrame({"owner_id": holders, "amount_company": amounts, "is_won": won})


def spread(rows: pd.DataFrame) -> Concentration:
    found = concentration(rows, "owner_id")
    assert found is not None
    return found


@given(st.lists(st.floats(0.01, 1e6), min_size=2, max_size=30))
def test_gini_is_the_mean_difference_over_twice_the_mean(amounts: list[float]) -> None:
    held = np.array(amounts)
    count = len(held)
    plain = np.abs(held[:, None] - held).sum() / (2 * count * (count - 1) * held.mean())
    assert gini(held) == pytest.approx(plain, abs=1e-9)


def test_all_alike_is_no_concentration() -> None:
    told = spread(closed([f"o{i % 8}" for i in range(400)], [10.0] * 400))
    assert told.gini == pytest.approx(0.0)
    assert (told.rule_count, told.rule_share) == (6, 0.75)
    assert not told.is_at_risk
    assert told.luck_gini > 0.0


def test_one_who_carries_nearly_all_is_a_risk() -> None:
    holders = ["big"] * 300 + [f"o{i % 19}" for i in range(100)]
    told = spread(closed(holders, [10.0] * 400))
    assert (told.rule_count, told.holder_count) == (1, 20)
    assert told.top_share == pytest.approx(0.75)
    assert told.gini_low > told.luck_gini_high
    assert told.is_at_risk


def test_even_luck_is_seldom_called_a_risk_and_its_range_holds_it() -> None:
    inside = risks = 0
    for seed in range(20):
        random = np.random.default_rng(seed)
        holders = [f"o{i}" for i in random.integers(0, 20, 300)]
        told = spread(closed(holders, list(random.lognormal(9, 1, 300))))
        inside += told.gini <= told.luck_gini_high
        risks += told.is_at_risk
    assert inside >= 17
    assert risks == 0


def test_the_interval_lies_around_the_coefficient() -> None:
    random = np.random.default_rng(4)
    holders = [f"o{i}" for i in random.zipf(1.6, 300) % 25]
    told = spread(closed(holders, list(random.lognormal(9, 1, 300))))
    assert told.gini_low < told.gini < told.gini_high


def test_of_those_that_bought_the_interval_holds_what_is_seen_and_luck_gives_each_a_win() -> None:
    """Most buy once: wins drawn again would leave many of them without any."""
    random = np.random.default_rng(4)
    holders = [f"a{i}" for i in [*range(180), *random.integers(0, 180, 60)]]
    rows = closed(holders, list(random.lognormal(9, 1, 240)))
    told = concentration(rows, "owner_id", only_winners=True)
    assert told is not None
    assert told.gini_low < told.gini < told.gini_high
    assert told.luck_gini == pytest.approx(told.gini, abs=0.06)
    assert told.luck_gini < spread(rows).luck_gini - 0.05


def test_a_deal_lost_makes_no_holder_of_those_that_bought() -> None:
    rows = pd.concat([closed(["a", "b"], [1.0, 1.0]), closed(["c"], [5.0], won=False)])
    told = concentration(rows, "owner_id", only_winners=True)
    assert told is not None
    assert told.holder_count == 2


def test_a_holder_without_a_win_holds_nothing_and_counts() -> None:
    rows = pd.concat([closed(["a", "b"], [1.0, 1.0]), closed(["c"], [5.0], won=False)])
    told = spread(rows)
    assert (told.holder_count, told.won_count) == (3, 2)
    assert told.lorenz[0] == (0.0, 0.0)
    assert told.lorenz[-1] == pytest.approx((1.0, 1.0))


def test_with_one_holder_or_one_win_there_is_nothing_to_spread() -> None:
    assert concentration(closed(["a", "a"], [1.0, 2.0]), "owner_id") is None
    assert concentration(closed(["a", "b"], [1.0, np.nan]), "owner_id") is None
