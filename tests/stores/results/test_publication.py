"""What a publication refuses, and what its cells become."""

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.stores.results.conftest import make_publication

from closecurve.crm.errors import UsageError
from closecurve.stores.results.cells import cells, json_text
from closecurve.stores.results.columns import RESULT_TABLES, Kind, ResultColumn


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        (Kind.TEXT, ["a", None, np.nan, pd.NA], ["a", None, None, None]),
        (Kind.TEXT, pd.Series(["a", None], dtype="category"), ["a", None]),
        (Kind.NUMBER, [1, None, np.inf, -np.inf, 0.5], [1.0, None, None, None, 0.5]),
        (Kind.NUMBER, pd.Series([1, None], dtype="Int64"), [1.0, None]),
        (Kind.INTEGER, [3.0, np.nan], [3, None]),
        (Kind.FLAG, [True, None, False], [True, None, False]),
        (Kind.FLAG, pd.Series([True, False]), [True, False]),
        (Kind.DAY, [date(2026, 1, 2), None], [date(2026, 1, 2), None]),
        (Kind.DAY, [pd.Timestamp("1969-12-31 23:59"), pd.NaT], [date(1969, 12, 31), None]),
        (
            Kind.INSTANT,
            [pd.Timestamp("2026-01-02 03:04:05.000006")],
            [datetime(2026, 1, 2, 3, 4, 5, 6)],
        ),
        (Kind.INSTANT, [datetime(2026, 1, 2, tzinfo=UTC), None], [datetime(2026, 1, 2), None]),
        (Kind.JSON, [{"a": np.float32(0.5)}, None, np.nan], ['{"a":0.5}', None, None]),
        (Kind.JSON, [[np.int64(1), np.bool_(True), pd.NA]], ["[1,true,null]"]),
    ],
)
def test_cells_are_plain_values(kind: Kind, values: Any, expected: list[Any]) -> None:
    got = cells(pd.Series(values), ResultColumn(name="x", kind=kind))
    assert got == expected
    assert [type(value) for value in got] == [type(value) for value in expected]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Kind.TEXT, 5),
        (Kind.TEXT, "a\0b"),
        (Kind.TEXT, "\udc00"),
        (Kind.NUMBER, "much"),
        (Kind.INTEGER, 1.5),
        (Kind.DAY, "someday"),
        (Kind.FLAG, "perhaps"),
    ],
)
def test_a_value_of_another_kind_is_refused(kind: Kind, value: object) -> None:
    with pytest.raises(UsageError, match=f"amount is of kind {kind}") as caught:
        cells(pd.Series([value], dtype=object), ResultColumn(name="amount", kind=kind))
    assert caught.value.code == "publication-type"


def test_what_json_cannot_write_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        json_text({"model": object()})
    assert caught.value.code == "publication-json"


def test_gaps_deep_in_json_are_null() -> None:
    value = {"a": [np.array([1.0, np.nan]), (np.float64("inf"), {"b": pd.NaT})]}
    assert json_text(value) == '{"a":[[1.0,null],[null,{"b":null}]]}'


@pytest.mark.parametrize("table", RESULT_TABLES)
def test_a_missing_or_unknown_column_is_named(table: str) -> None:
    frame = getattr(make_publication(1), table)
    key = RESULT_TABLES[table].key[0]
    with pytest.raises(UsageError, match=f"missing \\['{key}'\\]") as caught:
        make_publication(1, **{table: frame.drop(columns=key)})
    assert caught.value.code == "publication-columns"
    if "facts" not in RESULT_TABLES[table].names:
        with pytest.raises(UsageError, match=r"unknown \['score'\]"):
            make_publication(1, **{table: frame.assign(score=1)})


@pytest.mark.parametrize("table", RESULT_TABLES)
def test_a_key_is_set_and_unique(table: str) -> None:
    frame = getattr(make_publication(1), table)
    doubled = pd.concat([frame, frame.head(1)])
    gap = frame.assign(**{RESULT_TABLES[table].key[0]: None})
    for wrong in (doubled, gap):
        with pytest.raises(UsageError) as caught:
            make_publication(1, **{table: wrong})
        assert caught.value.code == "publication-key"


@pytest.mark.parametrize("value", [pd.NaT, "2026-01-01", pd.Timestamp("2026-01-01", tz="UTC")])
def test_the_as_of_is_a_naive_instant(value: object) -> None:
    with pytest.raises(UsageError) as caught:
        make_publication(1, as_of=value)
    assert caught.value.code == "publication-instant"


@pytest.mark.parametrize(
    ("name", "value"),
    [("history_id", None), ("bundle_digest", ""), ("history_id", "\0"), ("deal_model_version", 7)],
)
def test_ids_and_versions_are_text(name: str, value: Any) -> None:
    changes = {name: value}
    with pytest.raises(UsageError, match=name) as caught:
        make_publication(1, **changes)
    assert caught.value.code == "publication-text"
