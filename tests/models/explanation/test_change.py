"""What changed between two dates: the parts add up, and what stood still has none."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from closecurve.crm.calendar import FiscalCalendar
from closecurve.crm.errors import UsageError
from closecurve.models.close_curve import CloseCurve
from closecurve.models.explanation.change import explain_changes


@pytest.fixture(scope="module")
def dated(company: Any) -> CloseCurve:
    return CloseCurve(calendar=FiscalCalendar(), seeds=1, rounds=20).fit(
        company.rows, company.labels
    )


@pytest.fixture(scope="module")
def pairs(company: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The deals of one landmark, thirty days older; a third moved on, a third changed amount."""
    rows = company.rows[company.rows["as_of"] == company.rows["as_of"].mode()[0]]
    then = rows.reset_index(drop=True)
    now = then.assign(as_of=then["as_of"] + pd.Timedelta(days=30), age_days=then["age_days"] + 30.0)
    place = np.arange(len(now)) % 3
    now["stage"] = now["stage"].mask(place == 0, "Proposal")
    now["amount_company"] = now["amount_company"].where(place != 1, 40.0)
    return then, now


def ever(model: CloseCurve, X: pd.DataFrame) -> Any:
    return model.predict_cumulative_incidence(X, [np.inf])[:, 1, 0]


def test_the_parts_add_up_to_the_difference(
    dated: CloseCurve, pairs: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    then, now = pairs
    found = explain_changes(dated, then, now)
    assert [each.before for each in found] == pytest.approx(ever(dated, then), abs=1e-12)
    assert [each.after for each in found] == pytest.approx(ever(dated, now), abs=1e-12)
    for each in found:
        assert sum(each.parts.values()) == pytest.approx(each.after - each.before, abs=1e-12)
        assert each.parts["model"] == 0


def test_what_stood_still_has_no_part_and_what_moved_has_one(
    dated: CloseCurve, pairs: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    then, now = pairs
    found = explain_changes(dated, then, now)
    same_stage = (then["stage"] == now["stage"]).to_numpy()
    same_amount = (then["amount_company"] == now["amount_company"]).to_numpy()
    stage = np.array([each.parts["stage"] for each in found])
    amount = np.array([each.parts["amount"] for each in found])
    assert (stage[same_stage] == 0).all()
    assert (stage[~same_stage] > 0).mean() > 0.9
    assert (amount[same_amount] == 0).all()
    assert (amount[~same_amount] < 0).mean() > 0.9


def test_a_new_model_is_told_apart_from_new_data(
    dated: CloseCurve, curve: CloseCurve, pairs: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    then, now = pairs
    found = explain_changes(dated, then, now, before=ever(curve, then))
    still = explain_changes(dated, then, then, before=ever(curve, then))
    expected = ever(dated, then) - ever(curve, then)
    assert [each.parts["model"] for each in found] == pytest.approx(expected, abs=1e-12)
    for each in (*found, *still):
        assert sum(each.parts.values()) == pytest.approx(each.after - each.before, abs=1e-12)
    assert all(
        value == 0 for each in still for name, value in each.parts.items() if name != "model"
    )


def test_a_history_that_was_corrected_has_a_part_of_its_own(
    dated: CloseCurve, pairs: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    then, now = pairs
    found = explain_changes(dated, then, now, before=ever(dated, then) - 0.1, said_by="history")
    for each in found:
        assert each.parts["history"] == pytest.approx(0.1)
        assert sum(each.parts.values()) == pytest.approx(each.after - each.before, abs=1e-12)


def test_time_alone_is_the_calendar(
    dated: CloseCurve, pairs: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    """The same values at a later as-of: whatever moves is the part of time."""
    then, _ = pairs
    later = then.assign(as_of=then["as_of"] + pd.Timedelta(days=47))
    for each in explain_changes(dated, then, later):
        assert each.parts["time"] == pytest.approx(each.after - each.before, abs=1e-12)


def test_deals_pair(dated: CloseCurve, pairs: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    then, now = pairs
    assert explain_changes(dated, then[:0], now[:0]) == []
    with pytest.raises(UsageError) as caught:
        explain_changes(dated, then, now[:-1])
    assert caught.value.code == "change-rows"
