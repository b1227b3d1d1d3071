"""How much of the won revenue hangs on few owners or accounts, against what luck alone makes."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

DRAWS = 400
"""Quantiles of 2.5 % rest on ten draws."""

RULE_SHARE = 0.75
"""A company where a few carry three quarters of the sales is at risk."""
FEW_SHARE = 0.25
"""A few: at most a quarter of those who carry revenue; even luck seldom comes near it."""

LORENZ_POINTS = 50

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Concentration:
    """The spread of won revenue over its holders (owners or accounts).

    `gini` is 0 where all hold the same and towards 1 where one holds everything, with its 95 %
    interval (reflected bootstrap). `luck_gini` is its mean if the same wins had fallen to the same
    holders by even luck, `luck_gini_high` the top of its 95 %. `rule_count` holders
    carry at least `RULE_SHARE`, `is_at_risk` if they are few and luck does not explain it. `lorenz`
    has shares of holders (smallest first) and of revenue, from (0, 0) to (1, 1).
    """

    holder_count: int
    won_count: int
    won_amount: float
    gini: float
    gini_low: float
    gini_high: float
    luck_gini: float
    luck_gini_high: float
    top_share: float
    top_three_share: float
    rule_count: int
    lorenz: tuple[tuple[float, float], ...]

    @property
    def rule_share(self) -> float:
        """The share of the holders that carry `RULE_SHARE` of the revenue."""
        return self.rule_count / self.holder_count

    @property
    def is_at_risk(self) -> bool:
        """Whether few holders carry three quarters, and more so than luck explains."""
        return self.rule_share <= FEW_SHARE and self.gini_low > self.luck_gini_high


def concentration(
    closed: pd.DataFrame, holder: str, *, only_winners: bool = False
) -> Concentration | None:
    """How won revenue is spread over the values of the column `holder`.

    `closed`: the closed deals of the time looked at, with is_won, amount_company and the holder;
    a holder with a closed deal and no win holds nothing. With `only_winners` the holders are those
    that have a win, as accounts that bought: others may come, so they are drawn again as a whole,
    and luck gives each of them one win first. None without two holders and two wins that have an
    amount. Seeded.
    """
    known = closed[closed[holder].notna()]
    won = known[known["is_won"] & (known["amount_company"] > 0)]
    names = np.sort((won if only_winners else known)[holder].unique())
    if len(names) < 2 or len(won) < 2:
        return None
    code = np.searchsorted(names, won[holder].to_numpy())
    amount = won["amount_company"].to_numpy(dtype=np.float64)
    held = np.sort(_held(code, amount, len(names)))
    through = np.cumsum(held[::-1]) / held.sum()
    again = _holders_again(held) if only_winners else _wins_again(code, amount, len(names))
    luck = _by_luck(amount, len(names), firsts=len(names) if only_winners else 0)
    now = float(gini(held))
    # Reflected (Davison and Hinkley, 1997, 5.2): wins drawn again fall on fewer holders, so the
    # drawn coefficients lie above the seen one, by as much as that lies above the true one.
    low, high = np.clip(2 * now - np.quantile(again, (0.975, 0.025)), 0.0, 1.0)
    return Concentration(
        holder_count=len(names),
        won_count=len(won),
        won_amount=float(held.sum()),
        gini=now,
        gini_low=float(low),
        gini_high=float(high),
        luck_gini=float(luck.mean()),
        luck_gini_high=float(np.quantile(luck, 0.975)),
        top_share=float(through[0]),
        top_three_share=float(through[min(2, len(held) - 1)]),
        rule_count=int(np.searchsorted(through, RULE_SHARE - 1e-9) + 1),
        lorenz=_lorenz(held),
    )


def gini(held: Floats) -> Floats:
    """(…) the Gini coefficient along the last axis of amounts (…, holders), all 0 or more.

    Corrected for the number of holders (n / (n - 1)), so that one who holds everything makes 1.

    >>> gini(np.array([0.0, 0.0, 4.0])).round(3).item()
    1.0
    """
    count = held.shape[-1]
    rank = 2 * np.arange(1, count + 1) - count - 1
    ordered = np.sort(held, axis=-1)
    return np.asarray((ordered * rank).sum(axis=-1) / (count - 1) / ordered.sum(axis=-1))


def _held(code: NDArray[np.intp], amount: Floats, holders: int) -> Floats:
    return np.asarray(np.bincount(code, amount, holders), dtype=np.float64)


def _wins_again(code: NDArray[np.intp], amount: Floats, holders: int) -> Floats:
    """(draws,) the coefficient with the wins drawn again."""
    random = np.random.default_rng(0)
    picks = (random.integers(0, len(code), len(code)) for _ in range(DRAWS))
    return np.array([gini(_held(code[at], amount[at], holders)) for at in picks])


def _holders_again(held: Floats) -> Floats:
    """(draws,) the coefficient with the holders drawn again, each with all that it holds."""
    picks = np.random.default_rng(0).integers(0, len(held), (DRAWS, len(held)))
    return gini(held[picks])


def _by_luck(amount: Floats, holders: int, *, firsts: int) -> Floats:
    """(draws,) the coefficient with every win falling to any holder alike.

    The first so many holders have one win each, whichever, before the others fall.
    """
    random = np.random.default_rng(1)
    made = np.empty(DRAWS)
    for draw in range(DRAWS):
        code = random.integers(0, holders, len(amount))
        code[:firsts] = np.arange(firsts)
        made[draw] = gini(_held(code, random.permutation(amount), holders))
    return made


def _lorenz(held: Floats) -> tuple[tuple[float, float], ...]:
    """Points of the curve, at most `LORENZ_POINTS` of them after the first."""
    shares = np.concatenate([[0.0], np.cumsum(held) / held.sum()])
    steps = np.unique(np.linspace(0, len(held), LORENZ_POINTS + 1).round().astype(int))
    return tuple((float(step / len(held)), float(shares[step])) for step in steps)
