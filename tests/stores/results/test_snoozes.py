"""Snoozes: one contract, run on every store; `store` comes from conftest."""

from datetime import date

import pandas as pd
import pytest
from tests.stores.results.conftest import make_publication

from closecurve.crm.errors import UsageError
from closecurve.stores.results import ResultsStore, Snooze

AT = pd.Timestamp("2026-03-02 09:30:00")
DAY = date(2026, 3, 20)


def snooze(deal_id: str = "d1", reason: str = "on holiday", **changed: object) -> Snooze:
    values = {"deal_id": deal_id, "until_date": DAY, "reason": reason, "snoozed_at": AT}
    return Snooze(**(values | changed))  # type: ignore[arg-type]


def test_a_snooze_holds_up_to_and_including_its_day(store: ResultsStore) -> None:
    store.snoozes.put(snooze("d2", "等待预算"))
    store.snoozes.put(snooze("d1"))
    assert store.snoozes.active(DAY) == [snooze("d1"), snooze("d2", "等待预算")]
    assert store.snoozes.active(date(2026, 3, 21)) == []


def test_a_later_snooze_of_a_deal_takes_the_place_of_the_earlier_one(store: ResultsStore) -> None:
    store.snoozes.put(snooze())
    store.snoozes.put(snooze(reason="budget round", until_date=date(2026, 4, 1)))
    (held,) = store.snoozes.active(DAY)
    assert (held.reason, held.until_date) == ("budget round", date(2026, 4, 1))


def test_a_woken_deal_is_gone_and_waking_it_again_says_so(store: ResultsStore) -> None:
    store.snoozes.put(snooze())
    assert store.snoozes.remove("d1") == snooze()
    assert store.snoozes.remove("d1") is None
    assert store.snoozes.active(DAY) == []


def test_snoozes_outlast_publications(store: ResultsStore) -> None:
    store.publish(make_publication(1))
    store.snoozes.put(snooze())
    store.publish(make_publication(2))
    assert store.snoozes.active(DAY) == [snooze()]


def test_a_repeated_request_has_one_effect_and_one_answer(store: ResultsStore) -> None:
    store.snoozes.put(snooze(), key="k1")
    store.snoozes.remove("d1")
    later = snooze(snoozed_at=AT + pd.Timedelta(minutes=2))
    assert store.snoozes.put(later, key="k1") == snooze()
    assert store.snoozes.active(DAY) == []


def test_a_key_stands_for_one_request(store: ResultsStore) -> None:
    store.snoozes.put(snooze(), key="k1")
    with pytest.raises(UsageError) as refused:
        store.snoozes.put(snooze(reason="another"), key="k1")
    assert refused.value.code == "idempotency-key-reused"
    assert store.snoozes.active(DAY) == [snooze()]


def test_a_key_is_forgotten_after_a_week(store: ResultsStore) -> None:
    store.snoozes.put(snooze(), key="k1")
    later = snooze(reason="another", snoozed_at=AT + pd.Timedelta(days=8))
    assert store.snoozes.put(later, key="k1") == later


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"reason": " \t"}, "snooze-reason"),
        ({"reason": ""}, "snooze-reason"),
        ({"reason": "a\x00b"}, "snooze-text"),
        ({"deal_id": "\ud800"}, "snooze-text"),
    ],
)
def test_a_snooze_names_its_deal_and_says_why(changed: dict[str, str], code: str) -> None:
    with pytest.raises(UsageError) as refused:
        snooze(**changed)
    assert refused.value.code == code
