"""What happened to the subjects: their true states over time."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from closecurve.crm.demo.chain import Chain, Standing, Starts, walk
from closecurve.crm.demo.days import DAY, FAR, Bools, DemoClock, Floats, Ints, work

_SPAN = np.int64(2**34)
"""More seconds than a history has: room for (subject, second) in one sortable number."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Steps:
    """Moves at their seconds; `origin` is the day from which the age counts after the move."""

    subject: Ints
    second: Ints
    from_state: Ints
    to_state: Ints
    origin: Ints

    def where(self, chosen: Bools | Ints) -> "Steps":
        """The chosen rows, in the order asked for."""
        return Steps(**{field.name: getattr(self, field.name)[chosen] for field in fields(self)})


def follow(chain: Chain, starts: Starts, rng: np.random.Generator) -> Steps:
    """The moves from the starts to the end of the history, each at a second of its day."""
    moves = walk(chain, starts, chain.clock.last_day, rng)
    steps = Steps(
        subject=starts.subject[moves.walk],
        second=chain.clock.at(moves.day, rng),
        from_state=moves.from_state,
        to_state=moves.to_state,
        origin=starts.day[moves.walk],
    )
    return steps.where(steps.second < chain.clock.until_second)


def joined(parts: Sequence[Steps]) -> Steps:
    """Steps of several walks in order of subject and second."""
    whole = Steps(
        **{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Steps)}
    )
    return whole.where(np.lexsort((whole.second, whole.subject)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Paths:
    """N subjects: `first_second`, `first_state` (N,) and their `steps` by subject and second."""

    first_second: Ints
    first_state: Ints
    steps: Steps

    def standing(self, subjects: Ints, seconds: Ints) -> Standing:
        """The true state of subjects strictly before an instant each."""
        keys = self.steps.subject * _SPAN + self.steps.second
        sought = subjects * _SPAN + np.clip(seconds, 0, _SPAN - 1)
        last = np.searchsorted(keys, sought) - 1
        moved = last >= np.searchsorted(self.steps.subject, subjects)
        state = self.first_state[subjects]
        origin = self.first_second[subjects] // DAY
        state[moved] = self.steps.to_state[last[moved]]
        origin[moved] = self.steps.origin[last[moved]]
        return Standing(subject=subjects, state=state, origin=origin, second=seconds)

    def endings(self, open_count: int) -> tuple[Ints, Ints]:
        """How each subject stands at the end: second of its ending, and 0 won, 1 lost.

        FAR and -1 where it is open.
        """
        second, kind = np.full(len(self.first_state), FAR), np.full(len(self.first_state), -1)
        ended = self.steps.to_state >= open_count
        second[self.steps.subject] = np.where(ended, self.steps.second, FAR)
        kind[self.steps.subject] = np.where(ended, self.steps.to_state - open_count, -1)
        return second, kind

    def segments(self, until: int) -> "Segments":
        """The stretches in one state each, of all subjects, up to `until`."""
        subject = np.concatenate([np.arange(len(self.first_state)), self.steps.subject])
        begin = np.concatenate([self.first_second, self.steps.second])
        state = np.concatenate([self.first_state, self.steps.to_state])
        order = np.lexsort((begin, subject))
        subject, begin, state = subject[order], begin[order], state[order]
        end = np.full(len(begin), until)
        follows = np.flatnonzero(subject[1:] == subject[:-1])
        end[follows] = begin[follows + 1]
        return Segments(subject=subject, state=state, begin=begin, end=end)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Segments:
    """Stretches of time in one state, in order of subject and beginning."""

    subject: Ints
    state: Ints
    begin: Ints
    end: Ints

    def where(self, chosen: Bools) -> "Segments":
        """The chosen stretches."""
        return Segments(
            subject=self.subject[chosen],
            state=self.state[chosen],
            begin=self.begin[chosen],
            end=self.end[chosen],
        )

    def scatter(
        self, clock: DemoClock, rates: Floats, rng: np.random.Generator
    ) -> tuple[Ints, Ints]:
        """Facts that fall evenly on the working days of each stretch: its place here, the second.

        `rates` (n,) are expected facts a working day. They do not depend on how a stretch ends, so
        the facts tell of the state and of nothing that follows it.
        """
        first, last = self.begin // DAY, self.end // DAY
        counts = rng.poisson(rates * (last - first + 1))
        place = np.repeat(np.arange(len(counts)), counts)
        second = clock.at(rng.integers(first[place], last[place] + 1), rng)
        inside = (second > self.begin[place]) & (second < self.end[place])
        inside &= rng.random(len(place)) < work(second // DAY)
        return place[inside], second[inside]
