"""Pipedrive: deals, moves and activities."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from tests.cli.crm_exports.company import ACCOUNTS, OWNERS, START, Deal, calls, deals
from tests.cli.crm_exports.writing import day, save, shown

PIPEDRIVE_STAGES = ("Qualified", "Contact Made", "Proposal Made", "Negotiations Started")


def pipedrive(folder: Path) -> None:
    """deals, stages, dealFlow, activities, users, organizations, by the interface."""
    save(folder, "deals.csv", [_pipe_deal(each) for each in deals()])
    stages = [
        {"id": 11 + n, "name": name, "order_nr": n + 1, "deal_probability": 20 * (n + 1)}
        for n, name in enumerate(PIPEDRIVE_STAGES)
    ]
    save(folder, "stages.csv", stages[::-1])
    save(folder, "dealFlow.csv", [row for each in deals() for row in _pipe_flow(each)])
    activities = [_pipe_activity(n, *row) for n, row in enumerate(calls())]
    save(folder, "activities.csv", [*activities, *_planned()])
    users = [{"id": 70 + n, "name": name, "email": f"u{n}@x.org"} for n, name in enumerate(OWNERS)]
    save(folder, "users.csv", users)
    organizations = [
        {"id": 30 + n, "name": name, "country_code": ("DE", "FR")[n % 2]}
        for n, name in enumerate(ACCOUNTS)
    ]
    save(folder, "organizations.csv", organizations)


def _pipe_deal(deal: Deal) -> dict[str, object]:
    return {
        "id": deal.number + 1,
        "title": f"Deal {deal.number}",
        "value": deal.amount,
        "currency": "EUR",
        "status": deal.outcome,
        "stage_id": 10 + len(deal.entered),
        "pipeline_id": 1,
        "add_time": shown(deal.created),
        "update_time": shown(deal.closed or deal.created),
        "stage_change_time": shown(deal.entered[-1]),
        "won_time": shown(deal.closed) if deal.outcome == "won" else None,
        "lost_time": shown(deal.closed) if deal.outcome == "lost" else None,
        "close_time": shown(deal.closed),
        "lost_reason": deal.reason if deal.outcome == "lost" else None,
        "expected_close_date": day(deal.expected),
        "probability": None,
        "user_id": 70 + deal.owner,
        "org_id": 30 + deal.account,
        "label": deal.segment,
    }


def _pipe_flow(deal: Deal) -> Iterator[dict[str, object]]:
    for place, at in enumerate(deal.entered[1:], 1):
        yield {
            "item_id": deal.number + 1,
            "field_key": "stage_id",
            "old_value": str(10 + place),
            "new_value": str(11 + place),
            "log_time": shown(at),
        }
    yield {
        "item_id": deal.number + 1,
        "field_key": "next_activity_id",
        "new_value": 5,
        "log_time": shown(deal.created),
    }


def _pipe_activity(number: int, deal: int, at: datetime, kind: str) -> dict[str, object]:
    return {
        "id": number,
        "type": kind.lower(),
        "done": 1,
        "due_date": day(at),
        "add_time": shown(at - timedelta(hours=1)),
        "marked_as_done_time": shown(at),
        "deal_id": deal + 1,
        "user_id": 70 + deal % 4,
    }


def _planned() -> Iterator[dict[str, object]]:
    """Calls for next year, which nobody made yet."""
    for number in range(5):
        yield {
            "id": 90000 + number,
            "type": "call",
            "done": 0,
            "due_date": "2031-01-01",
            "add_time": shown(START),
            "deal_id": number + 1,
        }
