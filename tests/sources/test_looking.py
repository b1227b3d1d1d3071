"""A look at a source: every kind of file, folders and databases, without changing them."""

import gzip
import zipfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy
from tests.sources.sheets import number, text, xlsx

from closecurve.crm.errors import DataError, EnvironmentFailure, UsageError
from closecurve.sources import looking
from closecurve.sources.looking import look
from closecurve.sources.sniffing import CsvShape, csv_shape

ROWS = "Id,Name,Created\n1,Größe,2025-01-01\n2,,2025-01-02\n3,Müller & Söhne,2025-01-03\n"


@pytest.mark.parametrize(
    ("content", "encoding", "delimiter"),
    [
        (ROWS, "utf-8", ","),
        (ROWS.replace(",", ";"), "cp1252", ";"),
        (ROWS.replace(",", "\t"), "utf-16", "\t"),
        ("编号|客户名称|阶段\n1|上海公司|谈判\n2|北京公司|签约\n", "gb18030", "|"),
        ('a;b\n"1,5, or more";2,5\n"3,7, or less";4,5\n', "utf-8", ";"),
    ],
)
def test_the_shape_of_a_csv_file_is_told_from_its_bytes(
    content: str, encoding: str, delimiter: str
) -> None:
    found = csv_shape(content.encode(encoding))
    assert found == CsvShape(encoding=encoding, delimiter=delimiter)


def test_lines_above_the_header_are_skipped() -> None:
    content = "Opportunity report\n\nId,Stage,Amount\n1,New,5\n2,New,6\n3,Won,7\n"
    assert csv_shape(content.encode()).header_row == 3


def test_one_file_is_one_table_with_what_finds_it_again(tmp_path: Path) -> None:
    (tmp_path / "My Deals.csv").write_text(ROWS.replace(",", ";"), encoding="cp1252")
    looked = look(str(tmp_path / "My Deals.csv"))
    [table] = looked.tables
    assert looked.folder == tmp_path
    assert table.name == "my_deals"
    assert table.keys == {"path": "My Deals.csv", "delimiter": ";", "encoding": "cp1252"}
    assert table.columns == ["Id", "Name", "Created"]
    assert table.rows["Name"].isna().tolist() == [False, True, False]
    assert table.is_whole


def test_every_kind_of_file_gives_the_same_rows(tmp_path: Path) -> None:
    frame = pd.DataFrame({"Id": ["1", "2"], "Stage": ["New", "Won"]})
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_csv(tmp_path / "b.tsv", index=False, sep="\t")
    frame.to_parquet(tmp_path / "c.parquet")
    frame.to_json(tmp_path / "d.jsonl", orient="records", lines=True)
    (tmp_path / "e.csv.gz").write_bytes(gzip.compress((tmp_path / "a.csv").read_bytes()))
    with zipfile.ZipFile(tmp_path / "f.zip", "w") as archive:
        archive.write(tmp_path / "a.csv", "x.csv")
        archive.write(tmp_path / "b.tsv", "y.tsv")
    (tmp_path / "notes.md").write_text("no export")
    tables = look(str(tmp_path)).tables
    labels = ["a.csv", "b.tsv", "c.parquet", "d.jsonl", "e.csv.gz", "x.csv", "y.tsv"]
    assert [table.label for table in tables] == labels
    assert tables[-1].keys == {"path": "f.zip", "member": "y.tsv"}
    assert all(table.rows.equals(tables[0].rows) for table in tables)


def test_each_sheet_of_a_workbook_is_a_table(tmp_path: Path) -> None:
    cells = {1: [text("A1", "Id"), text("B1", "Stage")], 2: [number("A2", 1), text("B2", "New")]}
    (tmp_path / "crm.xlsx").write_bytes(xlsx({"Deals": cells, "Notes": {}, "Leads": cells}))
    tables = look(str(tmp_path / "crm.xlsx")).tables
    assert [table.label for table in tables] == ["Deals", "Leads"]
    assert tables[1].keys == {"path": "crm.xlsx", "sheet": "Leads"}
    assert tables[1].rows["Stage"].tolist() == ["New"]


