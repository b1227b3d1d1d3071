"""Reading files: every row with its file and line, and one clear error for what cannot be taken."""

import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.sources.sheets import DATE, DATE_TIME, error, flag, number, ods, text, xls, xlsx

from closecurve.crm.errors import DataError
from closecurve.crm.mapping_sources import FileSource
from closecurve.sources import cell_errors, csv_rows, excel_rows
from closecurve.sources.files import file_batches
from closecurve.sources.loading import LoadedSource, loaded_sources

Row = tuple[Any, ...]


def read(path: Path, **more: Any) -> tuple[LoadedSource, list[Row]]:
    """The source, and its rows with their lines (of several files also with their names)."""
    with loaded_sources([FileSource(name="deals", path=path, **more)]) as (connection, loaded):
        file = "" if path.is_file() else "_file, "
        columns = "".join(f'"{name}", ' for name in loaded["deals"].columns)
        query = f"SELECT {columns}{file}_line FROM deals ORDER BY _file, _line"
        return loaded["deals"], connection.execute(query).fetchall()


def load(
    folder: Path, content: bytes, name: str = "deals.csv", **more: Any
) -> tuple[LoadedSource, list[Row]]:
    (folder / name).write_bytes(content)
    return read(folder / name, **more)


def zipped(members: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return content.getvalue()


def parquet(table: pa.Table) -> bytes:
    content = io.BytesIO()
    pq.write_table(table, content)
    return content.getvalue()


def shapeless(loaded: LoadedSource) -> list[list[object]]:
    found: list[list[object]] = loaded.shapeless[["_line", "value"]].to_numpy().tolist()
    return found


def test_values_are_text_and_empty_is_null(tmp_path: Path) -> None:
    loaded, rows = load(tmp_path, b'\xef\xbb\xbfa,b\n007,""\n1,"x, y"\n')
    assert loaded.columns == ("a", "b")
    assert rows == [("007", None, 2), ("1", "x, y", 3)]
    assert loaded.row_count == 2
    assert len(loaded.digests["deals.csv"]) == 64


def test_lines_are_counted_over_blank_lines_and_quoted_breaks(tmp_path: Path) -> None:
    loaded, rows = load(tmp_path, b'a,b\n1,"x\ny\nz"\n\n2,x,y\n3,x\r\nshort\n4,x\n5,x,y\n')
    assert rows == [("1", "x\ny\nz", 2), ("3", "x", 7), ("4", "x", 9)]
    assert shapeless(loaded) == [[6, "2,x,y"], [8, "short"], [10, "5,x,y"]]


def test_lines_are_counted_from_block_to_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_rows, "_BLOCK_BYTES", 10_000)
    wide = "x" * 50
    lines = [f"{i},{wide}" if i % 100 else f'{i},"a\nb",c' for i in range(2000)]
    loaded, rows = load(tmp_path, ("a,b\n" + "\n".join(lines) + "\n").encode())
    where = {number: line for line, number in enumerate("\n".join(lines).split("\n"), 2)}
    assert len(rows) + len(loaded.shapeless) == len(lines)
    assert [row[2] for row in rows] == [where[f"{row[0]},{wide}"] for row in rows]
    assert [line for line, _ in shapeless(loaded)] == [
        where[f'{i},"a'] for i in range(0, len(lines), 100)
    ]


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252", "utf-8-sig"])
def test_an_encoding_is_followed(tmp_path: Path, encoding: str) -> None:
    content = "näme;b\nü;1\n".encode(encoding)
    loaded, rows = load(tmp_path, content, encoding=encoding, delimiter=";")
    assert loaded.columns == ("näme", "b")
    assert rows == [("ü", "1", 2)]


def test_a_character_that_holds_the_byte_of_a_quote_is_none(tmp_path: Path) -> None:
    content = 'a,b\n≢,"∢\n"'.encode("utf-16")
    assert load(tmp_path, content, encoding="utf-16")[1] == [("≢", "∢\n", 2)]


