"""One sentence on how good the deal model is, honest when it is not better than the stage rates."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

HORIZON_DAYS = 30
"""The horizon that the sentence speaks of, or the one nearest to it that could be scored."""
MODEL, WON = "model", "won"

Report = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """What a reader is told of the deal model; `is_better` than the stage rates."""

    is_better: bool
    sentence: str

    @classmethod
    def of(cls, report: Report | None) -> Self | None:
        """From a training report; None where there is none."""
        if not report:
            return None
        is_better = bool(report.get("is_better"))
        yardstick = report.get("yardstick")
        scores = report.get("scores") or {}
        model, other = (_score(scores.get(name)) for name in (MODEL, yardstick))
        if model is None or other is None:
            return cls(is_better=is_better, sentence=str(report.get("finding") or ""))
        return cls(is_better=is_better, sentence=_sentence(is_better, yardstick, model, other))


def _score(scores: list[Report] | None) -> Report | None:
    """The score of winning within the horizon nearest to `HORIZON_DAYS`."""
    won = [score for score in scores or () if score["outcome"] == WON]
    return min(won, key=lambda score: abs(score["horizon_days"] - HORIZON_DAYS), default=None)


def _sentence(is_better: bool, yardstick: Any, model: Report, other: Report) -> str:
    name = str(yardstick).replace("_", " ")
    found = (
        f"On held-back months the model's log loss of winning within {model['horizon_days']:.0f}"
        f" days was {model['log_loss']:.3f}, that of the {name} {other['log_loss']:.3f}"
        " (lower is better)."
    )
    if is_better:
        return found
    return f"{found} The model is not shown to be better than the stage rates: read it with care."
