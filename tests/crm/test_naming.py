"""Names of fields as names of attributes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closecurve.crm.mapping_sections import NAME
from closecurve.crm.naming import attribute_name


@given(text=st.text(max_size=90))
def test_whatever_a_field_is_called_its_attribute_has_a_name(text: str) -> None:
    assert NAME.fullmatch(attribute_name(text))


@pytest.mark.parametrize("same", ["Deal Size", " deal-size ", "DEAL__SIZE", "deal (size)"])
def test_spellings_of_one_field_are_one_attribute(same: str) -> None:
    assert attribute_name(same) == "deal_size"


@pytest.mark.parametrize(
    "fields",
    [
        ("客户级别", "客户来源"),
        ("x" * 80, "x" * 81),
        ("?", "!"),
        ("金额 (USD)", "数量 (USD)"),
    ],
)
def test_fields_whose_letters_are_lost_stay_apart(fields: tuple[str, str]) -> None:
    assert attribute_name(fields[0]) != attribute_name(fields[1])


def test_some_of_a_mixed_name_can_be_read() -> None:
    assert attribute_name("金额 (USD)").startswith("usd_")
