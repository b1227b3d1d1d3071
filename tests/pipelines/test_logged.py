"""What a training logs: scores by horizon, stalls and grades as numbers with a path."""

from typing import Any

from closecurve.pipelines.logged import logged_report
from closecurve.stores.registry import flat_metrics

SCORE: dict[str, Any] = {"outcome": "won", "horizon_days": 30.0, "log_loss": 0.41, "auc": None}
STALLS: dict[str, Any] = {
    "scores": {"model": {"log_loss": 0.63, "outcome": "stalled"}},
    "is_better": True,
}
GRADES: dict[str, Any] = {
    "within_days": 90,
    "since": "2025-06-22T00:00:00",
    "items": [
        {"grade": "A", "count": 41, "conversion_rate": 0.61},
        {"grade": "B", "count": 0, "conversion_rate": None},
    ],
}


def test_scores_stalls_and_grades_become_metrics_by_their_path() -> None:
    reports: dict[str, Any] = {
        "deal": {"scores": {"model": [SCORE]}, "rows": 9},
        "lead": {"scores": None},
    }
    assert flat_metrics(logged_report(reports, STALLS, GRADES)) == {
        "deal.rows": 9,
        "deal.by_horizon.model.won.30.log_loss": 0.41,
        "lead.grades.A.count": 41,
        "lead.grades.A.conversion_rate": 0.61,
        "lead.grades.B.count": 0,
        "stall.scores.model.log_loss": 0.63,
        "stall.is_better": 1.0,
    }
    assert "by_horizon" not in reports["deal"]


def test_a_company_without_leads_logs_no_grades() -> None:
    assert set(logged_report({"deal": {"scores": {}}}, {}, None)) == {"deal", "stall"}
