"""Flags: the bound, the reasons, the checkpoints, the next step."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from closecurve.models.panel import stratum
from closecurve.models.stall.bounds import Bound, choose_bound
from closecurve.models.stall.flags import checkpoints, flags, funnel_parts, still_days
from closecurve.models.stall.usual import LEAST_DEALS, Population, Usual, learn_usual

AS_OF = pd.Timestamp("2026-03-01")
STAGE = stratum(("p", "Proposal"))
USUAL = Usual(
    dwell={STAGE: (10.0, 20.0)},
    silence={"": 14.0},
    facts={"dwell": Population(rate=0.6, count=90, other_rate=0.4, other_count=400)},
)


def deal(**values: Any) -> dict[str, Any]:
    return {
        "process": "p",
        "stage": "Proposal",
        "stage_rate_fixed": 0.5,
        "stage_rate_history": np.nan,
        "days_in_stage": 5.0,
        "days_since_activity": 2.0,
        "push_count": 0.0,
        "days_to_expected_close": 10.0,
        "quiet_days": 2.0,
        "still_days": 5.0,
    } | values


def told(*rows: dict[str, Any]) -> pd.DataFrame:
    frame = pd.DataFrame(list(rows))
    chance, usual = np.full(len(frame), 0.8), np.full(len(frame), 0.5)
    return flags(frame, chance, usual, Bound(), USUAL)


def codes(row: pd.Series) -> list[str]:
    return [reason["code"] for reason in row["reasons"]]


def test_a_deal_as_usual_has_no_reason_and_the_step_of_all_taken_together() -> None:
    (row,) = (row for _, row in told(deal()).iterrows())
    assert codes(row) == []
    assert (row["next_step"], row["checkpoint"]) == ("middle:together", None)
    assert (row["dwell_q50_days"], row["dwell_q80_days"]) == (10.0, 20.0)


@pytest.mark.parametrize(
    ("held", "code", "bound"),
    [
        ({"days_since_activity": 14.5}, "silence", 14.0),
        ({"push_count": 2.0}, "pushed", 2.0),
        ({"days_in_stage": 20.5}, "dwell", 20.0),
        ({"days_to_expected_close": -0.5}, "overdue", 0.0),
    ],
)
def test_each_circumstance_is_a_reason_beyond_its_bound(
    held: dict[str, float], code: str, bound: float
) -> None:
    (row,) = (row for _, row in told(deal(**held)).iterrows())
    assert codes(row) == [code]
    assert row["reasons"][0]["bound"] == bound
    assert row["reasons"][0]["value"] == abs(next(iter(held.values())))


def test_the_reason_that_tells_most_comes_first_and_carries_its_fact() -> None:
    (row,) = (row for _, row in told(deal(push_count=3.0, days_in_stage=30.0)).iterrows())
    assert codes(row) == ["dwell", "pushed"]
    assert row["reasons"][0]["fact"]["rate"] == 0.6
    assert row["reasons"][1]["fact"] is None
    assert row["next_step"] == "middle:dwell"


def test_what_is_unknown_is_no_reason() -> None:
    unknown = deal(days_since_activity=np.nan, push_count=np.nan, days_to_expected_close=np.nan)
    elsewhere = deal(stage="Unseen", days_in_stage=400.0)
    rows = [row for _, row in told(unknown, elsewhere).iterrows()]
    assert [codes(row) for row in rows] == [[], []]
    assert np.isnan(rows[1]["dwell_q80_days"])


def test_a_flag_is_likelier_than_not_and_well_above_the_usual() -> None:
    chance = np.array([0.8, 0.8, 0.45, 0.6])
    usual = np.array([0.5, 0.75, 0.1, 0.5])
    assert Bound().flags(chance, usual).tolist() == [True, False, False, False]


def test_the_gravest_missed_checkpoint_counts() -> None:
    rows = pd.DataFrame({"quiet_days": [6.9, 7, 15, 20], "still_days": [29, 8, 16, 30]})
    assert checkpoints(rows).tolist() == [None, "weekly_review", "follow_up", "decision"]


def test_the_part_of_the_funnel_goes_by_the_fixed_rate_then_by_history() -> None:
    rates = [(0.1, 0.9), (0.2, np.nan), (0.8, 0.1), (np.nan, 0.7), (np.nan, np.nan)]
    rows = pd.DataFrame(rates, columns=["stage_rate_fixed", "stage_rate_history"])
    assert funnel_parts(rows) == ["upper", "middle", "lower", "lower", "upper"]


def test_a_deal_stands_still_since_its_last_move_ahead_or_its_creation() -> None:
    passages = pd.DataFrame(
        {
            "deal_id": ["a", "a", "a", "b"],
            "stage_order": [1.0, 2.0, 1.0, 1.0],
            "entered_at": pd.to_datetime(["2026-01-01", "2026-02-01", "2026-02-20", "2026-02-25"]),
        }
    )
    deals = pd.DataFrame({"deal_id": ["a", "b"], "created_at": pd.Timestamp("2026-01-30")})
    assert still_days(passages, deals, AS_OF).tolist() == [28.0, 30.0]


def test_the_bound_flags_as_many_as_are_worth_it() -> None:
    chance = np.repeat([0.9, 0.5], [30, 70])
    usual = np.full(100, 0.5)
    stalled = np.concatenate([np.tile([1.0, 1.0, 1.0, 0.0, 1.0], 6), np.tile([1.0, 0.0], 35)])
    bound = choose_bound(stalled, chance, usual)
    assert (bound.flagged_count, bound.flagged_stalled_count) == (30, 24)
    assert (bound.other_count, bound.other_stalled_count) == (70, 35)
    assert bound.odds_ratio == pytest.approx((24.5 / 6.5) / (35.5 / 35.5))
    assert Bound.from_json(bound.to_json()) == bound


def test_the_usual_of_won_deals_and_the_population_behind_each_circumstance() -> None:
    count = LEAST_DEALS
    passages = pd.DataFrame(
        {
            "deal_id": [f"d{i}" for i in range(count)] + ["lost"],
            "process": "p",
            "stage": "Proposal",
            "entered_at": pd.Timestamp("2026-01-01"),
            "left_at": [pd.Timestamp("2026-01-01") + pd.Timedelta(days=i) for i in range(count)]
            + [pd.Timestamp("2026-06-01")],
            "next": ["won"] * count + ["lost"],
        }
    )
    rows = pd.DataFrame([deal(deal_id=f"d{i}", days_in_stage=float(i % 20)) for i in range(200)])
    stalled = pd.Series((rows["days_in_stage"] > 7.2).astype("Float64"))
    usual = learn_usual(rows, np.ones(200, dtype=bool), stalled, passages)
    assert usual.dwell[STAGE] == pytest.approx((4.5, 7.2))
    assert usual.silence_days(rows.head(1)).tolist() == [2.0]
    assert usual.facts["dwell"] == Population(rate=1.0, count=120, other_rate=0.0, other_count=80)
    assert "pushed" not in usual.facts
    for owners, is_told in ((5, True), (4, False)):
        owned = rows.assign(owner_id=[f"o-{i % owners}" for i in range(200)])
        found = learn_usual(owned, np.ones(200, dtype=bool), stalled, passages)
        assert ("dwell" in found.facts) == is_told
        assert found.dwell == usual.dwell
    again = Usual.from_json(usual.to_json())
    assert again.to_json() == usual.to_json()
    assert again.dwell_days(rows.head(1))[1].tolist() == pytest.approx([7.2])
