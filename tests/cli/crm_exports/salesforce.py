"""Salesforce: by its interface, and a report as it is shown."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from tests.cli.crm_exports.company import (
    ACCOUNTS,
    OWNERS,
    SEGMENTS,
    START,
    Deal,
    Lead,
    calls,
    deals,
    leads,
)
from tests.cli.crm_exports.writing import day, iso, save

SALESFORCE_STAGES = ("Prospecting", "Qualification", "Proposal/Price Quote", "Negotiation/Review")
_SF_END = {"won": "Closed Won", "lost": "Closed Lost"}


def _sf(prefix: str, number: int) -> str:
    return f"{prefix}5g00000{number:06d}AAA"


def salesforce(folder: Path) -> None:
    """Deals with their histories, tasks, events, leads, accounts and users, by the interface."""
    save(folder, "Opportunity.csv", [_sf_opportunity(each) for each in deals()])
    save(folder, "OpportunityHistory.csv", [row for each in deals() for row in _sf_history(each)])
    save(folder, "OpportunityFieldHistory.csv", [*_sf_fields()])
    done = [row for row in calls() if row[2] != "Meeting"]
    others = [_sf_task(9000 + n, 0, START, "Call", _sf("001", n)) for n in range(len(ACCOUNTS))]
    save(folder, "Task.csv", [*(_sf_task(n, *row) for n, row in enumerate(done)), *others])
    met = [row for row in calls() if row[2] == "Meeting"]
    save(folder, "Event.csv", [_sf_event(n, *row) for n, row in enumerate(met)])
    save(folder, "Lead.csv", [_sf_lead(each) for each in leads()])
    accounts = [
        {
            "Id": _sf("001", n),
            "Name": name,
            "Industry": SEGMENTS[n % 3],
            "NumberOfEmployees": 50 * n,
        }
        for n, name in enumerate(ACCOUNTS)
    ]
    save(folder, "Account.csv", accounts)
    users = [
        {"Id": _sf("005", n), "Name": name, "Email": f"u{n}@example.com", "Department": "North"}
        for n, name in enumerate(OWNERS)
    ]
    save(folder, "User.csv", users)


def _sf_opportunity(deal: Deal) -> dict[str, object]:
    stage = _SF_END.get(deal.outcome, SALESFORCE_STAGES[len(deal.entered) - 1])
    return {
        "Id": _sf("006", deal.number),
        "IsDeleted": "false",
        "AccountId": _sf("001", deal.account),
        "Name": f"Opportunity of {deal.number}",
        "StageName": stage,
        "Amount": deal.amount,
        "Probability": {"won": 100, "lost": 0}.get(deal.outcome, 10 * len(deal.entered)),
        "ExpectedRevenue": deal.amount / 10,
        "CloseDate": day(deal.closed or deal.expected),
        "Type": deal.segment,
        "IsClosed": str(deal.outcome != "open").lower(),
        "IsWon": str(deal.outcome == "won").lower(),
        "ForecastCategoryName": "Pipeline" if deal.outcome == "open" else "Closed",
        "CurrencyIsoCode": "EUR",
        "OwnerId": _sf("005", deal.owner),
        "CreatedDate": iso(deal.created),
        "LastModifiedDate": iso(deal.closed or deal.entered[-1]),
        "PushCount": deal.number % 3,
        "Loss_Reason__c": deal.reason if deal.outcome == "lost" else None,
    }


def _sf_history(deal: Deal) -> Iterator[dict[str, object]]:
    steps = [*zip(SALESFORCE_STAGES, deal.entered, strict=False)]
    if deal.closed:
        steps.append((_SF_END[deal.outcome], deal.closed))
    for place, (stage, at) in enumerate(steps):
        yield {
            "Id": _sf("008", 10 * deal.number + place),
            "OpportunityId": _sf("006", deal.number),
            "StageName": stage,
            "Amount": deal.amount + place,
            "CloseDate": day(deal.expected),
            "Probability": 10 * place,
            "CreatedDate": iso(at),
            "IsDeleted": "false",
        }


def _sf_fields() -> Iterator[dict[str, object]]:
    """A change of owner is written twice, with names and with ids."""
    for deal in deals()[::4]:
        was, now = OWNERS[deal.owner - 1], OWNERS[deal.owner]
        ids = _sf("005", (deal.owner - 1) % 4), _sf("005", deal.owner)
        for old, new in ((was, now), ids):
            yield {
                "Id": _sf("017", deal.number),
                "OpportunityId": _sf("006", deal.number),
                "Field": "Owner",
                "OldValue": old,
                "NewValue": new,
                "CreatedDate": iso(deal.created + timedelta(hours=3)),
            }
        yield {"OpportunityId": _sf("006", deal.number), "Field": "created"}


def _sf_task(
    number: int, deal: int, at: datetime, kind: str, what: str | None = None
) -> dict[str, object]:
    """A task; with `what` it is of another record than the deal."""
    what = what or _sf("006", deal)
    return {
        "Id": _sf("00T", number),
        "WhoId": _sf("003", number),
        "WhatId": what,
        "Subject": f"{kind} about {deal}",
        "Status": "Completed",
        "TaskSubtype": kind,
        "ActivityDate": day(at),
        "CallType": "Inbound" if kind == "Call" else None,
        "CompletedDateTime": iso(at),
        "CreatedDate": iso(at),
        "OwnerId": _sf("005", deal % 4),
    }


def _sf_event(number: int, deal: int, at: datetime, kind: str) -> dict[str, object]:
    return {
        "Id": _sf("00U", number),
        "WhatId": _sf("006", deal),
        "WhoId": None,
        "Subject": f"{kind} {number}",
        "StartDateTime": iso(at),
        "CreatedDate": iso(at - timedelta(hours=1)),
        "OwnerId": _sf("005", deal % 4),
    }


def _sf_lead(lead: Lead) -> dict[str, object]:
    status = "Unqualified" if lead.is_disqualified else "Working - Contacted"
    return {
        "Id": _sf("00Q", lead.number),
        "LastName": f"Person {lead.number}",
        "Company": f"Company {lead.number}",
        "Status": "Closed - Converted" if lead.deal is not None else status,
        "LeadSource": ("Web", "Partner")[lead.number % 2],
        "Industry": SEGMENTS[lead.number % 3],
        "OwnerId": _sf("005", lead.owner),
        "IsConverted": str(lead.deal is not None).lower(),
        "ConvertedDate": day(lead.ended) if lead.deal is not None else None,
        "ConvertedOpportunityId": None if lead.deal is None else _sf("006", lead.deal),
        "CreatedDate": iso(lead.created),
        "LastModifiedDate": iso(lead.ended or lead.created),
    }


def salesforce_report(folder: Path) -> None:
    """One report with the labels of the page, American dates and amounts."""
    rows = [_report_row(each) for each in deals()]
    save(folder, "report1700000000000.csv", rows, encoding="cp1252")


def _report_row(deal: Deal) -> dict[str, object]:
    row = _sf_opportunity(deal)
    return {
        "Opportunity Owner": OWNERS[deal.owner],
        "Account Name": ACCOUNTS[deal.account],
        "Opportunity Name": f"{row['Name']}, §",
        "Stage": row["StageName"],
        "Amount": f"${deal.amount:,}.50",
        "Probability (%)": row["Probability"],
        "Age": deal.number,
        "Close Date": day(deal.closed or deal.expected, "%m/%d/%Y"),
        "Created Date": day(deal.created, "%m/%d/%Y"),
        "Type": deal.segment,
        "Opportunity ID": row["Id"],
    }
