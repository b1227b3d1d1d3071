"""HubSpot: by its interface, and as its page exports."""

from pathlib import Path

from tests.cli.crm_exports.company import OWNERS, Deal, Lead, calls, deals, leads
from tests.cli.crm_exports.writing import day, iso, save

HUBSPOT_STAGES = (
    "appointmentscheduled",
    "qualifiedtobuy",
    "presentationscheduled",
    "decisionmakerboughtin",
)
HUBSPOT_LABELS = (
    "Appointment Scheduled",
    "Qualified To Buy",
    "Presentation Scheduled",
    "Decision Maker Bought-In",
)


def hubspot(folder: Path) -> None:
    """Deals with a column for each stage, contacts and engagements, by the interface."""
    save(folder, "deals.csv", [_hub_deal(each) for each in deals()])
    save(folder, "contacts.csv", [_hub_contact(each) for each in leads()])
    engagements = [
        {
            "hs_object_id": 7000 + n,
            "hs_engagement_type": kind.upper(),
            "hs_timestamp": iso(at),
            "hs_createdate": iso(at),
            "hubspot_owner_id": 50 + deal % 4,
            "associations.deals": f"{100 + deal};999999" if n % 7 == 0 else 100 + deal,
        }
        for n, (deal, at, kind) in enumerate(calls())
    ]
    save(folder, "engagements.csv", engagements)


def _hub_deal(deal: Deal) -> dict[str, object]:
    at = dict(zip(HUBSPOT_STAGES, deal.entered, strict=False))
    entered = {f"hs_v2_date_entered_{stage}": iso(at.get(stage)) for stage in HUBSPOT_STAGES}
    ends = {
        f"hs_v2_date_entered_closed{each}": iso(deal.closed) if deal.outcome == each else None
        for each in ("won", "lost")
    }
    stage = HUBSPOT_STAGES[len(deal.entered) - 1]
    return {
        "hs_object_id": 100 + deal.number,
        "dealname": f"Deal {deal.number}",
        "pipeline": "default",
        "dealstage": stage if deal.outcome == "open" else f"closed{deal.outcome}",
        "amount": deal.amount,
        "createdate": iso(deal.created),
        "closedate": iso(deal.closed or deal.expected),
        "hs_is_closed_won": str(deal.outcome == "won").lower(),
        "hs_is_closed": str(deal.outcome != "open").lower(),
        "hs_deal_stage_probability": {"won": 1.0, "lost": 0.0}.get(deal.outcome, 0.2),
        "hubspot_owner_id": 50 + deal.owner,
        "dealtype": deal.segment,
        "hs_lastmodifieddate": iso(deal.closed or deal.created),
        **entered,
        **ends,
        "hs_v2_latest_time_in_qualifiedtobuy": 3600 * deal.number,
        "closed_lost_reason": deal.reason if deal.outcome == "lost" else None,
    }


def _hub_contact(lead: Lead) -> dict[str, object]:
    return {
        "hs_object_id": 9000 + lead.number,
        "createdate": iso(lead.created),
        "email": f"p{lead.number}@example.com",
        "lifecyclestage": "opportunity" if lead.deal is not None else "lead",
        "hs_lead_status": "UNQUALIFIED" if lead.is_disqualified else "OPEN",
        "hs_analytics_source": ("ORGANIC_SEARCH", "PAID_SEARCH")[lead.number % 2],
        "hubspot_owner_id": 50 + lead.owner,
        "first_deal_created_date": iso(lead.ended) if lead.deal is not None else None,
        "lastmodifieddate": iso(lead.ended or lead.created),
    }


def hubspot_page(folder: Path) -> None:
    """The same deals as the page exports them, with its labels."""
    rows = [_hub_page_row(each) for each in deals()]
    save(folder, "hubspot-crm-exports-all-deals-2025-01-31.csv", rows)


def _hub_page_row(deal: Deal) -> dict[str, object]:
    at = dict(zip(HUBSPOT_LABELS, deal.entered, strict=False))
    ends = {"won": "Closed Won", "lost": "Closed Lost"}
    written = "%Y-%m-%d %H:%M"
    return {
        "Record ID": 100 + deal.number,
        "Deal Name": f"Deal {deal.number}",
        "Deal Stage": ends.get(deal.outcome, HUBSPOT_LABELS[len(deal.entered) - 1]),
        "Pipeline": "Sales Pipeline",
        "Amount": deal.amount,
        "Create Date": day(deal.created, written),
        "Close Date": day(deal.closed or deal.expected, written),
        "Is Closed Won": str(deal.outcome == "won").lower(),
        "Is deal closed?": str(deal.outcome != "open").lower(),
        "Deal owner": OWNERS[deal.owner],
        "Deal Type": deal.segment,
        **{
            f'Date entered "{label} (Sales Pipeline)"': day(at.get(label), written)
            for label in HUBSPOT_LABELS
        },
    }