def test_files_of_a_series_are_one_source_unless_records_repeat(tmp_path: Path) -> None:
    for year in (2024, 2025):
        parts = {"deals": f"Id,Stage\n{year},New\n", "full": f"Id,Day\n7,{year}\n"}
        for name, content in parts.items():
            (tmp_path / f"{name}-{year}-01.csv").write_text(content, encoding="utf-8")
    tables = look(str(tmp_path)).tables
    assert [table.label for table in tables] == [
        "deals-*.csv",
        "full-2024-01.csv",
        "full-2025-01.csv",
    ]
    assert tables[0].keys == {"path": "deals-*.csv"}
    assert tables[0].rows["Id"].tolist() == ["2024", "2025"]


def test_values_of_other_types_are_text_and_marked(tmp_path: Path) -> None:
    columns = {"won": [True, None], "amount": [1.5, None], "tags": [["a"], []]}
    pq.write_table(pa.table(columns), tmp_path / "deals.parquet")
    [table] = look(str(tmp_path)).tables
    assert table.columns == ["won", "amount"]
    assert table.typed == {"won", "amount"}
    assert table.rows["won"].tolist()[0] == "true"
    assert table.rows["amount"].isna().tolist() == [False, True]


def test_only_the_first_rows_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "MOST_ROWS", 2)
    (tmp_path / "deals.csv").write_text(ROWS, encoding="utf-8")
    [table] = look(str(tmp_path)).tables
    assert (len(table.rows), table.is_whole) == (2, False)


def test_names_of_sources_are_plain_and_never_those_of_columns(tmp_path: Path) -> None:
    (tmp_path / "商机.csv").write_text(ROWS, encoding="utf-8")
    (tmp_path / "Stage.csv").write_text("stage,Name\n1,New\n", encoding="utf-8")
    (tmp_path / "2025 deals.csv").write_text(ROWS, encoding="utf-8")
    names = {table.label: table.name for table in look(str(tmp_path)).tables}
    assert names == {
        "商机.csv": "deals",
        "Stage.csv": "stage_rows",
        "2025 deals.csv": "source_2025_deals",
    }


def database(path: Path) -> str:
    """A CRM's database with a table that is none of its business."""
    url = f"sqlite:///{path / 'crm.db'}"
    engine = sqlalchemy.create_engine(url)
    deals = {"id": [1, 2], "stage": ["New", "Won"], "amount": [1.0, 2.0], "created_at": ["a", "b"]}
    pd.DataFrame(deals).to_sql("deals", engine, index=False)
    pd.DataFrame({"key": ["a"], "value": ["b"]}).to_sql("config", engine, index=False)
    engine.dispose()
    return url


def test_a_database_shows_the_tables_of_a_crm(tmp_path: Path) -> None:
    url = database(tmp_path)
    looked = look(url)
    [table] = looked.tables
    assert (table.name, table.keys) == ("deals", {"url": url, "table": "deals"})
    assert table.typed == {"id", "amount"}
    assert (looked.folder, looked.needs_variable) == (None, False)


def test_a_database_without_deals_shows_every_table(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    engine = sqlalchemy.create_engine(url)
    events = {"case_id": [1, 1], "activity": ["Offer", "Signed"], "timestamp": ["a", "b"]}
    pd.DataFrame(events).to_sql("audit", engine, index=False)
    engine.dispose()
    assert [table.name for table in look(url).tables] == ["audit"]


def test_an_address_with_a_password_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database(tmp_path)
    monkeypatch.chdir(tmp_path)
    looked = look("sqlite://me:hunter2@/crm.db")
    assert looked.needs_variable
    assert looked.tables[0].keys == {"url": "${CRM_URL}", "table": "deals"}


@pytest.mark.parametrize(
    ("place", "error", "code"),
    [
        ("none", UsageError, "init-source"),
        (".", UsageError, "init-source"),
        ("postgresql://me:hunter2@127.0.0.1:1/crm", EnvironmentFailure, "database-unreachable"),
        ("sqlite:///none.db", EnvironmentFailure, "database-unreachable"),
    ],
)
def test_a_place_without_a_source_is_refused(
    place: str,
    error: type[Exception],
    code: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error) as raised:
        look(place)
    assert getattr(raised.value, "code") == code  # noqa: B009
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("name", ["deals.xlsx", "deals.parquet", "deals.zip"])
def test_a_file_that_is_not_what_its_name_says_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"no such thing")
    with pytest.raises(DataError) as raised:
        look(str(tmp_path))
    assert raised.value.code == "file-unreadable"
