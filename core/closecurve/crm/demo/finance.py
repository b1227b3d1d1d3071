"""Exchange rates and targets of the demo company."""

from dataclasses import dataclass

import numpy as np

from closecurve.crm.demo.days import FAR, DemoClock, Floats, Ints, quarter_starts, quarters
from closecurve.crm.demo.market import BASE_RATE, CURRENCIES, GROWTH
from closecurve.crm.demo.people import TEAMS

WEEKLY_SWING = (0.006, 0.003)
"""Standard deviation of a week's change of the EUR's and the CNY's rate."""

QUARTER_SEASON = np.array([0.97, 1.02, 0.94, 1.07])
AMBITION = 1.06
"""Targets lie this far above the trend of what is won."""

LEAST_TARGET = 10_000.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rates:
    """Weekly rates to USD: `day` (n,), `currency` (n,) as a place in CURRENCIES, `rate` (n,)."""

    day: Ints
    currency: Ints
    rate: Floats


def draw_rates(clock: DemoClock, rng: np.random.Generator) -> Rates:
    """A rate each Monday from two weeks before the history on, wandering about its base."""
    monday = clock.first_day - 14 - (clock.first_day + 3) % 7
    day = np.arange(monday, clock.last_day + 1, 7)
    foreign = np.arange(1, len(CURRENCIES))
    walked = np.cumsum(rng.normal(0, WEEKLY_SWING, (len(day), len(foreign))), axis=0)
    return Rates(
        day=np.repeat(day, len(foreign)),
        currency=np.tile(foreign, len(day)),
        rate=np.round(BASE_RATE[foreign] * np.exp(walked), 5).ravel(),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Targets:
    """Targets in USD for quarters: `team` is a place in TEAMS, -1 for the company."""

    team: Ints
    start_day: Ints
    end_day: Ints
    amount: Floats


def draw_targets(
    clock: DemoClock, team: Ints, won_second: Ints, won_usd: Floats, rng: np.random.Generator
) -> Targets:
    """Targets of every quarter of the history and of the two after the running one.

    `team`, `won_second` (FAR where not won) and `won_usd` describe the deals (n,). A team's target
    is the trend of what it won, by season, a little above; the company's is the sum.
    """
    first, running = quarters(np.array([clock.first_day, clock.last_day]))
    quarter = np.arange(first, running + 3)
    won = np.bincount(team, np.where(won_second < FAR, won_usd, 0.0), minlength=len(TEAMS))
    years = (clock.last_day - clock.first_day) / 365.25
    trend = (1 + GROWTH) ** ((quarter - first) / 4 - years / 2) * QUARTER_SEASON[quarter % 4]
    wish = np.exp(rng.normal(0, 0.04, (len(quarter), len(TEAMS))))
    amount = np.outer(trend, won / (4 * years)) * AMBITION * wish
    amount = np.maximum(np.round(amount, -4), LEAST_TARGET)
    columns = np.column_stack([amount.sum(axis=1), amount])
    scopes = len(TEAMS) + 1
    return Targets(
        team=np.tile(np.arange(-1, len(TEAMS)), len(quarter)),
        start_day=np.repeat(quarter_starts(quarter), scopes),
        end_day=np.repeat(quarter_starts(quarter + 1) - 1, scopes),
        amount=columns.ravel(),
    )
