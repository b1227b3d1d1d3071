"""The forecast: roll-ups, edges, repeatability, and that its interval holds."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import gamma

from closecurve.crm.calendar import FiscalCalendar, Period
from closecurve.crm.errors import DataError, UsageError
from closecurve.models.forecast.combination import combine
from closecurve.models.forecast.horizon import all_periods, one_period
from closecurve.models.forecast.inputs import ForecastInputs, rest_days, win_probability_between
from closecurve.models.forecast.rules import past_origins
from closecurve.models.forecast.simulation import simulate
from closecurve.models.forecast.totals import (
    LEVELS,
    BottomUp,
    Lessons,
    bottom_up,
    forecast,
    forecast_all,
    reached,
    taught,
)
from closecurve.models.scopes import NOBODY, chains_of
from closecurve.models.spans import days_of

CALENDAR = FiscalCalendar()
AS_OF = pd.Timestamp("2025-05-11")
QUARTER = CALENDAR.quarter_at(AS_OF)
WIN_RATE, CYCLE_DAYS = 0.3, 45.0


def simulated_company(seed: int, per_day: float = 3.0, years: int = 3) -> pd.DataFrame:
    """Deals of a company whose process is known: Poisson arrivals, 30 % won, gamma cycles."""
    rng = np.random.default_rng(seed)
    count = rng.poisson(per_day * 365 * years)
    created = pd.Timestamp("2023-01-01") + pd.to_timedelta(
        rng.random(count) * years * 365, unit="D"
    )
    cycle = pd.to_timedelta(rng.gamma(2.0, CYCLE_DAYS / 2, count), unit="D")
    owner = rng.integers(0, 6, count)
    return pd.DataFrame(
        {
            "deal_id": [f"d{i}" for i in range(count)],
            "created_at": created.as_unit("us"),
            "closed_at": (created + cycle).as_unit("us"),
            "won": rng.random(count) < WIN_RATE,
            "amount_company": np.exp(rng.normal(9.0, 0.8, count)),
            "owner_id": [f"o{i}" for i in owner],
            "team": [f"t{i // 3}" for i in owner],
        }
    )


def true_inputs(company: pd.DataFrame, as_of: pd.Timestamp, period: Period) -> ForecastInputs:
    """What is known as of the instant, with the true curve of every open deal."""
    is_open = (company["created_at"] < as_of) & (company["closed_at"] >= as_of)
    deals = company[is_open].drop(columns=["closed_at", "won"])
    age = days_of(as_of - deals["created_at"])
    closed_by = [
        gamma.cdf(age + days, 2.0, scale=CYCLE_DAYS / 2) for days in rest_days(period, as_of)
    ]
    still_open = gamma.sf(age, 2.0, scale=CYCLE_DAYS / 2)
    won = WIN_RATE * np.column_stack(closed_by) / still_open[:, None]
    wins = company[company["won"]]
    return ForecastInputs(
        open_deals=deals.assign(win_probability_period=win_probability_between(won)),
        wins=wins.assign(known_at=wins["closed_at"]),
        created=company[["deal_id", "created_at", "owner_id", "team"]],
        data_until=pd.Timestamp("2027-01-01"),
    )


def forecast_at(
    inputs: ForecastInputs, as_of: pd.Timestamp = AS_OF, **options: int
) -> pd.DataFrame:
    period = CALENDAR.quarter_at(as_of)
    past = past_origins(inputs.wins, period, as_of, CALENDAR)
    return forecast(inputs, period, as_of, past, **options)


def base_of(inputs: ForecastInputs) -> BottomUp:
    won = inputs.open_deals["win_probability_period"].to_numpy(dtype=float)
    return bottom_up(inputs, one_period(QUARTER, AS_OF), np.column_stack([won * 0, won]), seed=1)


def drawn(inputs: ForecastInputs, draws: int, error: float | None = None) -> np.ndarray:
    """(scopes, draws) totals of the quarter."""
    base = base_of(inputs)
    past = past_origins(inputs.wins, QUARTER, AS_OF, CALENDAR)
    combined = combine(past, float(base.pivot_rests[0]))
    if error is not None:
        combined = dataclasses.replace(combined, error=error)
    basis = taught(base, [combined], Lessons())
    rest = simulate(basis, base.membership(), base.horizon.cells_of_period, draws)
    return np.asarray(base.booked[0][:, None] + rest[0])


def deals(**columns: list[object]) -> pd.DataFrame:
    count = len(next(iter(columns.values())))
    return pd.DataFrame({"deal_id": [f"d{i}" for i in range(count)], **columns})


def no_wins() -> pd.DataFrame:
    columns = ["deal_id", "closed_at", "known_at", "amount_company"]
    kinds = ["str", "datetime64[us]", "datetime64[us]", "float64"]
    return pd.DataFrame(columns=columns).astype(dict(zip(columns, kinds, strict=True)))


def no_created() -> pd.DataFrame:
    return no_wins()[["deal_id", "closed_at"]].rename(columns={"closed_at": "created_at"})


def one_deal(probability: float = 0.25, amount: float | None = 1000.0) -> ForecastInputs:
    return ForecastInputs(
        open_deals=deals(amount_company=[amount], win_probability_period=[probability]),
        wins=no_wins(),
        created=no_created(),
    )


@pytest.fixture(scope="module")
def known_company() -> ForecastInputs:
    return true_inputs(simulated_company(7), AS_OF, QUARTER)


def test_every_roll_up_adds_up_in_every_draw(known_company: ForecastInputs) -> None:
    left = known_company.open_deals.assign(
        owner_id=known_company.open_deals["owner_id"].where(known_company.open_deals.index % 5 > 0)
    )
    inputs = dataclasses.replace(known_company, open_deals=left)
    base, totals = base_of(inputs), drawn(inputs, 50)
    kinds = np.array(base.scopes.kinds)
    assert NOBODY in base.scopes.names
    for kind in ("team", "owner"):
        np.testing.assert_allclose(totals[kinds == kind].sum(axis=0), totals[0], rtol=1e-9)


def test_the_means_of_owners_and_teams_add_up_to_the_company(known_company: ForecastInputs) -> None:
    rows = forecast_at(known_company, draws=10)
    sums = rows.groupby("scope_kind")[["booked", "open_mean", "new_mean", "mean", "actual"]].sum()
    np.testing.assert_allclose(sums.loc["team"], sums.loc["company"])
    np.testing.assert_allclose(sums.loc["owner"], sums.loc["company"])
    parts = rows[["booked", "open_mean", "new_mean"]].sum(axis=1)
    np.testing.assert_allclose(parts, rows["mean"])


def test_months_add_up_to_quarters_halves_and_years_in_every_draw(
    known_company: ForecastInputs,
) -> None:
    inputs = dataclasses.replace(
        known_company, chains=chains_of({"o0": None, "o1": "o0", "o2": "o1", "o3": "o0"})
    )
    horizon = all_periods(CALENDAR, AS_OF)
    grown = np.linspace(0.0, 0.9, len(horizon.cells) + 1)
    won_by = np.outer(inputs.open_deals["win_probability_period"], grown)
    base = bottom_up(inputs, horizon, won_by)
    pasts = [past_origins(inputs.wins, each, AS_OF, CALENDAR) for each in horizon.pivots]
    combined = [combine(past, float(r)) for past, r in zip(pasts, base.pivot_rests, strict=True)]
    lessons = Lessons(scope_errors={"owner": 0.3, "team": 0.2}, cell_errors=(0.4, 0.2))
    basis = taught(base, combined, lessons)
    cells = np.eye(len(horizon.cells), dtype=bool)
    by_cell = simulate(basis, base.membership(), cells, 31)
    totals = simulate(basis, base.membership(), horizon.cells_of_period, 31)
    for place, inside in enumerate(horizon.cells_of_period):
        np.testing.assert_allclose(by_cell[inside].sum(axis=0), totals[place], rtol=1e-9)
    kinds, names = np.array(base.scopes.kinds), np.array(base.scopes.names)
    owners, managers = kinds == "owner", kinds == "manager"
    np.testing.assert_allclose(totals[:, owners].sum(axis=1), totals[:, 0], rtol=1e-9)
    below = totals[:, owners & np.isin(names, ["o0", "o1", "o2", "o3"])].sum(axis=1)
    np.testing.assert_allclose(totals[:, managers & (names == "o0")][:, 0], below, rtol=1e-9)


def test_all_periods_are_forecast_with_the_weights_of_every_rule(
    known_company: ForecastInputs,
) -> None:
    horizon = all_periods(CALENDAR, AS_OF)
    grown = np.linspace(0.0, 0.9, len(horizon.cells) + 1)
    won_by = np.outer(known_company.open_deals["win_probability_period"], grown)
    pasts = [past_origins(known_company.wins, each, AS_OF, CALENDAR) for each in horizon.pivots]
    rows = forecast_all(known_company, horizon, won_by, pasts, draws=50).rows
    company = rows[rows["scope_kind"] == "company"].set_index("period_name")
    assert [*company.index] == [
        "2025-05", "2025-06", "2025 Q2", "2025 Q3", "2025 H1", "2025 H2", "FY 2025", "FY 2026",
    ]  # fmt: skip
    mean, booked = company["mean"].to_dict(), company["booked"].to_dict()
    before = booked["FY 2025"] - booked["2025 H1"]
    assert mean["FY 2025"] == pytest.approx(mean["2025 H1"] + mean["2025 H2"] + before)
    assert sum(company["rule_weights"].iloc[-1].values()) == pytest.approx(1.0)


def test_the_same_seed_gives_the_same_rows_and_another_one_others(
    known_company: ForecastInputs,
) -> None:
    first, again = (forecast_at(known_company, draws=200, seed=5) for _ in range(2))
    pd.testing.assert_frame_equal(first, again)
    assert not first["q50"].equals(forecast_at(known_company, draws=200, seed=6)["q50"])


def test_facts_known_at_or_after_the_as_of_change_only_the_actual(
    known_company: ForecastInputs,
) -> None:
    wins = known_company.wins
    later = wins.assign(amount_company=wins["amount_company"].where(wins["known_at"] < AS_OF, 1e9))
    created = known_company.created
    fewer = dataclasses.replace(
        known_company, wins=later, created=created[created["created_at"] < AS_OF]
    )
    before, after = forecast_at(known_company, draws=100), forecast_at(fewer, draws=100)
    pd.testing.assert_frame_equal(before.drop(columns="actual"), after.drop(columns="actual"))
    assert (after["actual"] > before["actual"]).all()


def test_one_deal_wins_as_often_as_its_probability_says() -> None:
    assert base_of(one_deal()).pivot_rests.tolist() == [250.0]
    assert (drawn(one_deal(), 4000)[0] > 0).mean() == pytest.approx(0.25, abs=1 / 4000)


def test_a_company_without_wins_is_forecast_by_its_curves() -> None:
    row = forecast_at(one_deal()).iloc[0]
    assert (row["booked"], row["new_mean"], row["mean"]) == (0.0, 0.0, 250.0)
    assert row["carried_by"] == "bottom_up"
    assert np.isnan(row["actual"])


def test_a_company_with_nothing_has_one_row_of_zeros() -> None:
    empty = one_deal()
    inputs = dataclasses.replace(empty, open_deals=empty.open_deals.iloc[:0])
    rows = forecast_at(inputs)
    assert len(rows) == 1
    assert (rows[[*LEVELS, "mean"]] == 0.0).all(axis=None)


def test_a_win_without_open_deals_is_booked_for_certain_at_the_end_of_the_period() -> None:
    closed = pd.Timestamp("2025-04-10")
    wins = deals(closed_at=[closed], known_at=[closed], amount_company=[700.0])
    inputs = dataclasses.replace(one_deal(0.0), wins=wins)
    past = past_origins(wins, QUARTER, QUARTER.end_at, CALENDAR)
    row = forecast(inputs, QUARTER, QUARTER.end_at, past).iloc[0]
    assert (row["q05"], row["mean"], row["q95"]) == (700.0, 700.0, 700.0)


def test_a_win_that_is_known_late_is_not_booked_but_counts_in_the_actual() -> None:
    wins = deals(
        closed_at=[pd.Timestamp("2025-05-01")],
        known_at=[AS_OF],
        amount_company=[700.0],
    )
    inputs = dataclasses.replace(one_deal(), wins=wins, data_until=QUARTER.end_at)
    row = forecast_at(inputs).iloc[0]
    assert (row["booked"], row["actual"]) == (0.0, 700.0)


def test_an_open_deal_without_an_amount_is_expected_to_bring_what_a_win_brings() -> None:
    closed = pd.Timestamp("2024-12-10")
    wins = deals(closed_at=[closed] * 2, known_at=[closed] * 2, amount_company=[100.0, 300.0])
    inputs = dataclasses.replace(one_deal(0.5, None), wins=wins)
    assert base_of(inputs).pivot_rests.tolist() == [100.0]


def test_amount_ratios_move_the_amount_at_the_win() -> None:
    inputs = dataclasses.replace(one_deal(1.0), amount_ratios=np.array([0.5, 1.0]))
    totals = drawn(inputs, 2000, error=0.0)[0]
    assert set(totals.round(6)) == {500.0, 1000.0}
    assert base_of(inputs).pivot_rests.tolist() == [750.0]
    assert totals.mean() == pytest.approx(750.0, rel=0.02)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(0, 1), st.floats(0, 1e9) | st.none(), st.sampled_from(["ann", "bo", None])
        ),
        max_size=8,
    )
)
def test_quantiles_are_ordered_and_never_negative(
    rows: list[tuple[float, float | None, str | None]],
) -> None:
    frame = pd.DataFrame(rows, columns=["win_probability_period", "amount_company", "owner_id"])
    frame = frame.astype({"win_probability_period": float, "amount_company": float})
    inputs = dataclasses.replace(
        one_deal(), open_deals=frame.assign(deal_id=frame.index.astype(str))
    )
    found = forecast_at(inputs, draws=40)[list(LEVELS)].to_numpy()
    assert (np.diff(found, axis=1) >= 0).all()
    assert (found >= 0).all()


def test_the_80_percent_interval_holds_about_80_percent_of_outcomes() -> None:
    held = []
    for seed in range(6):
        company = simulated_company(100 + seed)
        for as_of in pd.date_range("2024-08-01", "2025-06-01", freq="101D", unit="us"):
            rows = forecast_at(
                true_inputs(company, as_of, CALENDAR.quarter_at(as_of)), as_of, draws=200
            )
            inside = rows["actual"].between(rows["q10"], rows["q90"])
            held.append(inside.groupby(rows["scope_kind"]).mean())
    shares = pd.concat(held, axis=1).mean(axis=1)
    assert shares.between(0.68, 0.94).all(), shares.to_dict()


def test_a_target_has_the_share_of_draws_that_reach_it(known_company: ForecastInputs) -> None:
    plain = forecast_at(known_company)
    targets = pd.DataFrame(
        {
            "scope_kind": ["company", "owner"],
            "scope": ["Acme", "o1"],
            "period_start": ["2025-04-01"] * 2,
            "period_end": ["2025-07-01", "2025-06-30"],
            "amount_company": [plain["q75"].iloc[0], 1.0],
        }
    )
    rows = forecast_at(dataclasses.replace(known_company, targets=targets)).set_index("scope")
    assert rows.loc["company", "target_probability"] == pytest.approx(0.25, abs=0.001)
    assert rows.loc["o1", "target_probability"] == 1.0
    assert rows.loc["o2", ["target", "target_probability"]].isna().all()


def test_draws_make_no_target_certain_and_what_is_booked_does() -> None:
    booked = np.array([0.0, 0.0, 5.0, 0.0])
    totals = np.array([[1.0, 2.0], [7.0, 8.0], [7.0, 8.0], [7.0, 8.0]])
    target = np.array([5.0, 5.0, 5.0, np.nan])
    expected = [0.5 / 3, 2.5 / 3, 1.0, np.nan]
    assert reached(totals, booked, target) == pytest.approx(expected, nan_ok=True)


def test_past_origins_of_another_period_are_refused() -> None:
    past = past_origins(no_wins(), CALENDAR.quarter_after(QUARTER), AS_OF, CALENDAR)
    with pytest.raises(UsageError, match="past origins are made for") as refused:
        forecast(one_deal(), QUARTER, AS_OF, past)
    assert refused.value.code == "forecast-origin"


def test_less_than_one_draw_is_refused() -> None:
    with pytest.raises(UsageError, match="draws are 1 to 46,340, got 0"):
        forecast_at(one_deal(), draws=0)


@pytest.mark.parametrize(("probability", "amount"), [(1.5, 10.0), (0.5, -1.0)])
def test_a_value_outside_its_range_is_refused(probability: float, amount: float) -> None:
    with pytest.raises(DataError, match="lies in"):
        one_deal(probability, amount)


def test_a_missing_column_is_refused() -> None:
    with pytest.raises(UsageError, match="win_probability_period"):
        ForecastInputs(open_deals=deals(amount_company=[1.0]), wins=no_wins(), created=no_created())
