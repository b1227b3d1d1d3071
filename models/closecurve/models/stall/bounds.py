"""When a stall probability is a flag: against what is usual in the deal's stage."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from closecurve.models.metrics import wilson_interval

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

SHARES = (0.3, 0.2, 0.1, 0.05)
"""Shares of the open deals that may be flagged, the largest first. More than these, and the list
is the pipeline itself."""

WORTH = 2.0
"""A flag is worth its review where the odds that a flagged deal stalls are so many times those of
the deals that are not flagged."""

LIKELIER_THAN_NOT = 0.5
"""No deal is flagged that is likelier to move than to stall, however quick its stage is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """How far above the usual log odds of its stage a flagged deal stands; and what flags proved
    on held-back time: how many deals were flagged or not, and how many of each stalled.

    The default margin, where nothing could be proven yet, is `WORTH` times the usual odds.
    """

    margin: float = float(np.log(WORTH))
    flagged_count: int = 0
    flagged_stalled_count: int = 0
    other_count: int = 0
    other_stalled_count: int = 0

    def flags(self, probability: Floats, usual: Floats) -> Flags:
        """Which deals (n,) are flagged, by their stall probabilities and the usual ones."""
        above = logit(probability) - logit(usual) >= self.margin
        return np.asarray(above & (probability >= LIKELIER_THAN_NOT), dtype=np.bool_)

    @property
    def odds_ratio(self) -> float | None:
        """The odds of stalling when flagged over those when not, half a deal added to each count
        (Haldane and Anscombe); None before anything was seen."""
        if not self.flagged_count or not self.other_count:
            return None
        hits, others = self.flagged_stalled_count, self.other_stalled_count
        odds = (hits + 0.5) / (self.flagged_count - hits + 0.5)
        return odds / ((others + 0.5) / (self.other_count - others + 0.5))

    def worth_to_json(self) -> dict[str, Any]:
        """What flags were worth, for the report; rates are null where nothing was counted."""
        counts = np.array([self.flagged_count, self.other_count])
        hits = np.array([self.flagged_stalled_count, self.other_stalled_count])
        low, high = wilson_interval(hits, counts)
        rates = [_share(hit, count) for hit, count in zip(hits, counts, strict=True)]
        return {
            "margin": self.margin,
            "flagged_share": _share(self.flagged_count, counts.sum()),
            "flagged_stalled_rate": rates[0],
            "flagged_stalled_low": float(low[0]),
            "flagged_stalled_high": float(high[0]),
            "other_stalled_rate": rates[1],
            "found_share": _share(self.flagged_stalled_count, hits.sum()),
            "odds_ratio": self.odds_ratio,
        }

    def to_json(self) -> dict[str, Any]:
        """A value that `from_json` reads back."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The bound that `to_json` wrote."""
        return cls(**value)


def _share(part: float, whole: float) -> float | None:
    return float(part / whole) if whole else None


def choose_bound(stalled: Floats, probability: Floats, usual: Floats) -> Bound:
    """The bound that flags most deals of all whose flags were worth it on held-back time.

    Of the bounds that flag the `SHARES`, the first whose odds ratio reaches `WORTH`; where none
    does, the one with the highest.
    """
    above = logit(probability) - logit(usual)
    tried = [
        _counted(stalled, Bound(margin=float(np.quantile(above, 1 - share))), probability, usual)
        for share in SHARES
    ]
    worthy = (bound for bound in tried if (bound.odds_ratio or 0.0) >= WORTH)
    return next(worthy, max(tried, key=lambda bound: bound.odds_ratio or 0.0))


def _counted(stalled: Floats, bound: Bound, probability: Floats, usual: Floats) -> Bound:
    flagged = bound.flags(probability, usual)
    return Bound(
        margin=bound.margin,
        flagged_count=int(flagged.sum()),
        flagged_stalled_count=int(stalled[flagged].sum()),
        other_count=int((~flagged).sum()),
        other_stalled_count=int(stalled[~flagged].sum()),
    )
