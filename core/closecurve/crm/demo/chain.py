"""The truth: every deal and lead is an inhomogeneous Markov chain in daily steps.

A subject (a deal or a lead) stands in one of S open states, or has ended in state S (won,
converted) or S + 1 (lost, disqualified). On each day it makes at most one move, at a moment evenly
spread over the working hours. The rates of its moves depend only on what was drawn at its creation,
on the day, on the state and on its age; so the probability of each ending by any instant follows
exactly, by carrying the distribution over the states forward (Kolmogorov's forward equation in
discrete time), and no simulation of futures is needed.
"""

from dataclasses import dataclass

import numpy as np

from closecurve.crm.demo.days import DAY, TRUTH_DAYS, DemoClock, Floats, Ints
from closecurve.crm.errors import UsageError

STILL_OPEN = 1e-7
"""The truth is followed until less than this is left open."""

CHUNK = 2_000
"""Subjects carried forward together: keeps the history of a chunk under 100 MB."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Starts:
    """Where walks begin: `subject` (m,), its open `state` and its `day`; it moves from the next."""

    subject: Ints
    state: Ints
    day: Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moves:
    """Moves made: of the `walk`-th start, on a `day`, from one state `to` another."""

    walk: Ints
    day: Ints
    from_state: Ints
    to_state: Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chain:
    """The rates of all subjects' moves, K kinds of them over S open states.

    The rate of kind k from state s to t for subject i on a day is the product of `rates[k, s, t]`
    (K, S, S + 2), of `calendar[day, k]`, of `age_factors[band of its age in days, k]` and of
    `before[i, k]`, or `after[i, k]` from its `switch_day` on (a new owner; a first answer). A day
    with rates that add up to H sees a move with probability 1 - exp(-H).
    """

    rates: Floats
    calendar: Floats
    age_bounds: Ints
    age_factors: Floats
    before: Floats
    after: Floats
    switch_day: Ints
    clock: DemoClock

    def __post_init__(self) -> None:
        kinds, states, _ = self.rates.shape
        expected = {
            "rates": (kinds, states, states + 2),
            "calendar": (len(self.clock.offsets), kinds),
            "age_factors": (len(self.age_bounds) + 1, kinds),
            "before": (len(self.switch_day), kinds),
            "after": (len(self.switch_day), kinds),
        }
        for name, shape in expected.items():
            got = getattr(self, name)
            if got.shape != shape or not (np.isfinite(got) & (got >= 0)).all():
                raise UsageError(
                    "demo-chain",
                    f"{name} holds rates of 0 or more in the shape {shape}, got {got.shape}",
                )

    @property
    def open_count(self) -> int:
        """S, the number of open states."""
        return int(self.rates.shape[1])

    def factors(self, subjects: Ints, days: Ints, origins: Ints) -> Floats:
        """What multiplies each kind's rates for a subject on a day: (m, K); age from `origins`."""
        early = (days < self.switch_day[subjects])[:, None]
        held = np.where(early, self.before[subjects], self.after[subjects])
        band = np.searchsorted(self.age_bounds, days - origins, side="right")
        return held * self.calendar[days - self.clock.first_day] * self.age_factors[band]


def walk(chain: Chain, starts: Starts, last_day: int, rng: np.random.Generator) -> Moves:
    """Walks from the starts through `last_day`, in order of the day."""
    if not len(starts.day):
        return _gathered([])
    order = np.argsort(starts.day, kind="stable")
    days = np.arange(int(starts.day.min()) + 1, last_day + 1)
    joined = np.searchsorted(starts.day[order], days)
    states, active, found = starts.state.copy(), order[:0], []
    for place, day in enumerate(days):
        active = np.concatenate([active, order[joined[place - 1] if place else 0 : joined[place]]])
        moves = _step(chain, starts, active, states, int(day), rng)
        states[moves.walk] = moves.to_state
        found.append(moves)
        active = active[states[active] < chain.open_count]
    return _gathered(found)


def _step(
    chain: Chain, starts: Starts, active: Ints, states: Ints, day: int, rng: np.random.Generator
) -> Moves:
    """The moves of one day among the active walks."""
    days = np.full(len(active), day)
    factors = chain.factors(starts.subject[active], days, starts.day[active])
    here = states[active]
    leaving = (factors * chain.rates.sum(axis=2).T[here]).sum(axis=1)
    moved = np.flatnonzero(rng.random(len(active)) < -np.expm1(-leaving))
    rates = np.einsum("mk,mkt->mt", factors[moved], chain.rates.transpose(1, 0, 2)[here[moved]])
    reached = rates.cumsum(axis=1)
    drawn = rng.random((len(moved), 1)) * reached[:, -1:]
    return Moves(
        walk=active[moved],
        day=days[moved],
        from_state=here[moved],
        to_state=(drawn >= reached).sum(axis=1),
    )


