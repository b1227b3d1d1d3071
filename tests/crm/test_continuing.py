"""A second export on top of the history of a first one: nothing is lost, nothing moves back."""

from collections.abc import Mapping

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.crm.exports import (
    DAY,
    DEAL_IDS,
    START,
    Canonical,
    at,
    call,
    change,
    deal,
    export_of,
    exported,
    imported,
    known,
    table,
)

from closecurve.crm.continuing import ContinuedHistory, continued
from closecurve.crm.tables import HISTORY_TABLES

Fact = tuple[float, float, str, str | None]
TIMED = ("deals", "deal_changes", "leads", "lead_changes", "activities")
SETTINGS = settings(deadline=None, max_examples=2)


def facts(history: ContinuedHistory, of: str = "D", name: str = "deal_changes") -> list[Fact]:
    """(event day, day known, field, value) of a record, in order."""
    frame = history.tables[name]
    frame = frame[frame.iloc[:, 0] == of]
    assert frame["seq"].tolist() == list(range(1, len(frame) + 1))
    days = [((frame[each] - START) / DAY).tolist() for each in ("event_at", "known_at")]
    values = frame["new_value"].astype(object).where(frame["new_value"].notna(), None)
    return list(zip(*days, frame["field"], values, strict=True))


def same(one: ContinuedHistory, two: ContinuedHistory) -> None:
    for name in HISTORY_TABLES:
        pd.testing.assert_frame_equal(one.tables[name], two.tables[name], check_exact=True)
    pd.testing.assert_frame_equal(one.stated, two.stated)


def again(history: ContinuedHistory, export: Canonical) -> ContinuedHistory:
    """One more import on top of it."""
    return continued(known(history), exported(export))


OTHER = deal("E", 9)  # the data go on: what is noticed is noticed on day 9


def test_the_same_export_again_changes_nothing() -> None:
    export = {
        "deals": table(deal(stage="Proposal", amount=5.0, sector="a"), OTHER),
        "deal_changes": table(change(2, "stage", "Closing")),
        "activities": table(call(1), call(1)),
    }
    first = imported(export)
    second = again(first, export)
    same(first, second)
    assert [(r.new, r.noticed, r.late, r.corrections) for r in second.reports] == [(0, 0, 0, 0)] * 2


def test_what_is_only_new_gives_the_history_of_the_whole_export() -> None:
    first = {
        "deals": table(deal(stage="Closing")),
        "deal_changes": table(change(1, "stage", "Closing", old_value="Proposal")),
        "activities": table(call(1)),
    }
    whole = {
        "deals": table(deal(stage="Closing", closed_at=at(5), outcome="won"), deal("E", 3)),
        "deal_changes": table(
            change(1, "stage", "Closing", old_value="Proposal"), change(4, "amount", "7")
        ),
        "activities": table(call(1), call(1), call(6, "E")),
    }
    same(imported(first, whole), imported(whole))


def test_a_value_that_changed_without_a_row_is_a_fact_of_when_it_was_noticed() -> None:
    first = {"deals": table(deal(amount=5.0, owner_id="O"))}
    second = {"deals": table(deal(amount=7.0, owner_id=None), OTHER, deal("F", 9, owner_id="P"))}
    history = imported(first, second)
    assert facts(history) == [
        (0, 0, "amount", "5"),
        (0, 0, "owner_id", "O"),
        (9, 9, "amount", "7"),
        (9, 9, "owner_id", None),
    ]
    assert history.reports[0].noticed == 2


def test_exports_of_the_state_alone_build_up_a_history() -> None:
    nights = [
        {"deals": table(deal(stage=stage), deal("E", night))}
        for night, stage in enumerate(("Qualification", "Proposal", "Proposal", "Closing"), 1)
    ]
    assert facts(imported(*nights)) == [
        (0, 0, "stage", "Qualification"),
        (2, 2, "stage", "Proposal"),
        (4, 4, "stage", "Closing"),
    ]


def test_a_column_that_is_no_longer_exported_says_nothing() -> None:
    history = imported({"deals": table(deal(amount=5.0))}, {"deals": table(deal(), OTHER)})
    assert facts(history) == [(0, 0, "amount", "5")]


