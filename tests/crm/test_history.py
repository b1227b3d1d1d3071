"""Canonical tables to history tables: the facts and their order."""

from datetime import timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closecurve.crm.history import history_tables, stages_frame
from closecurve.crm.stages import DEFAULT_PROCESS
from closecurve.crm.tables import CANONICAL, HISTORY_TABLES

Fact = tuple[str, str, str | None]
DAY = timedelta(days=1)


def at(day: int) -> pd.Timestamp:
    return pd.Timestamp("2025-01-01") + day * DAY


def deal(**more: object) -> pd.DataFrame:
    return pd.DataFrame([{"deal_id": "D", "created_at": at(0), **more}])


def changes(*rows: tuple[int, str, str | None], key: str = "deal_id") -> pd.DataFrame:
    """Changes from (day, field, new value)."""
    listed = [
        {key: key[0].upper(), "event_at": at(day), "field": field, "new_value": value}
        for day, field, value in rows
    ]
    return pd.DataFrame(listed, columns=[key, "event_at", "field", "new_value"])


def facts(
    deals: pd.DataFrame, moved: pd.DataFrame | None = None, reopen: bool = True
) -> list[tuple[int, str, str | None]]:
    """The history's facts as (day, field, new value), in order."""
    given = {"deals": deals} | ({} if moved is None else {"deal_changes": moved})
    made = history_tables(given, [DEFAULT_PROCESS], reopen)["deal_changes"]
    assert made["seq"].tolist() == list(range(1, len(made) + 1))
    return triples(made)


