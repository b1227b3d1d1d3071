"""Walk-forward: candidates learned before an origin, scored on the landmarks after it.

Everything lies before the held-back start on which the chosen one is judged: a choice cannot make
its own verdict look better.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.models.choice import Choice
from closecurve.models.close_curve import CloseCurve
from closecurve.models.held_back import (
    Answers,
    Floats,
    Gap,
    Part,
    Question,
    answers,
    askable,
    gap_of,
    known_before,
    landmarks_from,
    questions,
)
from closecurve.models.panel import AS_OF, closed_count, id_column

TRIAL_ROWS = 4_000
"""Landmarks after an origin on which a trial is scored."""

SHORT_CLOSES = 200
"""Closes that it takes to choose by horizons shorter than those wanted: a few days that say little
of the weeks to come (benchmarks/learning_curve.py, bpic2012 at 100 closes)."""

READ_OTHERWISE = frozenset({"rounds", "few_closes"})
"""Parameters that are tried on trees that were grown already: they are only read otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Origin:
    """What was known before `start`, and what is asked of the landmarks from it on."""

    start: pd.Timestamp
    early: Part
    late: Part
    asked: list[Question]
    horizons: Sequence[float]

    @classmethod
    def between(
        cls,
        part: Part,
        start: pd.Timestamp,
        end: pd.Timestamp,
        cutoff: pd.Timestamp,
        horizons: Sequence[float],
    ) -> Self | None:
        """Landmarks in [start, end) asked with what is known at the cutoff; None where nothing can
        be asked or nothing had closed."""
        within = part.where((part.rows[AS_OF] < end).to_numpy())
        late = landmarks_from(within, start, most=TRIAL_ROWS)
        return cls._asking(start, known_before(part, start), late, cutoff, horizons)

    @classmethod
    def apart(cls, part: Part, cutoff: pd.Timestamp, horizons: Sequence[float]) -> Self | None:
        """Half of the records ask the other half, at the same time: for a history too short to be
        cut in time. It shows what is learned by heart, and nothing of what changes with time."""
        if id_column(part.rows) is None or part.rows.empty:
            return None
        is_early = halved(part.rows)
        late = landmarks_from(part.where(~is_early), part.rows[AS_OF].min(), most=TRIAL_ROWS)
        return cls._asking(cutoff, part.where(is_early), late, cutoff, horizons)

    @classmethod
    def _asking(
        cls,
        start: pd.Timestamp,
        early: Part,
        late: Part,
        cutoff: pd.Timestamp,
        horizons: Sequence[float],
    ) -> Self | None:
        asked_days = askable(late, cutoff, horizons)
        asked = questions(late, cutoff, asked_days)
        closes = closed_count(early.rows, early.read)
        is_short = not set(asked_days) <= set(horizons)
        if not asked or closes < (SHORT_CLOSES if is_short else 1):
            return None
        return cls(start=start, early=early, late=late, asked=asked, horizons=asked_days)

    def hazards(self, model: CloseCurve) -> Floats:
        """What a model's trees say after the origin, as far as it is asked (n, J, 3)."""
        return model.predict_hazards(self.late.rows, self.horizons)

    def answers(self, model: CloseCurve, hazards: Floats) -> Answers:
        """What a model says after the origin, its trees being so read."""
        cif = model.incidence_from_hazards(self.late.rows, hazards, self.horizons)
        return answers(self.asked, cif, self.horizons)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trial:
    """A candidate as it did: a model for each origin, and its answers to all of them together."""

    choice: Choice
    models: tuple[CloseCurve, ...]
    answers: Answers

    @property
    def rounds(self) -> int:
        """The rounds that were grown before the last origin."""
        return self.models[-1].rounds_


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WalkForward:
    """Origins that candidates are tried at; `common` is what every candidate's curve has."""

    origins: tuple[Origin, ...]
    common: Mapping[str, Any]

    @classmethod
    def over(
        cls,
        part: Part,
        starts: Sequence[pd.Timestamp],
        cutoff: pd.Timestamp,
        horizons: Sequence[float],
        common: Mapping[str, Any],
    ) -> Self:
        """Origins at these starts, oldest first, each asked up to the next one."""
        ends = [*starts[1:], cutoff]
        found = [
            Origin.between(part, start, end, cutoff, horizons)
            for start, end in zip(starts, ends, strict=True)
        ]
        return cls(origins=tuple(it for it in found if it is not None), common=common)

    def trial(self, choice: Choice) -> Trial:
        """A candidate learned anew before each origin."""
        models = tuple(choice.fit(it.early, it.start, self.common) for it in self.origins)
        return self._tried(choice, models, self._hazards(models))

    def trial_beside(self, default: Trial, choice: Choice) -> Trial:
        """A candidate on the trees of the defaults, where these only have to be read otherwise."""
        settings = choice.settings
        is_read = choice == Choice(settings=settings) and settings.keys() <= READ_OTHERWISE
        if is_read and settings.get("rounds", 0) <= min(it.rounds_ for it in default.models):
            models = tuple(model.read_with(**settings) for model in default.models)
            return self._tried(choice, models, self._hazards(models))
        return self.trial(choice)

    def trusting(self, trial: Trial, few_closes: Sequence[float]) -> list[Trial]:
        """The trial with each of these `few_closes`; its trees are read once."""
        hazards, made = self._hazards(trial.models), []
        for few in few_closes:
            choice = replace(trial.choice, settings={**trial.choice.settings, "few_closes": few})
            models = tuple(model.read_with(few_closes=few) for model in trial.models)
            made.append(self._tried(choice, models, hazards))
        return made

    def gap(self, default: Trial, other: Trial) -> Gap:
        """How much better the other is, paired, with its error over records."""
        return gap_of(self._pooled(), self._asked(), default.answers, other.answers)

    def _hazards(self, models: Sequence[CloseCurve]) -> list[Floats]:
        return [it.hazards(model) for it, model in zip(self.origins, models, strict=True)]

    def _tried(
        self, choice: Choice, models: tuple[CloseCurve, ...], hazards: Sequence[Floats]
    ) -> Trial:
        read = zip(self.origins, models, hazards, strict=True)
        said = [it.answers(model, of_trees) for it, model, of_trees in read]
        together = Answers(
            probabilities=[p for one in said for p in one.probabilities],
            losses=[loss for one in said for loss in one.losses],
        )
        return Trial(choice=choice, models=models, answers=together)

    def _pooled(self) -> Part:
        """The late landmarks of all origins, one after the other."""
        first = self.origins[0].late.rows
        names = [name for name in (id_column(first), AS_OF) if name is not None]
        return Part(
            rows=pd.concat([it.late.rows[names] for it in self.origins], ignore_index=True),
            labels=pd.concat([it.late.labels for it in self.origins], ignore_index=True),
        )

    def _asked(self) -> list[Question]:
        """The questions of all origins, of the pooled landmarks."""
        sizes = [len(it.late) for it in self.origins]
        place = np.concatenate([[0], np.cumsum(sizes)])
        made = []
        for number, origin in enumerate(self.origins):
            for question in origin.asked:
                watched = np.zeros(place[-1], dtype=np.bool_)
                watched[place[number] : place[number + 1]] = question.watched
                made.append(replace(question, watched=watched))
        return made


def halved(rows: pd.DataFrame, half: int = 0) -> NDArray[np.bool_]:
    """Whether each landmark's record is in the first half, by the hash of its id (n,).

    Another `half` cuts both halves again.
    """
    ids = rows[id_column(rows)].astype(str).to_numpy(dtype=object)
    return np.asarray((pd.util.hash_array(ids) >> np.uint64(half)) % np.uint64(2) == 0)
