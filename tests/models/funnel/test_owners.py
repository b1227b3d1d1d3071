"""Owners against the best: shrunk, with intervals, from 20 closed deals on."""

import numpy as np
import pandas as pd
import pytest

from closecurve.models.funnel.owners import ALIKE, COLUMNS, owner_ranks, prior_of


def closed(**owners: tuple[int, int]) -> pd.DataFrame:
    """Won and closed deals by owner."""
    rows = [
        {"owner_id": owner, "team": "north", "is_won": place < won, "amount_company": 10.0}
        for owner, (won, count) in owners.items()
        for place in range(count)
    ]
    return pd.DataFrame(rows)


def test_nobody_is_compared_on_fewer_than_twenty_closed_deals() -> None:
    found = owner_ranks(closed(ann=(10, 20), bo=(19, 19), cy=(12, 60)))
    assert set(found["owner_id"]) == {"ann", "cy"}
    assert tuple(found.columns) == COLUMNS
    assert owner_ranks(closed(bo=(19, 19))).empty


def test_few_deals_are_drawn_further_towards_the_company() -> None:
    found = owner_ranks(closed(few=(16, 20), many=(320, 400), low=(40, 400), mid=(200, 400)))
    rates = found.set_index("owner_id")["shrunk_rate"]
    assert rates["few"] < rates["many"] < 0.8
    assert (found["shrunk_low"] < found["shrunk_rate"]).all()
    assert found.iloc[0]["owner_id"] == "many"
    assert found.iloc[0]["behind_best"] == 0.0
    assert found["won_amount"].iloc[0] == pytest.approx(3_200.0)


def test_owners_who_differ_by_luck_only_are_the_company() -> None:
    mean, weight = prior_of(np.array([10.0, 11.0, 9.0]), np.array([30.0, 30.0, 30.0]))
    assert mean == pytest.approx(1 / 3)
    assert weight == ALIKE


def test_the_prior_finds_the_spread_of_the_owners() -> None:
    """True rates from a beta with mean .3 that weighs 20 deals."""
    random = np.random.default_rng(3)
    rates = random.beta(6, 14, 400)
    count = random.integers(20, 200, 400).astype(float)
    mean, weight = prior_of(random.binomial(count.astype(int), rates).astype(float), count)
    assert mean == pytest.approx(0.3, abs=0.02)
    assert 14 < weight < 28


def test_shrunk_intervals_hold_the_true_rates() -> None:
    random = np.random.default_rng(5)
    rates = random.beta(6, 14, 60)
    found = owner_ranks(
        closed(**{f"o{i}": (int(random.binomial(40, rate)), 40) for i, rate in enumerate(rates)})
    ).set_index("owner_id")
    truth = pd.Series(rates, index=[f"o{i}" for i in range(60)]).loc[found.index]
    assert ((found["shrunk_low"] <= truth) & (truth <= found["shrunk_high"])).mean() >= 0.87
