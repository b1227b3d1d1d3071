"""Walk-forward: origins in the past, trials paired over all of them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from closecurve.models.choice import DEFAULTS, Choice
from closecurve.models.held_back import Part, gap_of
from closecurve.models.walk_forward import Origin, WalkForward

CUTOFF = pd.Timestamp("2025-01-01")
STARTS = [pd.Timestamp("2024-07-01"), pd.Timestamp("2024-09-15")]
COMMON = {"rounds": 4, "seeds": 1, "min_rows": 20}
STUMPS = Choice(settings={"leaves": 2})


@pytest.fixture(scope="module")
def part(simulated: Callable[..., Any]) -> Part:
    company = simulated(200, seed=1)
    return Part(rows=company.rows, labels=company.labels)


@pytest.fixture(scope="module")
def walk(part: Part) -> WalkForward:
    return WalkForward.over(part, STARTS, CUTOFF, (30.0,), COMMON)


def test_each_origin_asks_what_came_between_it_and_the_next(walk: WalkForward) -> None:
    first, second = walk.origins
    assert first.early.rows["as_of"].max() < STARTS[0] <= first.late.rows["as_of"].min()
    assert first.late.rows["as_of"].max() < STARTS[1] <= second.late.rows["as_of"].min()
    ends = first.early.rows["as_of"] + pd.to_timedelta(first.early.labels["duration_days"], "D")
    assert ends.max() <= STARTS[0]


def test_a_gap_over_origins_is_the_mean_of_theirs(part: Part, walk: WalkForward) -> None:
    default, other = walk.trial(DEFAULTS), walk.trial(STUMPS)
    apart = [
        gap_of(
            it.late, it.asked, it.answers(one, it.hazards(one)), it.answers(two, it.hazards(two))
        ).gap
        for it, one, two in zip(walk.origins, default.models, other.models, strict=True)
    ]
    assert walk.gap(default, other).gap == pytest.approx(np.mean(apart))
    assert walk.gap(default, default).gap == 0.0


def test_fewer_rounds_are_read_from_trees_that_are_there_and_more_are_grown(
    walk: WalkForward,
) -> None:
    default = walk.trial(DEFAULTS)
    for rounds in (2, 8):
        choice = Choice(settings={"rounds": rounds})
        found, grown = walk.trial_beside(default, choice), walk.trial(choice)
        assert found.choice == choice
        assert found.rounds == rounds
        assert found.answers.log_loss == grown.answers.log_loss


def test_an_origin_before_the_first_close_is_left_out(part: Part) -> None:
    first = part.rows["as_of"].min()
    walk = WalkForward.over(part, [first, *STARTS], CUTOFF, (30.0,), COMMON)
    assert [it.start for it in walk.origins] == STARTS


def test_a_few_closes_choose_nothing_by_horizons_shorter_than_those_wanted(part: Part) -> None:
    """Two hundred deals, of which fewer had closed by the origin."""
    assert Origin.between(part, STARTS[0], CUTOFF, CUTOFF, (30.0,)) is not None
    assert Origin.between(part, STARTS[0], CUTOFF, CUTOFF, (999.0,)) is None


def test_records_apart_share_no_record(part: Part) -> None:
    origin = Origin.apart(part, CUTOFF, (30.0,))
    assert origin is not None
    early, late = (set(it.rows["deal_id"]) for it in (origin.early, origin.late))
    assert early
    assert late
    assert not early & late
    assert Origin.apart(part.where(np.zeros(len(part), dtype=bool)), CUTOFF, (30.0,)) is None
