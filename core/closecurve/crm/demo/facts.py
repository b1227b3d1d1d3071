"""What the CRM records of the deals: changes of fields, made from the true paths.

Every fact follows from what was drawn at creation and from the true state at its own moment, never
from what comes later; so facts tell about a deal's chances without changing them.
"""

from dataclasses import dataclass, fields

import numpy as np

from closecurve.crm.demo.days import (
    DAY,
    FAR,
    Bools,
    DemoClock,
    Floats,
    Ints,
    quarter_starts,
    quarters,
    work,
)
from closecurve.crm.demo.deals import OPEN, STAGES, Deals
from closecurve.crm.demo.paths import Paths

FIELDS = ("stage", "amount", "expected_close_date", "owner_id", "forecast_category")
STAGE, AMOUNT, EXPECTED, OWNER, CATEGORY = range(len(FIELDS))

SHOWN_WON, SHOWN_LOST = STAGES, STAGES + 1
"""The codes of the closed stages as the CRM shows them, after the five open ones."""

CATEGORIES = ("omitted", "pipeline", "best_case", "commit", "closed")

REMAINING_DAYS = np.array([52.0, 42.0, 31.0, 21.0, 11.0])
"""What a seller says is left to go, by stage: too little, as sellers do."""

LATE_SHARE, LATE_CLOSE_SHARE = 0.06, 0.03
"""Share of the facts, and of the closes, that are entered hours or days after they happened."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Facts:
    """Changes of fields, a row each: `field` is a place in FIELDS, `old` and `new` are codes.

    A value is a shown stage, an amount, a day, an owner or a category, all as numbers.
    """

    deal: Ints
    field: Ints
    second: Ints
    known: Ints
    old: Floats
    new: Floats

    def where(self, chosen: Bools | Ints) -> "Facts":
        """The chosen rows, in the order asked for."""
        return Facts(**{each.name: getattr(self, each.name)[chosen] for each in fields(self)})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Values:
    """The values of the tracked fields that deals begin with: (n, 5), columns as FIELDS."""

    first: Floats

    def last(self, facts: Facts) -> Floats:
        """The values after all facts, which are in order of time: (n, 5)."""
        values = self.first.copy()
        values[facts.deal, facts.field] = facts.new
        return values


def shown(state: Ints) -> Ints:
    """The stage that the CRM shows for a true state."""
    return np.where(state < OPEN, state % STAGES, state - OPEN + STAGES)


def record(
    clock: DemoClock, deals: Deals, paths: Paths, rng: np.random.Generator
) -> tuple[Values, Facts]:
    """First values and all changes known before the history's end, in order of their moment."""
    expected = _first_expected(deals, rng)
    category = _categories(deals.first_stage, deals.quality, rng)
    amount = _rounded(deals.amount)
    columns = [shown(deals.first_stage), amount, expected, deals.owner, category]
    moves = _stage_moves(paths)
    parts = [
        moves,
        _amount_changes(moves, amount, rng),
        _reviews(clock, deals, paths, expected, rng),
        _hand_overs(clock, deals, paths, rng),
        _category_changes(moves, deals, category, rng),
    ]
    facts = _stacked(parts)
    facts = _logged(facts, rng)
    facts = facts.where(facts.known < clock.until_second)
    facts = facts.where(np.lexsort((facts.field, facts.deal, facts.second)))
    return Values(first=np.column_stack(columns).astype(float)), facts


def _stacked(parts: list[Facts]) -> Facts:
    return Facts(
        **{
            each.name: np.concatenate([getattr(part, each.name) for part in parts])
            for each in fields(Facts)
        }
    )


def _facts(field: int, deal: Ints, second: Ints, old: Floats | Ints, new: Floats | Ints) -> Facts:
    """Facts of one field, known at once."""
    return Facts(
        deal=deal,
        field=np.full(len(deal), field),
        second=second,
        known=second,
        old=np.asarray(old, dtype=float),
        new=np.asarray(new, dtype=float),
    )


def _logged(facts: Facts, rng: np.random.Generator) -> Facts:
    """The same facts, some of them entered late: by 20 hours on average, four days at most."""
    closes = (facts.field == STAGE) & (facts.new >= STAGES)
    late = rng.random(len(closes)) < np.where(closes, LATE_CLOSE_SHARE, LATE_SHARE)
    delay = np.minimum(rng.exponential(20 * 3_600, len(late)), 4 * DAY).astype(np.int64)
    logged = {each.name: getattr(facts, each.name) for each in fields(facts)}
    return Facts(**{**logged, "known": facts.second + np.where(late, delay, 0)})


def _stage_moves(paths: Paths) -> Facts:
    """Every move that the CRM can see, the ones to won and lost and back from lost included."""
    steps = paths.steps
    old, new = shown(steps.from_state), shown(steps.to_state)
    moves = _facts(STAGE, steps.subject, steps.second, old, new)
    return moves.where(old != new)


def _amount_changes(moves: Facts, amount: Floats, rng: np.random.Generator) -> Facts:
    """At one move in four the scope or the price changes; late moves bring discounts."""
    chosen = (moves.new < STAGES) & (rng.random(len(moves.new)) < 0.25)
    some = moves.where(np.flatnonzero(chosen))
    drift = np.where(some.new >= 3, -0.06, 0.02)
    change = drift + rng.normal(0, 0.16, len(drift))
    total = _running(some.deal, change)
    old, new = (_rounded(amount[some.deal] * np.exp(t)) for t in (total - change, total))
    facts = _facts(AMOUNT, some.deal, some.second + 60, old, new)
    return facts.where(old != new)