@pytest.mark.parametrize(
    ("name", "content", "more"),
    [
        ("deals.tsv", b"a\tb\nx, y\t2\n", {}),
        ("deals.txt", b"a|b\nx, y|2\n", {"delimiter": "|"}),
        ("deals.csv", b"a,b\n'x, y',2\n", {"quote": "'"}),
        ("deals.csv", b"a,b\nx\\, y,2\n", {"escape": "\\"}),
        ("deals.csv", b"Deals of today\n\na,b\n", {"header_row": 3}),
    ],
)
def test_signs_and_the_header_are_as_said(
    tmp_path: Path, name: str, content: bytes, more: dict[str, Any]
) -> None:
    loaded, rows = load(tmp_path, content, name, **more)
    assert loaded.columns == ("a", "b")
    assert [row[:2] for row in rows] == ([] if "header_row" in more else [("x, y", "2")])


def test_an_escaped_quote_is_no_quote(tmp_path: Path) -> None:
    _, rows = load(tmp_path, b'a,b\n"5\\" disk",2\n"6\\"\nx",3\n', escape="\\")
    assert rows == [('5" disk', "2", 2), ('6"\nx', "3", 3)]


def test_lines_above_the_header_are_counted(tmp_path: Path) -> None:
    assert load(tmp_path, b"Deals\nof,today\na,b\n1,2\n", header_row=3)[1] == [("1", "2", 4)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("deals.csv.gz", gzip.compress(b"a\n1\n", mtime=0)),
        ("deals.csv.zip", zipped({"deals.csv": b"a\n1\n"})),
        ("deals.zip", zipped({"deals.tsv": b"a\tb\n1\t\n", "__MACOSX/._deals.tsv": b"x"})),
        ("deals.zip", zipped({"export/": b"", "export/deals.jsonl": b'\n{"a": 1}\n'})),
        ("deals.parquet.gz", gzip.compress(parquet(pa.table({"a": ["0", "1"]})))),
        (
            "deals.zip",
            zipped({"deals.xlsx": xlsx({"S": {1: [text("A1", "a")], 2: [number("A2", 1)]}})}),
        ),
    ],
)
def test_a_packed_file_is_read(tmp_path: Path, name: str, content: bytes) -> None:
    _, rows = load(tmp_path, content, name)
    assert rows[-1][0] == "1"
    assert rows[-1][-1] == 2


def test_a_member_is_named_where_there_are_several(tmp_path: Path) -> None:
    content = zipped({"deals.csv": b"a\n1\n", "leads.csv": b"a\n2\n"})
    assert load(tmp_path, content, "all.zip", member="leads.csv")[1] == [("2", 2)]
    for member in (None, "owners.csv"):
        with pytest.raises(DataError, match=r"deals\.csv.*leads\.csv") as caught:
            load(tmp_path, content, "all.zip", member=member)
        assert caught.value.code == "file-member"


def test_a_column_without_a_name_is_named_after_its_place(tmp_path: Path) -> None:
    assert load(tmp_path, b" a ,,b\n1,2,3\n")[0].columns == ("a", "column_2", "b")


def test_a_parquet_file_keeps_its_types(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "a": [1.5, None],
            "at": pd.to_datetime(["2025-01-01", "2025-01-02"]),
            "kind": pd.Categorical(["x", "y"]),
        }
    )
    frame.to_parquet(tmp_path / "deals.parquet")
    rows = read(tmp_path / "deals.parquet")[1]
    assert [(row[0], str(row[1]), row[2], row[3]) for row in rows] == [
        (1.5, "2025-01-01 00:00:00", "x", 1),
        (None, "2025-01-02 00:00:00", "y", 2),
    ]


