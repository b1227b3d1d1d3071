"""The demo company as canonical tables (Arrow), a stretch of rows at a time.

Clean rows only: what a perfect export would hold. `demo.export` adds the dirt.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from closecurve.crm.demo.contacts import DIRECTIONS, KINDS
from closecurve.crm.demo.days import FAR, Bools, Floats, Ints
from closecurve.crm.demo.deals import COMPETITORS, DEAL_SOURCES
from closecurve.crm.demo.facts import (
    AMOUNT,
    CATEGORIES,
    CATEGORY,
    EXPECTED,
    FIELDS,
    OWNER,
    STAGE,
)
from closecurve.crm.demo.leads import BUDGETS, SOURCES, TIMINGS, TITLES
from closecurve.crm.demo.market import CURRENCIES, INDUSTRIES, PRODUCTS
from closecurve.crm.demo.people import REGIONS, TEAM_REGION, TEAMS
from closecurve.crm.demo.world import LOSS_REASONS, World
from closecurve.crm.stages import DEFAULT_PROCESS

COMPANY = "Aurelia Instruments"
STAGE_NAMES = tuple(stage.name for stage in DEFAULT_PROCESS.stages)
TEAM_NAMES = tuple(name for name, _, _ in TEAMS)


def ids(prefix: str, codes: Ints, width: int = 7) -> pa.Array:
    """Ids such as D-0000001 for the code 0; null for a negative code."""
    numbers = pa.array(codes + 1, mask=codes < 0).cast(pa.string())
    return pc.binary_join_element_wise(prefix, pc.utf8_lpad(numbers, width, "0"), "-")


def owner_ids(codes: Ints) -> pa.Array:
    """The ids of owners."""
    return ids("O", codes, 4)


def instants(seconds: Ints) -> pa.Array:
    """Naive UTC instants; null for what never happens."""
    never = seconds >= FAR
    return pa.array(np.where(never, 0, seconds).astype("M8[s]"), pa.timestamp("us"), mask=never)


def days(numbers: Ints) -> pa.Array:
    """Days; null for what never happens."""
    never = numbers >= FAR
    return pa.array(np.where(never, 0, numbers).astype("M8[D]"), pa.date32(), mask=never)


def words(names: Sequence[str], codes: Ints) -> pa.Array:
    """The names of codes; null for a negative code."""
    return pa.array(names, pa.string()).take(pa.array(codes, mask=codes < 0))


def deals(world: World, rows: slice) -> pa.Table:
    """The deals as the CRM shows them at the end of the history."""
    made, number = world.deals, np.arange(len(world.deals.created))[rows]
    values = world.first_values.last(world.facts)[rows]
    closed, outcome = world.closed_second[rows], world.outcome[rows]
    return pa.table(
        {
            "deal_id": ids("D", number),
            "created_at": instants(made.created[rows]),
            "closed_at": instants(closed),
            "outcome": words(("won", "lost"), outcome),
            "stage": words(STAGE_NAMES, _code(values[:, STAGE])),
            "process": words((DEFAULT_PROCESS.name,), np.zeros_like(number)),
            "amount": pa.array(values[:, AMOUNT]),
            "currency": words(CURRENCIES, world.accounts.region[made.account[rows]]),
            "expected_close_date": days(_code(values[:, EXPECTED])),
            "owner_id": owner_ids(_code(values[:, OWNER])),
            "account_id": ids("A", made.account[rows]),
            "lead_id": ids("L", made.lead[rows]),
            "forecast_category": words(CATEGORIES, _code(values[:, CATEGORY])),
            "product": words(PRODUCTS, made.product[rows]),
            "source": words(DEAL_SOURCES, made.source[rows]),
            "business": words(("new", "repeat"), made.is_repeat[rows]),
            "competitor": words(COMPETITORS, made.competitor[rows]),
            "industry": words(INDUSTRIES, world.accounts.industry[made.account[rows]]),
            "employees": pa.array(world.accounts.employees[made.account[rows]]),
            "loss_reason": words(LOSS_REASONS, np.where(outcome == 1, world.loss_reason[rows], -1)),
        }
    )


def _code(values: Floats) -> Ints:
    return values.astype(np.int64)


def deal_changes(world: World, rows: slice) -> pa.Table:
    """The changes of fields, in order of their moment."""
    facts = world.facts
    field = facts.field[rows]
    return pa.table(
        {
            "deal_id": ids("D", facts.deal[rows]),
            "field": words(FIELDS, field),
            "event_at": instants(facts.second[rows]),
            "old_value": _values(field, facts.old[rows]),
            "new_value": _values(field, facts.new[rows]),
            "known_at": instants(facts.known[rows]),
        }
    )


_WRITERS: dict[int, Callable[[Ints], pa.Array]] = {
    STAGE: lambda codes: words(STAGE_NAMES, codes),
    AMOUNT: lambda numbers: pa.array(numbers).cast(pa.string()),
    EXPECTED: lambda numbers: days(numbers).cast(pa.string()),
    OWNER: owner_ids,
    CATEGORY: lambda codes: words(CATEGORIES, codes),
}


def _values(field: Ints, values: Floats) -> pa.Array:
    """The values of changes as text, each in the way of its field."""
    order = np.argsort(field, kind="stable")
    parts = [_WRITERS[kind](_code(values[field == kind])) for kind in sorted(_WRITERS)]
    return pa.concat_arrays(parts).take(pa.array(np.argsort(order, kind="stable")))


def leads(world: World, rows: slice) -> pa.Table:
    """The leads as the CRM shows them at the end of the history."""
    made, number = world.leads, np.arange(len(world.leads.created))[rows]
    ended, kind = (column[rows] for column in world.lead_paths.endings(1))
    account = made.account[rows]
    told = answered(world)[rows]
    return pa.table(
        {
            "lead_id": ids("L", number),
            "created_at": instants(made.created[rows]),
            "converted_at": instants(np.where(kind == 0, ended, FAR)),
            "converted_deal_id": ids("D", deal_of_lead(world)[rows]),
            "disqualified_at": instants(np.where(kind == 1, ended, FAR)),
            "source": words(SOURCES, made.source[rows]),
            "owner_id": owner_ids(made.owner[rows]),
            "account_id": ids("A", account),
            "region": words(REGIONS, world.accounts.region[account]),
            "industry": words(INDUSTRIES, world.accounts.industry[account]),
            "employees": pa.array(world.accounts.employees[account]),
            "title": words(TITLES, made.title[rows]),
            "budget": words(
                BUDGETS, np.where(told, made.told_budget[rows], made.shown_budget[rows])
            ),
            "timing": words(
                TIMINGS, np.where(told, made.told_timing[rows], made.shown_timing[rows])
            ),
            "site_visits": pa.array(made.visits[rows]),
        }
    )


def deal_of_lead(world: World) -> Ints:
    """The deal that each lead became, -1 for none."""
    deal = np.full(len(world.leads.created), -1)
    from_lead = np.flatnonzero(world.deals.lead >= 0)
    deal[world.deals.lead[from_lead]] = from_lead
    return deal


def answered(world: World) -> Bools:
    """Which leads were still open at their first answer, and answered by the history's end."""
    made, everyone = world.leads, np.arange(len(world.leads.created))
    open_then = world.lead_paths.standing(everyone, made.answer_second).state == 0
    told: Bools = open_then & (made.answer_second < world.clock.until_second)
    return told


