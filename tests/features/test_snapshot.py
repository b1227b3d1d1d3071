"""Snapshots by hand: one deal and one lead, every feature worked out on paper."""

from typing import Any

import ibis
import pandas as pd
import pytest

from closecurve.features.facts import known_before
from closecurve.features.selected import Attribute, FeatureSelection, SubjectSelection
from closecurve.features.snapshot import deal_snapshots, lead_snapshots, open_deals
from closecurve.features.tables import HistoryTables

Frames = dict[str, pd.DataFrame]
AS_OF = pd.Timestamp("2026-03-01")


def day(text: str) -> pd.Timestamp:
    return pd.Timestamp(f"2026-{text}")


def facts(key: str, *rows: tuple[str, str, str, str | None]) -> pd.DataFrame:
    """Facts from (id, field, day, value), known as they happened; a day may be 'event>known'."""
    made = []
    for seq, (name, field, when, value) in enumerate(rows):
        event, _, known = when.partition(">")
        instants = {"event_at": day(event), "known_at": day(known or event)}
        made.append({key: name, "field": field, "seq": seq, "new_value": value} | instants)
    return pd.DataFrame(made)


@pytest.fixture(scope="module")
def frames() -> Frames:
    return {
        "deals": pd.DataFrame(
            {
                "deal_id": ["d", "w"],
                "created_at": [day("01-01"), day("01-01")],
                "known_at": [day("01-01"), day("01-01")],
                "process": "p",
                "currency": ["EUR", "USD"],
                "account_id": "a",
                "lead_id": ["l", None],
                "seats": [5.0, None],
                "renewal": ["2026-03-11T08:00:00", "soon"],
            }
        ),
        "deal_changes": facts(
            "deal_id",
            ("d", "stage", "01-01", "A"),
            ("d", "stage", "01-11", "C"),
            ("d", "stage", "01-21", "B"),
            ("d", "stage", "01-15>02-01", "A"),  # learnt after B was known: never the value
            ("d", "stage", "02-28>03-01", "C"),  # known at the as-of: not yet
            ("d", "amount", "01-01", "100"),
            ("d", "amount", "02-01", "150"),
            ("d", "expected_close_date", "01-01", "2026-02-01"),
            ("d", "expected_close_date", "01-20", "2026-02-15"),
            ("d", "expected_close_date", "02-10", "2026-02-10"),
            ("d", "expected_close_date", "02-20", "2026-03-11"),
            ("d", "owner_id", "01-01", "o"),
            ("d", "owner_id", "02-01", "o2"),
            ("d", "tier", "01-01", "low"),
            ("d", "tier", "02-01", "high"),
            ("w", "stage", "01-01", "A"),
            ("w", "stage", "01-05", "B"),
            ("w", "owner_id", "01-01", "o2"),
            ("w", "amount", "01-01", "70"),
            ("w", "outcome", "01-25", "won"),
        ),
        "leads": pd.DataFrame(
            {
                "lead_id": ["l"],
                "created_at": [day("01-01") - pd.Timedelta(days=10)],
                "source": ["web"],
                "region": ["north"],
                "account_id": ["a"],
            }
        ),
        "lead_changes": facts("lead_id", ("l", "owner_id", "01-01", "o")),
        "activities": pd.DataFrame(
            {
                "deal_id": ["d", "d", "d", "d", None],
                "lead_id": [None, None, None, None, "l"],
                "event_at": [day("02-25"), day("02-10"), day("01-10"), day("02-28"), day("01-01")],
                "known_at": [day("02-25"), day("02-10"), day("01-10"), day("03-01"), day("01-01")],
                "kind": ["call", "mail", "call", "call", "mail"],
                "direction": ["inbound", "outbound", "outbound", "inbound", "outbound"],
            }
        ),
        "accounts": pd.DataFrame({"account_id": ["a"], "industry": ["steel"]}),
        "owners": pd.DataFrame(
            {"owner_id": ["o", "o2"], "team": ["t", "t2"], "region": ["r", "r2"]}
        ),
        "fx_rates": pd.DataFrame(
            {"date": [day("02-28"), day("03-01")], "currency": "EUR", "rate": [1.2, 9.0]}
        ),
        "stages": pd.DataFrame(
            {"process": "p", "stage": ["A", "B", "C"], "stage_order": [1, 2, 3], "kind": "open"}
        ),
    }


