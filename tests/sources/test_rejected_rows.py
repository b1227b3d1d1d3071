"""Rows set aside have their file and line whatever kind of source they come from."""

import gzip
import io
import sqlite3
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from tests.sources.sheets import error, number, text, xlsx

from closecurve.sources.importing import ImportReport

Imported = Callable[..., ImportReport]

MAPPING = "[import]\nmost_bad_share = 0.5\n[sources.crm]\n{}\n[tables.deals]\nfrom = 'crm'\n"
CSV = "deal_id,created_at,amount\nD1,2025-01-01,1\nD2,2025-01-01,{}\n"
JSON = '{{"deal_id": "D1", "created_at": "2025-01-01"}}\n\n{}\n'


def sheet(amount: str) -> bytes:
    head = [text(f"{c}1", n) for c, n in zip("ABC", CSV.split("\n")[0].split(","), strict=True)]
    rows = {
        row: [text(f"A{row}", f"D{row}"), text(f"B{row}", "2025-01-01"), number(f"C{row}", 1)]
        for row in (4, 5)
    }
    rows[5][2] = error("C5", amount)
    return xlsx({"Deals": {1: head, **rows}})


def zipped(name: str, content: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, content)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "line", "rule"),
    [
        ("deals.csv", CSV.format("x"), 3, "number-unreadable"),
        ("deals.csv", CSV.format("#REF!"), 3, "cell-error"),
        ("deals.zip", zipped("x.csv", CSV.format("x")), 3, "number-unreadable"),
        ("deals.xlsx", sheet("#DIV/0!"), 5, "cell-error"),
        (
            "deals.jsonl.gz",
            gzip.compress(
                JSON.format('{"deal_id": 2, "created_at": "2025-01-01", "amount": "x"}').encode()
            ),
            3,
            "number-unreadable",
        ),
    ],
    ids=["csv", "csv-error", "zip", "xlsx", "jsonl-gz"],
)
def test_a_bad_value_of_a_file_is_found_again(
    imported: Imported, name: str, content: str | bytes, line: int, rule: str
) -> None:
    report = imported({name: content}, MAPPING.format(f"path = '{name}'"))
    rejected = report.rejected[["table", "file", "line", "column", "rule"]]
    assert rejected.to_numpy().tolist() == [["deals", name, line, "amount", rule]]
    assert (report.tables[0].read, report.tables[0].kept) == (2, 1)


def test_a_line_that_is_no_row_is_found_again_among_several_files(imported: Imported) -> None:
    files = {"deals-1.csv": CSV.format(2), "deals-2.csv": CSV.replace("D", "E").format("2,3")}
    report = imported(files, MAPPING.format("path = 'deals-*.csv'"))
    assert report.rejected[["file", "line", "value", "rule"]].to_numpy().tolist() == [
        ["deals-2.csv", 3, "E2,2025-01-01,2,3", "row-shape"]
    ]
    assert report.tables[0].kept == 3


def test_a_bad_value_of_a_database_is_found_again(imported: Imported, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "crm.db")) as crm, crm:
        crm.execute("CREATE TABLE deals (deal_id, created_at, amount)")
        crm.execute("INSERT INTO deals VALUES ('D2', '2025-01-01', 'x'), ('D1', '2025-01-01', 1)")
    report = imported({}, MAPPING.format("url = 'sqlite:///crm.db'\ntable = 'deals'"))
    assert report.rejected[["file", "line", "column", "value"]].to_numpy().tolist() == [
        ["sources.crm", 2, "amount", "x"]
    ]
