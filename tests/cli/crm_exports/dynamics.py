"""Dynamics: by its interface, deals as Parquet."""

from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
from tests.cli.crm_exports.company import ACCOUNTS, OWNERS, Deal, Lead, calls, deals, leads
from tests.cli.crm_exports.writing import iso, save

DYNAMICS_STAGES = ("1-Qualify", "2-Develop", "3-Propose", "4-Close")


def dynamics(folder: Path) -> None:
    """opportunity, lead, activitypointer, account, systemuser, by the interface."""
    rows = [_dynamics_deal(each) for each in deals()]
    pd.DataFrame(rows).to_parquet(folder / "opportunity.parquet")
    save(folder, "lead.csv", [_dynamics_lead(each) for each in leads()])
    save(folder, "activitypointer.csv", [_dynamics_call(n, *r) for n, r in enumerate(calls())])
    accounts = [
        {"accountid": f"acc-{n}", "name": name, "industrycode": n % 3, "revenue": 1e5 * n}
        for n, name in enumerate(ACCOUNTS)
    ]
    save(folder, "account.csv", accounts)
    users = [{"systemuserid": f"usr-{n}", "fullname": name} for n, name in enumerate(OWNERS)]
    save(folder, "systemuser.csv", users)


def _dynamics_deal(deal: Deal) -> dict[str, object]:
    return {
        "opportunityid": f"opp-{deal.number:05d}",
        "name": f"Opportunity {deal.number}",
        "createdon": deal.created,
        "modifiedon": deal.closed or deal.created,
        "statecode": {"open": 0, "won": 1, "lost": 2}[deal.outcome],
        "stepname": DYNAMICS_STAGES[len(deal.entered) - 1],
        "estimatedclosedate": deal.expected,
        "actualclosedate": deal.closed,
        "estimatedvalue": float(deal.amount),
        "actualvalue": float(deal.amount) if deal.outcome == "won" else None,
        "closeprobability": 20 * len(deal.entered),
        "_ownerid_value": f"usr-{deal.owner}",
        "_parentaccountid_value": f"acc-{deal.account}",
        "_originatingleadid_value": None if deal.lead is None else f"lead-{deal.lead}",
        "purchasetimeframe": deal.segment,
    }


def _dynamics_lead(lead: Lead) -> dict[str, object]:
    state = "Qualified" if lead.deal is not None else "Open"
    return {
        "leadid": f"lead-{lead.number}",
        "fullname": f"Person {lead.number}",
        "createdon": iso(lead.created),
        "modifiedon": iso(lead.ended or lead.created),
        "statecode": "Disqualified" if lead.is_disqualified else state,
        "leadsourcecode": ("Web", "Partner")[lead.number % 2],
        "_ownerid_value": f"usr-{lead.owner}",
        "_qualifyingopportunityid_value": None if lead.deal is None else f"opp-{lead.deal:05d}",
    }


def _dynamics_call(number: int, deal: int, at: datetime, kind: str) -> dict[str, object]:
    return {
        "activityid": f"act-{number}",
        "activitytypecode": {"Call": "phonecall", "Email": "email"}.get(kind, "appointment"),
        "_regardingobjectid_value": f"opp-{deal:05d}",
        "statecode": "Completed",
        "actualend": iso(at),
        "createdon": iso(at - timedelta(hours=1)),
        "_ownerid_value": f"usr-{deal % 4}",
    }