@pytest.fixture(scope="module")
def hand_selection() -> FeatureSelection:
    return FeatureSelection(
        deals=SubjectSelection(
            attributes=(
                Attribute(name="seats", table="deals", kind="number"),
                Attribute(name="tier", table="deal_changes", kind="category"),
                Attribute(name="renewal", table="deals", kind="date"),
                Attribute(name="industry", table="accounts", kind="category"),
            ),
            kinds=("call",),
            stages=("A", "C"),
        ),
        leads=SubjectSelection(kinds=("mail",)),
        company_currency="USD",
        year_start_month=4,
    )


@pytest.fixture(scope="module")
def deal(frames: Frames, hand_selection: FeatureSelection) -> dict[str, Any]:
    tables = HistoryTables.from_frames(frames)
    rows = deal_snapshots(tables, open_deals(tables, [AS_OF]), hand_selection)
    (row,) = rows.to_pyarrow().to_pylist()
    return dict(row)


WANTED = {
    "stage": "B",
    "stage_order": 2,
    "days_in_stage": 39,
    "forward_move_count": 1,
    "backward_move_count": 1,
    "skipped_stage_count": 1,
    "stage_dwell_ratio": 39 / 20,
    "days_since_stage_A": 59,
    "days_since_stage_C": 49,
    "age_days": 59,
    "amount_company": 180,
    "amount_change_count": 1,
    "amount_change_ratio": 1.5,
    "days_to_expected_close": 10,
    "push_count": 2,
    "pushed_days": 14 + 29,
    "days_since_push": 9,
    "activity_count_7": 1,
    "activity_count_30": 2,
    "activity_count_90": 3,
    "inbound_count_7": 1,
    "inbound_count_30": 1,
    "inbound_count_90": 1,
    "outbound_count_7": 0,
    "outbound_count_30": 1,
    "outbound_count_90": 2,
    "activity_trend": (2 - 1) / 3,
    "days_since_activity": 4,
    "activity_count_7_call": 1,
    "activity_count_30_call": 1,
    "activity_count_90_call": 2,
    "days_since_call": 4,
    "owner_id": "o2",
    "owner_win_rate": 1.0,
    "owner_cycle_days": 24,
    "owner_open_count": 1,
    "owner_changed_count": 1,
    "account_deal_count": 2,
    "account_deal_count_365": 2,
    "account_won_count": 1,
    "account_won_amount": 70,
    "days_since_account_win": 35,
    "attribute_account_industry": "steel",
    "process": "p",
    "lead_source": "web",
    "lead_age_days": 10,
    "lead_response_hours": 240,
    "lead_activity_count": 1,
    "lead_inbound_count": 0,
    "fiscal_quarter": 4,
    "days_to_quarter_end": 31,
    "days_since_date_renewal": -10,
    "attribute_seats": 5,
    "attribute_tier": "high",
}


def test_every_deal_feature_is_worked_out(hand_selection: FeatureSelection) -> None:
    assert set(WANTED) == set(hand_selection.columns("deal"))


@pytest.mark.parametrize("feature", sorted(WANTED))
def test_a_deal_feature(feature: str, deal: dict[str, Any]) -> None:
    wanted = WANTED[feature]
    if isinstance(wanted, str):
        assert deal[feature] == wanted
    else:
        assert deal[feature] == pytest.approx(wanted)