def _rounded(amount: Floats) -> Floats:
    """Amounts as people write them: tens, and never nothing."""
    return np.maximum(np.rint(amount / 10), 1) * 10


def _running(group: Ints, values: Floats) -> Floats:
    """Running sums within groups that lie together."""
    total = values.cumsum()
    first = np.searchsorted(group, group)
    return total - (total[first] - values[first])


def _categories(stage: Floats | Ints, quality: Floats, rng: np.random.Generator) -> Ints:
    """The seller's forecast category: by stage, coloured by how the deal feels."""
    feeling = stage + 0.5 * quality + rng.normal(0, 0.5, len(quality))
    return np.searchsorted([-1.3, 1.6, 3.1], feeling)


def _category_changes(moves: Facts, deals: Deals, first: Ints, rng: np.random.Generator) -> Facts:
    """The category is set anew at every move, to closed or omitted at the end."""
    new = _categories(moves.new, deals.quality[moves.deal], rng)
    new = np.where(moves.new == SHOWN_WON, 4, np.where(moves.new == SHOWN_LOST, 0, new))
    begins = np.ones(len(new), dtype=bool)
    begins[1:] = moves.deal[1:] != moves.deal[:-1]
    old = np.where(begins, first[moves.deal], np.roll(new, 1))
    facts = _facts(CATEGORY, moves.deal, moves.second, old, new)
    return facts.where(old != new)


def _hand_overs(clock: DemoClock, deals: Deals, paths: Paths, rng: np.random.Generator) -> Facts:
    """Deals that are open when another owner takes over; the chain follows the new one that day."""
    chosen = np.flatnonzero(deals.switch_day <= clock.last_day)
    day = deals.switch_day[chosen]
    second = day * DAY - clock.offsets[day - clock.first_day]
    second += rng.integers(7 * 3_600, 8 * 3_600, len(chosen))  # in the morning, before any move
    state = paths.standing(chosen, second).state
    live = (deals.created[chosen] < second) & (state < OPEN) & (second < clock.until_second)
    live &= deals.owner[chosen] != deals.heir[chosen]
    deal = chosen[live]
    return _facts(OWNER, deal, second[live], deals.owner[deal], deals.heir[deal])


def _first_expected(deals: Deals, rng: np.random.Generator) -> Ints:
    """The day on which the seller first expects the close."""
    mood = rng.normal(0, 0.35, len(deals.created)) - 0.25 * deals.pace - 0.1 * deals.quality
    return _promised(deals.created // DAY, 48 * np.exp(mood), rng)


def _promised(day: Ints, ahead: Floats, rng: np.random.Generator) -> Ints:
    """A day that far ahead; one in three is the last day of its quarter."""
    plain = day + np.clip(np.rint(ahead), 3, 400).astype(np.int64)
    quarter_end = quarter_starts(quarters(plain) + 1) - 1
    return np.where(rng.random(len(day)) < 0.33, quarter_end, plain)


def _reviews(
    clock: DemoClock, deals: Deals, paths: Paths, expected: Ints, rng: np.random.Generator
) -> Facts:
    """Moves of the expected close: pushes when it comes near, now and then a pull forward.

    A seller looks at a deal around the day it should close, or every two months; one time in five
    nothing is changed and the deal becomes overdue.
    """
    deal = np.arange(len(deals.created))
    seen, promised, made = deals.created // DAY, expected, []
    while len(deal):
        seen = _next_look(seen, promised, rng)
        alive = seen <= clock.last_day
        deal, seen, promised = deal[alive], seen[alive], promised[alive]
        second = clock.at(seen, rng)
        standing = paths.standing(deal, second)
        alive = (standing.state < OPEN) & (second < clock.until_second)
        deal, seen, promised, second = (a[alive] for a in (deal, seen, promised, second))
        changed, anew = _look(deals, deal, seen, promised, standing.state[alive], rng)
        made.append(
            _facts(EXPECTED, deal[changed], second[changed], promised[changed], anew[changed])
        )
        promised = anew
    return _stacked(made)


def _next_look(seen: Ints, promised: Ints, rng: np.random.Generator) -> Ints:
    """The day of the next look: near the promised one, or sooner; three days on at least."""
    near = promised + rng.integers(-7, 5, len(seen))
    passing = seen + rng.exponential(60, len(seen)).astype(np.int64)
    day: Ints = np.maximum(np.minimum(near, passing), seen + 3)
    return day + np.where(work(day) < 0.2, 2, 0)


def _look(
    deals: Deals, deal: Ints, day: Ints, promised: Ints, state: Ints, rng: np.random.Generator
) -> tuple[Bools, Ints]:
    """Whether the expected close is changed on that day, and the day it then has."""
    mood = rng.normal(0, 0.4, len(deal)) - 0.25 * deals.pace[deal] - 0.15 * deals.quality[deal]
    anew = _promised(day, REMAINING_DAYS[state % STAGES] * np.exp(mood), rng)
    due = promised - day < 8
    changed = (anew != promised) & (rng.random(len(deal)) < np.where(due, 0.8, 0.3))
    changed &= (anew > promised) | ~due
    return changed, np.where(changed, anew, promised)


def closed_at(facts: Facts, count: int) -> tuple[Ints, Ints]:
    """What the CRM shows of each deal's close: its second and 0 won, 1 lost; FAR and -1 if open."""
    second, outcome = np.full(count, FAR), np.full(count, -1)
    moves = facts.where(np.flatnonzero(facts.field == STAGE))
    closing = moves.new >= STAGES
    second[moves.deal] = np.where(closing, moves.second, FAR)
    outcome[moves.deal] = np.where(closing, moves.new - STAGES, -1).astype(np.int64)
    return second, outcome