def test_json_lines_become_columns_as_they_appear(tmp_path: Path) -> None:
    lines = [
        '{"id": "007", "owner": {"name": "Zoë", "team": {}}, "tags": ["a", 1], "won": true}',
        "",
        '{"id": 12345678901234567890, "amount": 1234.50, "owner": null, "tags": [], "note": ""}',
        "[1]",
        '{"id": 1, "id": 2}',
        '{"id": "\\ud800"}',
        '{"id": NaN}',
        '{"id": 3}',
    ]
    loaded, rows = load(tmp_path, "\n".join(lines).encode() + b"\n", "deals.jsonl")
    assert loaded.columns == ("id", "owner.name", "tags", "won", "amount", "owner", "note")
    assert rows == [
        ("007", "Zoë", '["a", 1]', "true", None, None, None, 1),
        ("12345678901234567890", None, "[]", None, "1234.5", None, None, 3),
        ("3", None, None, None, None, None, None, 8),
    ]
    assert shapeless(loaded) == [[n, lines[n - 1]] for n in (4, 5, 6, 7)]


def test_numbers_of_json_and_of_sheets_have_the_decimal_sign_of_the_source(tmp_path: Path) -> None:
    sheet = xlsx({"S": {1: [text("A1", "a")], 2: [number("A2", 0.5)]}})
    for name, content in (("d.ndjson", b'{"a": 0.5}\n'), ("d.xlsx", sheet)):
        assert load(tmp_path, content, name, decimal=",")[1][0][0] == "0,5"


def test_a_sheet_is_read_as_it_is_shown(tmp_path: Path) -> None:
    cells = {
        2: [text("B2", "id"), text("C2", "at"), text("D2", "amount")],
        4: [number("B4", 7), number("C4", 45000.5, DATE_TIME), number("D4", 1234.5)],
        5: [text("B5", "007"), number("C5", 45000, DATE), error("D5", "#DIV/0!")],
        6: [flag("B6", True), text("C6", "31.01.2025")],
    }
    loaded, rows = load(tmp_path, xlsx({"Deals": cells, "Notes": {}}), "deals.xlsx")
    assert loaded.columns == ("id", "at", "amount")
    assert rows == [
        ("7", "2023-03-15T12:00:00", "1234.5", 4),
        ("007", "2023-03-15", "#DIV/0!", 5),
        ("true", "31.01.2025", None, 6),
    ]


def test_a_sheet_and_its_header_are_chosen(tmp_path: Path) -> None:
    sheets = {
        "Cover": {1: [text("A1", "Q1")]},
        "Deals & co": {},
        "Deals": {1: [text("A1", "as of"), text("B1", "today")], 3: [text("A3", "id")]},
    }
    content = xlsx({name.replace("&", "&amp;"): cells for name, cells in sheets.items()})
    assert load(tmp_path, content, "deals.xlsx")[0].columns == ("Q1",)
    chosen = load(tmp_path, content, "deals.xlsx", sheet="Deals", header_row=3)[0]
    assert chosen.columns == ("id", "column_2")
    for sheet, row, code in (("deals", None, "file-sheet"), ("Deals", 9, "file-empty")):
        with pytest.raises(DataError) as caught:
            load(tmp_path, content, "deals.xlsx", sheet=sheet, header_row=row)
        assert caught.value.code == code


def test_an_opendocument_sheet_is_read(tmp_path: Path) -> None:
    cell = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
    value = '<table:table-cell office:value-type="float" office:value="{}"/>'
    day = '<table:table-cell office:value-type="date" office:date-value="2025-01-31"/>'
    rows = (
        f"<table:table-row>{cell.format('a')}{cell.format('b')}</table:table-row>"
        f"<table:table-row>{value.format(2.5)}{day}</table:table-row>"
    )
    found = load(tmp_path, ods(rows), "deals.ods")[1]
    assert [(row[0], row[1][:10], row[2]) for row in found] == [("2.5", "2025-01-31", 2)]


def test_a_sheet_of_excel_97_is_read(tmp_path: Path) -> None:
    loaded, rows = load(tmp_path, xls([["id", "day"], ["D1", 45000.0], ["D2", 45000.5]]), "d.xls")
    assert loaded.columns == ("id", "day")
    assert rows == [("D1", "2023-03-15", 2), ("D2", "2023-03-15T12:00:00", 3)]