def test_a_change_row_explains_a_changed_value() -> None:
    first = {"deals": table(deal(amount=5.0))}
    second = {
        "deals": table(deal(amount=7.0), OTHER),
        "deal_changes": table(change(3, "amount", "7", old_value="5")),
    }
    assert facts(imported(first, second)) == [(0, 0, "amount", "5"), (3, 3, "amount", "7")]


def test_a_table_that_always_said_otherwise_than_its_changes_has_not_changed() -> None:
    moved = table(change(1, "amount", "5"))
    first = {"deals": table(deal(amount=6.0)), "deal_changes": moved}
    second = {"deals": table(deal(amount=6.0), OTHER), "deal_changes": moved}
    third = {"deals": table(deal(amount=8.0), OTHER), "deal_changes": moved}
    history = imported(first, second)
    assert facts(history) == [(1, 1, "amount", "5")]
    assert facts(again(history, third)) == [(1, 1, "amount", "5"), (9, 9, "amount", "8")]


def test_a_value_seen_with_a_new_close_is_one_of_the_close() -> None:
    first = {"deals": table(deal(amount=5.0, stage="Proposal"), deal("E", 1))}
    second = {"deals": table(deal(amount=4.0, stage="Won", closed_at=at(6), outcome="won"), OTHER)}
    history = imported(first, second)
    assert facts(history)[2:] == [(6, 6, "outcome", "won"), (6, 6, "amount", "4")]
    same(history, again(history, second))


def test_a_fact_that_was_logged_late_is_known_when_noticed() -> None:
    first = {"deals": table(deal()), "activities": table(call(5))}
    second = {
        "deals": table(deal(), OTHER),
        "deal_changes": table(change(2, "owner_id", "O")),
        "activities": table(call(5), call(3), call(8)),
    }
    history = imported(first, second)
    assert facts(history) == [(2, 9, "owner_id", "O")]
    known_at = history.tables["activities"]["known_at"]
    assert known_at.tolist() == [at(9), at(5), at(8)]
    assert history.reports[0].late == 1


def test_a_deal_that_is_new_to_the_export_was_not_known_before() -> None:
    first = {"deals": table(deal(), deal("E", 5))}
    second = {"deals": table(deal(), deal("E", 5), deal("F", 2, amount=3.0), deal("G", 9))}
    history = imported(first, second)
    row = history.tables["deals"].set_index("deal_id").loc["F"]
    assert (row["created_at"], row["known_at"]) == (at(2), at(9))
    assert facts(history, "F") == [(2, 9, "amount", "3")]


def test_a_deal_that_is_gone_is_closed_out_and_keeps_its_rows() -> None:
    first = {"deals": table(deal(amount=5.0), deal("E", 1)), "activities": table(call(1))}
    second = {"deals": table(OTHER), "activities": table(call(9, "E"))}
    history = imported(first, second)
    assert facts(history) == [(0, 0, "amount", "5"), (9, 9, "outcome", "deleted")]
    assert len(history.tables["activities"]) == 2
    assert history.reports[0].deleted == 1


def test_a_deal_that_comes_back_is_open_again() -> None:
    first, gone = {"deals": table(deal(), OTHER)}, {"deals": table(OTHER, deal("F", 10))}
    back = {"deals": table(deal(), OTHER, deal("F", 12))}
    history = imported(first, gone, back)
    assert facts(history) == [(10, 10, "outcome", "deleted"), (12, 12, "outcome", "open")]
    assert history.reports[0].returned == 1


def test_a_closed_deal_that_comes_back_is_closed_when_it_was() -> None:
    shut = deal(closed_at=at(4), outcome="won")
    first, gone = {"deals": table(shut, OTHER)}, {"deals": table(OTHER, deal("F", 10))}
    back = {"deals": table(shut, OTHER, deal("F", 12))}
    assert facts(imported(first, gone, back)) == [
        (4, 4, "outcome", "won"),
        (4, 10, "outcome", "deleted"),
        (4, 12, "outcome", "won"),
    ]


def test_a_row_that_was_set_aside_is_not_gone() -> None:
    first, second = {"deals": table(deal(), deal("E", 1))}, {"deals": table(OTHER)}
    assert facts(imported(first, second, seen={"deals": ["D"]})) == []


