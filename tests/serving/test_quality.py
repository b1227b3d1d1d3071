"""The sentence on the model's quality."""

from typing import Any

import pytest

from closecurve.serving.web.quality import Quality


def report(is_better: bool, horizons: tuple[float, ...] = (7.0, 30.0, 90.0)) -> dict[str, Any]:
    def scores(loss: float) -> list[dict[str, Any]]:
        return [
            {"outcome": outcome, "horizon_days": days, "log_loss": loss + days / 1000}
            for days in horizons
            for outcome in ("won", "lost")
        ]

    return {
        "is_better": is_better,
        "yardstick": "historical_stage_rate",
        "scores": {"model": scores(0.4), "historical_stage_rate": scores(0.5)},
    }


def test_the_sentence_compares_with_the_stage_rate_at_thirty_days() -> None:
    quality = Quality.of(report(is_better=True))
    assert quality is not None
    assert quality.is_better
    assert quality.sentence == (
        "On held-back months the model's log loss of winning within 30 days was 0.430, that of the"
        " historical stage rate 0.530 (lower is better)."
    )


def test_a_model_that_is_not_better_is_said_not_to_be() -> None:
    quality = Quality.of(report(is_better=False))
    assert quality is not None
    assert not quality.is_better
    assert "not shown to be better than the stage rates" in quality.sentence


def test_the_nearest_horizon_that_was_scored_is_used() -> None:
    quality = Quality.of(report(is_better=True, horizons=(7.0, 14.0)))
    assert quality is not None
    assert "within 14 days was 0.414" in quality.sentence


def test_too_little_held_back_time_is_told_in_the_reports_own_words() -> None:
    unjudged = {"is_better": False, "finding": "There is too little to judge.", "scores": {}}
    assert Quality.of(unjudged) == Quality(
        is_better=False, sentence="There is too little to judge."
    )


@pytest.mark.parametrize("absent", [None, {}])
def test_without_a_report_nothing_is_said(absent: dict[str, Any] | None) -> None:
    assert Quality.of(absent) is None
