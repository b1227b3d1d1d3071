"""Stalls as labels: no move to a later stage and no win that became known within 30 days."""

import ibis
import pandas as pd
import pytest

from closecurve.features.progress import last_touches, stall_labels
from closecurve.features.tables import HistoryTables

CREATED_AT = pd.Timestamp("2026-01-01")
AS_OF = pd.Timestamp("2026-01-10")
CUTOFF = pd.Timestamp("2026-03-01")
STAGES = pd.DataFrame(
    {
        "process": "p",
        "stage": ["First", "Second", "Third", "Won"],
        "stage_order": [1.0, 2.0, 3.0, 4.0],
        "kind": ["open", "open", "open", "won"],
    }
)

Fact = tuple[str, str, str, str]
"""Field, day it happened, day it was known, value."""


def history(*facts: Fact, **tables: pd.DataFrame) -> HistoryTables:
    """One deal `x` of process p, in the second stage since its creation, with further facts."""
    told = [("stage", "2026-01-01", "2026-01-01", "Second"), *facts]
    changes = pd.DataFrame(told, columns=["field", "event_at", "known_at", "new_value"])
    changes[["event_at", "known_at"]] = changes[["event_at", "known_at"]].apply(pd.to_datetime)
    deals = pd.DataFrame({"deal_id": ["x"], "created_at": [CREATED_AT], "process": ["p"]})
    numbered = changes.assign(deal_id="x", seq=range(len(changes)))
    return HistoryTables.from_frames(
        {"deals": deals, "deal_changes": numbered, "stages": STAGES, **tables}
    )


def labels(*facts: Fact, cutoff: pd.Timestamp = CUTOFF) -> list[bool]:
    grain = ibis.memtable(pd.DataFrame({"deal_id": ["x"], "as_of": [AS_OF]}))
    made = stall_labels(history(*facts), grain, cutoff).to_pyarrow().to_pylist()
    return [row["stalled"] for row in made]


def stage(known: str, name: str, event: str | None = None) -> Fact:
    return ("stage", event or known, known, name)


def outcome(known: str, value: str) -> Fact:
    return ("outcome", known, known, value)


@pytest.mark.parametrize(
    ("facts", "stalled"),
    [
        ([], True),
        ([stage("2026-01-20", "Third")], False),
        ([stage("2026-01-20", "First")], True),
        ([stage("2026-01-20", "Second")], True),
        # back and forward again to where it stood
        ([stage("2026-01-12", "First"), stage("2026-01-20", "Second")], True),
        ([outcome("2026-01-20", "won")], False),
        # a loss is no progress
        ([outcome("2026-01-20", "lost")], True),
        # at the very as-of it was not known before; at its 30th day it is too late
        ([stage("2026-01-10", "Third")], False),
        ([stage("2026-02-09", "Third")], True),
        # had happened before, and was written after the as-of
        ([stage("2026-01-15", "Third", event="2026-01-05")], False),
        # known before the as-of: it stands there already
        ([stage("2026-01-05", "Third")], True),
    ],
)
def test_a_deal_stalls_that_neither_moves_ahead_nor_is_won(
    facts: list[Fact], stalled: bool
) -> None:
    assert labels(*facts) == [stalled]


def test_days_that_are_not_over_say_nothing_whatever_was_seen_of_them() -> None:
    moved = stage("2026-01-20", "Third")
    assert labels(moved, cutoff=pd.Timestamp("2026-02-08")) == []
    assert labels(moved, cutoff=pd.Timestamp("2026-02-09")) == [False]


def test_a_deal_that_is_gone_before_it_moves_says_nothing() -> None:
    assert labels(outcome("2026-01-20", "deleted")) == []
    assert labels(stage("2026-01-15", "Third"), outcome("2026-01-20", "deleted")) == [False]


def test_facts_known_later_change_no_label() -> None:
    assert labels() == labels(stage("2026-02-10", "Third"), outcome("2026-02-11", "won"))


def test_the_last_touch_is_an_activity_or_a_change_known_before_the_as_of() -> None:
    activities = pd.DataFrame(
        {
            "deal_id": ["x", "x"],
            "event_at": pd.to_datetime(["2026-01-08", "2026-01-09"]),
            "known_at": pd.to_datetime(["2026-01-08", "2026-01-10"]),
            "kind": "call",
        }
    )
    changed = stage("2026-01-04", "Third")
    touches = [
        last_touches(history(changed, **tables), AS_OF).execute()["touched_at"].tolist()
        for tables in ({}, {"activities": activities})
    ]
    assert touches == [[pd.Timestamp("2026-01-04")], [pd.Timestamp("2026-01-08")]]
