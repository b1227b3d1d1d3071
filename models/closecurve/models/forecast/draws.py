"""Draws of what open deals bring in a period, by scope: every scope adds up the same draws."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

CHUNK_CELLS = 1 << 20
"""Deals x draws that are held at once: about 30 MB, whatever the size of the company."""


def open_draws(
    probability: NDArray[np.float64],
    amount: NDArray[np.float64],
    ratios: NDArray[np.float64],
    membership: csc_array,
    draws: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """(scopes, draws) amount won of open deals.

    Each deal is won in a draw with its `probability` (deals,), and then brings its `amount`
    (deals,) times one of the `ratios`. `membership` is (scopes, deals).
    """
    total = np.zeros((membership.shape[0], draws))
    chunk = max(CHUNK_CELLS // draws, 1)
    for start in range(0, len(probability), chunk):
        part = slice(start, start + chunk)
        won = _won_amounts(probability[part, None], amount[part, None], ratios, draws, rng)
        total += membership[:, part] @ won
    return total


def _won_amounts(
    probability: NDArray[np.float64],
    amount: NDArray[np.float64],
    ratios: NDArray[np.float64],
    draws: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """(deals, draws). Given a win, the uniform over the probability is uniform again: it picks."""
    uniform = rng.random((len(probability), draws))
    won = uniform < probability
    if len(ratios) == 1:
        return np.where(won, amount * ratios[0], 0.0)
    place = np.divide(uniform, probability, out=np.zeros_like(uniform), where=won) * len(ratios)
    picked = ratios[np.minimum(place, len(ratios) - 1).astype(np.intp)]
    return np.where(won, amount * picked, 0.0)
