"""Leaks: the exact test by hand and against SciPy, what is compared, and the money."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, fisher_exact

from closecurve.models.funnel.leaks import (
    COLUMNS,
    LEVEL,
    Gap,
    chance_of_so_few,
    detectable_drop,
    holm,
    leaks,
)

AS_OF = pd.Timestamp("2026-01-01")


def exits(moved: int, lost: int, days_ago: float, team: str = "north", **more: Any) -> pd.DataFrame:
    """So many exits of one stage, all after ten days; those that moved on were won."""
    has_moved = np.arange(moved + lost) < moved
    columns = {
        "process": "default",
        "stage": "Proposal",
        "stage_order": 1,
        "exited_at": AS_OF - pd.Timedelta(days=days_ago),
        "stay_days": 10.0,
        "has_moved": has_moved,
        "is_won": has_moved.astype(float),
        "amount_company": 100.0,
        "team": team,
        **more,
    }
    return pd.DataFrame(columns)


def judged(*parts: pd.DataFrame, kind: str = "company") -> pd.DataFrame:
    return leaks(pd.concat(parts, ignore_index=True), AS_OF, [kind])


@given(st.lists(st.integers(0, 12), min_size=4, max_size=4))
def test_one_band_is_fishers_exact_test(cells: list[int]) -> None:
    counts = np.array(cells, dtype=np.int64).reshape(2, 2, 1)
    table = [[counts[0, 1, 0], counts[0, 0, 0]], [counts[1, 1, 0], counts[1, 0, 0]]]
    expected = fisher_exact(table, alternative="less").pvalue
    assert chance_of_so_few(counts) == pytest.approx(expected, abs=1e-9)


def test_several_bands_are_every_way_to_share_them_out() -> None:
    """Two bands of one recent and one past exit, one of each two moved on: both, one or none of the
    recent did with chances 1/4, 1/2, 1/4."""
    band = [[1, 1], [0, 0]], [[0, 0], [1, 1]]
    assert chance_of_so_few(np.array(band)) == pytest.approx(0.25)
    assert chance_of_so_few(np.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]]])) == pytest.approx(0.75)


def test_holms_correction_keeps_the_order_and_is_at_least_the_chance() -> None:
    chances = np.array([0.04, 0.01, 0.2, 0.01])
    adjusted = holm(chances)
    assert adjusted.tolist() == pytest.approx([0.08, 0.04, 0.2, 0.04])
    assert holm(np.array([])).tolist() == []


def test_a_fall_below_its_own_past_is_named_with_its_money() -> None:
    """30 of 100 where 60 of 100 were to be expected: 30 are missing, each worth 100 x 1."""
    (row,) = judged(exits(30, 70, 10), exits(240, 160, 200)).to_dict("records")
    assert (row["against"], row["is_leak"], row["exit_count"]) == ("past", True, 100)
    assert (row["conversion_rate"], row["expected_rate"]) == pytest.approx((0.3, 0.6))
    assert row["missing_count"] == pytest.approx(30.0)
    assert row["lost_money"] == pytest.approx(3_000.0)
    assert row["lost_money_low"] < row["lost_money"] < row["lost_money_high"]
    assert row["drop_low"] > 0.15
    assert row["detectable_drop"] < 0.3


def test_the_same_rate_as_in_the_past_is_no_leak() -> None:
    (row,) = judged(exits(60, 40, 10), exits(240, 160, 200)).to_dict("records")
    assert not row["is_leak"]
    assert row["drop"] == pytest.approx(0.0)


def test_as_long_stays_are_compared_so_a_slower_quarter_is_no_leak() -> None:
    """Long stays always convert at 20 %, short ones at 80 %; lately more of them were long."""
    long: dict[str, Any] = {"stay_days": 40.0}
    recent = [exits(16, 4, 10), exits(16, 64, 10, **long)]
    past = [exits(160, 40, 200), exits(40, 160, 200, **long)]
    (row,) = judged(*recent, *past).to_dict("records")
    assert (row["conversion_rate"], row["expected_rate"]) == pytest.approx((0.32, 0.32))
    assert not row["is_leak"]


def test_a_team_is_compared_with_the_others_and_the_company_with_nobody() -> None:
    parts = (exits(20, 60, 100), exits(180, 60, 100, team="south"))
    teams = judged(*parts, kind="team")
    north, south = teams[teams["against"] == "peers"].sort_values("scope").to_dict("records")
    assert north["expected_rate"] == pytest.approx(0.75)
    assert (north["is_leak"], south["is_leak"]) == (True, False)
    assert "peers" not in set(judged(*parts)["against"])


def test_too_few_exits_are_not_judged() -> None:
    found = judged(exits(0, 9, 10), exits(240, 160, 200))
    assert found.empty
    assert tuple(found.columns) == COLUMNS


def test_exits_after_the_year_and_a_quarter_are_not_looked_at() -> None:
    near = (exits(30, 70, 10), exits(60, 40, 200))
    pd.testing.assert_frame_equal(judged(*near), judged(*near, exits(500, 1, 500)))


def test_the_detectable_drop_is_found_about_as_often_as_planned() -> None:
    recent, past, rate = 120, 480, 0.6
    gap = Gap(rate=rate, expected=rate, recent_count=recent, reference_count=past)
    low = rate - detectable_drop(gap, LEVEL)
    random = np.random.default_rng(1)
    found = 0
    for _ in range(400):
        moved, before = random.binomial(recent, low), random.binomial(past, rate)
        cells = [[[recent - moved], [moved]], [[past - before], [before]]]
        found += chance_of_so_few(np.array(cells)) <= LEVEL
    assert binom.cdf(found, 400, 0.8) > 0.01
    assert binom.sf(found, 400, 0.93) > 0.01


def test_no_drop_can_be_told_where_hardly_anything_is_counted() -> None:
    gap = Gap(rate=0.2, expected=0.2, recent_count=10, reference_count=10)
    assert np.isnan(detectable_drop(gap, 0.001))
