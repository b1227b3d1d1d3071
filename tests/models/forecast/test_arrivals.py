"""Deals not created yet: rates, seasons, the creation-to-win curve and compound draws."""

import numpy as np
import pandas as pd
import pytest

from closecurve.crm.calendar import FiscalCalendar
from closecurve.models.forecast.arrivals import WinCurve, arrivals, season_ratio
from closecurve.models.forecast.inputs import ForecastInputs
from closecurve.models.forecast.simulation import SMOOTH_FROM, new_draws
from closecurve.models.spans import days_of

AS_OF = pd.Timestamp("2025-04-01")
QUARTER = FiscalCalendar().quarter_at(AS_OF)
DAY = pd.Timedelta(days=1)


def inputs_of(created: pd.DataFrame, won: dict[str, float]) -> ForecastInputs:
    """`won`: the deals that were won, with the days from creation to the win; each brings 10."""
    at = created.set_index("deal_id")["created_at"]
    closed = pd.Series(
        [at[deal] + days * DAY for deal, days in won.items()], dtype="datetime64[us]"
    )
    wins = pd.DataFrame({"deal_id": list(won), "closed_at": closed, "known_at": closed})
    return ForecastInputs(
        open_deals=pd.DataFrame(
            {
                "deal_id": pd.Series(dtype="str"),
                "amount_company": pd.Series(dtype=float),
                "win_probability_period": pd.Series(dtype=float),
            }
        ),
        wins=wins.assign(amount_company=10.0),
        created=created,
    )


def created_daily(days: int, owners: tuple[str | None, ...] = ("ann",)) -> pd.DataFrame:
    """One deal a day, owners in turn, up to the day before the as-of."""
    return pd.DataFrame(
        {
            "deal_id": [f"d{i}" for i in range(days)],
            "created_at": [AS_OF - (days - i) * DAY for i in range(days)],
            "owner_id": [owners[i % len(owners)] for i in range(days)],
        }
    ).astype({"created_at": "datetime64[us]"})


def test_a_deal_a_day_of_which_every_other_is_won_at_once() -> None:
    created = created_daily(364)
    found = arrivals(inputs_of(created, {f"d{i}": 0.0 for i in range(0, 364, 2)}), [QUARTER], AS_OF)
    assert found.created_count.tolist() == [91.0]
    assert found.expected_count[:, 0].tolist() == pytest.approx([91 / 2])
    assert found.expected()[:, 0].tolist() == pytest.approx([910 / 2])


def test_owners_share_by_the_deals_they_got_lately() -> None:
    created = created_daily(364, ("ann", "ann", "bo", None))
    found = arrivals(inputs_of(created, {f"d{i}": 0.0 for i in range(364)}), [QUARTER], AS_OF)
    shares = found.expected_count[:, 0] / found.expected_count.sum()
    assert dict(zip(found.leaves["owner_id"].fillna("-"), shares, strict=True)) == pytest.approx(
        {"ann": 46 / 91, "bo": 23 / 91, "-": 22 / 91}, abs=0.02
    )


def test_a_lag_to_the_win_leaves_only_deals_created_early_enough() -> None:
    curve = WinCurve(lag_days=np.array([30.0]), won=np.array([0.4]))
    assert curve.exposure(0.0, 90.0) == pytest.approx(0.4 * 60)
    assert curve.exposure(0.0, 20.0) == 0.0


def test_a_period_to_come_also_gets_wins_of_deals_created_before_it() -> None:
    """Created on days 0 to 60 of which the win 30 days later lies in days 30 to 90: all of them."""
    curve = WinCurve(lag_days=np.array([30.0]), won=np.array([1.0]))
    assert curve.exposure(30.0, 90.0) == pytest.approx(60.0)
    assert curve.exposure(60.0, 90.0) == pytest.approx(30.0)


def test_a_young_open_deal_is_censored_and_not_taken_as_never_won() -> None:
    """Every deal is won after 60 days: those of the last 60 are open, the curve still says 1."""
    created = created_daily(364)
    found = arrivals(inputs_of(created, {f"d{i}": 60.0 for i in range(304)}), [QUARTER], AS_OF)
    assert found.expected_count[0, 0] == pytest.approx(91 - 60, abs=1.0)


def test_without_created_deals_nothing_is_new() -> None:
    found = arrivals(inputs_of(created_daily(0), {}), [QUARTER], AS_OF)
    assert found.expected().tolist() == []


def ages(created_at: pd.Series) -> np.ndarray:
    return np.sort(days_of(AS_OF - created_at))


def test_below_two_years_there_is_no_season() -> None:
    assert season_ratio(ages(created_daily(700)["created_at"]), QUARTER, AS_OF) == 1.0


def test_a_season_that_doubles_every_year_is_expected_again() -> None:
    days = pd.date_range("2022-04-01", AS_OF - DAY, freq="D", unit="us").to_series()
    doubled = pd.concat([days] * 20 + [days[days.dt.quarter == 2]] * 20)
    assert season_ratio(ages(doubled), QUARTER, AS_OF) == pytest.approx(2.0, abs=0.05)
    assert season_ratio(ages(pd.concat([days] * 20)), QUARTER, AS_OF) == pytest.approx(1, abs=0.02)


def test_a_season_of_more_than_a_year_ahead_is_read_from_years_that_are_over() -> None:
    days = pd.date_range("2021-04-01", AS_OF - DAY, freq="D", unit="us").to_series()
    far = FiscalCalendar().quarter_at(AS_OF + 500 * DAY)
    assert season_ratio(ages(pd.concat([days] * 20)), far, AS_OF) == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("expected", [4.0, SMOOTH_FROM * 2])
def test_draws_have_the_mean_and_spread_of_a_compound_poisson_with_an_estimated_rate(
    expected: float,
) -> None:
    amounts, count, draws = np.array([1.0, 5.0, 30.0]), 50.0, 20_000
    rng = np.random.default_rng(0)
    rate = expected * rng.gamma(count, 1 / count, (2, draws))
    drawn = new_draws(rate, (np.ones(1), amounts), np.array([1, 1]), rng)[0]
    spread = expected * (amounts**2).mean() + (expected * amounts.mean()) ** 2 / count
    assert drawn.mean() == pytest.approx(expected * amounts.mean(), rel=0.02)
    assert drawn.var() == pytest.approx(spread, rel=0.06)


def test_a_leaf_without_expected_wins_draws_nothing() -> None:
    drawn = new_draws(
        np.array([[0.0] * 100, [3.0] * 100]),
        (np.ones(1),),
        np.zeros(2, dtype=int),
        np.random.default_rng(1),
    )
    assert drawn[0].sum() == 0
    assert drawn[1].mean() == pytest.approx(3.0, abs=0.7)
