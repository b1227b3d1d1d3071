"""What the guard counts: tables worked by hand, independent numbers, invariants."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from closecurve.features.guard_evidence import (
    Lives,
    closed_values,
    codes_of,
    past_and_now,
    ranking,
    ranking_error,
    same_age,
)


def lives(
    created: np.ndarray, until: np.ndarray, is_open: np.ndarray, is_won: np.ndarray | None = None
) -> Lives:
    won = np.zeros(len(created), dtype=np.bool_) if is_won is None else is_won
    return Lives(created=created, until=until, is_open=is_open, is_won=won)


def steady(seed: int, quick_days: float) -> tuple[Lives, np.ndarray]:
    """Records of 1,000 days; the flagged ones close after `quick_days` in the mean, others 100."""
    random = np.random.default_rng(seed)
    created = np.sort(random.uniform(0, 1000, 4000))
    flags = random.random(4000) < 0.4
    until = created + random.exponential(np.where(flags, quick_days, 100.0))
    is_open = until > 1000
    return lives(created, np.minimum(until, 1000.0), is_open), flags


def test_shares_of_one_stratum_are_plain_shares() -> None:
    # One instant of creation each for 40 open and 40 closed: every stratum holds 4 + 4.
    created = np.repeat(np.arange(10.0), 8)
    is_open = np.tile([True, False], 40)
    flags = ~is_open | (np.arange(80) % 8 == 0)
    found = same_age(flags, lives(created, created + 1, is_open))
    assert found is not None
    assert (found.on_open, found.on_closed) == (0.25, 1.0)
    # 10 strata of weight 2; (1 - 0.25) * 20 / sqrt(20 * 0.625 * 0.375).
    assert found.z == pytest.approx(15 / np.sqrt(20 * 0.625 * 0.375))
    assert found.most_z == pytest.approx(20 / np.sqrt(20 * 0.25))


def test_few_records_of_one_side_are_not_compared() -> None:
    created = np.arange(100.0)
    assert same_age(created > 5, lives(created, created + 1, created > 75)) is None


@pytest.mark.parametrize("quick_days", [2.0, 20.0, 100.0])
def test_the_past_of_values_known_from_the_start_is_as_the_present(quick_days: float) -> None:
    made = [past_and_now(flags, them) for them, flags in (steady(i, quick_days) for i in range(20))]
    found = [contrast.z for contrast in made if contrast is not None]
    assert len(found) == 20
    assert max(abs(z) for z in found) < 3
    assert abs(np.mean(found)) < 1


def test_the_past_of_values_written_at_the_close_is_not() -> None:
    them, flags = steady(1, 100.0)
    found = past_and_now(flags & them.is_closed, them)
    assert found is not None
    assert found.on_open == 0
    assert found.z > 6


def test_closed_values_are_found_on_the_other_half() -> None:
    is_open = np.arange(400) % 4 < 2
    codes = np.where(is_open, 1, 2)
    codes[3] = 3  # a value that one record has says nothing of itself
    them = lives(np.arange(400.0), np.arange(400.0) + 1, is_open)
    found = closed_values(codes, them, one_sided=False)
    assert (found == (codes == 2)).all()


def test_one_sided_values_ended_alike() -> None:
    is_open = np.arange(600) % 3 == 0
    is_won = ~is_open & (np.arange(600) % 5 < 2)
    mixed = np.where(is_open, 1, 2)
    pure = np.where(is_open, 1, np.where(is_won, 2, 3))
    them = lives(np.arange(600.0), np.arange(600.0) + 1, is_open, is_won)
    assert not closed_values(mixed, them, one_sided=True).any()
    assert (closed_values(pure, them, one_sided=True) == ~is_open).all()


def test_the_ranking_of_a_number_is_nearly_the_auc_of_the_number() -> None:
    random = np.random.default_rng(0)
    won = random.random(20_000) < 0.3
    value = random.normal(won * 1.5)
    found = ranking(codes_of(pd.Series(value)), won)
    assert found == pytest.approx(roc_auc_score(won, value), abs=0.01)


def test_the_ranking_of_noise_is_a_half_however_many_categories() -> None:
    random = np.random.default_rng(1)
    won = random.random(5_000) < 0.3
    assert ranking(random.integers(0, 2_000, 5_000), won) == pytest.approx(0.5, abs=0.03)


def test_the_error_of_an_auc_is_that_of_repeated_samples() -> None:
    random = np.random.default_rng(2)
    won = np.arange(120) < 50
    samples = [roc_auc_score(won, random.normal(won * 1.8)) for _ in range(400)]
    assert ranking_error(float(np.mean(samples)), 50, 70) == pytest.approx(np.std(samples), rel=0.2)


def test_codes_are_bins_of_numbers_and_categories_of_text() -> None:
    assert codes_of(pd.Series([None, 1.0, 2.0, 2.0])).tolist() == [0, 7, 17, 17]
    assert codes_of(pd.Series([True, False, True])).tolist() == [1, 2, 1]
