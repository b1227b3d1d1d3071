"""The engine of the demo company's truth, against closed forms and against its own walks."""

import numpy as np
import pandas as pd
import pytest

from closecurve.crm.demo.chain import Chain, Standing, Starts, incidence, walk
from closecurve.crm.demo.days import (
    CLOSES,
    DAY,
    FAR,
    OPENS,
    Ints,
    make_clock,
    quarter_starts,
    rush,
    work,
)
from closecurve.crm.demo.deals import LOST, OPEN, WON
from closecurve.crm.demo.world import make_world
from closecurve.crm.errors import UsageError

CLOCK = make_clock(pd.Timestamp("2025-06-02"))
TODAY = CLOCK.last_day - 400
MIDNIGHT = TODAY * DAY
NOON_OF_WORK = TODAY * DAY - int(CLOCK.offsets[TODAY - CLOCK.first_day]) + (OPENS + CLOSES) // 2


def steady(won: float, lost: float) -> Chain:
    """One open state with the same two rates on every day."""
    one = np.ones((1, 2))
    return Chain(
        rates=np.array([[[0, won, 0]], [[0, 0, lost]]]),
        calendar=np.ones((len(CLOCK.offsets), 2)),
        age_bounds=np.empty(0, dtype=np.int64),
        age_factors=one,
        before=one,
        after=one,
        switch_day=np.array([FAR]),
        clock=CLOCK,
    )


def standing(second: int, state: int = 0) -> Standing:
    return Standing(
        subject=np.array([0]),
        state=np.array([state]),
        origin=np.array([TODAY - 30]),
        second=np.array([second]),
    )


@pytest.mark.parametrize("days", [0, 1, 7, 365])
def test_steady_rates_give_the_exponential_law_of_two_causes(days: int) -> None:
    curve = incidence(steady(0.02, 0.03), standing(MIDNIGHT), np.array([float(days)]))[0, :, 0]
    ended = 1 - np.exp(-0.05 * days)
    assert curve == pytest.approx([1 - ended, 0.4 * ended, 0.6 * ended], abs=1e-6)


def test_the_end_of_the_curve_shares_the_causes() -> None:
    curve = incidence(steady(0.02, 0.03), standing(MIDNIGHT), None)[0, :, 0]
    assert curve == pytest.approx([0, 0.4, 0.6], abs=1e-6)


def test_half_a_day_of_work_has_half_of_the_day_s_moves() -> None:
    half = (NOON_OF_WORK - MIDNIGHT) / DAY
    by_noon = incidence(steady(0.5, 0.0), standing(MIDNIGHT), np.array([half]))[0, 1, 0]
    assert by_noon == pytest.approx((1 - np.exp(-0.5)) / 2, abs=1e-4)


def test_half_a_day_without_a_move_leaves_the_conditional_half() -> None:
    day = 1 - np.exp(-0.5)
    rest = incidence(steady(0.5, 0.0), standing(NOON_OF_WORK), np.array([0.45]))[0, 1, 0]
    assert rest == pytest.approx((day / 2) / (1 - day / 2), abs=1e-4)


def test_nothing_moves_on_the_day_of_creation() -> None:
    fresh = Standing(
        subject=np.array([0]),
        state=np.array([0]),
        origin=np.array([TODAY]),
        second=np.array([MIDNIGHT]),
    )
    curve = incidence(steady(0.5, 0.1), fresh, np.array([1.0, 2.0]))[0]
    assert curve[0, 0] == 1.0
    assert curve[0, 1] == pytest.approx(np.exp(-0.6))


@pytest.mark.parametrize(("state", "expected"), [(1, [0, 1, 0]), (2, [0, 0, 1])])
def test_an_ending_stays(state: int, expected: list[float]) -> None:
    chain = steady(0.02, 0.03)
    assert incidence(chain, standing(MIDNIGHT, state), None)[0, :, 0].tolist() == expected
    assert (
        incidence(chain, standing(MIDNIGHT, state), np.array([5.0]))[0, :, 0].tolist() == expected
    )


def test_the_walks_of_one_deal_end_as_its_curve_says() -> None:
    """20,000 walks of the same deal from the same day: the whole engine, all kinds of moves."""
    world = make_world(40, 3, pd.Timestamp("2025-06-02"))
    chain, times, walks = world.deal_chain, np.array([10.0, 45.0, 120.0, 300.0]), 20_000
    deal, state, day = 17, 2, chain.clock.last_day - 301
    origin = np.full(walks, day)
    starts = Starts(subject=np.full(walks, deal), state=np.full(walks, state), day=origin)
    moves = walk(chain, starts, day + 300, np.random.default_rng(5))
    at = Standing(
        subject=starts.subject[:1],
        state=starts.state[:1],
        origin=origin[:1],
        second=np.array([(day + 1) * DAY]),
    )
    expected = incidence(chain, at, times)[0, 1:]
    seen = [[ended(moves.to_state, moves.day, kind, day, t) for t in times] for kind in (WON, LOST)]
    error = np.sqrt(expected * (1 - expected) / walks)
    assert (np.abs(np.array(seen) / walks - expected) < 4 * error + 1e-9).all()
    assert expected[:, -1].min() > 0.1


def ended(to_state: Ints, days: Ints, kind: int, day: int, time: float) -> int:
    return int(((to_state == kind) & (days <= day + time)).sum())


def test_no_walk_moves_after_its_end_or_before_its_start() -> None:
    world = make_world(300, 3, pd.Timestamp("2025-06-02"))
    steps = world.deal_paths.steps
    follows = steps.subject[1:] == steps.subject[:-1]
    assert (np.diff(steps.second)[follows] > 0).all()
    assert (steps.from_state[1:] == steps.to_state[:-1])[follows].all()
    assert (steps.second > world.deals.created[steps.subject]).all()
    assert set(steps.from_state[steps.from_state >= OPEN]) <= {LOST}


def test_a_chain_of_another_shape_is_refused() -> None:
    with pytest.raises(UsageError, match=r"age_factors holds rates .* got \(2, 2\)") as caught:
        Chain(
            rates=np.ones((2, 1, 3)),
            calendar=np.ones((len(CLOCK.offsets), 2)),
            age_bounds=np.empty(0, dtype=np.int64),
            age_factors=np.ones((2, 2)),
            before=np.ones((1, 2)),
            after=np.ones((1, 2)),
            switch_day=np.array([FAR]),
            clock=CLOCK,
        )
    assert caught.value.code == "demo-chain"


def test_the_quarter_s_last_day_pulls_most_and_a_sunday_hardly() -> None:
    end = int(quarter_starts(4 * 55 + 1)) - 1  # 2025-03-31, a Monday
    assert rush(np.array([end]))[0] == pytest.approx(1 + 1.3 * 13 / 14)
    assert rush(np.array([end + 1]))[0] == 0.75
    assert work(np.array([end - 1, end])).tolist() == [0.08, 1.0]


def test_working_hours_fall_into_the_utc_day_of_the_same_date() -> None:
    days = np.arange(CLOCK.first_day, CLOCK.first_day + 800)
    seconds = CLOCK.at(days, np.random.default_rng(1))
    assert (seconds // DAY == days).all()
    local = pd.to_datetime(seconds, unit="s", utc=True).tz_convert("America/New_York")
    assert ((local.hour >= 8) & (local.hour < 18)).all()
