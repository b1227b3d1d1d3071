"""Reasons: they add up, they are faithful to the model, and they are told by facts."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from closecurve.crm.errors import UsageError
from closecurve.models.close_curve import CloseCurve
from closecurve.models.explanation.cohort import Cohort, learn_cohort, read_cohort, write_cohort
from closecurve.models.explanation.explainer import Explainer, Explanation, Reason


@pytest.fixture(scope="module")
def rows(company: Any) -> pd.DataFrame:
    some: pd.DataFrame = company.rows[::60]
    return some.reset_index(drop=True)


@pytest.fixture(scope="module")
def cohort(curve: CloseCurve, company: Any) -> Cohort:
    return learn_cohort(company.rows, company.labels, curve.encoding_.kinds)


@pytest.fixture(scope="module")
def explainer(curve: CloseCurve, cohort: Cohort) -> Explainer:
    return Explainer(curve, cohort)


def explained(explainer: Explainer, X: pd.DataFrame, days: float = 60) -> list[Explanation]:
    return [each for each in explainer.explain(X, days) if each is not None]


def with_typical(cohort: Cohort, X: pd.DataFrame, groups: list[list[str]]) -> pd.DataFrame:
    """Each row with the columns of some groups as its cohort's typical deal holds them."""
    moved = X.copy()
    typical = cohort.rows().loc[cohort.keys(X)].set_index(X.index)
    for name in {column for columns in groups for column in columns}:
        is_meant = np.array([name in columns for columns in groups])
        moved[name] = moved[name].where(~is_meant, typical[name])
    return moved


@pytest.mark.parametrize("days", [60, np.inf])
def test_contributions_add_up_to_the_difference_from_the_cohort(
    curve: CloseCurve, cohort: Cohort, explainer: Explainer, rows: pd.DataFrame, days: float
) -> None:
    found = explained(explainer, rows, days)
    own = curve.predict_cumulative_incidence(rows, [days])[:, 1, 0]
    everything = [list(cohort.kinds)] * len(rows)
    typical = curve.predict_cumulative_incidence(with_typical(cohort, rows, everything), [days])[
        :, 1, 0
    ]
    sums = [sum(each.contributions.values()) for each in found]
    assert np.allclose([each.cohort_probability for each in found], typical, rtol=0, atol=1e-12)
    assert np.allclose(sums, own - typical, rtol=0, atol=1e-12)


