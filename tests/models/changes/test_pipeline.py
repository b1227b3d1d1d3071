"""What changed in the pipeline: each kind by a small table, and effects that add up for any."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from tests.models.changes.standings import (
    NOW,
    OUTSIDE,
    QUARTER,
    THEN,
    choices,
    cohort,
    effects,
    ends,
    standing,
)

from closecurve.crm.errors import UsageError
from closecurve.models.changes.pipeline import PIPELINE_KINDS, pipeline_changes
from closecurve.models.changes.standing import Choice, Standing, measured


def test_a_deal_that_comes_or_goes_counts_whole_and_says_why() -> None:
    before = standing(THEN, {name: {} for name in ("stays", "w", "l", "d", "g")}, back="lost")
    after = standing(NOW, {"stays": {}, "n": {}, "back": {}}, w="won", l="lost", d="deleted")
    changes = pipeline_changes(before, after, Choice())
    assert (changes.start, changes.end) == pytest.approx((275, 165))
    assert effects(changes) == {
        ("n", "new"): 55, ("back", "reopened"): 55, ("w", "won"): -55, ("l", "lost"): -55,
        ("d", "deleted"): -55, ("g", "gone"): -55,
    }  # fmt: skip


def test_what_a_deal_is_worth_is_told_by_amount_currency_chance_and_model() -> None:
    cases: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "more": ({}, {"amount": 200.0, "amount_company": 220.0}),
        "less": ({}, {"amount": 50.0, "amount_company": 55.0}),
        "rate": ({}, {"amount_company": 120.0}),
        "chance": ({}, {"chance": 0.7}),
        "model": ({}, {"chance": 0.4, "model_shift": -0.1}),
        "named": ({"amount": None, "amount_company": None}, {}),
        "emptied": ({}, {"amount": None, "amount_company": None}),
    }
    before = standing(THEN, {name: was for name, (was, _) in cases.items()})
    after = standing(NOW, {name: is_now for name, (_, is_now) in cases.items()})
    assert effects(pipeline_changes(before, after, Choice())) == {
        ("more", "amount_up"): 55, ("named", "amount_up"): 55, ("less", "amount_down"): -27.5,
        ("emptied", "amount_down"): -55, ("rate", "currency"): 5,
        ("chance", "probability_up"): 22, ("model", "model"): -11,
    }  # fmt: skip


def test_an_owner_moves_a_deal_between_teams_and_not_within_the_company() -> None:
    before = standing(THEN, {"a": {}, "b": {"team": "South", "owner_id": "bob"}})
    after = standing(NOW, {"a": {"team": "South"}, "b": {}})
    north = Choice(scope_kind="team", scope="North")
    assert effects(pipeline_changes(before, after, north)) == {
        ("b", "moved_in"): 55,
        ("a", "moved_out"): -55,
    }
    assert pipeline_changes(before, after, Choice()).moves.empty


def test_a_date_moves_a_deal_into_the_period_and_out_of_it() -> None:
    before = standing(THEN, {"in": {"expected_close_date": OUTSIDE}, "out": {}})
    after = standing(NOW, {"in": {}, "out": {"expected_close_date": OUTSIDE, "chance": 0.9}})
    changes = pipeline_changes(before, after, Choice(period=QUARTER))
    assert effects(changes) == {("in", "pulled_in"): 55, ("out", "pushed_out"): -55}


def test_a_measure_without_a_rate_counts_nothing() -> None:
    deals = pd.DataFrame({"deal_id": ["a", "b"], "stage_rate_fixed": [0.4, None]})
    assert measured(deals, "weighted_fixed")["chance"].tolist() == [0.4, 0.0]
    assert measured(deals, "amount")["chance"].tolist() == [1.0, 1.0]
    with pytest.raises(UsageError) as caught:
        measured(deals, "hope")
    assert caught.value.code == "change-measure"


def test_a_standing_names_each_deal_once_and_a_scope_is_of_a_known_kind() -> None:
    twice = pd.concat([standing(THEN, {"a": {}}).deals] * 2)
    with pytest.raises(UsageError) as caught:
        Standing(as_of=THEN, deals=twice, closed=standing(THEN, {}).closed)
    assert caught.value.code == "change-standing"
    with pytest.raises(UsageError) as caught:
        Choice(scope_kind="planet")
    assert caught.value.code == "change-scope"


@settings(max_examples=20, deadline=None)
@given(then=cohort, now=cohort, had_ended=ends, ended=ends, choice=choices)
def test_the_effects_add_up_to_the_difference_for_any_two_cohorts(
    then: Any, now: Any, had_ended: Any, ended: Any, choice: Choice
) -> None:
    before, after = standing(THEN, then, **had_ended), standing(NOW, now, **ended)
    changes = pipeline_changes(before, after, choice)
    difference = changes.end - changes.start
    assert float(changes.moves["effect"].sum()) == pytest.approx(difference, abs=1e-9)
    assert sum(changes.by_kind().values()) == pytest.approx(difference, abs=1e-9)
    assert set(changes.by_kind()) <= set(PIPELINE_KINDS)
    assert np.isfinite(changes.moves["effect"]).all()
    back = pipeline_changes(after, before, choice)
    assert (back.start, back.end) == (changes.end, changes.start)
