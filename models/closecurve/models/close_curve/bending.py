"""Two grids, one curve: the shape from fine intervals, the level from coarse ones.

Trees on coarse intervals answer the question itself, whether a deal closes within 30 days, and do
not add up the small errors of thirty days; trees on fine intervals know how the days differ. In
each coarse interval the fine curve is scaled so that what closes in it is the geometric mean of
both answers. It stays one curve: won and lost never fall, and with the open they sum to 1.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from closecurve.models.incidence import from_hazards
from closecurve.models.unfold import Grid

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST = 1e-12
"""Probabilities are kept this far from 0 before they are divided by."""

SMALLEST = np.finfo(np.float64).tiny
"""What is still open after many intervals may be nearly nothing, and is divided by too."""


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
    made = np.moveaxis(np.empty((3, *hazards.shape[:-1])), 0, -1)
    made[:] = hazards
    lengths = [len(range(*span.indices(hazards.shape[-2]))) for span in spans]
    within = _Spans.of([length for length in lengths if length])
    if within.count:
        fine, wanted = np.moveaxis(made, -1, 0), np.moveaxis(coarse, -1, 0)
        _scale(fine[..., : within.stop], wanted[..., : within.count], within)
    return made


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Spans:
    """The `first` and `last` fine interval (C,) of each span, and the span `of_each` (K,)."""

    first: Ints
    last: Ints
    of_each: Ints

    @classmethod
    def of(cls, lengths: Sequence[int]) -> Self:
        ends = np.cumsum(lengths, dtype=np.int64)
        spans = np.arange(len(lengths))
        return cls(first=ends - lengths, last=ends - 1, of_each=np.repeat(spans, lengths))

    @property
    def count(self) -> int:
        return len(self.first)

    @property
    def stop(self) -> int:
        return len(self.of_each)

    def spread(self, values: Floats) -> Floats:
        """(..., K) of each fine interval what (..., C) is of its span."""
        return values[..., self.of_each]


def _scale(fine: Floats, wanted: Floats, spans: _Spans) -> None:
    """Hazards (3, ..., K) in place, so that each span ends at the mean of its end and `wanted`.

    Sums and products are cumulative, so they are formed in one order however many rows there are.
    """
    before = np.ones(fine.shape[1:])
    np.cumprod(fine[0, ..., :-1], axis=-1, out=before[..., 1:])
    before /= spans.spread(np.maximum(before[..., spans.first], SMALLEST))
    closes = fine[1:] * before
    risen = closes.cumsum(axis=-1)
    risen -= spans.spread((risen - closes)[..., spans.first])
    end = np.empty(wanted.shape)
    end[0], end[1:] = (fine[0] * before)[..., spans.last], risen[..., spans.last]
    aim = np.sqrt(np.maximum(end, LEAST) * np.maximum(wanted, LEAST))
    aim /= aim[0] + aim[1] + aim[2]
    factor = spans.spread(aim[1:] / np.maximum(end[1:], LEAST))
    closes *= factor
    risen *= factor
    risen -= closes
    fine[1:] = closes / np.maximum(1.0 - risen[0] - risen[1], LEAST)
    fine[0] = np.maximum(1.0 - fine[1] - fine[2], 0.0)
