"""A selection keeps its columns, its order and its reasons."""

import pytest

from closecurve.crm.errors import UsageError
from closecurve.features.selected import (
    Attribute,
    FeatureSelection,
    SetAside,
    SubjectSelection,
)


def test_json_gives_the_selection_back(selection: FeatureSelection) -> None:
    aside = SetAside(table="deals", column="account_id", reason="因为")
    kept = FeatureSelection(deals=selection.deals, leads=selection.leads, without=(aside,))
    assert FeatureSelection.from_json(kept.to_json()) == kept
    assert "因为" in kept.to_json()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"deals": 1}', "null"])
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        FeatureSelection.from_json(text)
    assert caught.value.code == "selection-format"


def test_names_that_differ_by_case_only_are_refused() -> None:
    with pytest.raises(UsageError, match="alike but for case"):
        SubjectSelection(kinds=("Call", "call"))


def test_a_kind_that_would_be_another_feature_is_refused() -> None:
    with pytest.raises(UsageError, match="days_since_push"):
        FeatureSelection(deals=SubjectSelection(kinds=("push",)))


@pytest.mark.parametrize(
    ("table", "column", "gone"),
    [
        ("deals", "account_id", {"account_deal_count", "attribute_account_staff"}),
        ("deals", "lead_id", {"lead_source", "lead_response_hours"}),
        ("deal_changes", "amount", {"amount_company", "amount_change_ratio"}),
        ("deal_changes", "expected_close_date", {"push_count", "days_to_expected_close"}),
        ("deal_changes", "owner_id", {"owner_id", "owner_win_rate"}),
    ],
)
def test_features_fall_with_what_is_set_aside(
    table: str, column: str, gone: set[str], selection: FeatureSelection
) -> None:
    aside = SetAside(table=table, column=column, reason="said so")
    cut = FeatureSelection(deals=selection.deals, leads=selection.leads, without=(aside,))
    assert gone <= set(selection.columns("deal"))
    assert not gone & set(cut.columns("deal"))
    assert "age_days" in cut.columns("deal")


def test_an_unknown_subject_is_refused(selection: FeatureSelection) -> None:
    with pytest.raises(UsageError, match="got 'account'"):
        selection.columns("account")


def test_an_attribute_is_a_number_or_a_category() -> None:
    with pytest.raises(UsageError, match="got 'text'"):
        Attribute(name="size", table="deals", kind="text")