def test_a_table_that_is_not_exported_at_all_deletes_nothing() -> None:
    leads = table({"lead_id": "L", "created_at": at(0)})
    first = {"deals": table(deal()), "leads": leads}
    assert facts(imported(first, {"deals": table(OTHER, deal())}), "L", "lead_changes") == []
    emptied = {"deals": table(OTHER, deal()), "leads": leads.iloc[:0]}
    history = imported(first, emptied)
    assert facts(history, "L", "lead_changes") == [(9, 9, "outcome", "deleted")]


def test_a_close_that_is_taken_back_opens_the_deal_when_noticed() -> None:
    first = {"deals": table(deal(closed_at=at(4), outcome="lost"))}
    history = imported(first, {"deals": table(deal(), OTHER)})
    assert facts(history) == [(4, 4, "outcome", "lost"), (9, 9, "outcome", "open")]
    assert history.reports[0].returned == 0


def test_the_past_told_otherwise_is_kept_as_it_was_known_and_counted() -> None:
    first = {
        "deals": table(deal(account_id="A", lead_id="L")),
        "deal_changes": table(change(3, "owner_id", "O"), change(4, "amount", "5")),
    }
    second = {
        "deals": table(deal(created=-1, account_id="B", lead_id=None), OTHER),
        "deal_changes": table(change(2, "owner_id", "O"), change(4, "amount", "5")),
    }
    history = imported(first, second)
    row = history.tables["deals"].set_index("deal_id").loc["D"]
    assert (row["created_at"], row["account_id"], row["lead_id"]) == (at(0), "A", "L")
    assert facts(history) == [
        (2, 9, "owner_id", "O"),
        (3, 3, "owner_id", "O"),
        (4, 4, "amount", "5"),
    ]
    report = history.reports[0]
    assert (report.moved, report.kept) == (1, {"created_at": 1, "account_id": 1})
    assert report.corrections == 3


def test_an_attribute_that_changes_is_tracked_and_keeps_its_first_value_as_column() -> None:
    first = {"deals": table(deal(sector="a", seats=5.0), deal("E", 1, sector="b", seats=6.0))}
    second = {
        "deals": table(
            deal(sector="c", seats=5.0),
            deal("E", 1, sector="b", seats=6.0),
            deal("F", 9, sector="d"),
        )
    }
    history = imported(first, second)
    deals = history.tables["deals"]
    assert deals["sector"].tolist() == ["a", "b", "d"]
    assert facts(history) == [(0, 0, "sector", "a"), (9, 9, "sector", "c")]
    assert facts(history, "E") == [(1, 1, "sector", "b")]
    assert facts(history, "F") == [(9, 9, "sector", "d")]
    same(history, again(history, second))


def test_an_attribute_that_is_new_to_the_export_is_known_when_noticed() -> None:
    first = {"deals": table(deal(), deal("E", 1))}
    second = {"deals": table(deal(sector="a"), deal("E", 1), deal("F", 9, sector="b"))}
    history = imported(first, second)
    assert facts(history) == [(9, 9, "sector", "a")]
    assert facts(history, "F") == [(9, 9, "sector", "b")]


def test_an_attribute_that_gets_change_rows_keeps_its_first_values() -> None:
    first = {"deals": table(deal(seats=5.0), deal("E", 1, seats=6.0))}
    second = {
        "deals": table(deal(seats=9.0), deal("E", 1, seats=6.0), deal("F", 9, seats=1.0)),
        "deal_changes": table(change(7, "seats", "9", old_value="4")),
    }
    history = imported(first, second)
    assert facts(history) == [(0, 0, "seats", "5"), (7, 7, "seats", "9")]
    assert facts(history, "E") == [(1, 1, "seats", "6")]
    assert facts(history, "F") == [(9, 9, "seats", "1")]


def test_owners_and_accounts_follow_the_export_and_none_is_lost() -> None:
    first = {
        "deals": table(deal()),
        "owners": table({"owner_id": "O", "team": "North"}, {"owner_id": "P", "team": "South"}),
        "accounts": table({"account_id": "A", "size": 5.0}),
    }
    second = {"deals": table(deal()), "owners": table({"owner_id": "O", "team": "South"})}
    made = imported(first, second).tables
    assert made["owners"][["owner_id", "team"]].to_numpy().tolist() == [
        ["O", "South"],
        ["P", "South"],
    ]
    assert made["accounts"]["size"].tolist() == [5.0]