@pytest.mark.parametrize("path", ["", "deals-*.csv"])
def test_files_of_a_folder_or_a_pattern_are_one_source(tmp_path: Path, path: str) -> None:
    (tmp_path / "deals-2.csv").write_bytes(b"b,a\n3,4\n1\n")
    (tmp_path / "deals-1.csv").write_bytes(b"a,b\n1,2\n")
    for name in (".deals-3.csv", "~$deals-4.csv", "deals.log"):
        (tmp_path / name).write_bytes(b"nothing")
    loaded, rows = read(tmp_path / path)
    assert rows == [("1", "2", "deals-1.csv", 2), ("4", "3", "deals-2.csv", 2)]
    assert loaded.shapeless.to_numpy().tolist() == [["deals-2.csv", 3, "1"]]
    assert list(loaded.digests) == ["deals-1.csv", "deals-2.csv"]


def test_files_of_one_source_have_the_same_columns(tmp_path: Path) -> None:
    (tmp_path / "deals-1.csv").write_bytes(b"a,b\n1,2\n")
    (tmp_path / "deals-2.csv").write_bytes(b"a,c\n1,2\n")
    with pytest.raises(DataError, match=r"deals-2\.csv.*\['b', 'c'\]") as caught:
        read(tmp_path / "deals-*.csv")
    assert caught.value.code == "file-columns"


def test_numbers_of_several_parquet_files_find_a_common_type(tmp_path: Path) -> None:
    tables = [
        {"a": [1], "b": [None]},
        {"a": [2.5], "b": [pd.Timestamp("2025-01-01")]},
        {"a": ["x"]},
    ]
    for i, columns in enumerate(tables[:2]):
        (tmp_path / f"deals-{i}.parquet").write_bytes(parquet(pa.table(columns)))
    rows = read(tmp_path / "deals-*.parquet")[1]
    assert [row[0] for row in rows] == [1.0, 2.5]
    assert str(rows[1][1]) == "2025-01-01 00:00:00"


