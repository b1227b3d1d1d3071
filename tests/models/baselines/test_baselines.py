"""The baselines: by hand, against an independent estimator, and where little is known."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from closecurve.crm.stages import DEFAULT_PROCESS, Process, Stage
from closecurve.models.baselines import FixedStageRate, HistoricalStageRate, StageCurves
from closecurve.models.unfold import Grid, read_labels

TIMES = [0, 5, 30, 90, np.inf]
NOTHING = pd.DataFrame({"stage": pd.Series(dtype="string"), "age_days": pd.Series(dtype=float)})
NO_LABELS = pd.DataFrame({"event": pd.Series(dtype=int), "duration_days": pd.Series(dtype=float)})
DEAL = pd.DataFrame({"stage": ["Proposal"], "age_days": [3.0]})
ALL = [FixedStageRate((DEFAULT_PROCESS,)), HistoricalStageRate(), StageCurves((DEFAULT_PROCESS,))]


def assert_curves(cif: np.ndarray) -> None:
    assert np.allclose(cif.sum(axis=1), 1)
    assert cif.min() >= 0
    assert np.diff(cif[:, 1:], axis=2).min() >= -1e-12


@pytest.mark.parametrize("baseline", ALL, ids=lambda b: type(b).__name__)
@pytest.mark.parametrize("event", [[], [0], [1], [2], [2, 2, 2]])
def test_there_is_an_answer_from_any_number_of_closes(baseline: Any, event: list[int]) -> None:
    X = pd.concat([NOTHING, *[DEAL] * len(event)])
    y = pd.concat([NO_LABELS, pd.DataFrame({"event": event, "duration_days": [9.0] * len(event)})])
    cif = baseline.fit(X, y.astype({"event": int})).predict_cumulative_incidence(DEAL, TIMES)
    assert_curves(cif)
    assert cif[0, 1, -1] > 0


@pytest.mark.parametrize("baseline", ALL, ids=lambda b: type(b).__name__)
def test_a_baseline_survives_json_bit_for_bit(baseline: Any, company: Any) -> None:
    fitted = baseline.fit(company.rows, company.labels)
    copy = type(baseline).from_json(json.loads(json.dumps(fitted.to_json())))
    expected = fitted.predict_cumulative_incidence(company.rows, TIMES)
    assert (copy.predict_cumulative_incidence(company.rows, TIMES) == expected).all()
    assert copy.horizon_days_ == fitted.horizon_days_


@pytest.mark.parametrize("baseline", ALL, ids=lambda b: type(b).__name__)
def test_curves_of_a_company_are_curves(baseline: Any, company: Any) -> None:
    fitted = baseline.fit(company.rows, company.labels)
    assert_curves(fitted.predict_cumulative_incidence(company.rows, TIMES))


def young(closes_until: float, by: str) -> StageCurves:
    """Forty days of history: half of the deals are won at an even pace until a day, or later."""
    day, deal = np.arange(200) % 20, np.arange(200)
    won_on = (deal // 2 % 20 + 0.5) * closes_until / 20
    until = 40.0 - day
    won = (deal % 2 == 0) & (won_on < until)
    as_of = pd.Timestamp("2025-01-01") + pd.to_timedelta(day, unit="D")
    X = pd.DataFrame({"deal_id": deal.astype(str), "as_of": as_of, by: "Proposal"})
    y = pd.DataFrame({"event": won.astype(int), "duration_days": np.where(won, won_on, until)})
    return StageCurves((DEFAULT_PROCESS,), by=by).fit(X, y)


@pytest.mark.parametrize(
    ("closes_until", "by", "more"),
    [
        (4.0, "source", (0.0, 0.05)),
        (80.0, "source", (0.15, 0.7)),
        (4.0, "stage", (0.15, 0.7)),
        (80.0, "stage", (0.15, 0.7)),
    ],
)
def test_beyond_what_was_watched_deals_close_as_usual_and_leads_as_they_did_late(
    closes_until: float, by: str, more: tuple[float, float]
) -> None:
    curves = young(closes_until, by)
    asked = pd.DataFrame({by: ["Proposal"]})
    won = curves.predict_cumulative_incidence(asked, [35.0, 180.0])[0, 1]
    assert more[0] <= won[1] - won[0] <= more[1]
    assert curves.horizon_days_ == 180.0


def test_before_the_first_close_the_days_ahead_have_the_usual_pace() -> None:
    X = pd.DataFrame({"deal_id": ["a"], "stage": ["Proposal"]})
    y = pd.DataFrame({"event": [0], "duration_days": [0.0]})
    pace = FixedStageRate().fit(X, y).unseen_hazards(read_labels(y), Grid(edges=(0.0, 45.0)))
    assert pace[0] == pytest.approx([np.exp(-1), (1 - np.exp(-1)) / 2, (1 - np.exp(-1)) / 2])


def test_a_fixed_rate_is_where_the_curve_ends() -> None:
    fitted = FixedStageRate((DEFAULT_PROCESS,)).fit(NOTHING, NO_LABELS)
    X = pd.DataFrame({"stage": ["Qualification", "Closing", "Unheard of"]})
    won = fitted.predict_cumulative_incidence(X, [np.inf])[:, 1, 0]
    assert won == pytest.approx([0.1, 0.9, np.mean([0.1, 0.4, 0.6, 0.8, 0.9])])


def test_the_fixed_rate_of_a_stage_depends_on_its_process() -> None:
    other = Process(name="partner", stages=(Stage(name="Closing", fixed_rate=0.3),))
    fitted = FixedStageRate((DEFAULT_PROCESS, other)).fit(NOTHING, NO_LABELS)
    X = pd.DataFrame({"stage": ["Closing"] * 3, "process": ["default", "partner", None]})
    assert fitted.rates(X).tolist() == [0.9, 0.3, 0.9]


def test_the_pace_of_fixed_rates_is_that_of_all_closes() -> None:
    X = pd.DataFrame({"stage": ["Closing"] * 4})
    y = pd.DataFrame({"event": [1, 2, 1, 2], "duration_days": [1.0, 2.0, 3.0, 4.0]})
    won = FixedStageRate((DEFAULT_PROCESS,)).fit(X, y).predict_cumulative_incidence(X, [1, 2, 4])
    assert won[0, 1] == pytest.approx([0.9 / 4, 0.9 / 2, 0.9])


def test_without_a_close_the_pace_is_that_of_the_expected_days() -> None:
    quick = Process(name="q", stages=(Stage(name="Proposal", fixed_rate=0.5, expected_days=5),))
    slow = Process(name="s", stages=(Stage(name="Proposal", fixed_rate=0.5, expected_days=90),))
    won = [
        FixedStageRate((process,))
        .fit(NOTHING, NO_LABELS)
        .predict_cumulative_incidence(DEAL, [30])[0, 1, 0]
        for process in (quick, slow)
    ]
    assert won[0] > 0.45
    assert won[1] < 0.25


def test_a_historical_rate_by_hand() -> None:
    """Eight landmarks of one stage; the prior counts as one more."""
    X = pd.DataFrame({"stage": ["s"] * 8})
    y = pd.DataFrame(
        {"event": [1, 1, 1, 2, 2, 1, 2, 0], "duration_days": [1.0, 1, 1, 1, 1, 9, 9, 20]}
    )
    fitted = HistoricalStageRate().fit(X, y)
    one = fitted.predict_cumulative_incidence(X, [1])[0, 1, 0]
    ever = fitted.predict_cumulative_incidence(X, [np.inf])[0, 1, 0]
    assert one == pytest.approx(3 / 8, abs=0.04)
    assert ever == pytest.approx(4 / 7, abs=0.04)


def test_a_stage_never_seen_takes_the_rates_of_all(company: Any) -> None:
    fitted = HistoricalStageRate().fit(company.rows, company.labels)
    unseen = fitted.predict_cumulative_incidence(DEAL.assign(stage="Never"), [30])[0, 1, 0]
    seen = fitted.predict_cumulative_incidence(company.rows, [30])[:, 1, 0]
    assert seen.min() < unseen < seen.max()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_without_shrinkage_the_curves_are_those_of_scikit_survival() -> None:
    """Golden numbers: `cumulative_incidence_competing_risks`, an independent Aalen-Johansen."""
    from sksurv.nonparametric import cumulative_incidence_competing_risks

    generator = np.random.default_rng(11)
    event = generator.integers(0, 3, 400)
    days = np.ceil(generator.exponential(15, 400))
    X = pd.DataFrame({"stage": generator.choice(["a", "b"], 400)})
    y = pd.DataFrame({"event": event, "duration_days": days})
    grid = Grid(edges=tuple(np.arange(days.max() + 1)))
    fitted = StageCurves(grid=grid, strength=0, prior_closes=0).fit(X, y)
    for stage in ("a", "b"):
        own = (X["stage"] == stage).to_numpy()
        at, golden = cumulative_incidence_competing_risks(event[own], days[own])
        cif = fitted.predict_cumulative_incidence(X[own][:1], at)[0]
        assert cif[1:] == pytest.approx(golden[1:], abs=1e-12)
        assert cif[0] == pytest.approx(1 - golden[0], abs=1e-12)


def test_a_small_group_leans_on_the_wider_one() -> None:
    X = pd.DataFrame({"stage": ["big"] * 300 + ["small"] * 3})
    y = pd.DataFrame({"event": [2] * 300 + [1] * 3, "duration_days": [10.0] * 303})
    fitted = StageCurves().fit(X, y)
    won = fitted.predict_cumulative_incidence(X, [np.inf])[:, 1, 0]
    assert won[0] < 0.05
    assert 0.1 < won[-1] < 0.4


def test_with_more_closes_the_fixed_rates_matter_less() -> None:
    def ever(count: int) -> float:
        X = pd.concat([DEAL] * count, ignore_index=True)
        y = pd.DataFrame({"event": [2] * count, "duration_days": [5.0] * count})
        fitted = StageCurves((DEFAULT_PROCESS,)).fit(X, y)
        return float(fitted.predict_cumulative_incidence(DEAL, [np.inf])[0, 1, 0])

    found = [ever(count) for count in (1, 5, 50, 500)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 0.45
    assert found[-1] < 0.02


def test_landmarks_of_one_deal_count_as_one_deal() -> None:
    X = pd.concat([DEAL] * 40, ignore_index=True)
    y = pd.DataFrame({"event": [2] * 40, "duration_days": [5.0] * 40})
    many = StageCurves((DEFAULT_PROCESS,)).fit(X.assign(deal_id=[str(i) for i in range(40)]), y)
    one = StageCurves((DEFAULT_PROCESS,)).fit(X.assign(deal_id="d"), y)
    assert one.weight_ == pytest.approx(1 / 6)
    assert many.weight_ == pytest.approx(40 / 45)


def test_a_company_of_a_few_days_leans_on_its_rates_by_the_part_of_the_cycle_it_saw() -> None:
    X = pd.DataFrame({"stage": "Lead", "as_of": pd.date_range("2024-01-01", periods=50, freq="2h")})
    X["as_of"] = X["as_of"].astype("datetime64[us]")
    y = pd.DataFrame({"event": [2] * 49 + [0], "duration_days": [0.4] * 49 + [0.5]})
    weights = {
        by: StageCurves((DEFAULT_PROCESS,), by=by).fit(X.rename(columns={"stage": by}), y).weight_
        for by in ("stage", "source")
    }
    assert weights["source"] == pytest.approx(49 / 54)
    assert 0 < weights["stage"] < 0.1
