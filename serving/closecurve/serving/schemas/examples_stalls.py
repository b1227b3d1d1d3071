"""Examples of the answers about stalls, for the OpenAPI document."""

from typing import Any

SNOOZE: dict[str, Any] = {
    "deal_id": "d-1042",
    "until_date": "2026-02-20",
    "reason": "The customer's budget round ends on 18 February.",
    "snoozed_at": "2026-02-02T10:15:00Z",
}
STALL: dict[str, Any] = {
    "deal_id": "d-1042",
    "account_id": "a-7",
    "owner_id": "o-17",
    "team": "North",
    "region": "EMEA",
    "process": "default",
    "stage": "Proposal",
    "currency": "USD",
    "amount": 84_000.0,
    "amount_company": 84_000.0,
    "created_at": "2025-11-04T09:12:00Z",
    "expected_close_date": "2026-01-28",
    "win_probability_eventual": 0.22,
    "stall_probability": 0.81,
    "usual_probability": 0.54,
    "verdict": "flagged",
    "checkpoint": "decision",
    "checkpoint_name": "30-day decision",
    "funnel_part": "middle",
    "next_step": "middle:silence",
    "cause": "The customer hesitates, or has gone to a competitor.",
    "step": "Visit or call, and ask what else is being looked at.",
    "days_in_stage": 41.3,
    "dwell_q50_days": 12.0,
    "dwell_q80_days": 27.5,
    "quiet_days": 23.8,
    "still_days": 41.3,
    "reasons": [
        {
            "code": "silence",
            "value": 23.8,
            "bound": 14.2,
            "sentence": "No activity for 24 days; 8 of 10 won deals in this stage had one within"
            " 14. Deals silent for longer stalled 78%, others 47%.",
            "fact": {"rate": 0.78, "count": 1204, "other_rate": 0.47, "other_count": 8421},
        }
    ],
    "snooze": None,
}
STALL_PAGE: dict[str, Any] = {
    "publication_id": 12,
    "as_of": "2026-02-02T05:00:00Z",
    "items": [STALL],
    "snoozed": [STALL | {"snooze": SNOOZE}],
    "next": None,
}
REVIEWS: dict[str, Any] = {
    "publication_id": 12,
    "as_of": "2026-02-02T05:00:00Z",
    "items": [
        {
            "owner_id": "o-17",
            "team": "North",
            "open_count": 23,
            "open_amount": 1_240_000.0,
            "flagged_count": 6,
            "flagged_amount": 410_000.0,
            "weekly_review_count": 2,
            "follow_up_count": 3,
            "decision_count": 4,
        }
    ],
}
