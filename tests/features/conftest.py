"""Random small histories for the property tests, and one engine whose queries compile once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pytest

from closecurve.features.context import account_facts, owner_facts, stage_facts
from closecurve.features.engines import duckdb_engine
from closecurve.features.selected import Attribute, FeatureSelection, SubjectSelection
from closecurve.features.snapshot import deal_snapshots, lead_snapshots, open_deals, open_leads
from closecurve.features.tables import HistoryTables
from closecurve.features.timeline import as_of_table

START = pd.Timestamp("2024-01-01")
TICK = pd.Timedelta(hours=12)
AS_OF_TICKS = (0, 1, 9, 61, 62, 200)
AS_OFS = [START + TICK * k for k in AS_OF_TICKS]

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
            Attribute(name="renewal", table="deal_changes", kind="date"),
            Attribute(name="founded", table="accounts", kind="date"),
            Attribute(name="code", table="accounts", kind="number"),
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
    year_start_month=11,
)

TICKS, DELAYS = 205, (0, 0, 0, 0, 1, 7, 60)
VALUES: dict[str, list[Any]] = {
    "stage": ["Ä 1", "B", "C", "Won", "Unknown", None],
    "amount": ["100", "2.50", "1e3", ".5", "x", "1e999", " 7", "", None],
    "expected_close_date": ["2024-02-01", "2024-03-05", "2024-02-30", "soon", None],
    "owner_id": ["o0", "o1", "ünlisted", None],
    "outcome": ["won", "won", "lost", "open"],
    "budget": ["1", "2.5", "viel", "", None],
    "renewal": ["2024-02-29", "2024-03-01 12:00", "2024-02-30", "2024", None],
    "mood": ["good", "坏", None],
}
LEAD_VALUES: dict[str, list[Any]] = {
    "owner_id": VALUES["owner_id"],
    "outcome": ["converted", "disqualified", "open"],
    "budget": VALUES["budget"],
}
DEAL_COLUMNS: dict[str, list[Any]] = {
    "process": ["p", "p", "q", None],
    "currency": ["USD", "EUR", "XXX", None],
    "account_id": ["a0", "a1", "a?", None],
    "lead_id": ["l0", "l1", None],
    "size": [1.0, 2.5, None],
    "层": ["high", "低", None],
}
LEAD_COLUMNS: dict[str, list[Any]] = {
    "source": ["web", "事件", None],
    "account_id": ["a0", None],
    "region": ["north", None],
    "title": ["CEO", None],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dice:
    """Draws from a seed: shrinking works on the sizes, which Hypothesis draws."""

    random: np.random.Generator

    def pick(self, values: Sequence[Any], count: int) -> list[Any]:
        return [values[i] for i in self.random.integers(0, len(values), count)]

    def instants(self, count: int) -> pd.Series:
        """Half of them at an as-of: the very instant is where a leak hides."""
        free = self.random.integers(0, TICKS, count)
        ticks = np.where(self.random.random(count) < 0.5, self.pick(AS_OF_TICKS, count), free)
        return pd.Series([START + TICK * int(k) for k in ticks], dtype="datetime64[us]")

    def delays(self, count: int) -> pd.Series:
        return pd.Series([TICK * k for k in self.pick(DELAYS, count)], dtype="timedelta64[us]")


def _facts(
    dice: Dice, ids: list[str], key: str, values: dict[str, list[Any]], count: int
) -> pd.DataFrame:
    fields, event_at = dice.pick(sorted(values), count), dice.instants(count)
    return pd.DataFrame(
        {
            key: dice.pick(ids, count),
            "field": fields,
            "event_at": event_at,
            "known_at": event_at + dice.delays(count),
            "seq": dice.pick([0.0, 1.0, 2.0], count),
            "new_value": pd.Series([dice.pick(values[f], 1)[0] for f in fields], dtype="object"),
        }
    )


def _records(dice: Dice, ids: list[str], key: str, columns: dict[str, list[Any]]) -> pd.DataFrame:
    created_at = dice.instants(len(ids))
    known_at = (created_at + dice.delays(len(ids))).where(dice.random.random(len(ids)) < 0.8)
    links = {name: dice.pick(values, len(ids)) for name, values in columns.items()}
    made = pd.DataFrame({key: ids, "created_at": created_at, "known_at": known_at} | links)
    return made.astype({"size": "float64"}) if "size" in made else made


def _activities(dice: Dice, deals: list[str], leads: list[str], count: int) -> pd.DataFrame:
    event_at, of_deal = dice.instants(count), dice.random.random(count) < 0.5
    return pd.DataFrame(
        {
            "deal_id": pd.Series(dice.pick(deals, count), dtype="object").where(of_deal),
            "lead_id": pd.Series(dice.pick(leads, count), dtype="object").where(~of_deal),
            "event_at": event_at,
            "known_at": event_at + dice.delays(count),
            "kind": dice.pick(["call", "电话", "visit", None], count),
            "direction": dice.pick(["inbound", "outbound", "?", None], count),
        }
    )


def history_of(seed: int, deals: int, per_record: int) -> Frames:
    """Deals, leads and their surroundings, with ties, late facts, re-opens, nulls and nonsense."""
    dice = Dice(random=np.random.default_rng(seed))
    deal_ids = [f"d{i}" for i in range(deals)]
    lead_ids = [f"l{i}" for i in range(deals // 2 + 1)]
    days = [START + pd.Timedelta(days=d) for d in dice.pick([-1, 0, 3, 31], 4)]
    return {
        "deals": _records(dice, deal_ids, "deal_id", DEAL_COLUMNS),
        "deal_changes": _facts(dice, deal_ids, "deal_id", VALUES, per_record * deals),
        "leads": _records(dice, lead_ids, "lead_id", LEAD_COLUMNS),
        "lead_changes": _facts(dice, lead_ids, "lead_id", LEAD_VALUES, per_record * len(lead_ids)),
        "activities": _activities(dice, deal_ids, lead_ids, per_record * deals),
        "accounts": pd.DataFrame(
            {"account_id": ["a0", "a1"], "industry": ["steel", None], "staff": [10.0, None]}
            | {"founded": ["1999-12-31", "?"], "code": ["70", "viel"]}
        ),
        "owners": pd.DataFrame(
            {"owner_id": ["o0", "o1"], "team": ["t", None], "region": ["r", "s"]}
        ),
        "fx_rates": pd.DataFrame(
            {"date": days, "currency": "EUR", "rate": dice.pick([1.1, 1.3], len(days))}
        ),
        "stages": STAGES,
    }


class Engine:
    """One DuckDB, whatever history is loaded. Plain: Hypothesis would print a dataclass."""

    def __init__(self) -> None:
        self.connection = duckdb_engine(threads=1)

    def load(self, frames: Frames) -> HistoryTables:
        """The history in place of the one before."""
        return HistoryTables.from_frames(frames, self.connection)

    def run(self, tables: HistoryTables, make: Callable[[HistoryTables], ir.Table]) -> pd.DataFrame:
        """The rows of a query in a fixed order."""
        return in_order(make(tables).to_pyarrow().to_pandas())


def in_order(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows in an order that depends on nothing but them."""
    return rows.sort_values(
        sorted(rows.columns), ignore_index=True, key=lambda column: column.astype(str)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Queries:
    """Everything that is read as of an instant, by name: each takes the tables alone."""

    named: dict[str, Callable[[HistoryTables], ir.Table]]

    def run(self, engine: Engine, name: str, tables: HistoryTables) -> pd.DataFrame:
        return engine.run(tables, self.named[name])


def _pairs(tables: HistoryTables, table: str, key: str) -> ir.Table:
    return tables.table(table).select(key).cross_join(as_of_table(AS_OFS))


@pytest.fixture(scope="session")
def engine() -> Engine:
    return Engine()


@pytest.fixture(scope="session")
def random_history() -> Callable[[int, int, int], Frames]:
    """A history from a seed, a number of deals and of facts for each."""
    return history_of


@pytest.fixture(scope="session")
def selection() -> FeatureSelection:
    return SELECTION


@pytest.fixture(scope="session")
def as_ofs() -> list[pd.Timestamp]:
    return AS_OFS


@pytest.fixture(scope="session")
def queries() -> Queries:
    """Snapshots of every pair of a record and an as-of, and the facts around them."""
    return Queries(
        named={
            "open_deals": lambda t: open_deals(t, AS_OFS),
            "open_leads": lambda t: open_leads(t, AS_OFS),
            "deals": lambda t: deal_snapshots(t, _pairs(t, "deals", "deal_id"), SELECTION),
            "leads": lambda t: lead_snapshots(t, _pairs(t, "leads", "lead_id"), SELECTION),
            "owner_facts": lambda t: owner_facts(t, AS_OFS),
            "account_facts": lambda t: account_facts(t, AS_OFS, company_currency="USD"),
            "stage_facts": lambda t: stage_facts(t, AS_OFS),
        }
    )