def locked(content: bytes) -> bytes:
    """A .zip that says of its member that it has a password."""
    marked = bytearray(content)
    marked[6] |= 1
    marked[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(marked)


SHEET = xlsx({"S": {1: [text("A1", "a")], 2: [text("A2", "x" * 5000)]}})
TABLE = parquet(pa.table({"a": list(range(1000))}))
REFUSED = [
    ("deals.csv", b"", "file-empty"),
    ("deals.csv", b"\n\na\n", "file-header"),
    ("deals.csv", b"a,A\n1,2\n", "file-header"),
    ("deals.csv", b"a,_line\n1,2\n", "file-header"),
    ("deals.csv", b"a,_FILE\n1,2\n", "file-header"),
    ("deals.csv", b"a,b\n1,\xff\xfe\n", "file-encoding"),
    ("deals.csv", "a,b\n1,ü\n".encode("utf-16"), "file-encoding"),
    ("deals.csv", b"a,b\n1,2\n3", "file-cut-off"),
    ("deals.csv", b'a,b\n1,2\n3,"x', "file-cut-off"),
    ("deals.csv", b'a,b\n1,2\n"3,x\n4,5\n6,7\n', "file-cut-off"),
    ("deals.csv", b'a,b\n1,2\n3,"x\n4,5\n6,7\n', "file-cut-off"),
    ("deals.csv.gz", gzip.compress(b"a,b\n" + b"1,2\n" * 999, mtime=0)[:-20], "file-cut-off"),
    ("deals.csv.gz", gzip.compress(b"a,b\n1,2\n3", mtime=0), "file-cut-off"),
    ("deals.csv.gz", b"a,b\n1,2\n", "file-unreadable"),
    ("deals.csv.gz", b"", "file-empty"),
    ("deals.csv.zip", zipped({"deals.csv": b"a,b\n" + b"1,2\n" * 999})[:-20], "file-cut-off"),
    ("deals.csv.zip", zipped({"deals.csv": b"a,b\n1,2\n3"}), "file-cut-off"),
    ("deals.csv.zip", b"a,b\n1,2\n", "file-unreadable"),
    ("deals.csv.zip", locked(zipped({"deals.csv": b"a\n1\n"})), "file-unreadable"),
    ("deals.zip", zipped({"deals.pdf": b"%PDF"}), "file-kind"),
    ("deals.zip", zipped({}), "file-member"),
    ("deals.jsonl", b"", "file-empty"),
    ("deals.jsonl", b"\n\n", "file-empty"),
    ("deals.jsonl", b"[1]\n", "file-unreadable"),
    ("deals.jsonl", b'{"a": 1}\n{"a": "x', "file-cut-off"),
    ("deals.jsonl.gz", gzip.compress(b'{"a": 1}\n' * 9999, mtime=0)[:-20], "file-cut-off"),
    ("deals.jsonl", b'{"a": "\xff"}\n', "file-encoding"),
    ("deals.jsonl", b'{"a": 1, "A": 2}\n', "file-header"),
    ("deals.jsonl", b'{"_line": 1}\n', "file-header"),
    ("deals.xlsx", b"", "file-unreadable"),
    ("deals.xlsx", SHEET[: len(SHEET) // 2], "file-cut-off"),
    ("deals.xlsx", b"a,b\n1,2\n", "file-unreadable"),
    ("deals.xlsx", xlsx({"S": {}}), "file-empty"),
    ("deals.xlsx", xlsx({"S": {1: [text("A1", "a"), text("B1", "A")]}}), "file-header"),
    ("deals.ods", ods(""), "file-empty"),
    ("deals.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 and then nothing", "file-unreadable"),
    ("deals.parquet", b"PAR1 and then nothing", "file-cut-off"),
    ("deals.parquet", TABLE[: len(TABLE) // 2], "file-cut-off"),
    ("deals.parquet", b"", "file-unreadable"),
    ("deals.parquet", parquet(pa.table([[1], [2]], ["a", "A"])), "file-header"),
]


@pytest.mark.parametrize(("name", "content", "code"), REFUSED)
def test_what_cannot_be_taken_is_refused_by_name(
    tmp_path: Path, name: str, content: bytes, code: str
) -> None:
    (tmp_path / name).write_bytes(content)
    source = FileSource(name="deals", path=tmp_path / name)
    with pytest.raises(DataError, match=f"the file {name} .*, got ") as caught:
        list(file_batches(source.path, source))
    assert caught.value.code == code


@pytest.mark.parametrize("name", ["deals.csv", "deals-*.csv", "deals.zip"])
def test_a_missing_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="the file deals") as caught:
        read(tmp_path / name)
    assert caught.value.code == "file-missing"


def test_a_folder_without_an_export_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="stands for at least one file") as caught:
        read(tmp_path)
    assert caught.value.code == "file-missing"


def test_a_sheet_of_many_rows_keeps_errors_and_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cell_errors, "_BLOCK_BYTES", 5000)
    monkeypatch.setattr(excel_rows, "BATCH_ROWS", 300)
    rows = {1: [text("A1", "id"), text("B1", "note")]}
    for i in range(2, 3002):
        last = error(f"B{i}", "#N/A") if i % 700 == 0 else text(f"B{i}", "x" * 20)
        rows[i] = [number(f"A{i}", i), last]
    found = load(tmp_path, xlsx({"Deals": rows}), "deals.xlsx")[1]
    assert len(found) == 3000
    assert [row for row in found if row[1] == "#N/A"] == [
        (str(i), "#N/A", i) for i in range(700, 3001, 700)
    ]


def test_a_value_of_json_is_what_json_says(tmp_path: Path) -> None:
    values = [0, -1, 1e300, 0.1, 2**70, "é\n", False, [None, {"x": 1}]]
    content = "".join(json.dumps({"v": value}) + "\n" for value in values).encode()
    rows = [row[0] for row in load(tmp_path, content, "deals.jsonl")[1]]
    assert rows == ["0", "-1", "1e+300", "0.1", str(2**70), "é\n", "false", '[null, {"x": 1}]']
