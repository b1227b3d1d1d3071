"""The change of one probability between two publications, added up and told in a sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from closecurve.models.explanation.words import Wording

UNKEPT = "not recorded"
"""The part of steps that no publication kept: the record was closed or not scored in between."""

PARTS_TOLD = 4
"""So many parts are told; the rest are told together."""

LEAST_TOLD = 0.0005
"""A part below a twentieth of a point is told with the rest."""

ROUNDING = 1e-9
"""Steps of doubles that differ by less add up."""

OTHERS = {"en": "other", "zh": "其他"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeTold:
    """A probability before and after; the parts add up to the difference, the largest first."""

    before: float
    after: float
    parts: Mapping[str, float]

    def sentence(self, words: Wording) -> str:
        """The change in one line.

        >>> ChangeTold(before=0.34, after=0.51, parts={"stage": 0.11, "engagement": 0.06}).sentence(
        ...     Wording())
        '34% → 51%: stage +11 points, engagement +6 points'
        """
        head = f"{self.before:.0%} → {self.after:.0%}"
        told = [(words.group(name), part) for name, part in self.parts.items()]
        large = [(name, part) for name, part in told if abs(part) >= LEAST_TOLD][:PARTS_TOLD]
        rest = self.after - self.before - sum(part for _, part in large)
        if abs(rest) >= LEAST_TOLD:
            large.append((OTHERS[words.language], rest))
        is_english = words.language == "en"
        parts = (", " if is_english else "，").join(f"{n} {words.points(p)}" for n, p in large)
        return f"{head}{': ' if is_english else '：'}{parts}" if parts else head


def added_up(before: float, after: float, steps: Sequence[Mapping[str, float]]) -> ChangeTold:
    """The steps from publication to publication as one change.

    What they do not explain (a step that was not kept) is the part `UNKEPT`.
    """
    parts: dict[str, float] = {}
    for step in steps:
        for name, part in step.items():
            parts[name] = parts.get(name, 0.0) + part
    rest = after - before - sum(parts.values())
    if abs(rest) > ROUNDING:
        parts[UNKEPT] = rest
    by_size = sorted(parts.items(), key=lambda pair: -abs(pair[1]))
    return ChangeTold(before=before, after=after, parts=dict(by_size))
