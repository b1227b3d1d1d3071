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
