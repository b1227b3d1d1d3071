"""The two real examples: imported without a bad row, and equal to a plain reading of the files."""

import os
import tomllib
from pathlib import Path

import pandas as pd
import pytest

from closecurve.crm.calendar import FiscalCalendar
from closecurve.crm.mapping import parse_mapping
from closecurve.crm.stages import Process, Stage, StageKind
from closecurve.features.tables import HistoryTables
from closecurve.sources.importing import ImportReport, run_import
from closecurve.stores.history import HistoryStore

Imported = tuple[ImportReport, HistoryTables]


def import_example(name: str, root: Path, data: Path, home: Path) -> Imported:
    file = root / "examples" / name / "closecurve.toml"
    document = tomllib.loads(file.read_text(encoding="utf-8"))
    processes = [
        Process(
            name=entry["name"],
            stages=tuple(
                Stage(**{**stage, "kind": StageKind(stage.get("kind", "open"))})
                for stage in entry["stages"]
            ),
        )
        for entry in document["processes"]
    ]
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
