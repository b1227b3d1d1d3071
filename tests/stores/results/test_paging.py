"""Cursors: opaque, and harmless whatever comes in their place."""

import base64
import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.stores.results.conftest import make_publication

from closecurve.crm.errors import UsageError
from closecurve.stores.results import (
    MemoryResultsStore,
    ResultsStore,
    SqlResultsStore,
    publication_of,
)
from closecurve.stores.results.columns import DEAL_SCORES, LEAD_SCORES
from closecurve.stores.results.paging import order_of, page_of, position_of

PROBABILITY = order_of("-win_probability_quarter", DEAL_SCORES)


def cursor_of(payload: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(payload).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "payload",
    [
        [],
        {},
        "text",
        [1, "-win_probability_quarter", 0.5],
        [True, "-win_probability_quarter", 0.5, "d1"],
        [0, "-win_probability_quarter", 0.5, "d1"],
        [2**70, "-win_probability_quarter", 0.5, "d1"],
        [2, "-win_probability_quarter", 0.5, "d1"],
        [1, "-amount", 0.5, "d1"],
        [1, "-win_probability_quarter", "0.5", "d1"],
        [1, "-win_probability_quarter", True, "d1"],
        [1, "-win_probability_quarter", float("inf"), "d1"],
        [1, "-win_probability_quarter", float("nan"), "d1"],
        [1, "-win_probability_quarter", 10**400, "d1"],
        [1, "-win_probability_quarter", [0.5], "d1"],
        [1, "-win_probability_quarter", 0.5, 7],
        [1, "-win_probability_quarter", 0.5, "d\0"],
        [1, "-win_probability_quarter", 0.5, "\ud800"],
        [1, "-win_probability_quarter", 0.5, "d" * 5000],
    ],
)
def test_a_forged_cursor_is_invalid(payload: object) -> None:
    with pytest.raises(UsageError) as caught:
        position_of(cursor_of(payload), 1, PROBABILITY)
    assert caught.value.code == "cursor-invalid"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("created_at", "yesterday"),
        ("created_at", "2026-01-01T00:00:00+01:00"),
        ("expected_close_date", "2026-02-30"),
        ("expected_close_date", 5),
        ("queue_rank", 0.5),
        ("queue_rank", 2**31),
    ],
)
def test_a_cursors_value_is_of_its_columns_kind(name: str, value: object) -> None:
    order = order_of(name, LEAD_SCORES if name == "queue_rank" else DEAL_SCORES)
    with pytest.raises(UsageError) as caught:
        position_of(cursor_of([1, name, value, "d1"]), 1, order)
    assert caught.value.code == "cursor-invalid"


@pytest.mark.parametrize("text", ["", "=", "A", "[", "ü", "AAAA", "a b", "W10", "\0", "%3D"])
def test_a_text_that_is_no_cursor_is_invalid_and_not_echoed(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        publication_of(text)
    assert caught.value.code == "cursor-invalid"
    assert str(caught.value).endswith("got another text")


@given(st.one_of(st.text(), st.binary().map(lambda b: base64.urlsafe_b64encode(b).decode())))
def test_any_text_is_a_cursor_or_refused(text: str) -> None:
    # Any other exception than the one of a broken cursor fails the test.
    with suppress(UsageError):
        position_of(text, 1, PROBABILITY)


@given(st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)), st.text())
def test_a_cursor_gives_back_its_position(value: float | None, key: str) -> None:
    row = {"win_probability_quarter": value, "deal_id": key.replace("\0", "")}
    page = page_of([row, row], 7, PROBABILITY, 1)
    assert page.next_cursor is not None
    if len(page.next_cursor) > 2000:
        return
    position = position_of(page.next_cursor, 7, PROBABILITY)
    assert position is not None
    assert (position.value, position.key) == (value, row["deal_id"])


def test_a_cursor_made_for_one_store_does_for_another(tmp_path: Path) -> None:
    stores: list[ResultsStore] = [
        MemoryResultsStore(),
        SqlResultsStore(f"sqlite:///{tmp_path}/r.sqlite"),
    ]
    for store in stores:
        store.publish(make_publication(1, deals=20))
    pages = [store.deals(1, limit=6) for store in stores]
    assert pages[0] == pages[1]
    seconds = [store.deals(1, limit=6, after=pages[0].next_cursor) for store in stores]
    assert seconds[0] == seconds[1]
    stores[1].close()
