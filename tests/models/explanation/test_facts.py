"""The population behind a reason: its shares, who is too few, and which fact is chosen."""

import numpy as np
import pandas as pd
import pytest

from closecurve.crm.errors import UsageError
from closecurve.models.explanation.facts import LEAST_DEALS, Fact, Facts, learn_facts


def panel(deals: int = 400, owners: int = 8) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Closed deals: those silent for 20 days or more are won in 1 of 10 cases, others in 1 of 2."""
    place = np.arange(deals)
    is_silent = place % 2 == 0
    won = np.where(is_silent, place % 20 == 0, place % 4 == 1)
    rows = pd.DataFrame(
        {
            "deal_id": place.astype(str),
            "owner_id": [f"o-{i // 2 % owners}" for i in place],
            "stage": np.where(place % 40 == 3, "Rare", np.where(is_silent, "Early", "Late")),
            "days_since_activity": np.where(is_silent, 20.0, 2.0),
        }
    )
    return rows, pd.DataFrame({"event": np.where(won, 1, 2), "duration_days": 10.0})


KINDS = {"stage": "category", "days_since_activity": "clock", "owner_id": "category"}


def test_the_shares_are_those_of_the_deals_that_closed() -> None:
    """200 silent deals of which 20 were won; 200 others of which 100 were."""
    facts = learn_facts(*panel(), KINDS)
    fact = facts.about("days_since_activity", 30.0, 2.0)
    assert fact is not None
    assert (fact.side, fact.bound) == ("at_least", 20.0)
    assert [fact.rate, fact.other_rate] == pytest.approx([0.1, 0.5])
    assert (fact.count, fact.other_count) == (200, 200)
    other = facts.about("days_since_activity", 1.0, 25.0)
    assert other is not None
    assert (other.side, other.rate, other.other_rate) == ("below", fact.other_rate, fact.rate)


def test_a_deal_counts_once_however_many_landmarks_it_has() -> None:
    rows, labels = panel()
    twice = learn_facts(pd.concat([rows, rows]), pd.concat([labels, labels]), KINDS)
    fact = twice.about("days_since_activity", 30.0, 2.0)
    assert fact is not None
    assert (fact.count, fact.other_count) == (200, 200)
    assert [fact.rate, fact.other_rate] == pytest.approx([0.1, 0.5])


def test_what_is_still_open_counts_as_long_as_it_was_watched() -> None:
    """Deals censored before anything closes change no share."""
    rows, labels = panel()
    early = labels.assign(event=0, duration_days=1.0)
    both = learn_facts(
        pd.concat([rows, rows.assign(deal_id="x" + rows["deal_id"])]),
        pd.concat([labels, early]),
        KINDS,
    )
    fact = both.about("days_since_activity", 30.0, 2.0)
    assert fact is not None
    assert [fact.rate, fact.other_rate] == pytest.approx([0.1, 0.5])


def test_few_deals_or_few_owners_make_no_fact() -> None:
    facts = learn_facts(*panel(), KINDS)
    assert facts.about("stage", "Early", "Late") is not None
    assert facts.about("stage", "Rare", "Late") is None
    assert learn_facts(*panel(deals=2 * LEAST_DEALS - 2), KINDS) == Facts(by_feature={})
    assert learn_facts(*panel(owners=4), KINDS) == Facts(by_feature={})


def test_without_recorded_owners_there_is_none_to_hide() -> None:
    rows, labels = panel()
    facts = learn_facts(rows.drop(columns="owner_id"), labels, {"stage": "category"})
    assert facts.about("stage", "Early", "Late") is not None


def test_no_fact_is_told_of_an_owner() -> None:
    assert "owner_id" not in learn_facts(*panel(), KINDS).by_feature


def test_absence_is_a_fact_of_its_own() -> None:
    rows, labels = panel()
    silent = rows["days_since_activity"] == 20
    facts = learn_facts(
        rows.assign(days_since_activity=rows["days_since_activity"].mask(silent)), labels, KINDS
    )
    absent, present = (
        facts.about("days_since_activity", None, 2.0),
        facts.about("days_since_activity", 2.0, None),
    )
    assert absent is not None
    assert present is not None
    assert (absent.side, present.side) == ("absent", "present")
    assert absent.rate == present.other_rate == pytest.approx(0.1)
    assert facts.about("days_since_activity", None, None) is None


def test_a_fact_lies_between_the_typical_value_and_this_one() -> None:
    facts = learn_facts(*panel(), KINDS)
    assert facts.about("days_since_activity", 30.0, 25.0) is None
    assert facts.about("days_since_activity", 30.0, 30.0) is None


@pytest.mark.parametrize(
    ("rate", "other", "delta", "expected"),
    [
        (0.4, 0.2, 0.1, True),
        (0.4, 0.2, -0.1, False),
        (0.2, 0.4, -0.1, True),
        (0.21, 0.2, 0.1, False),
    ],
)
def test_a_fact_supports_what_points_its_way_and_clearly(
    rate: float, other: float, delta: float, expected: bool
) -> None:
    fact = Fact(
        feature="stage", side="is", bound="A", rate=rate, count=50, other_rate=other, other_count=50
    )
    assert fact.supports(delta) is expected


def test_a_side_is_one_of_five() -> None:
    with pytest.raises(UsageError) as caught:
        Fact(feature="s", side="near", bound=1.0, rate=0, count=1, other_rate=0, other_count=1)
    assert caught.value.code == "fact-side"
