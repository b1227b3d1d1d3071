"""Closes and stage passages by hand."""

from typing import Any

import pandas as pd
import pytest

from closecurve.features.facts import closes, funnel_facts, known_before, lead_closes
from closecurve.features.snapshot import open_deals
from closecurve.features.tables import HistoryTables

AS_OF = pd.Timestamp("2026-02-01")


def day(text: str) -> pd.Timestamp:
    return pd.Timestamp(f"2026-{text}")


def facts(rows: list[tuple[str, str, str, str]]) -> pd.DataFrame:
    """Facts of deals from (deal, field, day, value); a day may be 'event>known'."""
    made = []
    for seq, (deal, field, when, value) in enumerate(rows):
        event, _, known = when.partition(">")
        made.append((deal, field, day(event), day(known or event), float(seq), value))
    columns = ["deal_id", "field", "event_at", "known_at", "seq", "new_value"]
    return pd.DataFrame(made, columns=columns)


@pytest.fixture(scope="module")
def tables() -> HistoryTables:
    rows = [
        ("won", "stage", "01-01", "A"),
        ("won", "stage", "01-05", "B"),
        ("won", "owner_id", "01-01", "o"),
        ("won", "amount", "01-01", "100"),
        ("won", "amount", "01-10", "120"),
        ("won", "stage", "01-10", "Won"),
        ("won", "outcome", "01-10", "won"),
        ("won", "owner_id", "01-20", "later"),
        ("won", "amount", "01-20", "999"),
        ("back", "stage", "01-01", "A"),
        ("back", "outcome", "01-04", "lost"),
        ("back", "outcome", "01-08", "open"),
        ("back", "stage", "01-08", "B"),
        ("late", "stage", "01-01", "A"),
        ("late", "outcome", "01-20>02-01", "lost"),
    ]
    return HistoryTables.from_frames(
        {
            "deals": pd.DataFrame(
                {
                    "deal_id": ["won", "back", "late"],
                    "created_at": day("01-01"),
                    "process": "p",
                    "currency": ["EUR", None, None],
                }
            ),
            "deal_changes": facts(rows),
            "leads": pd.DataFrame({"lead_id": ["l"], "created_at": [day("01-01")]}),
            "lead_changes": facts([("l", "outcome", "01-03", "converted")]).rename(
                columns={"deal_id": "lead_id"}
            ),
            "owners": pd.DataFrame({"owner_id": ["o"], "team": ["t"], "region": ["r"]}),
            "fx_rates": pd.DataFrame(
                {"date": [day("01-01"), day("01-10")], "currency": "EUR", "rate": [2.0, 3.0]}
            ),
            "stages": pd.DataFrame(
                {
                    "process": "p",
                    "stage": ["A", "B", "Won"],
                    "stage_order": [1, 2, 3],
                    "kind": ["open", "open", "won"],
                }
            ),
        }
    )


def test_a_close_stands_with_what_was_known_then(tables: HistoryTables) -> None:
    (row,) = closes(tables, AS_OF, company_currency="USD").to_pyarrow().to_pylist()
    assert (row["deal_id"], row["outcome"], row["closed_at"]) == ("won", "won", day("01-10"))
    assert (row["amount"], row["owner_id"], row["team"]) == (120.0, "o", "t")
    assert row["amount_company"] == 240.0  # the rate of the 1st: that of the 10th is not before it


def test_a_close_goes_while_the_deal_is_open_again(tables: HistoryTables) -> None:
    names = [
        sorted(row["deal_id"] for row in closes(tables, at).to_pyarrow().to_pylist())
        for at in (day("01-04"), day("01-05"), day("01-09"), day("02-02"))
    ]
    assert names == [[], ["back"], [], ["late", "won"]]


def test_leads_close_too(tables: HistoryTables) -> None:
    (row,) = lead_closes(tables, AS_OF).to_pyarrow().to_pylist()
    assert (row["lead_id"], row["outcome"], row["closed_at"]) == ("l", "converted", day("01-03"))


def test_passages_end_at_the_next_stage_or_the_close(tables: HistoryTables) -> None:
    found: list[dict[str, Any]] = funnel_facts(tables, AS_OF).to_pyarrow().to_pylist()
    short = {
        (
            row["deal_id"],
            row["stage"],
            row["entered_at"].day,
            row["left_at"] and row["left_at"].day,
        ): row["next"]
        for row in found
    }
    assert short == {
        ("won", "A", 1, 5): "B",
        ("won", "B", 5, 10): "won",
        ("back", "A", 1, 4): "lost",
        ("back", "B", 8, None): None,
        ("late", "A", 1, None): None,
    }
    assert {row["stage"]: row["stage_order"] for row in found} == {"A": 1.0, "B": 2.0}


def test_what_is_known_before_an_instant_is_cut_strictly(tables: HistoryTables) -> None:
    cut = known_before(tables, day("01-10"))
    assert cut.deal_changes.event_at.max().execute() == day("01-08")
    assert cut.fx_rates.count().execute() == 1
    assert known_before(tables, day("01-01")).deals.count().execute() == 0


def test_a_deleted_deal_is_in_no_cohort_no_close_and_no_open_stage() -> None:
    rows = [
        ("gone", "stage", "01-01", "A"),
        ("gone", "outcome", "01-20", "deleted"),
        ("undone", "stage", "01-01", "A"),
        ("undone", "outcome", "01-10", "won"),
        ("undone", "outcome", "01-10>01-20", "deleted"),
        ("back", "stage", "01-01", "A"),
        ("back", "outcome", "01-20", "deleted"),
        ("back", "outcome", "01-25", "open"),
    ]
    deals = pd.DataFrame(
        {"deal_id": ["back", "gone", "undone"], "created_at": day("01-01"), "process": "p"}
    )
    stages = pd.DataFrame({"process": ["p"], "stage": ["A"], "stage_order": [1.0], "kind": "open"})
    made = HistoryTables.from_frames(
        {"deals": deals, "deal_changes": facts(rows), "stages": stages}
    )
    later, earlier = (
        sorted(open_deals(made, [at]).execute()["deal_id"]) for at in (AS_OF, day("01-15"))
    )
    assert (earlier, later) == (["back", "gone"], ["back"])
    assert closes(made, AS_OF).execute().empty
    assert closes(made, day("01-15")).execute()["deal_id"].tolist() == ["undone"]
    stays = funnel_facts(made, AS_OF).execute().set_index("deal_id")
    assert stays.loc["gone", ["left_at", "next"]].tolist() == [day("01-20"), "deleted"]
    assert stays["left_at"].notna().all()
