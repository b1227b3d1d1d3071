"""The real examples: imported without a bad row, and equal to a plain reading of the files."""

import os
import tomllib
from pathlib import Path

import pandas as pd
import pytest

from closecurve.crm.calendar import FiscalCalendar
from closecurve.crm.mapping import parse_mapping
from closecurve.crm.stages import DEFAULT_PROCESS, Process, Stage, StageKind
from closecurve.features.guard import inspect
from closecurve.features.tables import HistoryTables
from closecurve.sources.importing import ImportReport, run_import
from closecurve.stores.history import HistoryStore

MARKETSTAR_ON_PURPOSE = {
    "stage": "Stage",
    "reason": "DisqualifiedReason",
    "opportunity": "ConvertedOpportunityId",
}
"""Columns that say what became of a lead, mapped as attributes by a careless hand."""

Imported = tuple[ImportReport, HistoryTables]


def import_example(
    name: str, root: Path, data: Path, home: Path, **leads: dict[str, str]
) -> Imported:
    """The example's history; `leads` adds to what its [tables.leads] maps."""
    file = root / "examples" / name / "closecurve.toml"
    document = tomllib.loads(file.read_text(encoding="utf-8"))
    for key, added in leads.items():
        document["tables"]["leads"][key] |= added
    processes = [
        Process(
            name=entry["name"],
            stages=tuple(
                Stage(**{**stage, "kind": StageKind(stage.get("kind", "open"))})
                for stage in entry["stages"]
            ),
        )
        for entry in document.get("processes", [])
    ] or [DEFAULT_PROCESS]
    company = document["company"]
    store = HistoryStore(home)
    report = run_import(
        parse_mapping(document, file.parent, {**os.environ, "CLOSECURVE_DATA": str(data)}),
        processes,
        company=company["name"],
        currency=company["currency"],
        calendar=FiscalCalendar(time_zone=company.get("time_zone", "UTC")),
        store=store,
    )
    return report, store.current().tables()


