"""Rows of two tables beside each other."""

import pandas as pd

from closecurve.crm.matching import differs, stacked, unmatched


def test_each_known_row_is_the_partner_of_one_row_and_null_equals_null() -> None:
    known = pd.DataFrame({"id": ["A", "A", "B"], "value": ["x", None, "x"]}, dtype="str")
    rows = pd.DataFrame({"id": ["A", "A", "A", "B"], "value": ["x", "x", None, "y"]}, dtype="str")
    assert unmatched(rows, known, ["id", "value"]).tolist() == [False, True, False, True]


def test_beside_an_empty_table_every_row_is_new() -> None:
    rows = pd.DataFrame({"id": ["A", "A"]}, dtype="str")
    assert unmatched(rows, rows.iloc[:0], ["id"]).tolist() == [True, True]
    assert unmatched(rows.iloc[:0], rows, ["id"]).tolist() == []


def test_two_nulls_do_not_differ() -> None:
    one = pd.Series(["a", None, None, "b"], dtype="str")
    two = pd.Series(["a", None, "c", "d"], dtype="str")
    assert differs(one, two).tolist() == [False, False, True, True]


def test_a_column_keeps_its_first_kind_unless_it_never_had_a_value() -> None:
    first = pd.DataFrame({"n": [1.0], "t": ["x"], "e": pd.Series([None], dtype="str")})
    second = pd.DataFrame({"n": ["7", "q"], "t": [2.0, 0.5], "e": [3.0, 4.0], "z": ["new", None]})
    made = stacked(first, second, {"e"})
    assert made.columns.tolist() == ["n", "t", "e", "z"]
    assert made["n"].tolist()[:2] == [1.0, 7.0]
    assert made["n"].isna().tolist() == [False, False, True]
    assert made["t"].tolist() == ["x", "2", "0.5"]
    assert made["e"].tolist()[1:] == [3.0, 4.0]
    assert made["z"].isna().tolist() == [True, False, True]
