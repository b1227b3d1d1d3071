"""Random small histories for the property tests, and one engine whose queries compile once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd
import pytest
from hypothesis import strategies as st

from closecurve.features.selected import Attribute, FeatureSelection, SubjectSelection
from closecurve.features.tables import HistoryTables

START = pd.Timestamp("2024-01-01")
TICK = pd.Timedelta(hours=12)
AS_OFS = [START + TICK * k for k in (0, 1, 9, 61, 62, 200)]

Frames = dict[str, pd.DataFrame]

STAGES = pd.DataFrame(
    {
        "process": ["p"] * 5 + ["q"] * 3,
        "stage": ["Ä 1", "B", "C", "Won", "Lost", "B", "Ä 1", "Won"],
        "stage_order": [1.0, 2, 3, 4, 5, 1, 2, 3],
        "kind": ["open"] * 3 + ["won", "lost", "open", "open", "won"],
    }
)
SELECTION = FeatureSelection(
    deals=SubjectSelection(
        attributes=(
            Attribute(name="size", table="deals", kind="number"),
            Attribute(name="层", table="deals", kind="category"),
            Attribute(name="budget", table="deal_changes", kind="number"),
            Attribute(name="mood", table="deal_changes", kind="category"),
            Attribute(name="industry", table="accounts", kind="category"),
            Attribute(name="staff", table="accounts", kind="number"),
        ),
        kinds=("call", "电话"),
        stages=("Ä 1", "C"),
    ),
    leads=SubjectSelection(
        attributes=(
            Attribute(name="title", table="leads", kind="category"),
            Attribute(name="budget", table="lead_changes", kind="number"),
            Attribute(name="staff", table="accounts", kind="number"),
        ),
        kinds=("call",),
    ),
    company_currency="USD",
)

ticks = st.integers(0, 205).map(lambda k: START + TICK * k)
delays = st.sampled_from([0, 0, 0, 0, 1, 7, 60]).map(lambda k: TICK * k)
seqs = st.sampled_from([0.0, 1.0, 2.0])
VALUES = {
    "stage": ["Ä 1", "B", "C", "Won", "Unknown", None],
    "amount": ["100", "2.50", "1e3", ".5", "x", "1e999", " 7", "", None],
    "expected_close_date": ["2024-02-01", "2024-03-05", "2024-02-30", "soon", None],
    "owner_id": ["o0", "o1", "ünlisted", None],
    "outcome": ["won", "lost", "open"],
    "budget": ["1", "2.5", "viel", "", None],
    "mood": ["good", "坏", None],
}
LEAD_VALUES = {
    "owner_id": VALUES["owner_id"],
    "outcome": ["converted", "disqualified", "open"],
    "budget": VALUES["budget"],
}


@st.composite
def _facts(draw: st.DrawFn, ids: list[str], key: str, values: dict[str, list[Any]]) -> pd.DataFrame:
    fields = st.sampled_from(sorted(values))
    rows = []
    for _ in range(draw(st.integers(0, 40))):
        name, event_at = draw(fields), draw(ticks)
        rows.append(
            {
                key: draw(st.sampled_from(ids)),
                "field": name,
                "event_at": event_at,
                "known_at": event_at + draw(delays),
                "seq": draw(seqs),
                "new_value": draw(st.sampled_from(values[name])),
            }
        )
    return pd.DataFrame(rows, columns=[key, "field", "event_at", "known_at", "seq", "new_value"])


@st.composite
def _records(draw: st.DrawFn, ids: list[str], key: str, columns: dict[str, list[Any]]) -> pd.DataFrame:
    rows = []
    for name in ids:
        created_at = draw(ticks)
        links = {column: draw(st.sampled_from(values)) for column, values in columns.items()}
        known_at = draw(st.sampled_from([created_at, created_at + TICK * 3, None]))
        rows.append({key: name, "created_at": created_at, "known_at": known_at} | links)
    return pd.DataFrame(rows, columns=[key, "created_at", "known_at", *columns])


@st.composite
def _activities(draw: st.DrawFn) -> pd.DataFrame:
    rows = []
    for _ in range(draw(st.integers(0, 30))):
        event_at, of_deal = draw(ticks), draw(st.booleans())
        rows.append(
            {
                "deal_id": draw(st.sampled_from(["d0", "d1", "d2"])) if of_deal else None,
                "lead_id": None if of_deal else draw(st.sampled_from(["l0", "l1"])),
                "event_at": event_at,
                "known_at": event_at + draw(delays),
                "kind": draw(st.sampled_from(["call", "电话", "visit", None])),
                "direction": draw(st.sampled_from(["inbound", "outbound", "?", None])),
            }
        )
    columns = ["deal_id", "lead_id", "event_at", "known_at", "kind", "direction"]
    return pd.DataFrame(rows, columns=columns)


@st.composite
def histories(draw: st.DrawFn) -> Frames:
    """Three deals, two leads and their surroundings, with ties, late facts, re-opens and nulls."""
    deals, leads = ["d0", "d1", "d2"], ["l0", "l1"]
    deal_columns = {
        "process": ["p", "q", None],
        "currency": ["USD", "EUR", "XXX", None],
        "account_id": ["a0", "a1", "a?", None],
        "lead_id": ["l0", "l1", None],
        "size": [1.0, 2.5, None],
        "层": ["high", "低", None],
    }
    lead_columns = {
        "source": ["web", "事件", None],
        "account_id": ["a0", None],
        "region": ["north", None],
        "title": ["CEO", None],
    }
    days = st.sampled_from([START + pd.Timedelta(days=d) for d in (-1, 0, 3, 31)])
    rates = [(draw(days), draw(st.sampled_from([1.1, 1.3]))) for _ in range(draw(st.integers(0, 3)))]
    return {
        "deals": draw(_records(deals, "deal_id", deal_columns)),
        "deal_changes": draw(_facts(deals, "deal_id", VALUES)),
        "leads": draw(_records(leads, "lead_id", lead_columns)),
        "lead_changes": draw(_facts(leads, "lead_id", LEAD_VALUES)),
        "activities": draw(_activities()),
        "accounts": pd.DataFrame(
            {"account_id": ["a0", "a1"], "industry": ["steel", None], "staff": [10.0, None]}
        ),
        "owners": pd.DataFrame(
            {"owner_id": ["o0", "o1"], "team": ["t", None], "region": ["r", "s"]}
        ),
        "fx_rates": pd.DataFrame(
            {"date": [d for d, _ in rates], "currency": "EUR", "rate": [r for _, r in rates]}
        ),
        "stages": STAGES,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """One DuckDB: a query is compiled when first asked, and run on whatever history is loaded."""

    connection: Any = field(default_factory=ibis.duckdb.connect)
    sql: dict[str, tuple[str, ir.Table]] = field(default_factory=dict)

    def load(self, frames: Frames) -> HistoryTables:
        self.connection.raw_sql("SET threads = 1")
        return HistoryTables.from_frames(frames, self.connection)

    def run(self, name: str, tables: HistoryTables, make: Callable[[HistoryTables], ir.Table]) -> pd.DataFrame:
        """The rows of a query in a fixed order; `name` stands for `make`."""
        if name not in self.sql:
            expression = make(tables)
            expression.execute()  # registers the in-memory tables of the expression
            self.sql[name] = (str(ibis.to_sql(expression, dialect="duckdb")), expression)
        found: pd.DataFrame = self.connection.raw_sql(self.sql[name][0]).df()
        order = sorted(found.columns)
        return found.sort_values(order, ignore_index=True, key=lambda c: c.astype(str))


@pytest.fixture(scope="session")
def engine() -> Engine:
    return Engine()


@pytest.fixture(scope="session")
def any_history() -> st.SearchStrategy[Frames]:
    return histories()


@pytest.fixture(scope="session")
def selection() -> FeatureSelection:
    return SELECTION


@pytest.fixture(scope="session")
def as_ofs() -> list[pd.Timestamp]:
    return AS_OFS
