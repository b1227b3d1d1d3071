"""Scopes divide rows without losing any."""

import numpy as np
import pandas as pd
import pytest

from closecurve.models.scopes import COMPANY, MANAGER, NOBODY, chains_of, present_kinds, scopes_of

ROWS = pd.DataFrame({"owner_id": ["ann", None, "bo", "ann"], "team": ["x", "x", None, "y"]})


def test_the_company_comes_first_and_rows_without_a_value_have_a_scope() -> None:
    scopes = scopes_of([ROWS])
    assert list(zip(scopes.kinds, scopes.names, strict=True)) == [
        (COMPANY, COMPANY),
        ("team", NOBODY),
        ("team", "x"),
        ("team", "y"),
        ("owner", NOBODY),
        ("owner", "ann"),
        ("owner", "bo"),
    ]


def test_sums_by_scope_by_hand() -> None:
    found = scopes_of([ROWS]).sums(ROWS, np.array([1.0, 10.0, 100.0, 1000.0]))
    assert found.tolist() == [1111.0, 100.0, 11.0, 1000.0, 10.0, 1001.0, 100.0]


def test_a_row_of_an_unknown_owner_still_belongs_to_the_company() -> None:
    later = pd.DataFrame({"owner_id": ["ann", "new"], "team": ["x", "x"]})
    found = scopes_of([ROWS]).sums(later, np.array([1.0, 5.0]))
    assert found.tolist() == [6.0, 0.0, 6.0, 0.0, 0.0, 1.0, 0.0]


def test_a_frame_without_the_column_goes_to_nobody() -> None:
    bare = pd.DataFrame({"deal_id": ["a"]})
    scopes = scopes_of([ROWS, bare])
    totals = scopes.frame().assign(total=scopes.sums(bare, np.ones(1)))
    assert totals.groupby("scope_kind")["total"].sum().tolist() == [1.0, 1.0, 1.0]
    assert totals.loc[totals["total"] > 0, "scope"].tolist() == [COMPANY, NOBODY, NOBODY]


@pytest.mark.parametrize("frame", [pd.DataFrame({"owner_id": [None]}), pd.DataFrame()])
def test_a_kind_that_no_row_has_is_left_out(frame: pd.DataFrame) -> None:
    assert present_kinds([frame]) == ()
    assert scopes_of([frame]).names == (COMPANY,)


TREE = {"top": None, "mid": "top", "ann": "mid", "bo": "top", "cy": None}


def test_a_manager_s_scope_adds_up_everybody_below_at_any_depth() -> None:
    rows = pd.DataFrame({"owner_id": ["ann", "bo", "mid", "cy", None]})
    scopes = scopes_of([rows], chains_of(TREE))
    managers = [i for i, kind in enumerate(scopes.kinds) if kind == MANAGER]
    sums = scopes.sums(rows, np.array([1.0, 10.0, 100.0, 1e3, 1e4]))
    assert {scopes.names[i]: sums[i] for i in managers} == {"mid": 101.0, "top": 111.0}
    assert sums[0] == 11111.0


def test_a_circle_of_managers_ends_where_it_closes() -> None:
    assert chains_of({"a": "b", "b": "a"}) == {"a": ("a", "b"), "b": ("b", "a")}
