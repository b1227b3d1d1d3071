"""The page of the models: the verdict, calibration, drift and versions."""

from typing import Any

import pandas as pd
import pytest
from tests.serving.conftest import AS_OF, SUMMARY, Client, publication

from closecurve.serving.app import create_app
from closecurve.stores.results import MemoryResultsStore

BIN = {"probability": 0.2, "observed_rate": 0.3, "observed_low": 0.1, "observed_high": 0.5}
SCORE = {
    "outcome": "won", "horizon_days": 30.0, "log_loss": 0.412, "observed_rate": 0.11,
    "auc": 0.83, "calibration_error": 0.021, "calibration_luck": 0.01,
}  # fmt: skip
REPORT: dict[str, Any] = {
    "is_better": True, "yardstick": "historical_stage_rate", "ids": 2899, "closed": 2721,
    "cutoff": "2025-10-25T00:00:00", "held_back_start": "2025-06-11T00:00:00",
    "held_back_rows": 5773, "log_loss": {"historical_stage_rate": 0.458, "model": 0.412},
    "scores": {"model": [SCORE], "historical_stage_rate": [SCORE | {"log_loss": 0.458}]},
    "reliability": [{"outcome": "won", "horizon_days": 30.0, "bins": [BIN, BIN]}],
}  # fmt: skip
DRIFTED = {
    "feature": "amount_company", "stability_index": 0.31, "chance": 0.14, "distance": None,
    "absent_then": 0.02, "absent_now": 0.03, "is_finding": True,
}  # fmt: skip
DRIFT = {"deal": {"features": 84, "found": 1, "rows": [DRIFTED]}}


STALLS = {
    "is_better": True, "horizon_days": 30.0, "rows": 29001, "deals": 2836, "stall_rate": 0.545,
    "held_back_start": "2025-05-28T00:00:00", "held_back_rows": 10690, "reliability": [BIN, BIN],
    "scores": {
        "stage_and_dwell": SCORE | {"log_loss": 0.659}, "model": SCORE | {"log_loss": 0.635},
    },
    "flags": {
        "flagged_stalled_rate": 0.749, "flagged_stalled_low": 0.715, "flagged_stalled_high": 0.78,
        "other_stalled_rate": 0.436,
    },
}  # fmt: skip
GRADE = {
    "grade": "A", "count": 41, "converted_count": 25, "conversion_rate": 0.61,
    "conversion_low": 0.46, "conversion_high": 0.74,
}  # fmt: skip
GRADES = {"within_days": 90, "since": "2025-06-22T00:00:00", "items": [GRADE]}


def serve(*summaries: dict[str, Any]) -> Client:
    """A service over one publication a week, each of another training."""
    store = MemoryResultsStore()
    for week, summary in enumerate(summaries):
        made = publication(
            AS_OF + pd.Timedelta(weeks=week), summary=summary, bundle_digest=f"{week}" * 64
        )
        store.publish(made)
    return Client(create_app(results=store, bundles_dir=None))  # type: ignore[arg-type]


def test_the_page_tells_how_far_to_trust_the_models() -> None:
    summary = SUMMARY | {"models": {"deal": REPORT}, "drift": DRIFT}
    page = serve(summary, summary).get("/models").text
    assert "was 0.412, that of the historical stage rate 0.458" in page
    assert page.index("Close curve</th>") < page.index("Stage rates in history</th>")
    assert "deal-reliability" in page
    assert "1 of 84" in page
    assert "amount_company" in page
    assert page.count("25\u00a0Oct\u00a02025") == 3


@pytest.mark.parametrize("report", [{"is_better": False, "finding": "Too little to judge."}, {}])
def test_a_report_without_scores_is_said_to_be_unproven(report: dict[str, Any]) -> None:
    answer = serve(SUMMARY | {"models": {"deal": report}}).get("/models")
    assert answer.status_code == 200
    assert "reliability" not in answer.text
    if report:
        assert "Too little to judge." in answer.text
        assert "There was too little held-back time" in answer.text


def test_before_the_first_publication_the_page_says_so() -> None:
    assert serve().get("/models").status_code == 200


def test_the_api_tells_the_drift() -> None:
    answer = serve(SUMMARY | {"models": {"deal": REPORT}, "drift": DRIFT}).get("/v1/model").json()
    assert answer["deal"]["drift"]["rows"][0]["feature"] == "amount_company"
    assert serve(SUMMARY).get("/v1/model").json()["deal"]["drift"] is None


def test_stalls_and_grades_stand_beside_the_curves() -> None:
    told = {"models": {"deal": REPORT, "lead": REPORT}, "grade_conversion": GRADES}
    client = serve(SUMMARY | told | {"stalls": {"report": STALLS}})
    page = client.get("/models").text
    assert page.index("Stall model</th>") < page.index("Rate by stage and days in it</th>")
    assert "(72%–78%)" in page
    assert "stall-reliability" in page
    assert "Leads since 2025-06-22" in page
    answer = client.get("/v1/model").json()
    assert answer["stall"] == {"is_better": True, "report": STALLS}
    assert answer["grades"]["items"] == [GRADE]
    unproven = serve(SUMMARY | {"stalls": {"report": STALLS | {"is_better": False}}})
    assert "the rate answers" in unproven.get("/models").text


def test_without_held_back_time_nothing_is_said_of_stalls_and_grades() -> None:
    client = serve(SUMMARY | {"stalls": {"report": {"rows": 3, "rounds": 0}}})
    assert 'id="stall"' not in client.get("/models").text
    assert client.get("/v1/model").json()["grades"] is None
    assert serve(SUMMARY | {"stalls": {}}).get("/v1/model").json()["stall"] is None
