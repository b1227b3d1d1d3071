"""Deals of the demo company: what is drawn at their creation, and the chain they follow.

The open states are the five stages, awake (0 to 4) and dormant (5 to 9): a dormant deal looks the
same in the CRM, but the customer has gone silent. State 10 is won, 11 lost.
"""

from dataclasses import dataclass

import numpy as np

from closecurve.crm.demo.chain import Chain, Starts
from closecurve.crm.demo.days import (
    DAY,
    FAR,
    SEASON,
    DemoClock,
    Floats,
    Ints,
    clean_up,
    months,
    rush,
    work,
)
from closecurve.crm.demo.leads import SOURCES, Leads
from closecurve.crm.demo.market import (
    BASE_RATE,
    INDUSTRY_FIT,
    LIST_PRICE,
    PRODUCT_SHARE,
    Accounts,
    arrivals,
)
from closecurve.crm.demo.paths import Paths, Steps, follow, joined
from closecurve.crm.demo.people import People

STAGES = 5
OPEN = 2 * STAGES
WON, LOST = OPEN, OPEN + 1

DEAL_SOURCES = (*SOURCES, "outbound", "referral", "renewal")
OUTBOUND, REFERRAL, RENEWAL = range(len(SOURCES), len(DEAL_SOURCES))
DEAL_SOURCE_PULL = np.array([0.0, 0.1, 0.1, 0.3, -0.3, -0.30, 0.35, 0.30])

COMPETITORS = ("none known", "Norther", "Altamar", "Kaixin", "in-house")
COMPETITOR_SHARE = np.array([0.45, 0.20, 0.15, 0.08, 0.12])
COMPETITOR_PULL = np.array([0.25, -0.35, -0.1, -0.2, -0.3])

PRODUCT_PULL = np.array([0.15, 0.0, -0.35, 0.25])
PRODUCT_PACE = np.array([0.15, 0.0, -0.45, 0.25])

FORWARD, FINISH, BACK, LOSE, SLEEP, WAKE = range(6)
"""The kinds of moves: on in the upper stages, on and win in the lower ones, back, lost, and the
hidden ones of falling silent and answering again."""

FORWARD_RATES = (0.055, 0.050, 0.045, 0.045, 0.045)
LOSE_RATES = (0.010, 0.011, 0.015, 0.017, 0.020)
BACK_RATES = (0.0, 0.004, 0.006, 0.007, 0.006)
SLEEP_RATE, WAKE_RATE = 0.016, 0.012
SKIP_SHARE = 0.10
DORMANT = {FORWARD: 0.10, FINISH: 0.10, BACK: 0.3, LOSE: 1.5}
"""Moves a working day of an average deal without rush, by stage, and what silence makes of them."""

AGE_BOUNDS = np.array([8, 31, 61, 121, 241, 421])
AGE_FACTORS = np.array(
    [
        [0.8, 0.5, 0.5, 0.5, 0.4, 1.0],
        [1.1, 0.9, 1.0, 0.9, 0.9, 1.0],
        [1.0, 1.1, 1.0, 1.0, 1.0, 1.0],
        [0.9, 1.0, 1.0, 1.2, 1.1, 0.9],
        [0.7, 0.8, 1.0, 1.5, 1.2, 0.7],
        [0.5, 0.6, 1.0, 2.2, 1.2, 0.5],
        [0.2, 0.2, 0.5, 6.0, 1.0, 0.2],
    ]
)
"""By band of age in days and kind of move: old deals are lost rather than won."""

