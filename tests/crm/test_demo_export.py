"""The demo company's export: the same bytes each time, and dirt that an import can set aside."""

import tomllib
from pathlib import Path

import pandas as pd
import pytest
from tests.sources.whole import read_tables

from closecurve.crm.demo import DemoCompany, simulate
from closecurve.crm.demo.dirt import SPOILS
from closecurve.crm.mapping import parse_mapping
from closecurve.crm.quality import check_tables
from closecurve.crm.stages import DEFAULT_PROCESS
from closecurve.crm.tables import CANONICAL


@pytest.fixture(scope="module")
def company() -> DemoCompany:
    return simulate(deals=3_000)


@pytest.fixture(scope="module")
def folder(company: DemoCompany, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    company.write_export(folder)
    return folder


def read(folder: Path, name: str) -> pd.DataFrame:
    """The file as text; an empty cell is null."""
    return pd.read_csv(folder / f"{name}.csv", dtype="str")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_a_file_for_every_table_and_the_settings(folder: Path) -> None:
    assert set(contents(folder)) == {"closecurve.toml", *(f"{name}.csv" for name in CANONICAL)}


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        simulate(deals=300, seed=5).write_export(tmp_path / name)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_another_seed_is_another_company(tmp_path: Path) -> None:
    simulate(deals=30, seed=5).write_export(tmp_path)
    before = contents(tmp_path)
    simulate(deals=30, seed=6).write_export(tmp_path)
    assert contents(tmp_path)["deals.csv"] != before["deals.csv"]


def test_writing_again_changes_nothing(company: DemoCompany, folder: Path) -> None:
    before = contents(folder)
    company.write_export(folder)
    assert contents(folder) == before


@pytest.mark.parametrize("deals", [1, 10])
def test_a_tiny_company_is_written_clean(deals: int, tmp_path: Path) -> None:
    company = simulate(deals=deals)
    company.write_export(tmp_path)
    for name, frame in company.frames().items():
        assert len(read(tmp_path, name)) == len(frame), name


def test_two_rows_in_a_thousand_are_dirty(company: DemoCompany, folder: Path) -> None:
    for name, frame in company.frames().items():
        extra = len(read(folder, name)) - len(frame)
        expected = max(len(SPOILS[name]), round(0.002 * len(frame))) if name in SPOILS else 0
        assert extra == expected, name


def test_each_kind_of_dirt_is_in_the_deals(folder: Path) -> None:
    deals = read(folder, "deals")
    assert deals.deal_id.duplicated().any()
    assert (deals.stage == "Handshake").any()
    assert (pd.to_numeric(deals.amount) < 0).any()
    iso = deals.created_at.str.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
    unread = pd.to_datetime(deals.created_at.where(iso), errors="coerce", utc=True)
    assert unread.isna().any()
    assert (pd.to_datetime(deals.closed_at, utc=True) < unread).any()


def test_what_is_left_without_the_dirt_is_the_whole_company(
    company: DemoCompany, folder: Path
) -> None:
    deals = read(folder, "deals")
    kept = deals[deals.deal_id.isin(company.deal_ids)].drop_duplicates("deal_id")
    clean = company.frames()["deals"]
    assert kept.deal_id.tolist() == clean.deal_id.tolist()
    closed = pd.to_datetime(kept.closed_at, utc=True).dt.tz_localize(None)
    assert (closed.to_numpy() == clean.closed_at.to_numpy())[clean.closed_at.notna()].all()
    assert pd.to_numeric(kept.amount).tolist() == clean.amount.tolist()


def test_the_settings_say_how_to_read_it(folder: Path) -> None:
    document = tomllib.loads((folder / "closecurve.toml").read_text(encoding="utf-8"))
    assert document["company"]["time_zone"] == "America/New_York"
    stages = document["processes"][0]["stages"]
    assert [stage["name"] for stage in stages] == [s.name for s in DEFAULT_PROCESS.stages]
    assert [stage.get("fixed_rate") for stage in stages[:5]] == [0.1, 0.4, 0.6, 0.8, 0.9]
    mapping = parse_mapping(document, folder, {})
    assert set(mapping.tables) == set(CANONICAL)
    for name, (part,) in mapping.tables.items():
        columns = {*CANONICAL[name].names, *part.attributes}
        assert set(read(folder, name)) <= columns, name


def test_an_import_keeps_the_clean_rows_and_sets_the_dirty_ones_aside(tmp_path: Path) -> None:
    company = simulate(deals=400, seed=2)
    company.write_export(tmp_path)
    document = tomllib.loads((tmp_path / "closecurve.toml").read_text(encoding="utf-8"))
    extract = read_tables(parse_mapping(document, tmp_path, {}), "America/New_York")
    checked = check_tables(extract.tables, [DEFAULT_PROCESS], "America/New_York")
    for name, clean in company.frames().items():
        kept = checked.frames[name]
        assert len(kept) == len(clean), name
        for column in (each for each in clean if str(each).endswith("_at")):
            pd.testing.assert_series_equal(kept[column], clean[column])
    ways = sum(len(spoils) for spoils in SPOILS.values())
    assert len(checked.rejected) >= ways
    assert checked.rejected.rule.nunique() >= 7
