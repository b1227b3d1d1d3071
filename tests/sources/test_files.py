"""Reading files: every row with its line, and one clear error for what cannot be taken."""

import gzip
from pathlib import Path

import pandas as pd
import pytest

from closecurve.crm.errors import DataError
from closecurve.crm.mapping import Source
from closecurve.sources.files import LoadedFile, load_file


def load(folder: Path, content: bytes, name: str = "deals.csv", **more: str) -> LoadedFile:
    (folder / name).write_bytes(content)
    return load_file(Source(name="deals", path=folder / name, **more))  # type: ignore[arg-type]


def rows(loaded: LoadedFile) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in loaded.rows.to_pylist()]


def test_values_are_text_and_empty_is_null(tmp_path: Path) -> None:
    loaded = load(tmp_path, b'\xef\xbb\xbfa,b\n007,""\n1,"x, y"\n')
    assert loaded.rows.column_names == ["a", "b", "_line"]
    assert rows(loaded) == [("007", None, 2), ("1", "x, y", 3)]
    assert len(loaded.digest) == 64


def test_lines_are_counted_over_blank_lines_and_quoted_breaks(tmp_path: Path) -> None:
    loaded = load(tmp_path, b'a,b\n1,"x\ny\nz"\n\n2,x,y\n3,x\r\nshort\n4,x\n')
    assert rows(loaded) == [("1", "x\ny\nz", 2), ("3", "x", 7), ("4", "x", 9)]
    shapeless = loaded.shapeless[["_line", "value"]].to_numpy().tolist()
    assert shapeless == [[6, "2,x,y"], [8, "short"]]


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252", "utf-8-sig"])
def test_an_encoding_is_followed(tmp_path: Path, encoding: str) -> None:
    loaded = load(tmp_path, "näme;b\nü;1\n".encode(encoding), encoding=encoding, delimiter=";")
    assert loaded.rows.column_names == ["näme", "b", "_line"]
    assert rows(loaded) == [("ü", "1", 2)]


def test_a_compressed_file_is_read(tmp_path: Path) -> None:
    assert rows(load(tmp_path, gzip.compress(b"a\n1\n", mtime=0), "deals.csv.gz")) == [("1", 2)]


def test_a_column_without_a_name_is_named_after_its_place(tmp_path: Path) -> None:
    assert load(tmp_path, b" a ,,b\n1,2,3\n").rows.column_names == ["a", "column_2", "b", "_line"]


def test_a_parquet_file_keeps_its_types(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1.5, None], "at": pd.to_datetime(["2025-01-01", "2025-01-02"])})
    frame.to_parquet(tmp_path / "deals.parquet")
    loaded = load_file(Source(name="deals", path=tmp_path / "deals.parquet"))
    assert loaded.rows.column("a").to_pylist() == [1.5, None]
    assert loaded.rows.column("_line").to_pylist() == [1, 2]


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("deals.csv", b"", "file-empty"),
        ("deals.csv", b"\n\na\n", "file-header"),
        ("deals.csv", b"a,A\n1,2\n", "file-header"),
        ("deals.csv", b"a,_line\n1,2\n", "file-header"),
        ("deals.csv", b"a,b\n1,\xff\xfe\n", "file-encoding"),
        ("deals.csv", "a,b\n1,ü\n".encode("utf-16"), "file-encoding"),
        ("deals.csv", b"a,b\n1,2\n3", "file-cut-off"),
        ("deals.csv", b'a,b\n1,2\n3,"x', "file-cut-off"),
        ("deals.csv", b'a,b\n1,2\n"3,x\n4,5\n6,7\n', "file-cut-off"),
        ("deals.csv", b'a,b\n1,2\n3,"x\n4,5\n6,7\n', "file-cut-off"),
        ("deals.csv.gz", gzip.compress(b"a,b\n" + b"1,2\n" * 999, mtime=0)[:-20], "file-cut-off"),
        ("deals.csv.gz", b"a,b\n1,2\n", "file-unreadable"),
        ("deals.parquet", b"PAR1 and then nothing", "file-unreadable"),
        ("deals.parquet", b"", "file-unreadable"),
    ],
)
def test_what_cannot_be_taken_is_refused_by_name(
    tmp_path: Path, name: str, content: bytes, code: str
) -> None:
    with pytest.raises(DataError, match=f"the file {name} .*, got ") as caught:
        load(tmp_path, content, name)
    assert caught.value.code == code


def test_a_parquet_file_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    pd.DataFrame({"a": range(1000)}).to_parquet(tmp_path / "whole.parquet")
    content = (tmp_path / "whole.parquet").read_bytes()
    with pytest.raises(DataError) as caught:
        load(tmp_path, content[: len(content) // 2], "deals.parquet")
    assert caught.value.code == "file-unreadable"


@pytest.mark.parametrize("make_folder", [False, True])
def test_a_missing_file_is_refused(tmp_path: Path, make_folder: bool) -> None:
    if make_folder:
        (tmp_path / "deals.csv").mkdir()
    with pytest.raises(DataError, match=r"deals\.csv is there") as caught:
        load_file(Source(name="deals", path=tmp_path / "deals.csv"))
    assert caught.value.code == "file-missing"