def test_past_rates_stay_and_later_ones_are_taken() -> None:
    def rates(*rows: tuple[float, float]) -> pd.DataFrame:
        return table(*({"date": at(day), "currency": "EUR", "rate": rate} for day, rate in rows))

    first = {"deals": table(deal("D", 5)), "fx_rates": rates((1, 1.1), (9, 1.2))}
    second = {"deals": table(deal("D", 5)), "fx_rates": rates((1, 2.1), (2, 2.2), (9, 2.3))}
    made = imported(first, second).tables["fx_rates"]
    assert made["rate"].tolist() == [1.1, 2.3]


def test_the_sentences_say_what_was_found() -> None:
    first = {"deals": table(deal(account_id="A"), deal("E", 1, amount=1.0))}
    second = {"deals": table(OTHER | {"amount": 2.0}, deal("F", 9))}
    (report, leads) = imported(first, second).reports
    assert [*report.sentences()] == [
        "1 new deals",
        "1 deals are no longer in the export: kept, and closed out as deleted",
        "1 values of deals changed without a change row",
        "1 corrections of the past of deals (created_at 1): what was known stays; closecurve"
        " import --afresh takes them",
    ]
    assert [*leads.sentences()] == []


def visible(tables: Mapping[str, pd.DataFrame], name: str, instant: pd.Timestamp) -> pd.DataFrame:
    frame = tables[name]
    return frame[frame["known_at"] < instant].reset_index(drop=True)


@SETTINGS
@given(seed=st.integers(0, 2**32), other=st.integers(0, 2**32), later=st.integers(0, 5))
def test_nothing_that_was_known_changes(seed: int, other: int, later: int) -> None:
    first = imported(export_of(seed, 12))
    second = continued(known(first), exported(export_of(other, 12 + later)))
    until = known(first).data_until
    for name in TIMED:
        before, after = (visible(each.tables, name, until) for each in (first, second))
        shared = [column for column in before if column in after and column != "seq"]
        fields = set(before.get("field", pd.Series(dtype="str")))
        if "field" in after:  # first values of an attribute that is tracked from now on
            after = after[after["field"].isin({*fields, *HISTORY_FIELDS})].reset_index(drop=True)
        pd.testing.assert_frame_equal(before[shared], after[shared], check_exact=True)
        assert set(before) <= set(second.tables[name])


HISTORY_FIELDS = ("stage", "amount", "owner_id", "outcome", "converted_deal_id")


@SETTINGS
@given(seed=st.integers(0, 2**32), other=st.integers(0, 2**32), third=st.integers(0, 2**32))
def test_importing_twice_is_importing_once(seed: int, other: int, third: int) -> None:
    exports = [export_of(seed, 12), export_of(other, 14), export_of(third, 14)]
    history = imported(*exports)
    same(history, again(history, exports[-1]))


@SETTINGS
@given(seed=st.integers(0, 2**32), other=st.integers(0, 2**32))
def test_the_end_of_the_history_is_what_the_new_export_says(seed: int, other: int) -> None:
    export = exported(export_of(other, 14))
    made = continued(known(imported(export_of(seed, 12))), export)
    ends = ends_of(made.tables)
    told = {pair: value for pair, value in ends_of(export.tables).items() if pair[0] in DEAL_IDS}
    for name in set(made.tables["deals"]["deal_id"]) - set(export.tables["deals"]["deal_id"]):
        told[name, "outcome"] = "deleted"
    for (name, field), value in told.items():
        if field == "outcome":
            assert ends[name, field] == value
    assert {name for name, _ in told} <= {name for name, _ in ends}


def ends_of(tables: Mapping[str, pd.DataFrame]) -> dict[tuple[str, str], str | None]:
    """The value that each field holds at the end: the last by event and order."""
    frame = tables["deal_changes"].sort_values(["deal_id", "event_at", "seq"], kind="stable")
    last = frame.drop_duplicates(["deal_id", "field"], keep="last")
    return dict(
        zip(zip(last["deal_id"], last["field"], strict=True), last["new_value"], strict=True)
    )


def test_facts_of_a_continued_history_hold_what_every_history_holds() -> None:
    tables = imported(export_of(1, 12), export_of(2, 14), export_of(4, 16)).tables
    for name in ("deal_changes", "lead_changes"):
        frame = tables[name]
        assert (frame["known_at"] >= frame["event_at"]).all()
        key = str(frame.columns[0])
        assert frame.sort_values([key, "event_at", "seq"]).index.equals(frame.index)
