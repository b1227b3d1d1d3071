"""Reasons: faithful to the model, in probability, in plain words."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from closecurve.crm.errors import UsageError
from closecurve.models.close_curve import CloseCurve
from closecurve.models.explanation import Reason, feature_groups, reasons, typical_values


@pytest.fixture(scope="module")
def rows(company: Any) -> pd.DataFrame:
    some: pd.DataFrame = company.rows[::60]
    return some.reset_index(drop=True)


def test_putting_the_group_at_its_typical_values_moves_the_curve_by_what_was_said(
    curve: CloseCurve, rows: pd.DataFrame
) -> None:
    """Faithful: every reason, tried on the model itself, moves the probability as it says."""
    found = reasons(curve, rows, rows, 60)
    typical = typical_values(curve, rows, rows)
    groups = feature_groups(curve)
    now = curve.predict_cumulative_incidence(rows, [60])[:, 1, 0]
    tried = 0
    for place, row in enumerate(found):
        for reason in row:
            columns = groups[reason.group]
            moved = rows.iloc[[place]].copy()
            moved[columns] = typical.loc[[place], columns]
            then = curve.predict_cumulative_incidence(moved, [60])[0, 1, 0]
            assert now[place] - then == pytest.approx(reason.delta_probability, abs=1e-9)
            tried += 1
    assert tried > len(rows)


def test_the_reasons_agree_with_the_truth_that_made_the_deals(
    curve: CloseCurve, company: Any
) -> None:
    """Amount stands for fit here: far above the typical it raises, far below it lowers."""
    amount = company.rows["amount_company"]
    chosen = company.rows[(amount > 4000) | (amount < 250)]
    right = [
        reason.direction == ("raises" if row > 1000 else "lowers")
        for row, found in zip(
            chosen["amount_company"], reasons(curve, chosen, company.rows, 60), strict=True
        )
        for reason in found
        if reason.group == "amount"
    ]
    assert len(right) > 0.8 * len(chosen)
    assert np.mean(right) >= 0.95


def test_at_most_so_many_on_either_side_the_strongest_first(
    curve: CloseCurve, rows: pd.DataFrame
) -> None:
    for found in reasons(curve, rows, rows, 60, most=1):
        size = [abs(reason.delta_probability) for reason in found]
        assert size == sorted(size, reverse=True)
        assert len({reason.direction for reason in found}) == len(found) <= 2


def test_a_typical_deal_has_no_reasons(curve: CloseCurve, rows: pd.DataFrame) -> None:
    one = rows.iloc[[0]]
    assert reasons(curve, one, pd.concat([one] * 40), 60) == [[]]


def test_without_a_cohort_there_is_nothing_to_compare_with(
    curve: CloseCurve, rows: pd.DataFrame
) -> None:
    assert reasons(curve, rows[:2], rows[:0], 60) == [[], []]
    assert reasons(curve, rows[:0], rows, 60) == []


def test_typical_values_are_those_of_the_same_stage_where_it_is_large_enough(
    curve: CloseCurve, rows: pd.DataFrame
) -> None:
    cohort = pd.concat([rows.assign(stage="Proposal"), rows[:3].assign(stage="Rare")])
    cohort["age_days"] = np.where(cohort["stage"] == "Rare", 900.0, 10.0)
    ask = rows[:2].assign(stage=["Rare", "Proposal"])
    typical = typical_values(curve, ask, cohort)
    assert typical["age_days"].tolist() == [10.0, 10.0]
    assert typical["stage"].tolist() == ["Proposal", "Proposal"]


def test_absence_is_typical_where_most_values_are_absent(
    curve: CloseCurve, rows: pd.DataFrame
) -> None:
    cohort = rows.assign(amount_company=[5.0] * 3 + [np.nan] * (len(rows) - 3))
    assert typical_values(curve, rows[:1], cohort)["amount_company"].isna().all()


def test_a_sentence_names_the_value_the_typical_one_and_the_effect(
    curve: CloseCurve, rows: pd.DataFrame
) -> None:
    ask = rows.iloc[[0]].assign(amount_company=40_000.0)
    [found] = reasons(curve, ask, rows, 60)
    [reason] = [reason for reason in found if reason.group == "amount"]
    assert "40,000" in reason.sentence
    assert "typically" in reason.sentence
    assert reason.sentence.endswith("points.")
    assert f"{reason.direction} the probability" in reason.sentence
    assert json.loads(json.dumps(reason.to_json()))["feature"] == "amount_company"


def test_an_absent_value_is_told_in_the_catalogs_words(
    curve: CloseCurve, rows: pd.DataFrame
) -> None:
    ask = rows.iloc[[0]].assign(amount_company=np.nan, attribute_colour=None)
    found = reasons(curve, ask, rows, 60, most=9)[0]
    values = {reason.feature: reason for reason in found}
    assert values["amount_company"].value is None
    assert "no amount" in values["amount_company"].sentence


def test_a_direction_follows_its_sign() -> None:
    with pytest.raises(UsageError, match="sign") as caught:
        Reason(
            group="amount",
            direction="raises",
            delta_probability=-0.1,
            sentence="",
            feature="amount_company",
            value=1.0,
            typical=2.0,
        )
    assert caught.value.code == "reason-direction"
