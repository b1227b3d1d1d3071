"""Training: judged on held-back time, honest about signal, the same for deals and leads."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from closecurve.crm.errors import DataError
from closecurve.crm.stages import DEFAULT_PROCESS
from closecurve.models import choosing, training_verdict
from closecurve.models.choice import Choice
from closecurve.models.training import TrainedCurve, train_curve

CUTOFF = pd.Timestamp("2025-01-01")


@pytest.fixture(scope="module", autouse=True)
def _one_candidate() -> Iterator[None]:
    """One candidate stands for all: they are tried in the same way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(choosing, "CANDIDATES", (Choice(settings={"half_life_share": None}),))
        yield


@pytest.fixture(scope="module")
def company(simulated: Callable[..., Any]) -> Any:
    """Five hundred deals: what judging needs, and no more."""
    return simulated(500, seed=1)


@pytest.fixture(scope="module")
def trained(company: Any) -> TrainedCurve:
    return train_curve(company.rows, company.labels, CUTOFF, processes=(DEFAULT_PROCESS,))


def test_a_model_with_signal_is_better_than_the_stage_rates(trained: TrainedCurve) -> None:
    report = trained.report
    assert report["is_better"]
    assert report["log_loss"]["model"] < report["log_loss"]["historical_stage_rate"]
    assert set(report["scores"]) == {
        "model",
        "fixed_stage_rate",
        "historical_stage_rate",
        "stage_curves",
    }
    assert "is better than the historical stage rate" in report["finding"]


def test_the_report_is_json_and_says_what_was_used(trained: TrainedCurve, company: Any) -> None:
    report = json.loads(json.dumps(trained.report, allow_nan=False))
    assert report["rows"] == len(company.rows)
    assert report["ids"] == company.rows["deal_id"].nunique()
    assert {row["horizon_days"] for row in report["scores"]["model"]} == {7, 14, 30, 90}
    assert sum(item["count"] for item in report["reliability"][0]["bins"]) > 50


def test_the_held_back_model_has_not_seen_what_came_after(
    trained: TrainedCurve, company: Any
) -> None:
    """Turning every close after the start round changes nothing in it."""
    start = trained.held_back_start
    assert start is not None
    closed_at = company.rows["as_of"] + pd.to_timedelta(company.labels["duration_days"], unit="D")
    event = company.labels["event"]
    turned = event.where(~((closed_at >= start) & (event > 0)), 3 - event)
    labels = company.labels.assign(event=turned)
    again = train_curve(company.rows, labels, CUTOFF, processes=(DEFAULT_PROCESS,))
    ask = company.rows[:200]
    assert trained.held_back_model is not None
    assert again.held_back_model is not None
    before = trained.held_back_model.predict_cumulative_incidence(ask, [30])
    assert (again.held_back_model.predict_cumulative_incidence(ask, [30]) == before).all()
    assert (again.model.predict_cumulative_incidence(ask, [30]) != before).any()


def test_where_nothing_predicts_the_report_says_so_and_the_answer_leans_on_the_stage_curves(
    simulated: Callable[..., Any],
) -> None:
    company, unseen = (simulated(600, seed=seed, signal=0.0) for seed in (23, 24))
    trained = train_curve(company.rows, company.labels, CUTOFF)
    model, report = trained.model, trained.report
    assert not report["is_better"]
    assert "is not shown to be better" in report["finding"]
    assert "leans on the curves by stage and age" in report["finding"]
    assert model.few_closes == training_verdict.UNPROVEN
    ask, truth = unseen.rows, unseen.true_win(30)
    said = model.predict_cumulative_incidence(ask, [30.0])[:, 1, 0]
    by_stage = model.stage_curves_.predict_cumulative_incidence(ask, [30.0])[:, 1, 0]
    assert expected_loss(truth, said) < expected_loss(truth, by_stage) + 0.001


def expected_loss(truth: np.ndarray, said: np.ndarray) -> float:
    """The log loss to expect where deals are won with their true probability."""
    return float(-(truth * np.log(said) + (1 - truth) * np.log(1 - said)).mean())


def test_leads_are_trained_the_same_way(company: Any) -> None:
    leads = company.rows.rename(columns={"deal_id": "lead_id", "stage": "source"})
    trained = train_curve(leads[::2], company.labels[::2], CUTOFF)
    assert trained.model.by == "source"
    assert trained.report["yardstick"] == "historical_stage_rate"
    cif = trained.model.predict_cumulative_incidence(leads, [30])
    assert np.allclose(cif.sum(axis=1), 1)


@pytest.mark.parametrize("rows", [0, 1, 40])
def test_little_history_is_trained_on_and_not_judged(company: Any, rows: int) -> None:
    trained = train_curve(
        company.rows[:rows], company.labels[:rows], CUTOFF, processes=(DEFAULT_PROCESS,)
    )
    assert not trained.report["is_better"]
    assert trained.held_back_model is None
    assert "too little" in trained.report["finding"]
    cif = trained.model.predict_cumulative_incidence(company.rows[:5], [30, np.inf])
    assert np.allclose(cif.sum(axis=1), 1)


def test_the_same_seed_trains_the_same_curve(simulated: Callable[..., Any]) -> None:
    company = simulated(120, seed=4)
    first, second = (
        train_curve(company.rows, company.labels, CUTOFF, random_state=3) for _ in range(2)
    )
    assert first.report == second.report
    curves = [it.model.predict_cumulative_incidence(company.rows, [30]) for it in (first, second)]
    assert (curves[0] == curves[1]).all()


def test_a_landmark_after_the_cutoff_is_refused(company: Any) -> None:
    with pytest.raises(DataError, match="before the cutoff") as caught:
        train_curve(company.rows, company.labels, pd.Timestamp("2024-06-01"))
    assert caught.value.code == "panel-as-of"
