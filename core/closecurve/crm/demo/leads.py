"""Leads of the demo company: who they are, how soon they are answered, what becomes of them."""

from dataclasses import dataclass

import numpy as np

from closecurve.crm.demo.chain import Chain, Starts
from closecurve.crm.demo.days import DAY, DemoClock, Floats, Ints, clean_up, rush, work
from closecurve.crm.demo.market import INDUSTRY_FIT, Accounts, arrivals
from closecurve.crm.demo.paths import Paths, follow, joined
from closecurve.crm.demo.people import People

LEADS_PER_DEAL = 1.5

SOURCES = ("content", "search", "event", "partner", "purchased list")
SOURCE_SHARE = np.array([0.28, 0.26, 0.16, 0.10, 0.20])
SOURCE_PULL = np.array([-0.05, 0.25, 0.15, 0.75, -0.95])

TITLES = ("Managing director", "Purchasing manager", "Technical director", "Engineer", "Student")
TITLE_SHARE = np.array([0.12, 0.20, 0.22, 0.36, 0.10])
TITLE_PULL = np.array([0.45, 0.55, 0.40, -0.30, -1.20])
"""The authority of the contact."""

BUDGETS = ("approved", "planned", "none")
BUDGET_SHARE = np.array([0.22, 0.38, 0.40])
BUDGET_PULL = np.array([0.75, 0.15, -0.60])

TIMINGS = ("this month", "this quarter", "this year", "open")
TIMING_SHARE = np.array([0.12, 0.26, 0.30, 0.32])
TIMING_PULL = np.array([0.80, 0.35, -0.15, -0.55])

AGE_BOUNDS = np.array([4, 15, 31, 61, 121, 241])
AGE_FACTORS = np.array(
    [[0.7, 0.5], [1.25, 0.9], [1.0, 1.2], [0.6, 1.5], [0.3, 1.8], [0.15, 2.5], [0.05, 6.0]]
)
"""Conversion and disqualification by age: a lead that is not decided in two months rarely is."""

CONVERTED_A_DAY = 0.0105
DISQUALIFIED_A_DAY = 0.024


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Leads:
    """All leads in order of their creation, arrays (n,) of codes into the tuples above.

    `shown_budget`, `shown_timing` are -1 while unknown; they may be asked for in the first answer
    (`told_budget`, `told_timing`). `quality` is hidden, about a standard normal; `answer_second` is
    when somebody would first answer, if the lead is still open then.
    """

    created: Ints
    account: Ints
    owner: Ints
    source: Ints
    title: Ints
    budget: Ints
    timing: Ints
    visits: Ints
    shown_budget: Ints
    shown_timing: Ints
    told_budget: Ints
    told_timing: Ints
    answer_second: Ints
    quality: Floats


def draw_leads(
    clock: DemoClock, people: People, accounts: Accounts, deals: int, rng: np.random.Generator
) -> Leads:
    """One and a half leads for every deal, with everything that is drawn at their creation."""
    count = round(LEADS_PER_DEAL * deals)
    created = arrivals(clock, count, rng)
    account = rng.integers(0, len(accounts.name), count)
    owner = people.on_duty(accounts.team[account], created // DAY, rng)
    source, title, budget, timing = (
        rng.choice(len(share), count, p=share)
        for share in (SOURCE_SHARE, TITLE_SHARE, BUDGET_SHARE, TIMING_SHARE)
    )
    fit = INDUSTRY_FIT[accounts.industry[account]] + 0.25 * accounts.size[account]
    pull = SOURCE_PULL[source] + TITLE_PULL[title] + BUDGET_PULL[budget] + TIMING_PULL[timing]
    quality = (pull + fit + 0.1 * accounts.quality[account] + rng.normal(0, 0.40, count)) / 1.15
    known = rng.random((4, count)) < np.array([[0.40], [0.45], [0.55], [0.60]])
    return Leads(
        created=created,
        account=account,
        owner=owner,
        source=source,
        title=title,
        budget=budget,
        timing=timing,
        visits=rng.poisson(2.2 * np.exp(0.35 * quality)),
        shown_budget=np.where(known[0], budget, -1),
        shown_timing=np.where(known[1], timing, -1),
        told_budget=np.where(known[0] | known[2], budget, -1),
        told_timing=np.where(known[1] | known[3], timing, -1),
        answer_second=_answers(clock, people, owner, created, rng),
        quality=quality,
    )


def _answers(
    clock: DemoClock, people: People, owner: Ints, created: Ints, rng: np.random.Generator
) -> Ints:
    """First answers: half of them within eight hours, sooner from skilled owners, at work only."""
    hours = np.exp(np.log(8) - 0.3 * people.skill[owner] + rng.normal(0, 1.3, len(owner)))
    late = np.minimum(hours, 60 * 24) * 3_600
    return clock.working(created + late.astype(np.int64), rng)


def lead_chain(clock: DemoClock, people: People, leads: Leads) -> Chain:
    """The true rates of converting and of being disqualified.

    Before its first answer a lead converts at a quarter of its rate; an answer after a day costs a
    third of it, one after a week half.
    """
    skill = 0.2 * people.skill[leads.owner]
    late_hours = (leads.answer_second - leads.created) / 3_600
    converting = np.exp(0.95 * leads.quality + skill - 0.23 * np.log1p(late_hours / 4))
    leaving = np.exp(-0.4 * leads.quality)
    days = clock.days
    return Chain(
        rates=np.array([[[0, CONVERTED_A_DAY, 0]], [[0, 0, DISQUALIFIED_A_DAY]]]),
        calendar=np.column_stack([work(days) * np.sqrt(rush(days)), work(days) * clean_up(days)]),
        age_bounds=AGE_BOUNDS,
        age_factors=AGE_FACTORS,
        before=np.column_stack([0.25 * converting, 0.7 * leaving]),
        after=np.column_stack([converting, leaving]),
        switch_day=leads.answer_second // DAY + 1,
        clock=clock,
    )


def lead_paths(chain: Chain, leads: Leads, rng: np.random.Generator) -> Paths:
    """What became of the leads: state 0 open, 1 converted, 2 disqualified."""
    everyone = np.arange(len(leads.created))
    first_state = np.zeros_like(everyone)
    starts = Starts(subject=everyone, state=first_state, day=leads.created // DAY)
    return Paths(
        first_second=leads.created,
        first_state=first_state,
        steps=joined([follow(chain, starts, rng)]),
    )