REOPENED_SHARE = 0.02
"""Of the lost deals, some are taken up again, a month later on average."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Deals:
    """All deals in order of their creation, arrays (n,) of codes into the tuples above.

    `lead` is -1 where there was none; `heir` owns the deal from `switch_day` on. `quality` and
    `pace` are hidden, about standard normals. `amount` is the first one, in the deal's currency.
    """

    created: Ints
    account: Ints
    owner: Ints
    heir: Ints
    switch_day: Ints
    lead: Ints
    source: Ints
    product: Ints
    competitor: Ints
    is_repeat: Ints
    first_stage: Ints
    amount: Floats
    quality: Floats
    pace: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Origins:
    """Where deals come from: created second, account and lead (-1 for none), in order of time."""

    created: Ints
    account: Ints
    lead: Ints


def draw_origins(
    clock: DemoClock,
    accounts: Accounts,
    leads: Leads,
    converted: tuple[Ints, Ints],
    deals: int,
    rng: np.random.Generator,
) -> Origins:
    """As many origins as deals: the first conversions (lead, second), then direct business."""
    lead, second = (column[:deals] for column in converted)
    direct = deals - len(lead)
    created = np.concatenate([second, arrivals(clock, direct, rng)])
    account = np.concatenate([leads.account[lead], accounts.drawn(direct, rng)])
    origin = np.concatenate([lead, np.full(direct, -1)])
    order = np.argsort(created, kind="stable")
    return Origins(created=created[order], account=account[order], lead=origin[order])


def draw_deals(
    clock: DemoClock,
    people: People,
    accounts: Accounts,
    leads: Leads,
    origins: Origins,
    rng: np.random.Generator,
) -> Deals:
    """Everything about the deals that is drawn at their creation."""
    count, day = len(origins.created), origins.created // DAY
    owner = people.on_duty(accounts.team[origins.account], day, rng)
    switch_day = _switch_days(people, owner, day, rng)
    product = _products(accounts.size[origins.account], rng)
    is_repeat = _repeats(origins.account)
    source = _sources(leads, origins.lead, is_repeat, rng)
    competitor = rng.choice(len(COMPETITORS), count, p=COMPETITOR_SHARE)
    scope = rng.normal(0, 0.5, count)
    base_rate = BASE_RATE[accounts.region[origins.account]]
    size = accounts.size[origins.account]
    pull = _buyers_pull(accounts, leads, origins) + 0.10 * is_repeat - 0.30 * scope
    pull += PRODUCT_PULL[product] + DEAL_SOURCE_PULL[source] + COMPETITOR_PULL[competitor]
    return Deals(
        created=origins.created,
        account=origins.account,
        owner=owner,
        heir=people.successors(owner, switch_day, rng),
        switch_day=switch_day,
        lead=origins.lead,
        source=source,
        product=product,
        competitor=competitor,
        is_repeat=is_repeat,
        first_stage=(rng.random(count) < 0.06).astype(np.int64),
        amount=LIST_PRICE[product] * np.exp(scope + 0.35 * size) / base_rate,
        quality=pull + rng.normal(0, 0.65, count),
        pace=PRODUCT_PACE[product] - 0.35 * scope - 0.15 * size + rng.normal(0, 0.6, count),
    )


def _buyers_pull(accounts: Accounts, leads: Leads, origins: Origins) -> Floats:
    """What the account, and the lead where there was one, do to a deal's quality."""
    fit = INDUSTRY_FIT[accounts.industry[origins.account]]
    from_lead = np.where(origins.lead >= 0, leads.quality[origins.lead], 0.0)
    return fit + 0.40 * accounts.quality[origins.account] + 0.30 * from_lead


def _switch_days(people: People, owner: Ints, day: Ints, rng: np.random.Generator) -> Ints:
    """When somebody else takes over: the owner leaves, or (one deal in thirty) is relieved."""
    moved = day + 5 + rng.exponential(45, len(day)).astype(np.int64)
    return np.minimum(people.left_day[owner], np.where(rng.random(len(day)) < 0.035, moved, FAR))


def _products(size: Floats, rng: np.random.Generator) -> Ints:
    """Products by lot; large accounts buy the large ones."""
    weight = PRODUCT_SHARE * np.exp(np.outer(size, [-0.3, 0.1, 0.6, 0.0]))
    reached = weight.cumsum(axis=1)
    product: Ints = (rng.random((len(size), 1)) * reached[:, -1:] >= reached).sum(axis=1)
    return product


def _repeats(account: Ints) -> Ints:
    """1 where the account had a deal before this one."""
    repeat = np.ones(len(account), dtype=np.int64)
    repeat[np.unique(account, return_index=True)[1]] = 0
    return repeat


def _sources(leads: Leads, lead: Ints, is_repeat: Ints, rng: np.random.Generator) -> Ints:
    """The lead's source, or where direct business came from."""
    drawn = rng.random(len(lead))
    again = np.where(drawn < 0.6, RENEWAL, OUTBOUND)
    direct = np.where(is_repeat == 1, again, np.where(drawn < 0.3, REFERRAL, OUTBOUND))
    return np.where(lead >= 0, leads.source[lead], direct)