def lead_changes(world: World, rows: slice) -> pa.Table:
    """What leads told in the first answer: budget and timing."""
    lead, is_timing = _told(world)
    lead, is_timing = lead[rows], is_timing[rows]
    second = instants(world.leads.answer_second[lead])
    budget = words(BUDGETS, world.leads.told_budget[lead])
    timing = words(TIMINGS, world.leads.told_timing[lead])
    return pa.table(
        {
            "lead_id": ids("L", lead),
            "field": words(("budget", "timing"), is_timing),
            "event_at": second,
            "old_value": pa.nulls(len(lead), pa.string()),
            "new_value": pc.if_else(pa.array(is_timing == 1), timing, budget),
            "known_at": second,
        }
    )


def _told(world: World) -> tuple[Ints, Ints]:
    """The leads that told something, and 0 for budget, 1 for timing, in order of time."""
    made, told = world.leads, answered(world)
    budget = np.flatnonzero(told & (made.told_budget != made.shown_budget))
    timing = np.flatnonzero(told & (made.told_timing != made.shown_timing))
    lead = np.concatenate([budget, timing])
    field = np.repeat([0, 1], [len(budget), len(timing)])
    order = np.lexsort((field, lead, made.answer_second[lead]))
    return lead[order], field[order]


def activities(world: World, rows: slice) -> pa.Table:
    """Calls, mails, meetings and visits, in order of their moment."""
    made = world.contacts
    return pa.table(
        {
            "event_at": instants(made.second[rows]),
            "kind": words(KINDS, made.kind[rows]),
            "deal_id": ids("D", made.deal[rows]),
            "lead_id": ids("L", made.lead[rows]),
            "direction": words(DIRECTIONS, made.direction[rows]),
            "owner_id": owner_ids(made.owner[rows]),
            "known_at": instants(made.known[rows]),
        }
    )


