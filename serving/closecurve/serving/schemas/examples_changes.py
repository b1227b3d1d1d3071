"""Example answers of what changed."""

from typing import Any

COMPARED: dict[str, Any] = {
    "from_publication_id": 11,
    "from_as_of": "2026-01-26T05:00:00Z",
    "to_publication_id": 12,
    "to_as_of": "2026-02-02T05:00:00Z",
}
RECORD_CHANGE: dict[str, Any] = COMPARED | {
    "before": 0.34,
    "after": 0.51,
    "sentence": "34% → 51%: stage +11 points, engagement +6 points",
    "items": [
        {"group": "stage", "name": "stage", "effect": 0.11},
        {"group": "engagement", "name": "engagement", "effect": 0.06},
    ],
}
CHANGES: dict[str, Any] = COMPARED | {
    "currency": "USD",
    "measure": "forecast",
    "scope_kind": "team",
    "scope": "North",
    "period": "2026 Q1",
    "start": 410_000.0,
    "end": 432_000.0,
    "is_complete": True,
    "kinds": [
        {"kind": "won", "name": "Won", "effect": 27_000.0, "deal_count": 1},
        {"kind": "lost", "name": "Lost", "effect": -5_000.0, "deal_count": 1},
    ],
    "items": [
        {
            "deal_id": "d-1042",
            "kind": "won",
            "name": "Won",
            "effect": 27_000.0,
            "before": 21_000.0,
            "after": 48_000.0,
            "owner_id": "o-17",
            "team": "North",
            "stage": "Negotiation",
        },
        {
            "deal_id": "d-1077",
            "kind": "lost",
            "name": "Lost",
            "effect": -5_000.0,
            "before": 5_000.0,
            "after": 0.0,
            "owner_id": "o-17",
            "team": "North",
            "stage": "Proposal",
        },
    ],
}
