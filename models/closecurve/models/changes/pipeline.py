"""What changed in the pipeline: each deal's effect by kind, adding up to the whole difference.

A deal that enters or leaves what is looked at counts whole. One that stays is worth amount x rate x
chance at both instants; the difference is shared out over the three by their Shapley values
(Shapley 1953), which treat them alike and add up exactly.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from closecurve.models.changes.pairs import Flags, Pairs, Side, paired
from closecurve.models.changes.standing import Choice, Floats, Standing

NEW, REOPENED = "new", "reopened"
WON, LOST, DELETED, GONE = "won", "lost", "deleted", "gone"
MOVED_IN, MOVED_OUT = "moved_in", "moved_out"
PULLED_IN, PUSHED_OUT = "pulled_in", "pushed_out"
AMOUNT_UP, AMOUNT_DOWN = "amount_up", "amount_down"
CURRENCY, MODEL = "currency", "model"
CHANCE_UP, CHANCE_DOWN = "probability_up", "probability_down"

PIPELINE_KINDS = (
    NEW, REOPENED, MOVED_IN, PULLED_IN, AMOUNT_UP, AMOUNT_DOWN, CURRENCY, CHANCE_UP, CHANCE_DOWN,
    MODEL, PUSHED_OUT, MOVED_OUT, LOST, DELETED, GONE, WON,
)  # fmt: skip
"""Every kind, in the order that a waterfall shows them: what came, what moved, what left."""

ROUNDING = 1e-12
"""A chance that moved by less did not move: differences of doubles are no exact zeros."""

COLUMNS = ("deal_id", "kind", "effect", "before", "after")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Changes:
    """What was there at the start and at the end, and the moves between: they add up.

    `moves` has a row for each deal and kind: deal_id (null: of no single deal), kind, effect, and
    what the deal was worth before and after (0 where it did not count).
    """

    start: float
    end: float
    moves: pd.DataFrame

    def by_kind(self) -> dict[str, float]:
        """The sum of the effects of each kind that there is, in the order of the rows."""
        sums = self.moves.groupby("kind", sort=False)["effect"].sum()
        return {str(kind): float(effect) for kind, effect in sums.items()}


def pipeline_changes(before: Standing, after: Standing, choice: Choice) -> Changes:
    """The change of the open pipeline of a choice between two instants, in the company's currency.

    `after.closed` says how deals ended: one that it does not name is `gone`. `before.closed` says
    what had ended before: a deal that is open again is `reopened`. With a period, deals due in it
    are looked at, and `pulled_in` and `pushed_out` are those whose expected close crossed its edge.
    """
    pairs = paired(before, after, choice)
    return Changes(
        start=float(pairs.before.worth.sum()),
        end=float(pairs.after.worth.sum()),
        moves=open_moves(pairs, before, after),
    )


def open_moves(pairs: Pairs, before: Standing, after: Standing) -> pd.DataFrame:
    """The moves of the pairs: see `Changes.moves`."""
    left, entered, stayed = _crossings(pairs)
    kinds = np.where(left, _why_left(pairs, after.closed), _why_entered(pairs, before.closed))
    whole = pairs.after.worth - pairs.before.worth
    parts = [_rows(pairs, left | entered, kinds, whole)]
    parts += [_rows(pairs, stayed, kind, effect) for kind, effect in _shared_out(pairs).items()]
    moves = pd.concat(parts, ignore_index=True)
    return ordered(moves, PIPELINE_KINDS)


def ordered(moves: pd.DataFrame, kinds: tuple[str, ...]) -> pd.DataFrame:
    """The moves by kind, within a kind the largest first; what has no effect is left out."""
    moved = moves[moves["effect"] != 0]
    place = moved["kind"].map({kind: place for place, kind in enumerate(kinds)})
    sizes = moved.assign(_place=place, _size=-moved["effect"].abs())
    by = sizes.sort_values(["_place", "_size", "deal_id"], kind="stable", ignore_index=True)
    return by[list(COLUMNS)]


def _crossings(pairs: Pairs) -> tuple[Flags, Flags, Flags]:
    was, now = pairs.before.counts, pairs.after.counts
    return was & ~now, ~was & now, was & now


def _why_left(pairs: Pairs, closed: pd.DataFrame) -> np.ndarray:
    ends = closed.set_index("deal_id")["outcome"].reindex(pairs.deal_ids)
    ended = ends.where(ends.isin((WON, LOST, DELETED)), GONE).to_numpy(dtype=object)
    return _why_crossed(pairs.after, ended, MOVED_OUT, PUSHED_OUT)


def _why_entered(pairs: Pairs, closed: pd.DataFrame) -> np.ndarray:
    had_ended = pairs.deal_ids.isin(pd.Index(closed["deal_id"]))
    return _why_crossed(pairs.before, np.where(had_ended, REOPENED, NEW), MOVED_IN, PULLED_IN)


def _why_crossed(other: Side, not_open: np.ndarray, scope: str, period: str) -> np.ndarray:
    """Why a deal counts on one side only, from how it stands on the other."""
    stayed_open = np.where(other.in_scope, period, scope)
    return np.where(other.is_open, stayed_open, not_open)


def _shared_out(pairs: Pairs) -> Mapping[str, Floats]:
    """By kind the effects (n,) of amount, currency and chance on deals that stay."""
    was, now = pairs.before, pairs.after
    amount = _factor(was.amount, now.amount, (was.rate, was.chance), (now.rate, now.chance))
    rate = _factor(was.rate, now.rate, (was.amount, was.chance), (now.amount, now.chance))
    one = np.ones_like(was.chance)
    by_point = _factor(0 * one, one, (was.amount, was.rate), (now.amount, now.rate))
    moved = now.chance - was.chance - pairs.model_shift
    chance = by_point * np.where(np.abs(moved) < ROUNDING, 0.0, moved)
    return {
        AMOUNT_UP: np.maximum(amount, 0.0),
        AMOUNT_DOWN: np.minimum(amount, 0.0),
        CURRENCY: rate,
        MODEL: by_point * pairs.model_shift,
        CHANCE_UP: np.maximum(chance, 0.0),
        CHANCE_DOWN: np.minimum(chance, 0.0),
    }


def _factor(
    was: Floats, now: Floats, others_was: tuple[Floats, Floats], others_now: tuple[Floats, Floats]
) -> Floats:
    """The Shapley value of one of three factors in the difference of their products."""
    (b, c), (d, e) = others_was, others_now
    return np.asarray((now - was) * (2 * b * c + b * e + d * c + 2 * d * e) / 6)


def _rows(pairs: Pairs, chosen: Flags, kind: np.ndarray | str, effect: Floats) -> pd.DataFrame:
    made = pd.DataFrame(
        {
            "deal_id": pairs.deal_ids,
            "kind": kind,
            "effect": effect,
            "before": pairs.before.worth,
            "after": pairs.after.worth,
        }
    )
    return made[chosen]
