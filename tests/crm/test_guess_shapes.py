"""Which tables repeat their records or log events, and what is read off their sample."""

import pandas as pd
import pytest

from closecurve.crm.guess.logs import EventLog, end_word, event_log
from closecurve.crm.guess.seen import SeenTable
from closecurve.crm.guess.states import states_of
from closecurve.crm.mapping_sources import FILE_COLUMN


def table(label: str, header: str, *lines: str) -> SeenTable:
    """A small table as it was seen, of lines with commas."""
    rows = pd.DataFrame([line.split(",") for line in lines], columns=header.split(","), dtype="str")
    return SeenTable(name="seen", label=label, keys={"path": label}, rows=rows.replace("", None))


@pytest.mark.parametrize("sign", ["-", "", "_", "."])
def test_the_day_of_an_export_stands_in_its_files_name(sign: str) -> None:
    days = ("2025-01-05", "2025-01-06")
    names = [f"deals{sign}{day.replace('-', sign)}.csv" for day in days]
    lines = [f"D1,2025-01-01,A,{name}" for name in names]
    states = states_of(table("deals*.csv", f"deal_id,created_at,stage,{FILE_COLUMN}", *lines))
    assert states is not None
    assert [f"{each:%Y-%m-%d}" for each in states.instants] == [*days]
    assert ("replace(" in str(states.at.value)) == (sign in ("_", "."))
    assert FILE_COLUMN not in states.rows


def test_a_row_of_changes_with_a_creation_of_its_own_is_no_state() -> None:
    lines = [f"D1,2025-01-0{day},{stage}" for day, stage in enumerate("ABCD", 1)]
    header = "opportunity_id,created_date,stage_name"
    assert states_of(table("OpportunityHistory.csv", header, *lines)) is None


def test_rows_without_any_order_are_no_states() -> None:
    lines = ["D1,2025-01-01,A", "D1,2025-01-01,B"]
    assert states_of(table("deals.csv", "deal_id,created_at,stage", *lines)) is None


def test_the_last_rows_are_by_time_and_number_and_leave_out_what_is_gone() -> None:
    header = "deal_id,created_at,updated_at,version,is_deleted,stage"
    seen = table(
        "deals.csv",
        header,
        "D1,2025-01-01,2025-01-03,10,no,C",
        "D1,2025-01-01,2025-01-03,9,no,B",
        "D1,2025-01-01,2025-01-02,11,no,A",
        "D1,2025-01-01,2025-01-04,12,yes,",
    )
    states = states_of(seen)
    assert states is not None
    assert states.last.rows["stage"].tolist() == ["C"]
    assert states.varying() == {"updated_at", "stage"}
    assert states.deleted is not None
    assert states.deleted.value == "is_deleted = 'yes'"


EVENTS = (
    "C1,A_REGISTERED,2025-01-01",
    "C1,O_CANCELLED,2025-01-02",
    "C1,O_CANCELLED,2025-01-03",
    "C1,Offer sent,2025-01-04",
    "C1,A_DECLINED,2025-01-05",
    "C2,A_REGISTERED,2025-01-02",
    "C2,Offer sent,2025-01-03",
    "C2,Approved,2025-01-04",
)


def test_a_word_ends_a_case_only_where_it_comes_last_and_once() -> None:
    log = event_log([table("log.csv", "case_id,activity,timestamp", *EVENTS)])
    assert log is not None
    assert dict(log.ends) == {"A_DECLINED": "lost", "Approved": "won"}
    assert sorted(log.stages) == ["A_REGISTERED", "Offer sent"]


def test_events_that_are_only_begun_do_not_count() -> None:
    lines = [f"{line},COMPLETE" for line in EVENTS]
    lines += ["C2,Review,2025-01-03,START", "C2,Review,2025-01-03,COMPLETE"]
    seen = table("log.csv", "case_id,activity,timestamp,lifecycle:transition", *lines)
    log = event_log([seen])
    assert log is not None
    assert log.times_per_case["Review"] == 1
    assert "Review" not in log.stages
    assert log.done_sql() == ["\"lifecycle:transition\" = 'COMPLETE'"]


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("O_ACCEPTED", "won"),
        ("合同签约", "won"),
        ("Application rejected", "lost"),
        ("客户取消", "lost"),
        ("Offer sent", None),
    ],
)
def test_the_name_of_an_activity_tells_an_end(name: str, word: str | None) -> None:
    assert end_word(name) == word


def test_a_table_of_calls_or_of_fields_is_no_event_log() -> None:
    calls = table("calls.csv", "deal_id,kind,at", "D1,call,2025-01-01", "D1,mail,2025-01-02")
    header = "opportunity_id,event,field,newvalue,at"
    fields = table("history.csv", header, "D1,e,Stage,A,2025-01-01", "D1,e,Stage,B,2025-01-02")
    assert event_log([calls, fields]) is None


def log_of(*cases: str) -> EventLog:
    """A log of cases written as `event event …`, an event a day."""
    lines = [
        f"C{number},{event},2025-01-{day:02d}"
        for number, case in enumerate(cases)
        for day, event in enumerate(case.split(), 1)
    ]
    found = event_log([table("log.csv", "case_id,activity,timestamp", *lines)])
    assert found is not None
    return found


def test_where_words_tell_only_the_lost_what_ends_the_others_is_won() -> None:
    log = log_of("Quote View Order", "Quote Order", "Quote Expired", "Quote View", "Quote Declined")
    assert dict(log.by_word) == {"Expired": "lost", "Declined": "lost"}
    assert dict(log.by_place) == {"Order": "won"}
    assert log.ends == {**log.by_word, "Order": "won"}
    assert "Order" not in log.stages


@pytest.mark.parametrize(
    "cases",
    [
        ("Quote Order Packed", "Quote Order Packed Order", "Quote Expired", "Quote Order"),
        ("Quote Order", "Quote Order Expired", "Quote Expired", "Quote Expired"),
        ("Quote Order", "Quote Visa", "Quote Expired", "Quote Expired"),
        ("Quote Order", "Quote Order", "Quote Approved", "Quote Expired"),
    ],
    ids=["goes on", "ends otherwise", "two of them", "words tell both"],
)
def test_nothing_is_taken_for_an_end_where_its_place_does_not_tell(cases: tuple[str, ...]) -> None:
    assert not log_of(*cases).by_place


def test_a_loss_is_told_by_its_place_too() -> None:
    assert dict(log_of("In Approved", "In Gone", "In Gone", "In").by_place) == {"Gone": "lost"}
