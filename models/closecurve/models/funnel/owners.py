"""Owners against the best: win rates shrunk for small numbers (empirical Bayes).

An owner's win rate is drawn towards the company's as far as the spread between owners says that
owners are alike: a beta prior fitted by moments (Morris, 1983), so that three lucky wins lead
nothing.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import beta

LEAST_CLOSED = 20
"""Nobody is compared on fewer closed deals."""

COLUMNS = (
    *("owner_id", "team", "closed_count", "won_count", "win_rate"),
    *("shrunk_rate", "shrunk_low", "shrunk_high", "behind_best", "won_amount"),
)
ALIKE = 1e6
"""The prior's weight in deals where owners do not differ more than luck: all are the company."""

Floats = NDArray[np.float64]


def owner_ranks(closed: pd.DataFrame) -> pd.DataFrame:
    """One row for each owner with `LEAST_CLOSED` closed deals or more, the best first.

    `closed`: owner_id, team, is_won, amount_company. shrunk_rate is the win rate drawn towards the
    company's, with its 95 % interval; behind_best how far it lies below the best one's.
    """
    grouped = closed.dropna(subset="owner_id").groupby("owner_id")
    found = grouped.agg(
        team=("team", "first"), closed_count=("is_won", "size"), won_count=("is_won", "sum")
    )
    won = closed[closed["is_won"]].groupby("owner_id")["amount_company"].sum()
    found = found.assign(won_amount=won.reindex(found.index).fillna(0.0)).reset_index()
    shown = found[found["closed_count"] >= LEAST_CLOSED]
    wins, count = (shown[name].to_numpy(np.float64) for name in ("won_count", "closed_count"))
    mean, weight = prior_of(wins, count) if len(shown) else (0.5, ALIKE)
    for_wins, for_losses = mean * weight + wins, (1 - mean) * weight + count - wins
    rate = for_wins / (for_wins + for_losses)
    ranked = shown.assign(
        win_rate=wins / count,
        shrunk_rate=rate,
        shrunk_low=beta.ppf(0.025, for_wins, for_losses),
        shrunk_high=beta.ppf(0.975, for_wins, for_losses),
        behind_best=rate.max(initial=0.0) - rate,
    )
    return ranked.sort_values(["behind_best", "owner_id"], ignore_index=True)[list(COLUMNS)]


def prior_of(wins: Floats, count: Floats) -> tuple[float, float]:
    """The mean of the owners' rates, and how many deals it weighs as much as.

    The spread of the rates beyond what luck makes of such counts is the owners' own; where there is
    none, the weight is `ALIKE`.

    >>> prior_of(np.array([5.0, 5.0]), np.array([10.0, 10.0]))
    (0.5, 1000000.0)
    """
    mean = float(np.clip(wins.sum() / count.sum(), 1e-6, 1 - 1e-6))
    spread = float((count * (wins / count - mean) ** 2).sum())
    luck = mean * (1 - mean)
    shared = count.sum() - (count**2).sum() / count.sum()
    own = (spread - luck * (len(count) - 1)) / shared if shared > 0 else 0.0
    if own <= 0:
        return mean, ALIKE
    return mean, float(min(max(luck / own - 1.0, 1.0), ALIKE))
