"""An example answer of `/v1/backtest`."""

from typing import Any

_INTERVAL: dict[str, Any] = {
    "level": 80, "share": 0.45, "low": 0.21, "high": 0.71, "width": 0.31, "verdict": "too narrow",
}  # fmt: skip
_SCORE: dict[str, Any] = {
    "scope_kind": "team",
    "scope": "North",
    "lead": "all",
    "origin_count": 156,
    "quarter_count": 12,
    "actual_mean": 512_000.0,
    "wape": 0.14,
    "bias": 0.03,
    "pinball": 0.09,
    "crps": 0.1,
    "coverage": [_INTERVAL],
    "components": {"open": {"wape": 0.3, "bias": 0.05}, "new": {"wape": 0.5, "bias": -0.02}},
    "peers": {
        "run_rate": {
            "origin_count": 156,
            "wape": 0.19,
            "bias": -0.01,
            "pinball": 0.19,
            "own_wape": 0.14,
            "own_pinball": 0.09,
        }
    },
}
RECORD: dict[str, Any] = {
    "backtest_id": 3,
    "made_at": "2026-02-02T05:00:00Z",
    "history_id": "20260202T050000-3f2a",
    "currency": "USD",
    "quarters": ["2023 Q1", "2025 Q4"],
    "tested_count": 27,
    "scope_kind": "team",
    "scope": "North",
    "scores": [_SCORE],
    "nodes": [_SCORE],
    "failures": [
        {
            **_INTERVAL,
            "scope_kind": "team",
            "scope": "North",
            "quarter_count": 12,
            "sentence": "80% intervals of team North held 45% of 12 quarters: too narrow.",
        }
    ],
    "items": [
        {
            "cutoff": "2025-10-01T00:00:00Z",
            "as_of": "2025-10-08T00:00:00Z",
            "period_name": "2025 Q4",
            "period_start": "2025-10-01",
            "period_end": "2026-01-01",
            "weeks_left": 13,
            "scope_kind": "team",
            "scope": "North",
            "booked": 31_000.0,
            "open_mean": 301_000.0,
            "new_mean": 170_000.0,
            "mean": 502_000.0,
            "q05": 330_000.0,
            "q10": 362_000.0,
            "q25": 421_000.0,
            "q50": 496_000.0,
            "q75": 577_000.0,
            "q90": 654_000.0,
            "q95": 703_000.0,
            "actual": 548_000.0,
            "open_actual": 340_000.0,
            "new_actual": 177_000.0,
            "peer_weighted_fixed": 610_000.0,
            "peer_weighted_history": 402_000.0,
            "peer_run_rate": 470_000.0,
            "peer_same_days": 455_000.0,
            "peer_last_quarter": 481_000.0,
            "peer_last_year": 430_000.0,
            "peer_ets": 468_000.0,
            "carried_by": "bottom_up",
        }
    ],
}