def deal_chain(clock: DemoClock, people: People, deals: Deals) -> Chain:
    """The true rates of the deals' moves."""
    return Chain(
        rates=_rates(),
        calendar=_calendar(clock.days),
        age_bounds=AGE_BOUNDS,
        age_factors=AGE_FACTORS,
        before=_pulls(deals, people.skill[deals.owner]),
        after=_pulls(deals, people.skill[deals.heir] - 0.3),
        switch_day=deals.switch_day,
        clock=clock,
    )


def _pulls(deals: Deals, skill: Floats) -> Floats:
    """What multiplies each kind of move for each deal: (n, 6)."""
    on = 0.35 * deals.quality + 0.35 * deals.pace + 0.15 * skill
    lost = -0.50 * deals.quality + 0.30 * deals.pace - 0.15 * skill
    silent = -0.45 * deals.quality - 0.10 * skill
    kinds = [on, on, -0.3 * deals.quality, lost, silent, -0.5 * silent]
    return np.exp(np.column_stack(kinds))


def _calendar(days: Ints) -> Floats:
    """What multiplies each kind of move on each day: (n_days, 6)."""
    working, pull = work(days), rush(days)
    forward = working * SEASON[months(days)]
    kinds = {
        FORWARD: forward * np.sqrt(pull),
        FINISH: forward * pull,
        BACK: working,
        LOSE: working * clean_up(days),
        SLEEP: working,
        WAKE: working * np.sqrt(pull),
    }
    return np.column_stack([kinds[kind] for kind in range(len(kinds))])


def _rates() -> Floats:
    """The rates by kind, from state, to state: (6, 10, 12)."""
    rates = np.zeros((6, OPEN, OPEN + 2))
    for stage in range(STAGES):
        kind = FINISH if stage >= 3 else FORWARD
        further = WON if stage + 2 >= STAGES else stage + 2
        rates[kind, stage, WON if stage + 1 == STAGES else stage + 1] = FORWARD_RATES[stage]
        if stage + 1 < STAGES:
            rates[kind, stage] *= 1 - SKIP_SHARE
            rates[kind, stage, further] += FORWARD_RATES[stage] * SKIP_SHARE
        rates[BACK, stage, max(stage - 1, 0)] = BACK_RATES[stage]
        rates[LOSE, stage, LOST] = LOSE_RATES[stage]
        rates[SLEEP, stage, STAGES + stage] = SLEEP_RATE
        rates[WAKE, STAGES + stage, stage] = WAKE_RATE
    for kind, share in DORMANT.items():
        rates[kind, STAGES:] = share * rates[kind, :STAGES]
    return rates


def deal_paths(chain: Chain, deals: Deals, rng: np.random.Generator) -> Paths:
    """What became of the deals, with a few that were lost and then taken up again."""
    everyone = np.arange(len(deals.created))
    starts = Starts(subject=everyone, state=deals.first_stage, day=deals.created // DAY)
    first = follow(chain, starts, rng)
    back = _reopenings(chain.clock, first, rng)
    again = Starts(subject=back.subject, state=back.to_state, day=back.origin)
    return Paths(
        first_second=deals.created,
        first_state=deals.first_stage,
        steps=joined([first, back, follow(chain, again, rng)]),
    )


def _reopenings(clock: DemoClock, steps: Steps, rng: np.random.Generator) -> Steps:
    """Some lost deals come back to the stage they were lost from, awake, with a new age."""
    lost = np.flatnonzero(steps.to_state == LOST)
    lost = lost[rng.random(len(lost)) < REOPENED_SHARE]
    day = steps.second[lost] // DAY + 4 + rng.exponential(28, len(lost)).astype(np.int64)
    day += np.where(work(day) < 0.2, 2, 0)
    chosen = day <= clock.last_day
    lost, day = lost[chosen], day[chosen]
    back = Steps(
        subject=steps.subject[lost],
        second=clock.at(day, rng),
        from_state=np.full(len(lost), LOST),
        to_state=steps.from_state[lost] % STAGES,
        origin=day,
    )
    return back.where(back.second < clock.until_second)