@pytest.fixture(scope="module")
def loans(
    project_root: Path, shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Imported:
    return import_example("bpic2012", project_root, shared_data, tmp_path_factory.mktemp("loans"))


@pytest.fixture(scope="module")
def sales(
    project_root: Path, shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Imported:
    return import_example("maven_crm", project_root, shared_data, tmp_path_factory.mktemp("sales"))


def frame(tables: HistoryTables, name: str) -> pd.DataFrame:
    made: pd.DataFrame = tables.table(name).to_pyarrow().to_pandas()
    return made


def outcomes(tables: HistoryTables) -> pd.DataFrame:
    changes = frame(tables, "deal_changes")
    return changes[changes["field"] == "outcome"].set_index("deal_id")


def test_loans_close_when_a_plain_reading_of_the_log_says(
    loans: Imported, shared_data: Path
) -> None:
    events = pd.read_csv(shared_data / "bpic2012" / "events.csv.gz", dtype=str)
    ends = {"A_REGISTERED": "won", "A_APPROVED": "won", "A_ACTIVATED": "won"}
    ends |= {"A_DECLINED": "lost", "A_CANCELLED": "lost"}
    closes = events[events["activity"].isin(list(ends))].copy()
    closes["at"] = pd.to_datetime(closes["timestamp"], format="ISO8601", utc=True)
    first = closes.sort_values("at", kind="stable").groupby("application_id").first()
    first["outcome"] = first["activity"].map(ends)
    found = outcomes(loans[1])
    assert found.index.is_unique
    assert found["new_value"].value_counts().to_dict() == {"lost": 5259, "won": 1144}
    assert len(frame(loans[1], "deals")) - len(found) == events["application_id"].nunique() - len(
        first
    )
    both = first.join(found, how="outer")
    assert (both["outcome"] == both["new_value"]).all()
    assert (both["at"].dt.tz_localize(None) == both["event_at"]).all()


def test_loans_keep_every_event(loans: Imported) -> None:
    report, tables = loans
    assert report.rejected.empty
    read = {table.table: (table.read, table.left_out) for table in report.tables}
    assert read["deals"] == (6610, 0)
    assert read["activities"] == (89936, 133328 - 89936)
    kinds = set(frame(tables, "activities")["kind"])
    assert {"w_completeren_aanvraag_start", "w_nabellen_offertes_complete", "o_cancelled"} <= kinds
    assert "O_SENT" in set(frame(tables, "deal_changes")["new_value"])


def test_a_loan_has_its_first_stage_within_a_second(loans: Imported) -> None:
    changes = frame(loans[1], "deal_changes")
    born = changes[changes["new_value"] == "A_SUBMITTED"].set_index("deal_id")["event_at"]
    deals = frame(loans[1], "deals").set_index("deal_id")
    waited = born - deals["created_at"]
    assert waited.between(pd.Timedelta(0), pd.Timedelta(seconds=1)).all()
    assert len(born) == len(deals)


def test_sales_have_list_prices_until_they_are_won(sales: Imported, shared_data: Path) -> None:
    report, tables = sales
    assert report.rejected.empty
    deals = report.tables[0]
    assert (deals.kept, deals.left_out) == (8300, 500)
    pipeline = pd.read_csv(shared_data / "maven_crm" / "sales_pipeline.csv")
    prices = pd.read_csv(shared_data / "maven_crm" / "products.csv", index_col="product")
    pipeline["price"] = pipeline["product"].replace("GTXPro", "GTX Pro").map(prices["sales_price"])
    engaged = pipeline[pipeline["engage_date"].notna()].set_index("opportunity_id").sort_index()
    changes = frame(tables, "deal_changes")
    amounts = changes[changes["field"] == "amount"].groupby("deal_id")["new_value"]
    assert (amounts.first().astype(float) == engaged["price"]).all()
    won = engaged[engaged["deal_stage"] == "Won"]
    assert (amounts.last().astype(float)[won.index] == won["close_value"]).all()


def test_sales_close_on_their_day(sales: Imported, shared_data: Path) -> None:
    pipeline = pd.read_csv(shared_data / "maven_crm" / "sales_pipeline.csv")
    closed = pipeline[pipeline["close_date"].notna()].set_index("opportunity_id").sort_index()
    found = outcomes(sales[1]).sort_index()
    assert found["new_value"].tolist() == closed["deal_stage"].str.lower().tolist()
    assert (found["event_at"] == pd.to_datetime(closed["close_date"])).all()


def test_sales_have_products_accounts_and_teams(sales: Imported) -> None:
    _, tables = sales
    deals = frame(tables, "deals")
    assert "GTXPro" not in set(deals["product"])
    assert "technolgy" not in set(deals["sector"].dropna())
    assert deals["series"].notna().all()
    owners = frame(tables, "owners").set_index("owner_id")
    assert owners["team"]["Moses Frase"] == "Dustin Brinkmann"
    assert owners["region"]["Moses Frase"] == "Central"


@pytest.fixture(scope="module")
def learners(
    project_root: Path, shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Imported:
    home = tmp_path_factory.mktemp("learners")
    return import_example("xeducation", project_root, shared_data, home)


@pytest.fixture(scope="module")
def prospects(
    project_root: Path, shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Imported:
    """marketstar with what became of each lead among its attributes, and an end for the lost.

    The file has no date of a disqualification: a month after the arrival is of our choice.
    """
    ended = "CASE Stage WHEN 'Disqualified' THEN strptime(leads.CreatedDate, '%Y%m%d')"
    return import_example(
        "marketstar",
        project_root,
        shared_data,
        tmp_path_factory.mktemp("prospects"),
        columns={"disqualified_at": f"{ended} + INTERVAL 30 DAY END"},
        attributes=MARKETSTAR_ON_PURPOSE,
    )


def test_leads_without_deals_are_imported_in_the_order_of_the_file(
    learners: Imported, shared_data: Path
) -> None:
    report, tables = learners
    assert report.rejected.empty
    rows = pd.read_csv(shared_data / "xeducation" / "leads.csv", dtype=str)
    leads = frame(tables, "leads").sort_values("created_at", ignore_index=True)
    assert leads["lead_id"].tolist() == rows["Prospect ID"].tolist()
    minutes = (leads["created_at"] - pd.Timestamp("2024-01-01")) / pd.Timedelta(minutes=1)
    assert minutes.tolist() == list(range(len(rows)))
    assert frame(tables, "deals").empty
    assert not (leads == "Select").any(axis=None)


def test_leads_without_deals_convert_after_a_day(learners: Imported, shared_data: Path) -> None:
    rows = pd.read_csv(shared_data / "xeducation" / "leads.csv", dtype=str)
    changes = frame(learners[1], "lead_changes")
    ends = changes[changes["field"] == "outcome"].set_index("lead_id")["event_at"]
    assert set(ends.index) == set(rows["Prospect ID"][rows["Converted"] == "1"])
    created = frame(learners[1], "leads").set_index("lead_id")["created_at"]
    assert (ends - created[ends.index] == pd.Timedelta(days=1)).all()


def test_marketstar_keeps_every_row_and_its_quotas(prospects: Imported) -> None:
    report, tables = prospects
    assert report.rejected.empty
    assert [table.kept for table in report.tables if table.table in ("deals", "leads")] == [
        1061,
        43033,
    ]
    targets = frame(tables, "targets").sort_values("period_start")
    assert targets["amount"].tolist() == [2e5, 3e5, 4e5, 5e5, 8e5, 8e5, 8e5]
    assert str(targets["period_end"].iloc[0])[:10] == "2021-06-30"
    changes = frame(tables, "deal_changes")
    ends = changes[changes["field"] == "outcome"]
    assert ends["new_value"].value_counts().to_dict() == {"won": 697, "lost": 364}
    assert (frame(tables, "deals")["lead_id"].notna()).all()


def test_what_became_of_a_lead_is_set_aside_and_what_it_is_like_is_kept(
    prospects: Imported,
) -> None:
    reports = inspect(prospects[1], pd.Timestamp("2023-01-01"))
    aside = {report.name for report in reports if not report.is_used}
    said = {"leads.stage", "leads.reason", "leads.opportunity", "lead_changes.owner_id"}
    assert aside == said


def test_nothing_of_the_loans_is_set_aside_and_of_the_sales_what_hangs_on_the_account(
    loans: Imported, sales: Imported
) -> None:
    end = pd.Timestamp("2200-01-01")
    assert [report.name for report in inspect(loans[1], end) if not report.is_used] == []
    aside = {report.name for report in inspect(sales[1], end) if not report.is_used}
    assert aside == {"deals.account_id", "deals.sector", "deals.employees"}
