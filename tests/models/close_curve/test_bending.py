"""Two grids, one curve: what must hold whatever the trees say."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from closecurve.models.close_curve.bending import bent, coarsened, spans_of
from closecurve.models.incidence import from_hazards
from closecurve.models.unfold import Grid

FINE = Grid(edges=(0.0, 1.0, 3.0, 7.0, 10.0, 14.0, 30.0))
COARSE = Grid(edges=(0.0, 7.0, 14.0))
SPANS = spans_of(COARSE, FINE)


def hazards(intervals: int) -> st.SearchStrategy[np.ndarray]:
    """Hazards (4, K, 3), some of them 0."""
    odds = st.floats(0.0, 1.0).map(lambda value: 0.0 if value < 0.05 else value)
    return arrays(np.float64, (4, intervals, 3), elements=odds).map(_normalised)


def _normalised(odds: np.ndarray) -> np.ndarray:
    odds[..., 0] += 0.01
    made: np.ndarray = odds / odds.sum(axis=-1, keepdims=True)
    return made


def test_a_coarse_interval_is_made_of_whole_fine_ones() -> None:
    assert [(span.start, span.stop) for span in SPANS] == [(0, 3), (3, 5)]


@given(fine=hazards(6), coarse=hazards(2))
def test_a_bent_curve_stays_a_curve(fine: np.ndarray, coarse: np.ndarray) -> None:
    made = bent(fine, coarse, SPANS)
    assert (made >= 0).all()
    assert np.abs(made.sum(axis=-1) - 1).max() < 1e-9
    cif = from_hazards(made)
    assert (np.diff(cif[:, 1:], axis=2) >= -1e-12).all()
    assert np.array_equal(made[:, 5:], fine[:, 5:])


@given(fine=hazards(6), coarse=hazards(2))
def test_a_coarse_interval_ends_at_the_mean_of_both_on_the_log_scale(
    fine: np.ndarray, coarse: np.ndarray
) -> None:
    found = coarsened(bent(fine, coarse, SPANS), SPANS)
    own = coarsened(fine, SPANS)
    is_told = (own > 1e-6).all(axis=-1) & (coarse > 1e-6).all(axis=-1)
    aim = np.sqrt(own * coarse)
    aim /= aim.sum(axis=-1, keepdims=True)
    assert np.abs(found - aim)[is_told].max(initial=0.0) < 1e-9


@given(fine=hazards(6))
def test_coarse_answers_that_agree_change_nothing(fine: np.ndarray) -> None:
    made = bent(fine, coarsened(fine, SPANS), SPANS)
    assert np.abs(from_hazards(made) - from_hazards(fine)).max() < 1e-6


@given(fine=hazards(6), coarse=hazards(2))
def test_a_curve_cut_after_a_coarse_interval_is_the_same_so_far(
    fine: np.ndarray, coarse: np.ndarray
) -> None:
    whole = bent(fine, coarse, SPANS)
    assert np.array_equal(bent(fine[:, :3], coarse[:, :1], SPANS[:1]), whole[:, :3])
