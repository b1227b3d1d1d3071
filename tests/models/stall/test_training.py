"""The stall model proves itself on held-back time, or the rate answers."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from closecurve.crm.errors import DataError
from closecurve.models.stall.estimator import StallModel
from closecurve.models.stall.rates import UNSEEN_RATE
from closecurve.models.stall.training import TrainedStall, train_stall

Labelled = tuple[pd.DataFrame, pd.Series]


@pytest.fixture(scope="module")
def trained(telling: Labelled) -> TrainedStall:
    return train_stall(*telling)


def test_a_model_that_knows_more_than_stage_and_dwell_answers(trained: TrainedStall) -> None:
    scores = trained.report["scores"]
    assert trained.report["is_better"]
    assert trained.report["gap"] > 2 * trained.report["gap_error"]
    assert scores["model"]["log_loss"] < scores["stage_and_dwell"]["log_loss"] - 0.05
    assert scores["model"]["auc"] > 0.7 > 0.6 > scores["stage_and_dwell"]["auc"]
    assert scores["model"]["calibration_error"] < 0.08


def test_a_model_that_proves_nothing_leaves_the_rate_to_answer(silent: Labelled) -> None:
    made = train_stall(*silent)
    assert not made.report["is_better"]
    assert made.model.boosters_ == []
    rows = silent[0].head(5)
    assert made.model.predict_stall_probability(rows) == pytest.approx(
        made.model.rate_.predict_stall_probability(rows)
    )


def test_flags_are_worth_their_review(trained: TrainedStall) -> None:
    flags = trained.report["flags"]
    assert flags["odds_ratio"] >= 2
    assert 0.02 < flags["flagged_share"] <= 0.35
    assert flags["flagged_stalled_low"] > flags["other_stalled_rate"]


def test_days_that_are_not_over_teach_nothing(telling: Labelled, trained: TrainedStall) -> None:
    rows, stalled = telling
    known = stalled.notna().to_numpy()
    assert trained.report["rows"] == known.sum() < len(rows)
    alone = train_stall(rows[known], stalled[known])
    assert alone.model.predict_stall_probability(rows).tolist() == (
        trained.model.predict_stall_probability(rows).tolist()
    )


def test_without_a_landmark_there_is_an_answer(telling: Labelled) -> None:
    rows, stalled = telling
    made = train_stall(rows.head(0), stalled.head(0))
    assert made.model.predict_stall_probability(rows.head(3)) == pytest.approx(UNSEEN_RATE)
    assert made.report["rows"] == 0
    assert "flags" not in made.report


def test_a_saved_model_answers_bit_for_bit(
    trained: TrainedStall, telling: Labelled, tmp_path: Path
) -> None:
    trained.model.save(tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} == {".txt", ".json"}
    again = StallModel.load(tmp_path).predict_stall_probability(telling[0])
    assert again.tolist() == trained.model.predict_stall_probability(telling[0]).tolist()


def test_one_snapshot_has_the_probability_of_its_row(
    telling: Labelled, silent: Labelled, trained: TrainedStall
) -> None:
    rate_alone = StallModel(rounds=0).fit(silent[0], np.zeros(len(silent[0])))
    rows = telling[0].head(30).assign(stage=lambda rows: rows["stage"].mask(rows.index == 3))
    plain: list[Any] = rows.astype(object).where(rows.notna(), None).to_dict("records")
    for model in (trained.model, rate_alone):
        by_row = model.predict_stall_probability(rows)
        assert [model.stall_probability_of(each) for each in plain] == by_row.tolist()


def test_labels_are_zeros_and_ones() -> None:
    X = pd.DataFrame({"stage": ["a", "b"]})
    for wrong in ([1.0], [0.0, np.nan], [0.0, 2.0]):
        with pytest.raises(DataError) as refused:
            StallModel().fit(X, wrong)
        assert refused.value.code == "stall-labels"
