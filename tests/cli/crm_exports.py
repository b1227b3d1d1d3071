"""One small made-up company, written as the exports of the usual CRMs with their own headings."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import pandas as pd

DEALS, LEADS = 160, 60
OWNERS = ("Ada Lovelace", "Carl Gauß", "Emmy Noether", "Li Wei")
ACCOUNTS = tuple(f"Account {number:02d}" for number in range(20))
SEGMENTS = ("Retail", "Industry", "Public")
REASONS = ("Price", "Timing", "Competitor")
START = datetime(2024, 1, 3, 9, 30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal:
    """A deal that went through the first `reached` stages, a day of its own for each."""

    number: int
    created: datetime
    entered: tuple[datetime, ...]
    outcome: str  # won, lost, open
    closed: datetime | None
    expected: datetime
    amount: int
    owner: int
    account: int
    segment: str
    reason: str
    lead: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """A lead; `deal` is the deal it became."""

    number: int
    created: datetime
    ended: datetime | None
    deal: int | None
    owner: int

    @property
    def is_disqualified(self) -> bool:
        return self.ended is not None and self.deal is None


@cache
def deals() -> tuple[Deal, ...]:
    """The deals; of those that are old enough a third is won, and the others are lost."""
    chance = random.Random(5)
    return tuple(_deal(number, chance) for number in range(DEALS))


def _deal(number: int, chance: random.Random) -> Deal:
    created = START + timedelta(days=2 * number, minutes=number)
    won, is_open = chance.random() < 0.4, number >= DEALS - 40
    reached = 4 if won else chance.choice((1, 2, 3, 4))
    entered = tuple(created + timedelta(days=5 * k, hours=k) for k in range(reached))
    closed = None if is_open else entered[-1] + timedelta(days=6)
    return Deal(
        number=number,
        created=created,
        entered=entered,
        outcome="open" if is_open else "won" if won else "lost",
        closed=closed,
        expected=created + timedelta(days=40 + number % 9),
        amount=1000 + 137 * number,
        owner=number % len(OWNERS),
        account=chance.randrange(len(ACCOUNTS)),
        segment=chance.choice(SEGMENTS),
        reason=chance.choice(REASONS),
        lead=number if number < LEADS // 2 else None,
    )


def leads() -> list[Lead]:
    """Half of them became the deals of the same number, a fifth was disqualified."""
    made = []
    for number in range(LEADS):
        created = START - timedelta(days=3) + timedelta(days=2 * number)
        deal = number if number < LEADS // 2 else None
        ended = START + timedelta(days=2 * number) if deal is not None or number % 5 < 2 else None
        owner = number % len(OWNERS)
        made.append(Lead(number=number, created=created, ended=ended, deal=deal, owner=owner))
    return made


def calls() -> Iterator[tuple[int, datetime, str]]:
    """Activities of deals: number of the deal, instant, kind."""
    for deal in deals():
        for place, at in enumerate(deal.entered):
            yield deal.number, at + timedelta(hours=2), ("Call", "Email", "Meeting")[place % 3]


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """How a CRM writes the company, and the stages that an import should find in their order."""

    write: Callable[[Path], None]
    stages: tuple[str, ...]
    ends: tuple[str, ...] = ()
    has_moves: bool = True
    has_leads: bool = True
    has_activities: bool = True


def _save(folder: Path, name: str, rows: Sequence[Mapping[str, object]], **how: object) -> None:
    pd.DataFrame(rows).to_csv(folder / name, index=False, **how)  # type: ignore[call-overload]


def iso(at: datetime | None) -> str | None:
    """As an interface writes an instant in UTC."""
    return None if at is None else at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def day(at: datetime | None, written: str = "%Y-%m-%d") -> str | None:
    return None if at is None else at.strftime(written)


def shown(at: datetime | None) -> str | None:
    """As Pipedrive and Odoo write an instant."""
    return day(at, "%Y-%m-%d %H:%M:%S")


# Salesforce, by its interface

SALESFORCE_STAGES = ("Prospecting", "Qualification", "Proposal/Price Quote", "Negotiation/Review")
_SF_END = {"won": "Closed Won", "lost": "Closed Lost"}


def _sf(prefix: str, number: int) -> str:
    return f"{prefix}5g00000{number:06d}AAA"


def salesforce(folder: Path) -> None:
    """Deals with their histories, tasks, events, leads, accounts and users, by the interface."""
    _save(folder, "Opportunity.csv", [_sf_opportunity(each) for each in deals()])
    _save(folder, "OpportunityHistory.csv", [row for each in deals() for row in _sf_history(each)])
    _save(folder, "OpportunityFieldHistory.csv", [*_sf_fields()])
    done = [row for row in calls() if row[2] != "Meeting"]
    others = [_sf_task(9000 + n, 0, START, "Call", _sf("001", n)) for n in range(len(ACCOUNTS))]
    _save(folder, "Task.csv", [*(_sf_task(n, *row) for n, row in enumerate(done)), *others])
    met = [row for row in calls() if row[2] == "Meeting"]
    _save(folder, "Event.csv", [_sf_event(n, *row) for n, row in enumerate(met)])
    _save(folder, "Lead.csv", [_sf_lead(each) for each in leads()])
    accounts = [
        {
            "Id": _sf("001", n),
            "Name": name,
            "Industry": SEGMENTS[n % 3],
            "NumberOfEmployees": 50 * n,
        }
        for n, name in enumerate(ACCOUNTS)
    ]
    _save(folder, "Account.csv", accounts)
    users = [
        {"Id": _sf("005", n), "Name": name, "Email": f"u{n}@example.com", "Department": "North"}
        for n, name in enumerate(OWNERS)
    ]
    _save(folder, "User.csv", users)


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


# Salesforce, a report as it is shown


def salesforce_report(folder: Path) -> None:
    """One report with the labels of the page, American dates and amounts."""
    rows = [_report_row(each) for each in deals()]
    _save(folder, "report1700000000000.csv", rows, encoding="cp1252")


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


# HubSpot

HUBSPOT_STAGES = (
    "appointmentscheduled",
    "qualifiedtobuy",
    "presentationscheduled",
    "decisionmakerboughtin",
)
_HUB_LABELS = (
    "Appointment Scheduled",
    "Qualified To Buy",
    "Presentation Scheduled",
    "Decision Maker Bought-In",
)


def hubspot(folder: Path) -> None:
    """Deals with a column for each stage, contacts and engagements, by the interface."""
    _save(folder, "deals.csv", [_hub_deal(each) for each in deals()])
    _save(folder, "contacts.csv", [_hub_contact(each) for each in leads()])
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
    _save(folder, "engagements.csv", engagements)


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
    _save(folder, "hubspot-crm-exports-all-deals-2025-01-31.csv", rows)


def _hub_page_row(deal: Deal) -> dict[str, object]:
    at = dict(zip(_HUB_LABELS, deal.entered, strict=False))
    ends = {"won": "Closed Won", "lost": "Closed Lost"}
    written = "%Y-%m-%d %H:%M"
    return {
        "Record ID": 100 + deal.number,
        "Deal Name": f"Deal {deal.number}",
        "Deal Stage": ends.get(deal.outcome, _HUB_LABELS[len(deal.entered) - 1]),
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
            for label in _HUB_LABELS
        },
    }


# Pipedrive

PIPEDRIVE_STAGES = ("Qualified", "Contact Made", "Proposal Made", "Negotiations Started")


def pipedrive(folder: Path) -> None:
    """deals, stages, dealFlow, activities, users, organizations, by the interface."""
    _save(folder, "deals.csv", [_pipe_deal(each) for each in deals()])
    stages = [
        {"id": 11 + n, "name": name, "order_nr": n + 1, "deal_probability": 20 * (n + 1)}
        for n, name in enumerate(PIPEDRIVE_STAGES)
    ]
    _save(folder, "stages.csv", stages[::-1])
    _save(folder, "dealFlow.csv", [row for each in deals() for row in _pipe_flow(each)])
    activities = [_pipe_activity(n, *row) for n, row in enumerate(calls())]
    _save(folder, "activities.csv", [*activities, *_planned()])
    users = [{"id": 70 + n, "name": name, "email": f"u{n}@x.org"} for n, name in enumerate(OWNERS)]
    _save(folder, "users.csv", users)
    organizations = [
        {"id": 30 + n, "name": name, "country_code": ("DE", "FR")[n % 2]}
        for n, name in enumerate(ACCOUNTS)
    ]
    _save(folder, "organizations.csv", organizations)


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


# Odoo

ODOO_STAGES = ("New", "Qualified", "Proposition", "Negotiation")


def odoo(folder: Path) -> None:
    """crm.lead with leads and deals, mail.message and mail.tracking.value, res.users."""
    records = [_odoo_deal(each) for each in deals()]
    left = [_odoo_lead(each) for each in leads() if each.deal is None]
    _save(folder, "crm.lead.csv", [*records, *left])
    messages, values = _odoo_messages()
    _save(folder, "mail.message.csv", messages)
    _save(folder, "mail.tracking.value.csv", values)
    users = [{"id": 2 + n, "name": name, "login": f"u{n}"} for n, name in enumerate(OWNERS)]
    _save(folder, "res.users.csv", users)


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


# Dynamics

DYNAMICS_STAGES = ("1-Qualify", "2-Develop", "3-Propose", "4-Close")


def dynamics(folder: Path) -> None:
    """opportunity, lead, activitypointer, account, systemuser, by the interface."""
    rows = [_dynamics_deal(each) for each in deals()]
    pd.DataFrame(rows).to_parquet(folder / "opportunity.parquet")
    _save(folder, "lead.csv", [_dynamics_lead(each) for each in leads()])
    _save(folder, "activitypointer.csv", [_dynamics_call(n, *r) for n, r in enumerate(calls())])
    accounts = [
        {"accountid": f"acc-{n}", "name": name, "industrycode": n % 3, "revenue": 1e5 * n}
        for n, name in enumerate(ACCOUNTS)
    ]
    _save(folder, "account.csv", accounts)
    users = [{"systemuserid": f"usr-{n}", "fullname": name} for n, name in enumerate(OWNERS)]
    _save(folder, "systemuser.csv", users)


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


# Chinese headings

CHINESE_STAGES = ("意向", "入围", "谈判", "成交中")


def chinese(folder: Path) -> None:
    """商机, 阶段变更, 跟进记录 and 线索, with semicolons and in GB 18030."""
    how = {"sep": ";", "encoding": "gb18030"}
    _save(folder, "商机.csv", [_chinese_deal(each) for each in deals()], **how)
    moves = [
        {
            "商机编号": f"SJ{deal.number:04d}",
            "原阶段": CHINESE_STAGES[place - 1],
            "新阶段": CHINESE_STAGES[place],
            "变更时间": day(deal.entered[place], "%Y/%m/%d %H:%M"),
        }
        for deal in deals()
        for place in range(1, len(deal.entered))
    ]
    _save(folder, "阶段变更.csv", moves, **how)
    kinds = {"Call": "电话", "Email": "邮件", "Meeting": "拜访"}
    called = [
        {
            "商机编号": f"SJ{number:04d}",
            "跟进方式": kinds[kind],
            "跟进时间": day(at, "%Y/%m/%d %H:%M"),
        }
        for number, at, kind in calls()
    ]
    _save(folder, "跟进记录.csv", called, **how)
    _save(folder, "线索.csv", [_chinese_lead(each) for each in leads()], **how)


def _chinese_deal(deal: Deal) -> dict[str, object]:
    return {
        "商机编号": f"SJ{deal.number:04d}",
        "商机名称": f"项目{deal.number}",
        "客户名称": ACCOUNTS[deal.account],
        "销售阶段": CHINESE_STAGES[len(deal.entered) - 1],
        "金额": f"{deal.amount},00",
        "状态": {"won": "赢单", "lost": "输单", "open": "跟进中"}[deal.outcome],
        "创建时间": day(deal.created, "%Y/%m/%d %H:%M"),
        "预计成交日期": day(deal.expected, "%Y/%m/%d"),
        "关闭时间": day(deal.closed, "%Y/%m/%d %H:%M"),
        "负责人": OWNERS[deal.owner],
        "客户级别": deal.segment,
        "赢率": 10 * len(deal.entered),
    }


def _chinese_lead(lead: Lead) -> dict[str, object]:
    state = "已转化" if lead.deal is not None else "跟进中"
    return {
        "线索编号": f"XS{lead.number:04d}",
        "创建时间": day(lead.created, "%Y/%m/%d %H:%M"),
        "状态": "无效" if lead.is_disqualified else state,
        "转化时间": day(lead.ended, "%Y/%m/%d %H:%M") if lead.deal is not None else None,
        "转化商机": None if lead.deal is None else f"SJ{lead.deal:04d}",
        "更新时间": day(lead.ended or lead.created, "%Y/%m/%d %H:%M"),
        "来源": ("网站", "展会")[lead.number % 2],
        "负责人": OWNERS[lead.owner],
    }


_HUB_ENDS = ("closedwon", "closedlost")
_SHOWN_ENDS = ("Closed Won", "Closed Lost")
EXPORTS = {
    "salesforce": Export(write=salesforce, stages=SALESFORCE_STAGES, ends=_SHOWN_ENDS),
    "salesforce report": Export(
        write=salesforce_report,
        stages=SALESFORCE_STAGES,
        ends=_SHOWN_ENDS,
        has_moves=False,
        has_leads=False,
        has_activities=False,
    ),
    "hubspot": Export(write=hubspot, stages=HUBSPOT_STAGES, ends=_HUB_ENDS),
    "hubspot page": Export(
        write=hubspot_page,
        stages=_HUB_LABELS,
        ends=_SHOWN_ENDS,
        has_leads=False,
        has_activities=False,
    ),
    "pipedrive": Export(write=pipedrive, stages=PIPEDRIVE_STAGES, has_leads=False),
    "odoo": Export(write=odoo, stages=ODOO_STAGES, ends=("Won",)),
    "dynamics": Export(write=dynamics, stages=DYNAMICS_STAGES, has_moves=False),
    "chinese": Export(write=chinese, stages=CHINESE_STAGES),
}
"""The exports by the name of their CRM."""
