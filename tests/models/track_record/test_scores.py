"""Scores of past forecasts: by hand, beside the peers, and where an interval failed."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from closecurve.models.forecast.totals import LEVELS
from closecurve.models.track_record.origins import peer_column
from closecurve.models.track_record.scores import (
    count_tested,
    failures,
    interval_score,
    record_scores,
    verdict,
)
from closecurve.models.track_record.words import PEERS, POOLED


def rows(actuals: dict[str, float], *, weeks: tuple[int, ...] = (13, 2), **changed: Any) -> Any:
    """A forecast of 100 (80 % within 80 to 120) at each origin of each quarter."""
    spread = {"q05": 75, "q10": 80, "q25": 90, "q50": 100, "q75": 110, "q90": 120, "q95": 125}
    listed = [
        {"period_name": name, "actual": actual, "weeks_left": left, "scope_kind": "company"}
        | {"scope": "company", "as_of": pd.Timestamp("2026-04-01") - pd.Timedelta(weeks=left)}
        | {"mean": 100.0, "booked": 0.0, "open_mean": 60.0, "new_mean": 40.0}
        | {"open_actual": actual / 2, "new_actual": actual / 2}
        | spread
        | {peer_column(peer): np.nan for peer in PEERS}
        | changed
        for name, actual in actuals.items()
        for left in weeks
    ]
    return pd.DataFrame(listed)


def by_lead(scores: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {score["lead"]: score for score in scores}


def test_the_scores_of_two_quarters_by_hand() -> None:
    score = by_lead(record_scores(rows({"Q1": 90.0, "Q2": 130.0})))["all"]
    assert (score["origin_count"], score["quarter_count"]) == (2, 2)
    assert score["wape"] == pytest.approx((10 + 30) / 220)
    assert score["bias"] == pytest.approx(200 / 220 - 1)
    # Q1: .1 x 10, .5 x 10, .1 x 30; Q2: .1 x 50, .5 x 30, .9 x 10; 2 x the mean over 3 and 2.
    assert score["pinball"] == pytest.approx(2 * (1 + 5 + 3 + 5 + 15 + 9) / 6 / 110)
    assert score["components"]["open"] == {
        "wape": pytest.approx((15 + 5) / 110),
        "bias": pytest.approx(120 / 110 - 1),
    }
    assert [interval["share"] for interval in score["coverage"]] == [0.5, 0.5, 0.5]
    assert score["coverage"][1]["width"] == pytest.approx(40 / 110)


def test_crps_of_a_wide_and_a_narrow_forecast_of_the_same_median() -> None:
    narrow: dict[str, Any] = dict.fromkeys(LEVELS, 100.0)
    wide = by_lead(record_scores(rows({"Q1": 100.0})))["all"]["crps"]
    assert by_lead(record_scores(rows({"Q1": 100.0}, **narrow)))["all"]["crps"] == 0.0
    assert 0.02 < wide < 0.06


def test_origins_are_grouped_by_the_weeks_that_are_left() -> None:
    found = by_lead(record_scores(rows({"Q1": 90.0, "Q2": 95.0}, weeks=(14, 13, 9, 8, 5, 4, 1))))
    counts = {lead: score["origin_count"] for lead, score in found.items()}
    assert counts == {"all": 7, "early": 3, "middle": 2, "late": 2, "first_day": 1}


def test_a_peer_is_compared_where_it_has_an_answer() -> None:
    told = rows({"Q1": 90.0, "Q2": 130.0})
    told.loc[told["period_name"] == "Q2", peer_column("last_year")] = 125.0
    peers = by_lead(record_scores(told))["all"]["peers"]
    assert set(peers) == {"last_year"}
    assert peers["last_year"]["wape"] == pytest.approx(5 / 130)
    assert peers["last_year"]["own_wape"] == pytest.approx(30 / 130)
    # One number for every quantile: .1 x 5, .5 x 5, .9 x 5.
    assert peers["last_year"]["pinball"] == pytest.approx(2 * 7.5 / 3 / 130)


def test_quarters_are_counted_not_origins() -> None:
    """Ten origins in one quarter that missed are one miss of two."""
    told = pd.concat([rows({"Q1": 200.0}, weeks=tuple(range(1, 11))), rows({"Q2": 100.0})])
    score = interval_score(told, 80)
    assert (score["share"], score["verdict"]) == (0.5, "held")
    assert score["low"] < 0.1
    assert score["high"] > 0.9


def test_an_interval_fails_beyond_what_luck_explains() -> None:
    misses = {f"Q{i}": 300.0 for i in range(12)}
    scores = record_scores(rows(misses))
    found = failures(scores)
    assert [(f["level"], f["verdict"]) for f in found] == [
        (50, "too narrow"),
        (80, "too narrow"),
        (90, "too narrow"),
    ]
    assert count_tested(scores) == 3
    assert failures(record_scores(rows({f"Q{i}": 100.0 for i in range(4)}))) == []


def test_an_honest_interval_seldom_fails() -> None:
    random = np.random.default_rng(3)
    shares = random.binomial(12, 0.8, 2000) / 12
    failed = np.mean([verdict(float(share), 12, 80) != "held" for share in shares])
    assert failed <= 0.05


def test_owners_are_scored_together_and_rows_without_an_actual_not_at_all() -> None:
    owners = [rows({"Q1": 90.0}, scope_kind="owner", scope=name) for name in ("ann", "bo")]
    open_quarter = rows({"Q2": np.nan}, scope_kind="owner", scope="ann")
    scores = record_scores(pd.concat([*owners, open_quarter]))
    assert {(s["scope_kind"], s["scope"]) for s in scores} == {("owner", POOLED)}
    assert by_lead(scores)["all"]["quarter_count"] == 1


def test_a_node_that_won_nothing_is_left_out() -> None:
    idle = rows({"Q1": 0.0, "Q2": 0.0}, scope_kind="team", scope="Idle")
    scores = record_scores(pd.concat([rows({"Q1": 90.0}), idle]))
    assert {score["scope"] for score in scores} == {"company"}
