"""Labels: the event after the as-of as the cutoff knew it, else censored there."""

import ibis
import pandas as pd
import pytest

from closecurve.features.labels import deal_labels, lead_labels
from closecurve.features.tables import HistoryTables

CUTOFF = pd.Timestamp("2026-02-01")


def label(
    outcomes: list[tuple[str, str, str]], as_of: str, subject: str = "deal"
) -> tuple[int, float]:
    """The label of one record whose outcomes are (event day, known day, value) of January."""
    key, table = f"{subject}_id", f"{subject}s"
    facts = pd.DataFrame(
        [
            {
                key: "x",
                "field": "outcome",
                "event_at": pd.Timestamp(f"2026-{event}"),
                "known_at": pd.Timestamp(f"2026-{known}"),
                "seq": i,
                "new_value": value,
            }
            for i, (event, known, value) in enumerate(outcomes)
        ]
    )
    records = pd.DataFrame({key: ["x"], "created_at": [pd.Timestamp("2026-01-01")]})
    tables = HistoryTables.from_frames({table: records, f"{subject}_changes": facts})
    grain = ibis.memtable(pd.DataFrame({key: ["x"], "as_of": [pd.Timestamp(f"2026-{as_of}")]}))
    made = (deal_labels if subject == "deal" else lead_labels)(tables, grain, CUTOFF)
    (row,) = made.to_pyarrow().to_pylist()
    return row["event"], row["duration_days"]


@pytest.mark.parametrize(
    ("outcomes", "as_of", "wanted"),
    [
        ([], "01-10", (0, 22.0)),
        ([("01-20", "01-20", "won")], "01-10", (1, 10.0)),
        ([("01-20", "01-20", "lost")], "01-10", (2, 10.0)),
        # at the very as-of: it was not known before
        ([("01-10", "01-10", "lost")], "01-10", (2, 0.0)),
        # known only at the cutoff: still open for it
        ([("01-20", "02-01", "won")], "01-10", (0, 22.0)),
        # had happened, and was written after the as-of
        ([("01-08", "01-15", "won")], "01-10", (1, 0.0)),
        # gone from its source: neither won nor lost, and followed until then
        ([("01-14", "01-14", "deleted")], "01-10", (0, 4.0)),
        ([("01-14", "02-01", "deleted")], "01-10", (0, 22.0)),
        # gone after its close, or back and closed later
        ([("01-12", "01-12", "won"), ("01-12", "01-20", "deleted")], "01-10", (1, 2.0)),
        (
            [("01-12", "01-12", "deleted"), ("01-15", "01-15", "open"), ("01-20", "01-20", "won")],
            "01-16",
            (1, 4.0),
        ),
        # the first of two closes
        (
            [("01-12", "01-12", "lost"), ("01-14", "01-14", "open"), ("01-20", "01-20", "won")],
            "01-10",
            (2, 2.0),
        ),
        # the second one, after the re-opening
        (
            [("01-12", "01-12", "lost"), ("01-14", "01-14", "open"), ("01-20", "01-20", "won")],
            "01-15",
            (1, 5.0),
        ),
    ],
)
def test_a_deal_label(
    outcomes: list[tuple[str, str, str]], as_of: str, wanted: tuple[int, float]
) -> None:
    assert label(outcomes, as_of) == wanted


@pytest.mark.parametrize(("value", "event"), [("converted", 1), ("disqualified", 2)])
def test_a_lead_label(value: str, event: int) -> None:
    assert label([("01-20", "01-20", value)], "01-10", "lead") == (event, 10.0)


def test_an_as_of_at_the_cutoff_has_no_label() -> None:
    records = pd.DataFrame({"deal_id": ["x"], "created_at": [pd.Timestamp("2026-01-01")]})
    tables = HistoryTables.from_frames({"deals": records})
    grain = ibis.memtable(pd.DataFrame({"deal_id": ["x"], "as_of": [CUTOFF]}))
    assert deal_labels(tables, grain, CUTOFF).count().execute() == 0
