"""Why deals were lost, by hand."""

import pandas as pd
import pytest

from closecurve.models.funnel.losses import COLUMNS, MOST_VALUES, OTHERS, UNTOLD, losses

LOST = pd.DataFrame(
    {
        "deal_id": ["a", "b", "c", "d"],
        "process": "default",
        "amount_company": [10.0, 20.0, None, 40.0],
        "team": ["north", "north", "south", "south"],
        "loss_reason": ["price", "price", None, "budget"],
        "competitor": None,
    }
)


def test_values_are_counted_with_their_share_by_scope() -> None:
    found = losses(LOST, ["loss_reason"], ["team"])
    assert tuple(found.columns) == COLUMNS
    company = found[found["scope"] == "company"].set_index("value")
    assert company["lost_count"].to_dict() == {"price": 2, "budget": 1, UNTOLD: 1}
    assert (company["lost_amount"]["price"], company["share"]["price"]) == (30.0, 0.5)
    assert company["share_low"].lt(company["share"]).all()
    assert company["share_high"].gt(company["share"]).all()
    north = found[found["scope"] == "north"]
    assert north["share"].tolist() == pytest.approx([1.0])


def test_a_dimension_that_no_deal_has_is_left_out() -> None:
    assert set(losses(LOST, ["loss_reason", "competitor"], [])["dimension"]) == {"loss_reason"}
    assert losses(LOST, ["competitor"], []).empty


def test_rare_values_are_put_together_so_that_shares_add_up() -> None:
    count = MOST_VALUES + 5
    many = pd.DataFrame(
        {
            "deal_id": [f"d{i}" for i in range(count)],
            "process": "default",
            "amount_company": 1.0,
            "note": [f"text {i:02}" for i in range(count)],
        }
    )
    found = losses(many, ["note"], [])
    assert found["share"].sum() == pytest.approx(1.0)
    assert found.set_index("value").loc[OTHERS, "lost_count"] == 5


def test_each_of_several_processes_stands_beside_all() -> None:
    mixed = LOST.assign(process=["x", "x", "y", "y"])
    found = losses(mixed, ["loss_reason"], [])
    assert set(found["process"]) == {"(all)", "x", "y"}
    assert found[found["process"] == "x"]["lost_count"].sum() == 2
