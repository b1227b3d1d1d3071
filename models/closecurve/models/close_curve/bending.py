"""Two grids, one curve: the shape from fine intervals, the level from coarse ones.

Trees on coarse intervals answer the question itself, whether a deal closes within 30 days, and do
not add up the small errors of thirty days; trees on fine intervals know how the days differ. In
each coarse interval the fine curve is scaled so that what closes in it is the geometric mean of
both answers. It stays one curve: won and lost never fall, and with the open they sum to 1.
"""

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from closecurve.models.incidence import from_hazards
from closecurve.models.unfold import Grid

Floats = NDArray[np.float64]

LEAST = 1e-12
"""Probabilities are kept this far from 0 before they are divided by."""


def spans_of(coarse: Grid, fine: Grid) -> list[slice]:
    """The fine intervals that make up each coarse one, whose edges are all edges of the fine."""
    places = np.searchsorted(fine.edges, coarse.edges).tolist()
    return [slice(first, last) for first, last in itertools.pairwise(places)]


def coarsened(hazards: Floats, spans: Sequence[slice]) -> Floats:
    """Hazards (n, C, 3) of the coarse intervals, from those (n, K, 3) of the fine ones."""
    return np.stack([from_hazards(hazards[:, span])[:, :, -1] for span in spans], axis=1)


def bent(hazards: Floats, coarse: Floats, spans: Sequence[slice]) -> Floats:
    """Fine hazards (..., K, 3) bent half-way to the coarse ones (..., C, 3), on the log scale.

    Coarse intervals beyond the last fine one are left out; fine ones beyond them stay.
    """
    made = hazards.copy()
    for place, span in enumerate(spans):
        own = hazards[..., span, :]
        if own.shape[-2]:
            made[..., span, :] = _scaled(own, coarse[..., place, :])
    return made


def _scaled(own: Floats, wanted: Floats) -> Floats:
    """Hazards (..., J, 3) of one span, so that it ends at the mean of its own end and `wanted`."""
    # Sums are cumulative ones: those add up in the same order, however many rows there are.
    before = np.ones(own.shape[:-1])
    np.cumprod(own[..., :-1, 0], axis=-1, out=before[..., 1:])
    risen = np.cumsum(own[..., 1:] * before[..., None], axis=-2)
    end = np.empty_like(wanted)
    end[..., 1:] = risen[..., -1, :]
    end[..., 0] = own[..., -1, 0] * before[..., -1]
    aim = np.sqrt(np.maximum(end, LEAST) * np.maximum(wanted, LEAST))
    aim /= np.cumsum(aim, axis=-1)[..., -1:]
    risen *= (aim[..., 1:] / np.maximum(end[..., 1:], LEAST))[..., None, :]
    still = np.ones(before.shape)
    still[..., 1:] -= risen[..., :-1, 0] + risen[..., :-1, 1]
    made = np.empty_like(own)
    made[..., 1:] = np.diff(risen, axis=-2, prepend=0.0) / np.maximum(still, LEAST)[..., None]
    made[..., 0] = np.maximum(1.0 - made[..., 1] - made[..., 2], 0.0)
    return made