def test_with_groups_that_act_in_pairs_at_most_the_contributions_are_shapley_values(
    curve: CloseCurve, cohort: Cohort, explainer: Explainer, rows: pd.DataFrame
) -> None:
    """Three groups differ at most; the mean over all six orders, worked out on the model itself."""
    groups = cohort.groups
    moving = [name for name in groups if name in ("stage", "amount", "age")]
    orders = [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
    ask = with_typical(cohort, rows[:20], [groups["fit"]] * 20)
    expected = {name: np.zeros(len(ask)) for name in moving}
    for order in orders:
        before = None
        for taken in range(4):
            left = [moving[place] for place in order[taken:]]
            state = with_typical(
                cohort, ask, [[c for name in left for c in groups[name]]] * len(ask)
            )
            now = curve.predict_cumulative_incidence(state, [60])[:, 1, 0]
            if before is not None:
                expected[moving[order[taken - 1]]] += (now - before) / len(orders)
            before = now
    found = explained(explainer, ask)
    for name in moving:
        got = np.array([each.contributions[name] for each in found])
        # Age, amount and stage act on each other in threes a little.
        assert np.abs(got - expected[name]).max() < 0.01
    assert max(abs(each.contributions["fit"]) for each in found) == 0


def test_the_typical_values_of_the_top_raising_group_lower_the_probability(
    curve: CloseCurve, cohort: Cohort, explainer: Explainer, rows: pd.DataFrame
) -> None:
    """Faithful: in at least 95 % of deals."""
    found = explained(explainer, rows)
    tops = [max(each.contributions, key=lambda g: each.contributions[g]) for each in found]
    raised = np.array([each.contributions[top] > 0 for each, top in zip(found, tops, strict=True)])
    moved = with_typical(cohort, rows, [cohort.groups[top] for top in tops])
    then = curve.predict_cumulative_incidence(moved, [60])[:, 1, 0]
    now = curve.predict_cumulative_incidence(rows, [60])[:, 1, 0]
    assert raised.mean() > 0.8
    assert (then < now)[raised].mean() >= 0.95


def test_the_reasons_agree_with_the_truth_that_made_the_deals(
    explainer: Explainer, company: Any
) -> None:
    """Amount stands for fit here: far above the typical it raises, far below it lowers."""
    amount = company.rows["amount_company"]
    chosen = company.rows[(amount > 4000) | (amount < 250)]
    right = [
        reason.direction == ("raises" if row > 1000 else "lowers")
        for row, each in zip(chosen["amount_company"], explained(explainer, chosen), strict=True)
        for reason in each.reasons
        if reason.group == "amount"
    ]
    assert len(right) > 0.8 * len(chosen)
    assert np.mean(right) >= 0.95


def test_a_record_is_explained_as_its_row_in_a_frame(
    curve: CloseCurve, explainer: Explainer, rows: pd.DataFrame
) -> None:
    """The night explains thousands of rows step by step, the service one record at once."""
    many = rows[rows["as_of"] == rows["as_of"].mode()[0]].reset_index(drop=True)
    frame = pd.concat([many] * 40, ignore_index=True)
    for record, night in zip(
        many.to_dict("records"), explained(explainer, frame, np.inf), strict=False
    ):
        values = {str(name): value for name, value in record.items()}
        live = explainer.explain_record(values, curve.row(values), values["as_of"])
        assert live is not None
        assert live.contributions == pytest.approx(night.contributions, abs=1e-12)
        assert [r.feature for r in live.reasons] == [r.feature for r in night.reasons]


def test_at_most_so_many_on_either_side_the_strongest_first(
    explainer: Explainer, rows: pd.DataFrame
) -> None:
    for found in explainer.explain(rows, 60, most=1):
        assert found is not None
        size = [abs(reason.delta_probability) for reason in found.reasons]
        assert size == sorted(size, reverse=True)
        assert len({reason.direction for reason in found.reasons}) == len(found.reasons) <= 2


def test_the_typical_deal_has_no_reasons(explainer: Explainer, cohort: Cohort) -> None:
    ask = cohort.rows().assign(as_of=pd.Timestamp("2024-06-01").as_unit("us"))
    is_own = np.array(cohort.keys(ask)) == ask.index
    [found] = explained(explainer, ask[is_own])
    assert found.reasons == ()
    assert set(found.contributions.values()) == {0.0}


def test_without_a_panel_there_is_nothing_to_compare_with(
    curve: CloseCurve, company: Any, rows: pd.DataFrame
) -> None:
    empty = learn_cohort(company.rows[:0], company.labels[:0], curve.encoding_.kinds)
    assert Explainer(curve, empty).explain(rows[:2]) == [None, None]
    record = {str(name): value for name, value in rows.iloc[0].items()}
    assert (
        Explainer(curve, empty).explain_record(record, curve.row(record), record["as_of"]) is None
    )


def test_a_model_without_trees_is_explained_by_its_stage_curves(
    company: Any, rows: pd.DataFrame
) -> None:
    curve = CloseCurve(seeds=1, rounds=5, few_closes=np.inf)
    curve.fit(company.rows[:800], company.labels[:800])
    cohort = learn_cohort(company.rows, company.labels, curve.encoding_.kinds)
    own = curve.predict_cumulative_incidence(rows, [np.inf])[:, 1, 0]
    for each, probability in zip(
        explained(Explainer(curve, cohort), rows, np.inf), own, strict=True
    ):
        assert each.cohort_probability + sum(each.contributions.values()) == pytest.approx(
            probability, abs=1e-12
        )
        assert each.contributions["amount"] == 0


def test_a_reason_carries_the_fact_that_supports_it(explainer: Explainer, company: Any) -> None:
    ask = company.rows.iloc[[0]].assign(amount_company=40_000.0)
    [found] = explained(explainer, ask)
    [reason] = [reason for reason in found.reasons if reason.group == "amount"]
    assert reason.fact is not None
    assert reason.fact.side == "at_least"
    assert reason.fact.rate > reason.fact.other_rate
    assert json.loads(json.dumps(found.to_json()))["reasons"][0]["feature"]


def test_a_direction_follows_its_sign() -> None:
    with pytest.raises(UsageError, match="sign") as caught:
        Reason(
            group="amount",
            direction="raises",
            delta_probability=-0.1,
            feature="amount_company",
            value=1.0,
            typical=2.0,
            fact=None,
        )
    assert caught.value.code == "reason-direction"


def test_typical_values_are_those_of_the_same_stage_where_it_is_large_enough(
    curve: CloseCurve, rows: pd.DataFrame, company: Any
) -> None:
    panel = pd.concat([rows.assign(stage="Proposal"), rows[:3].assign(stage="Rare")])
    panel["age_days"] = np.where(panel["stage"] == "Rare", 900.0, 10.0)
    labels = company.labels.iloc[: len(panel)]
    found = learn_cohort(panel, labels, curve.encoding_.kinds)
    keys = found.keys(rows[:2].assign(stage=["Rare", "Proposal"]))
    typical = found.rows().loc[keys]
    assert keys[0] == ""
    assert typical["age_days"].tolist() == [10.0, 10.0]
    assert typical["stage"].tolist() == ["Proposal", "Proposal"]


def test_absence_is_typical_where_most_values_are_absent(
    curve: CloseCurve, rows: pd.DataFrame, company: Any
) -> None:
    panel = rows.assign(amount_company=[5.0] * 3 + [np.nan] * (len(rows) - 3))
    found = learn_cohort(panel, company.labels[: len(panel)], curve.encoding_.kinds)
    assert found.rows()["amount_company"].isna().all()


def test_a_cohort_comes_back_from_its_file(cohort: Cohort, tmp_path: Any) -> None:
    write_cohort(tmp_path / "cohort.json", cohort)
    assert read_cohort(tmp_path / "cohort.json") == cohort


def test_a_stage_is_told_by_its_name_where_the_trees_read_its_order(company: Any) -> None:
    ranks = {name: float(rank) for rank, name in enumerate(sorted(company.rows["stage"].unique()))}
    panel = company.rows.assign(stage_order=company.rows["stage"].map(ranks))
    curve = CloseCurve(seeds=1, rounds=20).fit(panel, company.labels)
    told = Explainer(curve, learn_cohort(panel, company.labels, curve.encoding_.kinds))
    reasons = [reason for each in explained(told, panel[::60]) for reason in each.reasons]
    by_stage = [reason for reason in reasons if reason.feature in ("stage", "stage_order")]
    assert {reason.feature for reason in by_stage} == {"stage"}
    assert any(reason.fact for reason in by_stage)
