"""Tuning within a budget of time: more candidates than a training can try by the way.

Candidates are learned at several origins of the landmarks before the held-back start and compared
with the defaults, paired by record. Which departures are tried, and in which order, follows what is
known of boosted survival trees and of drift, not a data set: how much to learn from the past, how
many trees and how large, how far apart the leaves (Hastie, Tibshirani and Friedman 2009, chapter
10), then the best of each together. The defaults stay unless one is better by more than its error.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from closecurve.crm.errors import UsageError
from closecurve.models.choice import ARRIVALS, DEFAULTS, Choice
from closecurve.models.choosing import trusted
from closecurve.models.close_curve import CloseCurve
from closecurve.models.held_back import Gap, Part
from closecurve.models.panel import AS_OF, id_column
from closecurve.models.walk_forward import Trial, WalkForward

ORIGIN_SHARES = (0.5, 0.65, 0.8)
"""Where in the learned time candidates are tried: a single origin could be an odd season."""

CANDIDATES: tuple[Choice, ...] = (
    Choice(settings={"half_life_share": 0.2}),
    Choice(settings={"half_life_share": None}),
    Choice(window_share=0.5),
    Choice(settings={"leaves": 4}),
    Choice(settings={"leaves": 15}),
    Choice(settings={"min_rows": 1000}),
    Choice(settings={"min_rows": 100}),
    Choice(settings={"column_share": 0.25}),
    Choice(window_share=0.25),
    Choice(settings={"l2": 100.0}),
    Choice(settings={"seeds": 3}),
)
"""Departures that are tried one by one, what usually matters most first; how many rounds depends on
those of the defaults."""

ROUND_FACTORS = (0.5, 2.0)

FITS_AFTER = 1.0
"""What the fits after a tuning take, in trials: two on more rows, as a trial's three on fewer."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Budget:
    """Time that a training may take: `seconds`, over when `clock` (in seconds) shows `ends_at`.

    `tell` hears of each candidate before it is tried.
    """

    seconds: float
    ends_at: float
    clock: Callable[[], float]
    tell: Callable[[str], None]

    def __post_init__(self) -> None:
        if not self.seconds > 0:
            raise UsageError("budget", f"a budget is above 0 seconds, got {self.seconds!r}")

    @property
    def left(self) -> float:
        """Seconds until the end, below 0 after it."""
        return self.ends_at - self.clock()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tried:
    """A candidate with what it gained on the defaults; `seconds` is what trying it took."""

    trial: Trial
    gap: Gap
    seconds: float

    @property
    def choice(self) -> Choice:
        """The candidate."""
        return self.trial.choice

    @property
    def proven_gain(self) -> float:
        """The gain less its error: the lower end of what it may be."""
        return self.gap.gap - self.gap.standard_error

    def to_json(self) -> dict[str, Any]:
        """The candidate, its log loss and its gain."""
        return {
            "candidate": self.choice.to_json(),
            "log_loss": self.trial.answers.log_loss,
            "gap": self.gap.gap,
            "standard_error": self.gap.standard_error,
            "seconds": round(self.seconds, 1),
        }