def test_a_deal_carries_what_is_shown(deal: dict[str, Any]) -> None:
    shown = {name: deal[name] for name in ("team", "region", "currency", "amount", "lead_id")}
    assert shown == {
        "team": "t2",
        "region": "r2",
        "currency": "EUR",
        "amount": 150.0,
        "lead_id": "l",
    }
    assert deal["expected_close_date"] == day("03-11").date()


@pytest.mark.parametrize(
    "column",
    [
        "account_id",
        "amount",
        "amount_company",
        "attribute_tier",
        "lead_age_days",
        "owner_win_rate",
        "stage_dwell_ratio",
        "team",
    ],
)
def test_a_column_asked_alone_is_as_among_all(
    column: str, frames: Frames, hand_selection: FeatureSelection, deal: dict[str, Any]
) -> None:
    tables = HistoryTables.from_frames(frames)
    grain = open_deals(tables, [AS_OF])
    rows = deal_snapshots(tables, grain, hand_selection, columns=[column])
    assert rows.to_pyarrow().to_pylist() == [{n: deal[n] for n in ("deal_id", "as_of", column)}]


def test_a_cohort_is_answered_as_its_pairs_named_twice_are(
    frames: Frames, hand_selection: FeatureSelection
) -> None:
    tables = HistoryTables.from_frames(frames)
    cohort = open_deals(tables, [AS_OF - pd.Timedelta(days=40), AS_OF])
    pairs = pd.concat([cohort.execute()] * 2)
    given = [
        deal_snapshots(tables, grain, hand_selection).execute().sort_values(["deal_id", "as_of"])
        for grain in (cohort, ibis.memtable(pairs))
    ]
    assert len(given[0]) == 3
    pd.testing.assert_frame_equal(*(rows.reset_index(drop=True) for rows in given))


def test_a_cohort_of_one_history_is_not_taken_as_known_in_another(
    frames: Frames, hand_selection: FeatureSelection
) -> None:
    tables = HistoryTables.from_frames(frames)
    grain = open_deals(tables, [AS_OF])
    unaware = known_before(tables, day("01-01"))
    assert deal_snapshots(unaware, grain, hand_selection, columns=["stage"]).execute().empty


def test_a_lead_at_its_arrival_has_its_own_row_and_no_answer(
    frames: Frames, hand_selection: FeatureSelection
) -> None:
    arrival = frames["leads"]["created_at"][0] + pd.Timedelta(microseconds=1)
    grain = ibis.memtable(pd.DataFrame({"lead_id": ["l", "l"], "as_of": [arrival, AS_OF]}))
    tables = HistoryTables.from_frames(frames)
    rows = lead_snapshots(tables, grain, hand_selection).to_pyarrow().to_pylist()
    fresh, later = sorted(rows, key=lambda row: row["as_of"])
    assert (fresh["responded"], fresh["response_hours"], fresh["owner_id"]) == (0.0, None, None)
    assert fresh["age_days"] * 86_400e6 == pytest.approx(1)
    assert (fresh["created_weekday"], fresh["created_hour"]) == (0.0, 0.0)
    assert (later["responded"], later["response_hours"]) == (1.0, 240.0)
    assert (later["region"], later["owner_id"], later["team"]) == ("north", "o", "t")
    assert (later["owner_open_lead_count"], later["days_since_mail"]) == (1.0, 59.0)
    assert later["responded_at"] == day("01-01")


def test_a_deal_is_open_until_its_close_is_known_and_again_when_reopened() -> None:
    frames = {
        "deals": pd.DataFrame({"deal_id": ["d"], "created_at": [day("01-02")]}),
        "deal_changes": facts(
            "deal_id", ("d", "outcome", "01-05>01-07", "lost"), ("d", "outcome", "01-09", "open")
        ),
    }
    asked = [day(f"01-{d:02}") for d in (2, 3, 5, 7, 8, 9, 10)]
    rows = open_deals(HistoryTables.from_frames(frames), asked).to_pyarrow().to_pylist()
    assert sorted(row["as_of"].day for row in rows) == [3, 5, 7, 10]
