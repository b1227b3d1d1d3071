"""Example answers of the funnel and of seasonality."""

from typing import Any

_PUBLISHED: dict[str, Any] = {
    "publication_id": 12,
    "as_of": "2026-02-02T05:00:00Z",
    "currency": "USD",
}
_SCOPE: dict[str, Any] = {"scope_kind": "company", "scope": "company"}
FUNNEL: dict[str, Any] = {
    **_PUBLISHED,
    "items": [
        {
            **_SCOPE,
            "process": "default",
            "stage": "Proposal",
            "stage_order": 3,
            "fixed_rate": 0.6,
            "history_rate": 0.38,
            "deal_count": 84,
            "usual_count": 91.5,
            "amount": 3900000.0,
            "weighted_fixed": 2340000.0,
            "weighted_history": 1482000.0,
            "entered_count": 612,
            "decided_count": 540,
            "conversion_rate": 0.55,
            "conversion_low": 0.51,
            "conversion_high": 0.59,
            "dwell_q50_days": 11.0,
            "dwell_q50_days_low": 10.2,
            "dwell_q50_days_high": 11.9,
            "dwell_q80_days": 24.0,
            "dwell_q80_days_low": 22.1,
            "dwell_q80_days_high": 26.3,
        }
    ],
    "metrics": [
        {
            **_SCOPE,
            "process": "(all)",
            "period": "last 365 days",
            "period_start": "2025-02-02",
            "period_end": "2026-02-02",
            "stage": "(all)",
            "metric": "win_rate_closed",
            "title": "Win rate, closed deals",
            "unit": "share",
            "better": "higher",
            "value": 0.31,
            "low": 0.28,
            "high": 0.34,
            "count": 837,
        }
    ],
}
LEAKS: dict[str, Any] = {
    **_PUBLISHED,
    "items": [
        {
            "scope_kind": "team",
            "scope": "North",
            "process": "default",
            "against": "past",
            "stage": "Proposal",
            "stage_order": 3,
            "exit_count": 180,
            "conversion_rate": 0.41,
            "expected_rate": 0.58,
            "drop": 0.17,
            "drop_low": 0.08,
            "drop_high": 0.25,
            "p_value": 0.003,
            "is_leak": True,
            "detectable_drop": 0.15,
            "missing_count": 30.6,
            "mean_amount": 24000.0,
            "later_win_rate": 0.62,
            "lost_money": 455000.0,
            "lost_money_low": 214000.0,
            "lost_money_high": 670000.0,
        }
    ],
}
LOSSES: dict[str, Any] = {
    **_PUBLISHED,
    "items": [
        {
            **_SCOPE,
            "process": "(all)",
            "dimension": "loss_reason",
            "value": "price",
            "lost_count": 105,
            "lost_amount": 2400000.0,
            "share": 0.18,
            "share_low": 0.155,
            "share_high": 0.219,
        }
    ],
}
CONCENTRATION: dict[str, Any] = {
    **_PUBLISHED,
    "items": [
        {
            "holder_kind": "owner",
            "holder_count": 30,
            "won_count": 268,
            "won_amount": 5560000.0,
            "gini": 0.41,
            "gini_low": 0.36,
            "gini_high": 0.47,
            "luck_gini": 0.3,
            "luck_gini_high": 0.37,
            "top_share": 0.11,
            "top_three_share": 0.27,
            "rule_share": 0.47,
            "rule_count": 14,
            "is_at_risk": False,
            "lorenz": [[0.0, 0.0], [0.5, 0.22], [1.0, 1.0]],
        }
    ],
}
OWNER_RANKS: dict[str, Any] = {
    **_PUBLISHED,
    "items": [
        {
            "owner_id": "o-17",
            "team": "North",
            "closed_count": 48,
            "won_count": 19,
            "win_rate": 0.396,
            "shrunk_rate": 0.352,
            "shrunk_low": 0.27,
            "shrunk_high": 0.44,
            "behind_best": 0.02,
            "won_amount": 410000.0,
        }
    ],
}
SEASON: dict[str, Any] = {
    **_PUBLISHED,
    "items": [
        {
            **_SCOPE,
            "verdict": "fall",
            "month_count": 50,
            "p_value": 0.004,
            "swing_p_value": 0.01,
            "fall_month": "2025-08-01",
            "fall": 0.34,
            "fall_low": 0.18,
            "fall_high": 0.47,
            "monthly_loss": 161000.0,
            "growth_a_year": 0.12,
            "detectable_fall": 0.28,
            "months": [
                {
                    "month": "2026-01-01",
                    "won_amount": 288000.0,
                    "expected": 301000.0,
                    "low": 221000.0,
                    "high": 381000.0,
                    "season": -0.08,
                }
            ],
        }
    ],
}