def _gathered(found: list[Moves]) -> Moves:
    def joined(name: str) -> Ints:
        parts = [getattr(moves, name) for moves in found]
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)

    return Moves(**{name: joined(name) for name in ("walk", "day", "from_state", "to_state")})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Standing:
    """Subjects at an instant each, arrays (n,): the `state` strictly before `second`.

    It may be an ending. `origin` is the day from which the age counts.
    """

    subject: Ints
    state: Ints
    origin: Ints
    second: Ints

    def rows(self, part: slice) -> "Standing":
        """Some of the rows."""
        return Standing(
            subject=self.subject[part],
            state=self.state[part],
            origin=self.origin[part],
            second=self.second[part],
        )


def incidence(chain: Chain, standing: Standing, times_days: Floats | None) -> Floats:
    """The exact close curve from each instant on: (n, 3, n_times), index 0 open, 1 won, 2 lost.

    `times_days` are days ahead of each row's own instant, 0 to TRUTH_DAYS; None asks for the end
    of the curve (n_times = 1).
    """
    count = len(standing.state)
    wanted = 1 if times_days is None else len(times_days)
    curves = np.empty((count, 3, wanted))
    for start in range(0, count, CHUNK):
        part = slice(start, start + CHUNK)
        curves[part] = _chunk_incidence(chain, standing.rows(part), times_days)
    return curves


def _chunk_incidence(chain: Chain, standing: Standing, times_days: Floats | None) -> Floats:
    if times_days is None:
        ended = _endings(chain, standing, TRUTH_DAYS)[-1][:, :, None]
    else:
        ended = _read(chain, standing, np.asarray(times_days, dtype=float))
    still_open = np.maximum(1 - ended.sum(axis=1, keepdims=True), 0)
    return np.concatenate([still_open, ended], axis=1)


def _read(chain: Chain, standing: Standing, times_days: Floats) -> Floats:
    """Won and lost by each time: (n, 2, n_times), reading within a day by its working hours."""
    until = standing.second[:, None] + np.rint(times_days * DAY).astype(np.int64)
    ahead = until // DAY - standing.second[:, None] // DAY
    ended = _endings(chain, standing, int(ahead.max(initial=0)) + 1)
    share = chain.clock.done_share(until.ravel()).reshape(ahead.shape)
    done = chain.clock.done_share(standing.second)[:, None]
    left = np.where(done < 1, 1 - done, 1.0)
    share = np.where(ahead == 0, (share - done) / left, share)
    rows = np.arange(len(ahead))[:, None]
    below, above = (ended[np.minimum(ahead + k, len(ended) - 1), rows] for k in (0, 1))
    by_time: Floats = below + (above - below) * share[:, :, None]
    return by_time.transpose(0, 2, 1)


def _endings(chain: Chain, standing: Standing, most_days: int) -> Floats:
    """Won and lost at the end of each day ahead: (days + 1, n, 2), from the instant itself on.

    Stops early where all but nothing is open; the last entry then holds for ever.
    """
    openness = np.zeros((len(standing.state), chain.open_count))
    ended = np.zeros((len(standing.state), 2))
    is_open = standing.state < chain.open_count
    openness[is_open, standing.state[is_open]] = 1
    ended[~is_open, standing.state[~is_open] - chain.open_count] = 1
    history = [ended]
    for ahead in range(most_days):
        if openness.max(initial=0) < STILL_OPEN:
            break
        openness, gained = _carry(chain, standing, openness, ahead)
        history.append(history[-1] + gained)
    return np.stack(history)


def _carry(chain: Chain, standing: Standing, openness: Floats, ahead: int) -> tuple[Floats, Floats]:
    """The distribution over open states after one more day (n, S), what ended on it (n, 2)."""
    days = standing.second // DAY + ahead
    factors = chain.factors(standing.subject, days, standing.origin)
    leaving = np.maximum(factors @ chain.rates.sum(axis=2), 1e-300)
    moving = -np.expm1(-leaving)
    if ahead == 0:
        moving = _rest_of_day(moving, chain.clock.done_share(standing.second)[:, None])
        moving[days <= standing.origin] = 0.0
    flow = openness * moving / leaving
    arriving = sum((flow * factors[:, [k]]) @ rates for k, rates in enumerate(chain.rates))
    return openness * (1 - moving) + arriving[:, :-2], arriving[:, -2:]


def _rest_of_day(moving: Floats, done: Floats) -> Floats:
    """The probability of a move in the rest of a day that has seen none so far."""
    return moving * (1 - done) / (1 - moving * done)
