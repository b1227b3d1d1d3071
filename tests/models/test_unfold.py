"""Person-period unfolding: grid, cells, what is counted, thinning."""

import numpy as np
import pandas as pd
import pytest

from closecurve.crm.errors import DataError, UsageError
from closecurve.models.unfold import (
    UNSEEN_EDGES,
    Grid,
    Labels,
    choose_grid,
    coarse_grid,
    read_labels,
    row_hashes,
    thin,
    unfold,
)

GRID = Grid(edges=(0.0, 1.0, 3.0, 7.0))


def labels(event: list[int], days: list[float], followed: list[float]) -> Labels:
    return Labels(
        event=np.asarray(event),
        duration_days=np.asarray(days, dtype=float),
        followed_days=np.asarray(followed, dtype=float),
    )


def cells_of(event: int, days: float, followed: float) -> list[tuple[int, int]]:
    cells = unfold(labels([event], [days], [followed]), GRID)
    return list(zip(cells.interval.tolist(), cells.outcome.tolist(), strict=True))


@pytest.mark.parametrize(
    ("event", "days", "followed", "expected"),
    [
        (1, 2.5, 100, [(0, 0), (1, 1)]),
        (2, 1.0, 100, [(0, 2)]),
        (1, 0.0, 100, [(0, 1)]),
        (0, 3.0, 3.0, [(0, 0), (1, 0)]),
        (0, 2.9, 2.9, [(0, 0)]),
        (0, 0.5, 0.5, []),
        (1, 50.0, 100, [(0, 0), (1, 0), (2, 0)]),
        (1, 2.5, 2.8, [(0, 0)]),
    ],
)
def test_a_landmark_becomes_the_cells_it_was_watched_through(
    event: int, days: float, followed: float, expected: list[tuple[int, int]]
) -> None:
    assert cells_of(event, days, followed) == expected


def test_a_closed_landmark_is_watched_to_the_end_of_the_data() -> None:
    as_of = pd.Series(pd.to_datetime(["2026-01-01", "2026-01-11"]))
    y = pd.DataFrame({"event": [1, 0], "duration_days": [3.0, 20.0]})
    assert read_labels(y, as_of).followed_days.tolist() == [30.0, 20.0]


def test_without_as_ofs_a_closed_landmark_is_watched_past_its_close() -> None:
    y = pd.DataFrame({"event": [1, 0], "duration_days": [3.0, 20.0]})
    assert read_labels(y).followed_days.tolist() == [np.inf, 20.0]


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"event": [1]}, "label-columns"),
        ({"event": [3], "duration_days": [1.0]}, "label-event"),
        ({"event": [1], "duration_days": [-1.0]}, "label-duration"),
        ({"event": [1], "duration_days": [np.nan]}, "label-duration"),
    ],
)
def test_what_is_no_label_is_refused(frame: dict[str, list[float]], code: str) -> None:
    with pytest.raises(DataError) as caught:
        read_labels(pd.DataFrame(frame))
    assert caught.value.code == code


def test_the_grid_is_made_of_whole_days_with_about_as_many_closes_in_each() -> None:
    days = np.random.default_rng(0).exponential(60, 5000)
    grid = choose_grid(days)
    edges = np.asarray(grid.edges)
    assert (edges == np.round(edges)).all()
    assert np.diff(edges).min() >= 1
    assert 20 <= len(grid) <= 40
    inside = np.histogram(days, edges)[0]
    assert inside.max() <= 5000 / 24 * 1.5


def test_the_days_that_are_asked_for_most_are_edges() -> None:
    edges = choose_grid(np.repeat([2.0, 20.0, 60.0], 50)).edges
    assert {7.0, 14.0, 30.0} <= set(edges)
    assert max(edges) == 60.0


def test_the_tail_of_the_grid_is_cut_finer() -> None:
    edges = np.asarray(choose_grid(np.asarray([1.0] * 50 + [400.0] * 3)).edges)
    assert (np.diff(edges)[1:] <= np.maximum(2.0, edges[1:-1] / 4) + 1).all()


def test_few_of_the_longest_closes_lie_beyond_the_grid() -> None:
    days = np.arange(1.0, 1001.0)
    assert choose_grid(days).horizon_days == 995


def test_a_grid_without_closes_or_with_one() -> None:
    assert choose_grid(np.asarray([])).edges == UNSEEN_EDGES
    assert choose_grid(np.asarray([0.0])).edges == (0.0, 1.0)


def test_a_young_company_has_edges_beyond_what_was_watched() -> None:
    days = np.repeat([2.0, 9.0], 50)
    edges = choose_grid(days, longest_days=20.0).edges
    assert edges[-7:] == (14.0, 30.0, 45.0, 60.0, 90.0, 135.0, 180.0)
    assert choose_grid(days, longest_days=400.0).horizon_days == 9.0


def test_a_coarse_grid_takes_the_days_that_are_asked_while_enough_close() -> None:
    fine = Grid(edges=(0.0, 2.0, 7.0, 10.0, 14.0, 21.0, 30.0, 60.0, 89.0, 120.0))
    days = [1.0] * 9 + [9.0] * 10 + [20.0] * 10 + [50.0] * 10 + [100.0] * 9
    made = labels([1, 2] * 24, days, [500.0] * 48)
    grid = coarse_grid(fine, made, least=10)
    # Too few close within 7 days, and after 89: the first are counted with the next.
    assert grid is not None
    assert grid.edges == (0.0, 14.0, 30.0, 89.0)


def test_a_coarse_interval_counts_what_could_be_watched_to_its_end() -> None:
    fine = Grid(edges=(0.0, 7.0, 14.0))
    made = labels([1] * 20, [5.0] * 10 + [9.0] * 10, [100.0] * 10 + [10.0] * 10)
    grid = coarse_grid(fine, made, least=10)
    assert grid is not None
    assert grid.edges == (0.0, 7.0)
    assert coarse_grid(fine, made, least=11) is None


def test_edges_rise_from_zero() -> None:
    with pytest.raises(UsageError, match="edges rise from 0"):
        Grid(edges=(0.0, 2.0, 1.0))


def test_thinning_keeps_about_the_number_and_makes_up_for_the_rest() -> None:
    generator = np.random.default_rng(3)
    made = labels([1, 0] * 2000, generator.exponential(20, 4000).tolist(), [100.0] * 4000)
    grid = Grid(edges=tuple(np.arange(60.0)))
    cells = unfold(made, grid)
    hashes = row_hashes(generator.normal(size=(4000, 1)).astype(np.float32), made)
    kept, weight = thin(cells, hashes, 20_000)
    assert len(kept.row) == pytest.approx(20_000, rel=0.05)
    for outcome in (0, 1):
        whole = np.count_nonzero(cells.outcome == outcome)
        assert weight[kept.outcome == outcome].sum() == pytest.approx(whole, rel=0.05)


def test_few_cells_are_all_kept() -> None:
    made = labels([1], [2.0], [9.0])
    cells = unfold(made, GRID)
    kept, weight = thin(cells, row_hashes(np.zeros((1, 1), np.float32), made), 10)
    assert kept is cells
    assert weight.tolist() == [1.0, 1.0]
