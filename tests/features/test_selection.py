"""What becomes a column is chosen from what was known before the cutoff."""

import pandas as pd

from closecurve.features.selection import Attribute, choose
from closecurve.features.tables import HistoryTables

START, CUTOFF = pd.Timestamp("2026-01-01"), pd.Timestamp("2026-02-01")
COUNT = 60


def history() -> HistoryTables:
    ids = [f"d{i}" for i in range(COUNT)]
    kinds = ["Call"] * 9 + ["call"] * 3 + ["push"] * 5 + ["stage_x"] + ["mail"] * 2
    changes = [
        ("stage", START, "B"),
        ("stage", START, "Won"),
        ("seats", START, "1"),
        ("seats", START, "2.5"),
        ("tier", START, "high"),
        ("tier", CUTOFF, "low"),
        ("note", START, "x"),
        ("note", START, "y"),
    ]
    return HistoryTables.from_frames(
        {
            "deals": pd.DataFrame(
                {
                    "deal_id": ids,
                    "created_at": START,
                    "currency": ["USD", "USD", "EUR"] * (COUNT // 3),
                    "account_id": ["a", "b", "c"] * (COUNT // 3),
                    "product": ["x", "y"] * (COUNT // 2),
                    "same": "one",
                    "empty": None,
                    "title": [f"note {i}" for i in range(COUNT)],
                    "score": [float(i) for i in range(COUNT)],
                }
            ),
            "deal_changes": pd.DataFrame(
                [
                    {"deal_id": f"d{i}", "field": f, "event_at": at, "known_at": at, "new_value": v}
                    for i, (f, at, v) in enumerate(changes)
                ]
            ).assign(seq=0.0),
            "accounts": pd.DataFrame(
                {"account_id": ["a", "b", "c", "z"], "size": [1.0, 2.0, 2.0, 9.0]}
            ),
            "activities": pd.DataFrame(
                {"deal_id": ids[0], "event_at": START, "known_at": START, "kind": kinds}
            ),
            "fx_rates": pd.DataFrame({"date": [START], "currency": ["EUR"], "rate": [1.1]}),
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


def test_attributes_that_tell_something_are_chosen() -> None:
    chosen = choose(history(), CUTOFF).deals.attributes
    assert set(chosen) == {
        Attribute(name="product", table="deals", kind="category"),
        Attribute(name="score", table="deals", kind="number"),
        Attribute(name="size", table="accounts", kind="number"),
        Attribute(name="seats", table="deal_changes", kind="number"),
        Attribute(name="note", table="deal_changes", kind="category"),
        Attribute(name="tier", table="deal_changes", kind="category"),
    }
    assert [a.column for a in chosen] == sorted(a.column for a in chosen)


def test_kinds_are_the_frequent_ones_and_clash_with_nothing() -> None:
    assert choose(history(), CUTOFF).deals.kinds == ("Call", "mail")


def test_stages_are_open_ones_that_were_entered() -> None:
    assert choose(history(), CUTOFF).deals.stages == ("B",)


def test_the_company_currency_is_the_one_without_a_rate_unless_it_is_told() -> None:
    assert choose(history(), CUTOFF).company_currency == "USD"
    assert choose(history(), CUTOFF, company_currency="EUR").company_currency == "EUR"


def test_a_cutoff_before_everything_chooses_nothing() -> None:
    nothing = choose(history(), START)
    assert (nothing.deals.attributes, nothing.deals.kinds, nothing.deals.stages) == ((), (), ())
    assert "age_days" in nothing.columns("deal")


def test_facts_of_a_column_that_is_set_aside_are_no_attribute_either() -> None:
    """A reason of loss that changed between two imports: its first values are of the close."""
    count = 400
    ids = [f"d{i}" for i in range(count)]
    created = [START + pd.Timedelta(hours=i) for i in range(count)]
    reason = [["price", "timing"][i // 2 % 2] if i % 2 else None for i in range(count)]
    deals = {"deal_id": ids, "created_at": created, "reason": reason, "size": [1.0, 2.0] * 200}
    ends = [("outcome", i, "lost") for i in range(1, count, 2)]
    facts = [*ends, *(("reason", i, reason[i]) for i in range(1, count, 2)), ("reason", 0, "price")]
    changes = [
        {"deal_id": f"d{i}", "field": field, "event_at": created[i], "new_value": value}
        for field, i, value in facts
    ]
    made = pd.DataFrame(changes).assign(seq=1.0, known_at=lambda rows: rows["event_at"])
    tables = HistoryTables.from_frames({"deals": pd.DataFrame(deals), "deal_changes": made})
    assert [a.name for a in choose(tables, CUTOFF).deals.attributes] == ["size"]
    kept = choose(tables, CUTOFF, keep=["deals.reason"]).deals.attributes
    assert [a.name for a in kept] == ["reason", "size"]


def test_an_attribute_is_of_the_kind_that_all_its_values_are() -> None:
    days = ["2024-01-01", "2024-02-01 08:00"] * 3
    deals = pd.DataFrame(
        {
            "deal_id": [f"d{i}" for i in range(6)],
            "created_at": pd.Timestamp("2024-01-01"),
            "founded": days,
            "seats": ["10", "2.5"] * 3,
            "post_code": ["01067", "10115"] * 3,
            "is_partner": ["true", "false"] * 3,
        }
    )
    tables = HistoryTables.from_frames({"deals": deals})
    chosen = choose(tables, pd.Timestamp("2025-01-01"), without=(), year_start_month=4)
    assert {a.column: a.kind for a in chosen.deals.attributes} == {
        "days_since_date_founded": "date",
        "attribute_seats": "number",
        "attribute_post_code": "category",
        "attribute_is_partner": "category",
    }
    assert chosen.year_start_month == 4
