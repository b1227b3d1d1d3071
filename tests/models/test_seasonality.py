"""Seasonality on series whose truth is known: swings, falls with a date and a size, and silence."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from closecurve.models.seasonality import LEVEL, POWER, season

SEASON = np.array([0.90, 0.98, 1.08, 0.98, 1.00, 1.08, 0.90, 0.80, 1.08, 1.04, 1.06, 1.10])


def series(
    months: int, wins: float, seed: int, fall: float = 0.0, ago: int = 6, growth: float = 0.1
) -> pd.DataFrame:
    """Monthly revenue of so many wins a month with a season, growth and, lately, a fall."""
    random = np.random.default_rng(seed)
    days = pd.date_range("2022-01-01", periods=months, freq="MS").as_unit("us")
    order = np.arange(months)
    mean = wins * SEASON[days.month - 1] * (1 + growth) ** (order / 12)
    counts = random.poisson(np.where(order >= months - ago, mean * (1 - fall), mean))
    won = [random.lognormal(9.0, 0.8, count).sum() for count in counts]
    return pd.DataFrame({"month": days, "won_amount": won})


def test_under_three_years_nothing_is_said() -> None:
    told = season(series(35, 40, 1))
    assert told.verdict == "not-enough-history"
    assert told.p_value is told.fall is told.detectable_fall is None
    assert told.months["expected"].isna().all()
    assert len(told.months) == 35


def test_months_without_revenue_at_all_are_no_history() -> None:
    empty = series(48, 40, 1).assign(won_amount=0.0)
    assert season(empty).verdict == "not-enough-history"


def test_a_fall_has_its_date_and_its_size() -> None:
    told = season(series(60, 400, 3, fall=0.5, ago=8))
    assert told.verdict == "fall"
    assert told.fall_month is not None
    assert abs((told.fall_month - pd.Timestamp("2026-05-01")).days) <= 31
    assert told.fall == pytest.approx(0.5, abs=0.1)
    assert told.fall_low is not None
    assert told.fall_high is not None
    assert told.fall_low < 0.5 < told.fall_high
    usual = 400 * 1.1**4.6 * np.exp(9 + 0.32)
    assert told.monthly_loss == pytest.approx(usual * 0.5, rel=0.25)


def test_a_fall_of_long_ago_is_how_things_are_by_now() -> None:
    assert season(series(72, 400, 3, fall=0.5, ago=20)).verdict == "fall"
    told = season(series(72, 400, 3, fall=0.5, ago=40))
    assert told.verdict == "usual-swing"
    assert told.fall_month is None


def test_good_and_bad_times_that_last_are_seldom_called_a_fall() -> None:
    """Errors of which half is left in the next month: bounds as below."""
    count, alarms = 30, 0
    for seed in range(count):
        random = np.random.default_rng(seed)
        times = [0.0]
        for _ in range(71):
            times.append(0.5 * times[-1] + 0.13 * random.standard_normal())
        months = series(72, 400, seed)
        tied = months.assign(won_amount=months["won_amount"] * np.exp(times))
        alarms += season(tied).verdict == "fall"
    assert binom.sf(alarms - 1, count, LEVEL) > 0.01


def test_the_swing_and_the_growth_are_those_of_the_truth() -> None:
    told = season(series(72, 2_000, 5))
    year = told.months.tail(12)
    truth = SEASON[year["month"].dt.month - 1] / SEASON.mean() - 1
    assert np.abs(year["season"] - truth).max() < 0.05
    assert told.growth_a_year == pytest.approx(0.1, abs=0.03)
    assert told.swing_p_value is not None
    assert told.swing_p_value < 0.01


def test_months_that_are_alike_have_no_swing() -> None:
    random = np.random.default_rng(2)
    flat = series(48, 40, 1).assign(won_amount=random.normal(1e6, 1e5, 48))
    assert season(flat).swing_p_value > 0.05  # type: ignore[operator]


def test_the_band_holds_four_in_five_usual_months() -> None:
    inside = []
    for seed in range(6):
        months = season(series(60, 60, seed)).months
        inside += list(months["won_amount"].between(months["low"], months["high"]))
    assert 0.75 < np.mean(inside) < 0.92


def test_a_rise_is_no_fall() -> None:
    assert season(series(60, 400, 3, fall=-0.6)).verdict == "usual-swing"


def test_false_alarms_are_rare_and_a_stated_fall_is_found() -> None:
    """Bounds that luck breaks in fewer than one run of a hundred; seeds are fixed."""
    count = 30
    usual = [season(series(48, 80, seed)) for seed in range(count)]
    alarms = sum(told.verdict == "fall" for told in usual)
    assert binom.sf(alarms - 1, count, LEVEL) > 0.01
    sizes = [told.detectable_fall for told in usual]
    assert all(size is not None and 0.1 < size < 0.6 for size in sizes)
    fallen = [
        season(series(48, 80, 100 + seed, fall=size or 0.0)) for seed, size in enumerate(sizes)
    ]
    found = sum(told.verdict == "fall" for told in fallen)
    assert binom.cdf(found, count, POWER) > 0.01


def test_a_stricter_level_tells_fewer_falls() -> None:
    months = series(60, 100, 3, fall=0.35)
    told = season(months)
    assert told.p_value is not None
    assert season(months, level=told.p_value / 2).verdict == "usual-swing"
    assert season(months, level=min(told.p_value * 2, 0.99)).verdict == "fall"


def test_the_answer_does_not_depend_on_the_currency() -> None:
    months = series(60, 100, 3, fall=0.45)
    small, large = season(months), season(months.assign(won_amount=months["won_amount"] * 1e6))
    assert small.p_value == large.p_value
    assert small.fall == pytest.approx(large.fall)
