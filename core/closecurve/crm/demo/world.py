"""Everything that was drawn for a demo company: the hidden truth and the visible facts."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from closecurve.crm.demo.chain import Chain
from closecurve.crm.demo.contacts import Contacts, make_contacts
from closecurve.crm.demo.days import FAR, DemoClock, Ints, make_clock
from closecurve.crm.demo.deals import Deals, deal_chain, deal_paths, draw_deals, draw_origins
from closecurve.crm.demo.facts import AMOUNT, Facts, Values, closed_at, record
from closecurve.crm.demo.finance import Rates, Targets, draw_rates, draw_targets
from closecurve.crm.demo.leads import Leads, draw_leads, lead_chain, lead_paths
from closecurve.crm.demo.market import BASE_RATE, Accounts, draw_accounts
from closecurve.crm.demo.paths import Paths
from closecurve.crm.demo.people import People, draw_people

LOSS_REASONS = ("no decision", "price", "competitor", "no budget", "bad fit", "bad timing")
LOSS_SHARE = np.array([0.32, 0.20, 0.18, 0.13, 0.10, 0.07])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class World:
    """All parts of a demo company.

    `closed_second` (FAR while open) and `outcome` (0 won, 1 lost, -1 open) are what the CRM shows
    of each deal at the history's end.
    """

    clock: DemoClock
    people: People
    accounts: Accounts
    leads: Leads
    lead_chain: Chain
    lead_paths: Paths
    deals: Deals
    deal_chain: Chain
    deal_paths: Paths
    first_values: Values
    facts: Facts
    closed_second: Ints
    outcome: Ints
    loss_reason: Ints
    contacts: Contacts
    rates: Rates
    targets: Targets


def make_world(deals: int, seed: int, until: pd.Timestamp) -> World:
    """A company with that many deals; each part has its own stream of random numbers."""
    clock = make_clock(until)
    streams = [np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(12)]
    people = draw_people(clock, deals, streams[0])
    accounts = draw_accounts(deals, streams[1])
    leads = draw_leads(clock, people, accounts, deals, streams[2])
    chain_of_leads = lead_chain(clock, people, leads)
    paths_of_leads = lead_paths(chain_of_leads, leads, streams[3])
    converted = _conversions(paths_of_leads)
    origins = draw_origins(clock, accounts, leads, converted, deals, streams[4])
    drawn = draw_deals(clock, people, accounts, leads, origins, streams[5])
    chain = deal_chain(clock, people, drawn)
    paths = deal_paths(chain, drawn, streams[6])
    first, facts = record(clock, drawn, paths, streams[7])
    closed, outcome = closed_at(facts, deals)
    usd = first.last(facts)[:, AMOUNT] * BASE_RATE[accounts.region[drawn.account]]
    won = np.where(outcome == 0, closed, FAR)
    return World(
        clock=clock,
        people=people,
        accounts=accounts,
        leads=leads,
        lead_chain=chain_of_leads,
        lead_paths=paths_of_leads,
        deals=drawn,
        deal_chain=chain,
        deal_paths=paths,
        first_values=first,
        facts=facts,
        closed_second=closed,
        outcome=outcome,
        loss_reason=streams[8].choice(len(LOSS_REASONS), deals, p=LOSS_SHARE),
        contacts=make_contacts(clock, people, (drawn, paths), (leads, paths_of_leads), streams[9]),
        rates=draw_rates(clock, streams[10]),
        targets=draw_targets(clock, accounts.team[drawn.account], won, usd, streams[11]),
    )


def _conversions(paths: Paths) -> tuple[Ints, Ints]:
    """The leads that converted and when, in order of time."""
    second, kind = paths.endings(1)
    lead = np.flatnonzero(kind == 0)
    lead = lead[np.argsort(second[lead], kind="stable")]
    return lead, second[lead]