def accounts(world: World, rows: slice) -> pa.Table:
    """The companies that deals and leads belong to."""
    made, number = world.accounts, np.arange(len(world.accounts.team))[rows]
    return pa.table(
        {
            "account_id": ids("A", number),
            "name": pa.array(made.name[rows]),
            "industry": words(INDUSTRIES, made.industry[rows]),
            "employees": pa.array(made.employees[rows]),
            "region": words(REGIONS, made.region[rows]),
        }
    )


def owners(world: World, rows: slice) -> pa.Table:
    """The people: a director, the teams' managers, the sellers of then and now."""
    made, number = world.people, np.arange(len(world.people.team))[rows]
    team = made.team[rows]
    region = np.where(team >= 0, TEAM_REGION[team], -1)
    return pa.table(
        {
            "owner_id": owner_ids(number),
            "name": pa.array(made.name[rows]),
            "team": words(TEAM_NAMES, team),
            "manager_id": owner_ids(made.manager[rows]),
            "region": words(REGIONS, region),
            "hired_date": days(made.hired_day[rows]),
            "left_date": days(made.left_day[rows]),
        }
    )


def targets(world: World, rows: slice) -> pa.Table:
    """The quarters' targets of the company and of its teams, in USD."""
    made = world.targets
    team = made.team[rows]
    return pa.table(
        {
            "scope_kind": words(("company", "team"), (team >= 0).astype(np.int64)),
            "scope": words((COMPANY, *TEAM_NAMES), team + 1),
            "period_start": days(made.start_day[rows]),
            "period_end": days(made.end_day[rows]),
            "amount": pa.array(made.amount[rows]),
            "currency": words(CURRENCIES, np.zeros_like(team)),
        }
    )


def fx_rates(world: World, rows: slice) -> pa.Table:
    """Weekly rates to USD."""
    made = world.rates
    return pa.table(
        {
            "date": days(made.day[rows]),
            "currency": words(CURRENCIES, made.currency[rows]),
            "rate": pa.array(made.rate[rows]),
        }
    )


TABLES: dict[str, Callable[[World, slice], pa.Table]] = {
    builder.__name__: builder
    for builder in (
        deals,
        deal_changes,
        activities,
        leads,
        lead_changes,
        accounts,
        owners,
        targets,
        fx_rates,
    )
}
"""By canonical name: the rows of a world's table, a slice at a time."""
