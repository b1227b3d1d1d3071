"""Odoo: crm.lead, and what its messages track."""

from datetime import datetime, timedelta
from pathlib import Path

from tests.cli.crm_exports.company import ACCOUNTS, OWNERS, START, Deal, Lead, calls, deals, leads
from tests.cli.crm_exports.writing import day, save, shown

ODOO_STAGES = ("New", "Qualified", "Proposition", "Negotiation")


def odoo(folder: Path) -> None:
    """crm.lead with leads and deals, mail.message and mail.tracking.value, res.users."""
    records = [_odoo_deal(each) for each in deals()]
    left = [_odoo_lead(each) for each in leads() if each.deal is None]
    save(folder, "crm.lead.csv", [*records, *left])
    messages, values = _odoo_messages()
    save(folder, "mail.message.csv", messages)
    save(folder, "mail.tracking.value.csv", values)
    users = [{"id": 2 + n, "name": name, "login": f"u{n}"} for n, name in enumerate(OWNERS)]
    save(folder, "res.users.csv", users)


def _odoo_deal(deal: Deal) -> dict[str, object]:
    stage = "Won" if deal.outcome == "won" else ODOO_STAGES[len(deal.entered) - 1]
    is_lead = deal.lead is not None
    return {
        "id": deal.number + 1,
        "name": f"Deal {deal.number}",
        "type": "opportunity",
        "partner_id": ACCOUNTS[deal.account],
        "user_id": OWNERS[deal.owner],
        "team_id": deal.segment,
        "stage_id": stage,
        "probability": {"won": 100.0, "lost": 0.0}.get(deal.outcome, 12.5 * len(deal.entered)),
        "expected_revenue": float(deal.amount),
        "active": deal.outcome != "lost",
        "create_date": shown(deal.created - timedelta(days=3) if is_lead else deal.created),
        "date_conversion": shown(deal.created) if is_lead else None,
        "date_deadline": day(deal.expected),
        "date_closed": shown(deal.closed),
        "lost_reason_id": deal.reason if deal.outcome == "lost" else None,
        "write_date": shown(deal.closed or deal.created),
    }


def _odoo_lead(lead: Lead) -> dict[str, object]:
    return {
        "id": 5000 + lead.number,
        "name": f"Lead {lead.number}",
        "type": "lead",
        "user_id": OWNERS[lead.owner],
        "stage_id": "New",
        "probability": 0.0 if lead.is_disqualified else 5.0,
        "active": not lead.is_disqualified,
        "create_date": shown(lead.created),
        "date_closed": shown(lead.ended),
        "write_date": shown(lead.ended or lead.created),
    }


def _odoo_messages() -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    messages: list[dict[str, object]] = []
    values: list[dict[str, object]] = []

    def said(record: int, at: datetime, kind: str, model: str = "crm.lead") -> int:
        messages.append(
            {
                "id": len(messages) + 1,
                "model": model,
                "res_id": record,
                "date": shown(at),
                "message_type": kind,
            }
        )
        return len(messages)

    for deal in deals():
        names = [*ODOO_STAGES[: len(deal.entered)], *(["Won"] if deal.outcome == "won" else [])]
        times = [*deal.entered, *([deal.closed] if deal.closed else [])]
        for old, new, at in zip(names, names[1:], times[1:], strict=False):
            values.append(
                {
                    "id": len(values) + 1,
                    "mail_message_id": said(deal.number + 1, at, "notification"),
                    "field_desc": "Stage",
                    "old_value_char": old,
                    "new_value_char": new,
                    "old_value_float": 0.0,
                    "new_value_float": 0.0,
                }
            )
        at = deal.created + timedelta(days=1)
        values.append(
            {
                "id": len(values) + 1,
                "mail_message_id": said(deal.number + 1, at, "notification"),
                "field_desc": "Expected Revenue",
                "old_value_float": deal.amount - 100.0,
                "new_value_float": float(deal.amount),
            }
        )
    for deal_number, at, _ in calls():
        said(deal_number + 1, at, "email")
    said(3, START, "comment", model="res.partner")
    return messages, values
