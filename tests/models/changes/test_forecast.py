"""What changed in a forecast: wins, arrivals and the rule beside the moves of open deals."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
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
from closecurve.models.changes.forecast import (
    FORECAST_KINDS,
    Outlook,
    forecast_changes,
)
from closecurve.models.changes.standing import Choice, Standing

FORECAST = Choice(period=QUARTER)


def outlook(standing: Standing, scale: float, new: float = 0.0) -> Outlook:
    """What a forecast of the company's quarter says of a standing."""
    deals, closed = standing.deals, standing.closed
    rest = float((deals["amount_company"].fillna(0.0).astype(float) * deals["chance"]).sum())
    booked = closed[(closed["outcome"] == "won") & (closed["closed_at"] < QUARTER.end_at)]
    return Outlook(
        booked=float(booked["amount_company"].sum()), open_mean=scale * rest, new_mean=new
    )


def told(before: Standing, after: Standing, **changed: Any) -> dict[tuple[str, str], Any]:
    both = outlook(before, 1.2), outlook(after, 1.2, **changed)
    changes = forecast_changes(before, after, both, FORECAST)
    assert changes.moves["effect"].sum() == pytest.approx(changes.end - changes.start)
    found = effects(changes)
    return {key: effect for key, effect in found.items() if effect != pytest.approx(0, abs=1e-9)}


def test_a_win_brings_its_amount_in_place_of_what_was_expected() -> None:
    before = standing(THEN, {"w": {}})
    assert told(before, standing(NOW, {}, w="won")) == {("w", "won"): 110 - 1.2 * 55}
    unseen = standing(NOW, {"w": {}}, late="won")
    assert told(before, unseen) == {("late", "booked"): 110}


def test_a_win_in_another_period_is_no_longer_expected_in_this_one() -> None:
    before, after = standing(THEN, {"w": {}}), standing(NOW, {}, w="won")
    after.closed["closed_at"] = QUARTER.end_at
    assert told(before, after) == {("w", "won_outside"): -1.2 * 55}


def test_a_win_that_is_undone_takes_its_amount_back() -> None:
    before, after = standing(THEN, {}, w="won"), standing(NOW, {"w": {}})
    assert told(before, after) == {("w", "reopened"): 1.2 * 55 - 110}


def test_a_date_over_the_edge_explains_a_chance_that_follows_it() -> None:
    before = standing(THEN, {"out": {}, "up": {}, "in": {"expected_close_date": OUTSIDE}})
    gone = {"expected_close_date": OUTSIDE}
    after = standing(
        NOW, {"out": gone | {"chance": 0.2}, "up": gone | {"chance": 0.6}, "in": {"chance": 0.8}}
    )
    assert told(before, after) == {
        ("in", "pulled_in"): pytest.approx(1.2 * 33),
        ("up", "probability_up"): pytest.approx(1.2 * 11),
        ("out", "pushed_out"): pytest.approx(-1.2 * 33),
    }


def test_arrivals_and_the_rule_are_of_no_single_deal() -> None:
    same = standing(THEN, {"a": {}})
    both = (
        Outlook(booked=0, open_mean=55, new_mean=30),
        Outlook(booked=0, open_mean=66, new_mean=20),
    )
    changes = forecast_changes(same, same, both, FORECAST)
    assert changes.by_kind() == pytest.approx({"arrivals": -10, "rule": 11})
    assert changes.moves["deal_id"].isna().all()
    assert Outlook.of(None).mean == 0


def test_a_forecast_is_compared_for_a_period() -> None:
    none = standing(THEN, {})
    with pytest.raises(UsageError) as caught:
        forecast_changes(none, none, (Outlook.of(None), Outlook.of(None)), Choice())
    assert caught.value.code == "change-period"


money = st.floats(0, 1e6)
outlooks = st.builds(Outlook, booked=money, open_mean=money, new_mean=money)


pairs = st.tuples(outlooks, outlooks)


@settings(max_examples=20, deadline=None)
@given(then=cohort, now=cohort, had_ended=ends, ended=ends, choice=choices, both=pairs)
def test_the_effects_add_up_to_the_difference_of_the_means(
    then: Any, now: Any, had_ended: Any, ended: Any, choice: Choice, both: tuple[Outlook, Outlook]
) -> None:
    before, after = standing(THEN, then, **had_ended), standing(NOW, now, **ended)
    scope = Choice(scope_kind=choice.scope_kind, scope=choice.scope, period=QUARTER)
    changes = forecast_changes(before, after, both, scope)
    difference = both[1].mean - both[0].mean
    assert sum(changes.by_kind().values()) == pytest.approx(difference, rel=1e-9, abs=1e-6)
    assert set(changes.by_kind()) <= set(FORECAST_KINDS)


def test_the_rule_is_what_the_scale_changed() -> None:
    """With the scale of each outlook known, the rest is its change at the mean of both sums."""
    before = standing(THEN, {"a": {}, "l": {}})
    after = standing(NOW, {"a": {"chance": 0.8}, "n": {}}, l="lost")
    changes = forecast_changes(before, after, (outlook(before, 1.0), outlook(after, 1.4)), FORECAST)
    sums = (110.0, 143.0)
    assert changes.by_kind()["rule"] == pytest.approx(0.4 * sum(sums) / 2)