def triples(made: pd.DataFrame) -> list[tuple[int, str, str | None]]:
    days = ((made["event_at"] - at(0)) // DAY).tolist()
    values = made["new_value"].astype(object).where(made["new_value"].notna(), None)
    return list(zip(days, made["field"], values, strict=True))


def test_a_company_with_deals_alone_has_every_history_table() -> None:
    made = history_tables({"deals": deal()}, [DEFAULT_PROCESS])
    assert list(made) == list(HISTORY_TABLES)
    for name, frame in made.items():
        assert frame.columns.tolist() == [column.name for column in HISTORY_TABLES[name]]
    assert {name: len(frame) for name, frame in made.items() if len(frame)} == {
        "deals": 1,
        "stages": 7,
    }


def test_first_values_are_facts_of_the_creation() -> None:
    made = facts(
        deal(
            stage="Proposal",
            amount=1000.0,
            expected_close_date=pd.Timestamp("2025-03-01"),
            owner_id="O",
        )
    )
    assert made == [
        (0, "stage", "Proposal"),
        (0, "amount", "1000"),
        (0, "expected_close_date", "2025-03-01"),
        (0, "owner_id", "O"),
    ]


def test_the_old_value_of_the_first_change_is_the_first_value() -> None:
    moved = changes((3, "amount", "700"), (5, "amount", "1000")).assign(old_value=["500", "700"])
    assert facts(deal(amount=1000.0), moved) == [
        (0, "amount", "500"),
        (3, "amount", "700"),
        (5, "amount", "1000"),
    ]


def test_a_change_without_an_old_value_leaves_the_first_value_empty() -> None:
    made = facts(deal(stage="Proposal"), changes((3, "stage", "Proposal")))
    assert made == [(3, "stage", "Proposal")]


def test_an_emptied_field_is_a_fact() -> None:
    made = facts(deal(), changes((1, "owner_id", "O"), (2, "owner_id", None)))
    assert made == [(1, "owner_id", "O"), (2, "owner_id", None)]


def test_a_change_that_changes_nothing_is_dropped() -> None:
    moved = changes((1, "owner_id", "O"), (2, "owner_id", "O"), (3, "owner_id", "P"))
    assert facts(deal(), moved) == [(1, "owner_id", "O"), (3, "owner_id", "P")]


def test_a_repetition_that_was_known_first_is_kept() -> None:
    moved = changes((1, "owner_id", "O"), (2, "owner_id", "O")).assign(known_at=[at(9), at(2)])
    assert facts(deal(), moved) == [(1, "owner_id", "O"), (2, "owner_id", "O")]


def test_of_two_changes_of_one_instant_the_later_line_holds() -> None:
    moved = changes((1, "owner_id", "O"), (1, "owner_id", "P"))
    assert facts(deal(), moved)[-1] == (1, "owner_id", "P")


def test_nothing_is_known_before_it_happened_or_before_its_deal() -> None:
    moved = changes(
        (-2, "stage", "Qualification"), (-1, "stage", "Proposal"), (5, "stage", "Closing")
    )
    moved["known_at"] = pd.Series([at(-2), pd.NaT, at(3)])
    made = history_tables({"deals": deal(), "deal_changes": moved}, [DEFAULT_PROCESS])
    frame = made["deal_changes"]
    assert triples(frame) == [
        (0, "stage", "Qualification"),
        (0, "stage", "Proposal"),
        (5, "stage", "Closing"),
    ]
    assert frame["known_at"].tolist() == [at(0), at(0), at(5)]


def test_a_close_of_the_deals_table_is_known_when_it_happens() -> None:
    assert facts(deal(closed_at=at(9), outcome="lost")) == [(9, "outcome", "lost")]


@pytest.mark.parametrize(("stage", "outcome"), [("Won", "won"), ("Lost", "lost")])
def test_the_stage_of_a_closed_deal_is_no_fact_of_its_creation(stage: str, outcome: str) -> None:
    made = facts(deal(closed_at=at(9), outcome=outcome, stage=stage))
    assert made == [(9, "outcome", outcome)]


def test_moves_of_stage_decide_the_outcome() -> None:
    moved = changes((1, "stage", "Proposal"), (4, "stage", "Won"))
    made = facts(deal(closed_at=at(6), outcome="won"), moved)
    assert made == [(1, "stage", "Proposal"), (4, "stage", "Won"), (4, "outcome", "won")]


def test_a_move_back_opens_a_deal_again() -> None:
    moved = changes((2, "stage", "Lost"), (5, "stage", "Proposal"), (6, "stage", "Closing"))
    made = [fact for fact in facts(deal(), moved) if fact[1] == "outcome"]
    assert made == [(2, "outcome", "lost"), (5, "outcome", "open")]


def test_the_tables_close_is_added_where_the_moves_do_not_end_with_it() -> None:
    moved = changes((2, "stage", "Lost"), (5, "stage", "Proposal"))
    made = facts(deal(closed_at=at(9), outcome="won"), moved)
    assert [fact for fact in made if fact[1] == "outcome"] == [
        (2, "outcome", "lost"),
        (5, "outcome", "open"),
        (9, "outcome", "won"),
    ]


def test_without_reopening_the_first_close_is_final() -> None:
    moved = changes((2, "stage", "Lost"), (5, "stage", "Proposal"), (6, "stage", "Won"))
    made = facts(deal(), moved, reopen=False)
    assert [fact for fact in made if fact[1] == "outcome"] == [(2, "outcome", "lost")]


def test_changes_of_the_outcome_itself_count() -> None:
    moved = changes((2, "outcome", "lost"), (5, "outcome", None), (8, "outcome", "won"))
    assert facts(deal(), moved) == [
        (2, "outcome", "lost"),
        (5, "outcome", "open"),
        (8, "outcome", "won"),
    ]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_a_move_and_an_outcome_of_one_instant_the_outcome_counts(order: tuple[int, int]) -> None:
    rows = [(4, "outcome", "won"), (4, "stage", "Proposal")]
    made = facts(deal(), changes(*(rows[place] for place in order)))
    assert [fact for fact in made if fact[1] == "outcome"] == [(4, "outcome", "won")]


def test_an_attribute_with_changes_is_tracked_for_every_deal() -> None:
    deals = pd.DataFrame(
        [
            {"deal_id": "D", "created_at": at(0), "sector": "a", "seats": 5.0, "site": "x"},
            {"deal_id": "E", "created_at": at(1), "sector": "b", "seats": 6.0, "site": "y"},
        ]
    )
    moved = changes((3, "seats", "9")).assign(old_value=["4"])
    made = history_tables({"deals": deals, "deal_changes": moved}, [DEFAULT_PROCESS])
    assert made["deals"].columns.tolist()[-2:] == ["sector", "site"]
    assert triples(made["deal_changes"]) == [
        (0, "seats", "4"),
        (3, "seats", "9"),
        (1, "seats", "6"),
    ]


def test_a_leads_end_is_known_when_it_happens() -> None:
    leads = pd.DataFrame(
        {
            "lead_id": ["K", "L"],
            "created_at": [at(0), at(0)],
            "converted_at": [at(4), pd.NaT],
            "converted_deal_id": ["D", None],
            "disqualified_at": [pd.NaT, at(7)],
            "owner_id": ["O", None],
        }
    )
    made = history_tables({"leads": leads}, [DEFAULT_PROCESS])["lead_changes"]
    assert made["lead_id"].tolist() == ["K", "K", "K", "L"]
    assert triples(made) == [
        (0, "owner_id", "O"),
        (4, "outcome", "converted"),
        (4, "converted_deal_id", "D"),
        (7, "outcome", "disqualified"),
    ]


def test_changes_of_a_leads_outcome_stand_in_for_its_table() -> None:
    leads = pd.DataFrame([{"lead_id": "L", "created_at": at(0), "converted_at": at(9)}])
    moved = changes((2, "outcome", "disqualified"), (3, "outcome", "open"), key="lead_id")
    made = history_tables({"leads": leads, "lead_changes": moved}, [DEFAULT_PROCESS])
    assert triples(made["lead_changes"]) == [(2, "outcome", "disqualified"), (3, "outcome", "open")]


def test_tables_are_sorted_by_id() -> None:
    deals = pd.DataFrame(
        {"deal_id": ["B", "A"], "created_at": [at(0), at(1)], "owner_id": ["x", "y"]}
    )
    activities = pd.DataFrame(
        {"deal_id": ["B", "A", "A"], "event_at": [at(3), at(2), at(1)], "kind": ["c", "b", "a"]}
    )
    made = history_tables({"deals": deals, "activities": activities}, [DEFAULT_PROCESS])
    assert made["deals"]["deal_id"].tolist() == ["A", "B"]
    assert made["deal_changes"]["deal_id"].tolist() == ["A", "B"]
    assert made["activities"]["kind"].tolist() == ["a", "b", "c"]


def test_stages_count_from_one() -> None:
    frame = stages_frame([DEFAULT_PROCESS])
    assert frame["stage_order"].tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert frame["kind"].tolist() == ["open"] * 5 + ["won", "lost"]


CHANGE = st.tuples(
    st.integers(0, 3),
    st.integers(-2, 6),
    st.integers(0, 4),
    st.sampled_from(["stage", "owner_id"]),
    st.sampled_from(["Proposal", "Closing"]),
)
Change = tuple[int, int, int, str, str]


def value_of(listed: list[Change], row: int, field: str, day: int) -> str | None:
    """The plain rule: of the changes known before the day, the last one that happened."""
    known = [
        (max(event, 0), event, place, value)
        for place, (of, event, delay, name, value) in enumerate(listed)
        if (of, name) == (row, field) and max(event + delay, 0) < day
    ]
    return max(known)[3] if known else None


@settings(deadline=None, max_examples=8)
@given(listed=st.lists(CHANGE, min_size=10, max_size=60))
def test_what_was_known_as_of_a_day_is_what_the_changes_say(listed: list[Change]) -> None:
    deals = pd.DataFrame({"deal_id": list("ABCD"), "created_at": at(0)})
    moved = pd.DataFrame(listed, columns=["row", "event", "delay", "field", "new_value"])
    moved["deal_id"] = moved["row"].map(dict(enumerate("ABCD")))
    moved["event_at"] = at(0) + pd.to_timedelta(moved["event"], unit="D")
    moved["known_at"] = moved["event_at"] + pd.to_timedelta(moved["delay"], unit="D")
    given = {"deals": deals, "deal_changes": moved.drop(columns=["row", "event", "delay"])}
    frame = history_tables(given, [DEFAULT_PROCESS])["deal_changes"]
    for day in range(-1, 12):
        known = frame[frame["known_at"] < at(day)].sort_values(["event_at", "seq"])
        last = known.groupby(["deal_id", "field"])["new_value"].last().to_dict()
        for row, name in enumerate("ABCD"):
            for field in ("stage", "owner_id"):
                assert last.get((name, field)) == value_of(listed, row, field, day)


def test_every_canonical_table_is_taken() -> None:
    empty = {name: pd.DataFrame(columns=list(table.names)) for name, table in CANONICAL.items()}
    made = history_tables(empty, [DEFAULT_PROCESS])
    assert {name for name, frame in made.items() if len(frame)} == {"stages"}