class Tuning:
    """A tuning as it goes on; the defaults are tried first, whatever the budget."""

    def __init__(self, walk: WalkForward, budget: Budget) -> None:
        self.walk = walk
        self.budget = budget
        self.left_out = 0
        began = self._begun(DEFAULTS, 1)
        trial = walk.trial(DEFAULTS)
        self.default = self._measured(trial, trial, began)
        self.tried = [self.default]

    @property
    def best(self) -> Tried:
        """What gained most beyond its error; the defaults where nothing did."""
        best = max(self.tried, key=lambda it: it.proven_gain)
        return best if best.proven_gain > 0 else self.default

    def consider(self, choice: Choice) -> None:
        """Try a candidate, where the budget holds it and the fits that come after the tuning."""
        if any(choice == it.choice for it in self.tried):
            return
        if self._seconds_of(choice) > self.budget.left:
            self.left_out += 1
            return
        began = self._begun(choice, len(self.tried) + 1)
        trial = self.walk.trial_beside(self.default.trial, choice)
        self.tried.append(self._measured(self.default.trial, trial, began))

    def promising(self) -> list[Choice]:
        """The best candidate for each thing that can be changed, the best gain first."""
        found: dict[frozenset[str], Choice] = {}
        for it in sorted(self.tried[1:], key=lambda it: -it.gap.gap):
            if it.gap.gap > 0:
                found.setdefault(frozenset(it.choice.to_json()), it.choice)
        return list(found.values())

    def to_json(self) -> dict[str, Any]:
        """Everything that was tried, for the report."""
        return {
            "budget_seconds": self.budget.seconds,
            "origins": [it.start.isoformat() for it in self.walk.origins],
            "tried": [it.to_json() for it in self.tried],
            "left_out": self.left_out,
            "best": self.best.to_json(),
        }

    def _begun(self, choice: Choice, number: int) -> float:
        began = self.budget.clock()
        named = ", ".join(f"{name} {value}" for name, value in choice.to_json().items())
        self.budget.tell(
            f"candidate {number}: {named or 'the defaults'}, {self.budget.left:.0f} s left"
        )
        return began

    def _measured(self, default: Trial, trial: Trial, began: float) -> Tried:
        gap = self.walk.gap(default, trial)
        return Tried(trial=trial, gap=gap, seconds=self.budget.clock() - began)

    def _seconds_of(self, choice: Choice) -> float:
        """What a candidate and the fits after it will take, by what those before it took."""
        slowest = max(it.seconds / self._work(it.choice) for it in self.tried)
        after = FITS_AFTER * max(self._work(choice), self._work(self.best.choice))
        return slowest * (self._work(choice) + after)

    def _work(self, choice: Choice) -> float:
        """How many times the trees of the defaults a candidate has."""
        plain, rounds = CloseCurve(), self.default.trial.rounds
        grown = choice.settings.get("rounds", rounds) * choice.settings.get("seeds", plain.seeds)
        return max(float(grown / (rounds * plain.seeds)), 1.0)


def tune(
    learned: Part,
    cutoff: pd.Timestamp,
    common: Mapping[str, Any],
    horizons: Sequence[float],
    budget: Budget,
) -> tuple[Choice | None, dict[str, Any]]:
    """What to change in the defaults, and the report of all that was tried.

    None and an empty list where the time is too short for a single origin.

    `learned` is what was known before the held-back start (`cutoff`), which stays unseen. The same
    seed and a budget that leaves nothing out give the same choice.
    """
    walk = WalkForward.over(learned, _starts(learned, cutoff), cutoff, horizons, common)
    if not walk.origins:
        return None, {"budget_seconds": budget.seconds, "origins": [], "tried": [], "left_out": 0}
    tuning = Tuning(walk, budget)
    for choice in _single(tuning.default.trial.rounds, learned):
        tuning.consider(choice)
    for choice in tuning.promising():
        tuning.consider(choice.joined(tuning.best.choice))
    return trusted(walk, tuning.best.trial).choice, tuning.to_json()


def _starts(learned: Part, cutoff: pd.Timestamp) -> list[pd.Timestamp]:
    """Where each origin lies; none for an empty part."""
    if not len(learned):
        return []
    first = learned.rows[AS_OF].min()
    return [first + share * (cutoff - first) for share in ORIGIN_SHARES]


def _single(rounds: int, learned: Part) -> Iterator[Choice]:
    """The departures one by one; landmarks of arrivals alone are tried of leads only."""
    yield from CANDIDATES[:2]
    for factor in ROUND_FACTORS:
        yield Choice(settings={"rounds": max(int(rounds * factor), 1)})
    if id_column(learned.rows) == "lead_id":
        yield Choice(landmarks=ARRIVALS)
    yield from CANDIDATES[2:]
