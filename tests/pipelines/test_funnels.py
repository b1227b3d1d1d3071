"""The funnel's tables from a small history: what is read, and that nothing later is."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import pytest

from closecurve.crm.calendar import FiscalCalendar
from closecurve.features.facts import closes, funnel_facts
from closecurve.features.tables import HistoryTables
from closecurve.pipelines.funnel_facts import (
    deals_due,
    past_quarters,
    told_by,
    won_by_month,
    year_before,
)
from closecurve.pipelines.funnels import FunnelSources, funnel_tables
from closecurve.settings import Settings, load
from closecurve.stores.results.columns import RESULT_TABLES

AS_OF = pd.Timestamp("2026-02-15")
CALENDAR = FiscalCalendar()
OPEN = pd.DataFrame(
    {
        "deal_id": ["open"],
        "process": "default",
        "stage": "Proposal",
        "created_at": pd.Timestamp("2025-12-01"),
        "amount_company": [70.0],
        "owner_id": "o1",
        "team": "north",
        "region": "west",
        "expected_close_date": pd.Timestamp("2026-03-01"),
    }
)
NO_FORECAST = pd.DataFrame(
    columns=["scope_kind", "scope", "period_start", "period_end", "booked", "target"]
)
FACTS = [
    ("won", "stage", "2025-11-01", "Qualification"),
    ("won", "amount", "2025-11-01", "100"),
    ("won", "owner_id", "2025-11-01", "o1"),
    ("won", "expected_close_date", "2025-11-01", "2026-01-20"),
    ("won", "stage", "2025-11-20", "Proposal"),
    ("won", "outcome", "2026-01-10", "won"),
    ("lost", "stage", "2025-11-01", "Qualification"),
    ("lost", "owner_id", "2025-11-01", "o2"),
    ("lost", "expected_close_date", "2025-11-01", "2025-12-20"),
    ("lost", "expected_close_date", "2026-01-05", "2026-04-20"),
    ("lost", "loss_reason", "2026-01-31", "price"),
    ("lost", "outcome", "2026-02-01", "lost"),
    ("open", "stage", "2025-12-01", "Proposal"),
    ("open", "owner_id", "2025-12-01", "o1"),
    ("open", "expected_close_date", "2025-12-01", "2026-01-31"),
    ("open", "expected_close_date", "2026-02-01", "2026-05-01"),
]
LATER = [
    ("open", "outcome", "2026-02-15", "won"),
    ("lost", "loss_reason", "2026-02-20", "budget"),
    ("won", "amount", "2026-02-16", "999"),
    ("open", "expected_close_date", "2026-02-15", "2026-02-01"),
]


def history(facts: list[tuple[str, str, str, str]]) -> HistoryTables:
    columns = ["deal_id", "field", "event_at", "new_value"]
    changes = pd.DataFrame(facts, columns=columns)
    at = pd.to_datetime(changes["event_at"])
    changes = changes.assign(event_at=at, known_at=at, seq=range(len(changes)))
    created = {"won": "2025-11-01", "lost": "2025-11-01", "open": "2025-12-01"}
    orders = ["Qualification", "Proposal", "Won", "Lost"]
    return HistoryTables.from_frames(
        {
            "deals": pd.DataFrame(
                {
                    "deal_id": list(created),
                    "created_at": pd.to_datetime(list(created.values())),
                    "process": "default",
                    "account_id": ["a1", "a2", "a3"],
                    "competitor": [None, "Norther", None],
                }
            ),
            "deal_changes": changes,
            "owners": pd.DataFrame({"owner_id": ["o1", "o2"], "team": ["north", "south"]}),
            "stages": pd.DataFrame(
                {
                    "process": "default",
                    "stage": orders,
                    "stage_order": [1, 3, 6, 7],
                    "kind": ["open", "open", "won", "lost"],
                }
            ),
        }
    )


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load(None, {})


def made(tables: HistoryTables, settings: Settings) -> Mapping[str, pd.DataFrame]:
    closed, passages = (
        facts(tables, AS_OF, company_currency="USD").execute() for facts in (closes, funnel_facts)
    )
    return funnel_tables(
        FunnelSources(
            tables=tables,
            open_deals=OPEN,
            closed_deals=closed,
            passages=passages,
            forecasts=NO_FORECAST,
            settings=settings,
            as_of=AS_OF,
        )
    )


def sorted_rows(frame: pd.DataFrame) -> pd.DataFrame:
    keys = [name for name in frame if name in ("scope_kind", "scope", "process", "stage", "metric")]
    return frame.sort_values(keys).reset_index(drop=True) if keys else frame


@pytest.fixture(scope="module")
def found(settings: Settings) -> Mapping[str, pd.DataFrame]:
    return made(history(FACTS), settings)


def test_every_table_has_the_columns_of_its_publication(
    found: Mapping[str, pd.DataFrame],
) -> None:
    for name, frame in found.items():
        if len(frame):
            assert set(frame.columns) == set(RESULT_TABLES[name].names), name


def test_what_becomes_known_later_changes_nothing(
    found: Mapping[str, pd.DataFrame], settings: Settings
) -> None:
    asked = settings.funnel.model_copy(update={"owner_ranking": True})
    later = dict(made(history([*FACTS, *LATER]), settings.model_copy(update={"funnel": asked})))
    assert {name for name, frame in found.items() if len(frame)} >= {
        "funnel",
        "funnel_metrics",
        "funnel_losses",
        "seasons",
    }
    of_owners = later["funnel_losses"]["dimension"] == "owner"
    assert of_owners.any()
    later["funnel_losses"] = later["funnel_losses"][~of_owners]
    for name in found.keys() - {"owner_ranks"}:
        pd.testing.assert_frame_equal(sorted_rows(found[name]), sorted_rows(later[name]), obj=name)
    assert len(found["owner_ranks"].columns) == 0, "owners are compared only where it is asked for"
    assert tuple(later["owner_ranks"].columns) == RESULT_TABLES["owner_ranks"].names


def test_a_company_without_deals_has_empty_tables(settings: Settings) -> None:
    empty = HistoryTables.from_frames(
        {"leads": pd.DataFrame({"lead_id": ["l"], "created_at": AS_OF})}
    )
    closed, passages = (
        facts(empty, AS_OF, company_currency="USD").execute() for facts in (closes, funnel_facts)
    )
    sources = FunnelSources(
        tables=empty,
        open_deals=OPEN.iloc[:0],
        closed_deals=closed,
        passages=passages,
        forecasts=NO_FORECAST,
        settings=settings,
        as_of=AS_OF,
    )
    made_of_it = funnel_tables(sources)
    assert made_of_it["funnel"]["deal_count"].sum() == 0
    assert [len(made_of_it[name]) for name in ("funnel_leaks", "funnel_losses", "seasons")] == [
        0,
        0,
        0,
    ]


def test_deals_due_as_a_period_began_and_whether_their_date_left_it() -> None:
    """won was due in Q1 and stayed there; open too and moved to May; lost was due in Q4, and only
    moved after it; in Q1 it had no date there as the quarter began."""
    periods = past_quarters(CALENDAR, AS_OF)[-2:]
    found = deals_due(history(FACTS), periods, AS_OF).set_index("deal_id")
    assert found["due_at"].eq(pd.Timestamp("2026-01-01")).all()
    assert found["has_moved"].to_dict() == {"won": False, "open": True}


def test_slippage_counts_what_left_its_period(found: Mapping[str, pd.DataFrame]) -> None:
    metrics = found["funnel_metrics"]
    (row,) = metrics[
        (metrics["metric"] == "slippage_rate")
        & (metrics["scope"] == "company")
        & (metrics["period"] == "2026 Q1")
    ].to_dict("records")
    assert (row["value"], row["count"]) == (0.5, 2)


def test_attributes_are_told_as_they_were_known() -> None:
    names = ("loss_reason", "competitor", "unknown")
    found = told_by(history([*FACTS, *LATER]), names, AS_OF).set_index("deal_id")
    assert (found["loss_reason"]["lost"], found["competitor"]["lost"]) == ("price", "Norther")
    assert found["loss_reason"][["won", "open"]].isna().all()
    assert "unknown" not in found


def test_the_quarters_and_the_year_before_an_instant() -> None:
    names = [period.name for period in past_quarters(CALENDAR, AS_OF)]
    assert names == ["2025 Q1", "2025 Q2", "2025 Q3", "2025 Q4", "2026 Q1"]
    year = year_before(CALENDAR, AS_OF)
    assert (year.start_at, year.end_at) == (pd.Timestamp("2025-02-15"), AS_OF)


def wins(*rows: tuple[str, str, float]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["created_at", "closed_at", "amount_company"])
    instants: dict[str, Any] = dict.fromkeys(("created_at", "closed_at"), "datetime64[us]")
    return frame.astype(instants)


def test_months_are_whole_months_of_the_company_and_empty_ones_are_there() -> None:
    """Nine in ten wins come within 20 days or so: the first whole month is November."""
    found = won_by_month(
        wins(
            ("2025-10-01", "2025-10-21", 5.0),
            ("2025-11-20", "2025-12-01 03:00", 7.0),
            ("2026-01-20", "2026-02-03", 9.0),
        ),
        pd.Timestamp("2025-10-01"),
        FiscalCalendar(time_zone="America/New_York"),
        AS_OF,
    )
    assert found["month"].dt.strftime("%Y-%m").tolist() == ["2025-11", "2025-12", "2026-01"]
    assert found["won_amount"].tolist() == [7.0, 0.0, 0.0]
