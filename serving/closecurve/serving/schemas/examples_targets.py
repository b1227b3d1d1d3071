"""An example answer of `/v1/targets`."""

from typing import Any

TARGETS: dict[str, Any] = {
    "publication_id": 12,
    "as_of": "2026-02-02T05:00:00Z",
    "currency": "USD",
    "period_name": "2026 Q1",
    "period_start": "2026-01-01",
    "period_end": "2026-04-01",
    "probability": 0.8,
    "amount": 1_480_000.0,
    "weights": {"history": 0.4, "pipeline": 0.35, "capacity": 0.25},
    "weights_from": 8,
    "pace": {"usual": 0.22, "low": 0.15, "high": 0.31, "period_count": 8},
    "readings": [
        {
            "publication_id": 12,
            "as_of": "2026-02-02T05:00:00Z",
            "booked": 410_000.0,
            "q10": 1_390_000.0,
            "q50": 1_610_000.0,
            "q90": 1_880_000.0,
            "target": 1_500_000.0,
            "target_probability": 0.74,
        }
    ],
    "items": [
        {
            "scope_kind": "team",
            "scope": "North",
            "booked": 150_000.0,
            "target": 500_000.0,
            "target_probability": 0.68,
            "attainment_rate": 0.3,
            "expected_attainment_rate": 0.22,
            "missing_amount": 350_000.0,
            "suggested_amount": 518_000.0,
            "suggested_probability": 0.64,
            "reached_amount": 470_000.0,
            "share": 0.35,
            "share_history": 0.37,
            "share_pipeline": 0.33,
            "share_capacity": 0.34,
        }
    ],
}
