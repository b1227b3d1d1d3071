"""One example answer for each route of the OpenAPI document; a test holds them to their schemas."""

from typing import Any

_PUBLISHED: dict[str, Any] = {"publication_id": 12, "as_of": "2026-02-02T05:00:00Z"}
_CURVE: dict[str, Any] = {
    "days": [0.0, 30.0, 60.0, 90.0],
    "won": [0.0, 0.21, 0.41, 0.47],
    "lost": [0.0, 0.1, 0.22, 0.3],
}
_REASON: dict[str, Any] = {
    "group": "engagement",
    "direction": "raises",
    "delta_probability": 0.09,
    "sentence": "3 activities in the last 30 days, typically 1 activity: +9 points."
    " Deals with at least 2 activities in 30 days won 41%, others 23%.",
    "feature": "activity_count_30",
    "value": 3.0,
    "typical": 1.0,
    "fact": {
        "feature": "activity_count_30",
        "side": "at_least",
        "bound": 2.0,
        "rate": 0.41,
        "count": 412,
        "other_rate": 0.23,
        "other_count": 690,
    },
}
_EXPLAINED: dict[str, Any] = {
    "cohort_probability": 0.38,
    "contributions": {"engagement": 0.09},
    "reasons": [_REASON],
}
_DEAL: dict[str, Any] = {
    "deal_id": "d-1042",
    "account_id": "a-310",
    "owner_id": "o-17",
    "team": "North",
    "region": "EMEA",
    "process": "default",
    "stage": "Proposal",
    "currency": "USD",
    "amount": 48000.0,
    "amount_company": 48000.0,
    "created_at": "2026-01-05T09:30:00Z",
    "expected_close_date": "2026-03-20",
    "age_days": 27.8,
    "days_in_stage": 13.6,
    "win_probability_eventual": 0.47,
    "win_probability_quarter": 0.4,
    "win_probability_30": 0.21,
    "win_probability_low": 0.38,
    "win_probability_high": 0.56,
    "loss_probability_eventual": 0.3,
    "stage_rate_fixed": 0.6,
    "stage_rate_history": 0.38,
    "close_q10_date": "2026-02-14",
    "close_q50_date": "2026-03-08",
    "close_q90_date": "2026-04-11",
}
DEAL_PAGE: dict[str, Any] = {
    **_PUBLISHED,
    "items": [{**_DEAL, "top_reason": _REASON["sentence"]}],
    "next": None,
}
DEAL_DETAIL: dict[str, Any] = {
    **_DEAL,
    **_PUBLISHED,
    **_EXPLAINED,
    "curve": _CURVE,
    "history": [
        {
            "as_of": "2026-02-01T05:00:00Z",
            "win_probability_eventual": 0.44,
            "win_probability_quarter": 0.37,
            "stage": "Proposal",
            "amount": 48000.0,
        }
    ],
}
_SCORE: dict[str, Any] = {
    **_PUBLISHED,
    "as_of": "2026-02-02T10:15:00Z",
    "model_version": "7",
    "quarter_name": "2026 Q1",
    "quarter_end_date": "2026-03-31",
    **_EXPLAINED,
    "curve": _CURVE,
}
DEAL_SCORE: dict[str, Any] = {
    **_SCORE,
    "win_probability_eventual": 0.47,
    "win_probability_quarter": 0.4,
    "win_probability_30": 0.21,
    "win_probability_low": 0.38,
    "win_probability_high": 0.56,
    "loss_probability_eventual": 0.3,
    "stall_probability": 0.42,
    "close_q10_date": "2026-02-14",
    "close_q50_date": "2026-03-08",
    "close_q90_date": "2026-04-11",
}
_JUDGED: dict[str, Any] = {
    "grade": "A",
    "response_due_at": "2026-02-02T16:00:00Z",
    "follow_up_due_at": None,
    "status": "waiting",
    "value_amount": 12400.0,
    "value_basis": {
        "source": "search",
        "fact": {
            "count": 214,
            "won_count": 66,
            "won_amount": 2640000.0,
            "win_rate": 0.31,
            "mean_amount": 40000.0,
        },
        "fit_feature": "attribute_employees",
        "fit_factor": 1.0,
        "own_amount": None,
    },
    "expected_amount": 5704.0,
    "sub_scores": {
        "fit": 82,
        "authority": 64,
        "budget and timing": 35,
        "engagement": 61,
        "source": None,
    },
}
_LEAD: dict[str, Any] = {
    "lead_id": "l-77",
    "account_id": None,
    "owner_id": "o-17",
    "team": "North",
    "region": "EMEA",
    "source": "search",
    "created_at": "2026-02-01T22:10:00Z",
    "age_days": 0.3,
    "conversion_probability_eventual": 0.46,
    "conversion_probability_low": 0.37,
    "conversion_probability_high": 0.55,
    "conversion_probability_30": 0.34,
    "conversion_probability_90": 0.45,
    "disqualification_probability_eventual": 0.5,
    **_JUDGED,
    "responded_at": None,
    "is_overdue": False,
    "queue_rank": 1,
}
LEAD_PAGE: dict[str, Any] = {
    **_PUBLISHED,
    "items": [{**_LEAD, "top_reason": _REASON["sentence"]}],
    "next": None,
}
LEAD_DETAIL: dict[str, Any] = {**_LEAD, **_PUBLISHED, **_EXPLAINED, "curve": _CURVE}
LEAD_SCORE: dict[str, Any] = {
    **_SCORE,
    "conversion_probability_eventual": 0.46,
    "conversion_probability_low": 0.37,
    "conversion_probability_high": 0.55,
    "conversion_probability_quarter": 0.41,
    "conversion_probability_30": 0.34,
    "conversion_probability_90": 0.45,
    "disqualification_probability_eventual": 0.5,
    **_JUDGED,
}
_LEAK = (
    "it is filled on 92% of closed records but on 0% of open ones of the same age, so it seems to"
    " be written at the close"
)
MODELS: dict[str, Any] = {
    **_PUBLISHED,
    "deal": {
        "version": "7",
        "is_better": True,
        "report": {
            "is_better": True,
            "set_aside": {"deals.close_reason": _LEAK},
            "columns": [
                {
                    "name": "deals.close_reason",
                    "table": "deals",
                    "column": "close_reason",
                    "is_used": False,
                    "is_overruled": False,
                    "reason": _LEAK,
                    "filled_on_open": 0.0,
                    "filled_on_closed": 0.92,
                    "auc": 0.97,
                    "examples": ["price (212 closed, 0% won)"],
                }
            ],
        },
        "drift": {
            "features": 84,
            "found": 1,
            "rows": [
                {
                    "feature": "amount_company",
                    "stability_index": 0.31,
                    "chance": 0.14,
                    "absent_then": 0.02,
                    "absent_now": 0.03,
                    "is_finding": True,
                }
            ],
        },
    },
    "lead": None,
    "stall": {
        "is_better": True,
        "report": {
            "is_better": True,
            "scores": {
                "model": {"log_loss": 0.635, "auc": 0.69},
                "stage_and_dwell": {"log_loss": 0.659, "auc": 0.65},
            },
        },
    },
    "grades": {
        "within_days": 90,
        "since": "2025-06-22T00:00:00Z",
        "items": [
            {
                "grade": "A",
                "count": 41,
                "converted_count": 25,
                "conversion_rate": 0.61,
                "conversion_low": 0.46,
                "conversion_high": 0.74,
            }
        ],
    },
}
DATA_QUALITY: dict[str, Any] = {
    **_PUBLISHED,
    "currency": "USD",
    "items": [
        {
            "code": "over-age",
            "table": "deals",
            "column": None,
            "count": 120,
            "total": 480,
            "share": 0.25,
            "amount": 2150000.0,
            "days": 212.0,
            "day": None,
            "sentence": "120 of 480 open deals are older than any deal that ever closed (212 days);"
            " they are worth 2,150,000 USD.",
        }
    ],
}
HEALTH: dict[str, Any] = {
    "status": "ok",
    "is_published": True,
    "publication_id": 12,
    "as_of": "2026-02-02T05:00:00Z",
    "published_at": "2026-02-02T05:02:11Z",
    "publication_age_seconds": 18720.5,
}
