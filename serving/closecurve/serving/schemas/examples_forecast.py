"""Examples of the forecast and of what if."""

from typing import Any

_SPREAD = {
    "mean": 1220000.0,
    "q05": 930000.0,
    "q10": 990000.0,
    "q25": 1090000.0,
    "q50": 1210000.0,
    "q75": 1340000.0,
    "q90": 1460000.0,
    "q95": 1540000.0,
}
_PUBLISHED = {"publication_id": 12, "as_of": "2026-02-02T05:00:00Z", "currency": "USD"}
FORECAST: dict[str, Any] = {
    **_PUBLISHED,
    "items": [
        {
            "scope_kind": "company",
            "scope": "company",
            "period_kind": "quarter",
            "period_name": "2026 Q1",
            "period_start": "2026-01-01",
            "period_end": "2026-04-01",
            "booked": 410000.0,
            "open_mean": 690000.0,
            "new_mean": 120000.0,
            **_SPREAD,
            "weighted_pipeline_fixed": 1900000.0,
            "weighted_pipeline_history": 1150000.0,
            "commit_amount": 310000.0,
            "best_case_amount": 820000.0,
            "target": 1300000.0,
            "target_probability": 0.31,
            "actual": None,
            "carried_by": "bottom_up",
            "rule_weights": {"bottom_up": 0.55, "run_rate": 0.25, "theta": 0.2},
        }
    ],
}
WHAT_IF: dict[str, Any] = {
    **_PUBLISHED,
    "scope_kind": "company",
    "scope": "company",
    "period_name": "2026 Q1",
    "without": ["D-1042"],
    "slipped": [],
    "last_year_win_rates": False,
    "win_rate_ratio": 0.94,
    "more_reps": 0,
    "target": 1300000.0,
    "before": _SPREAD,
    "before_target_probability": 0.31,
    "after": {name: amount - 90000.0 for name, amount in _SPREAD.items()},
    "after_target_probability": 0.17,
}
