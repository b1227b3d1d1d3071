"""Where rows come from, as settings say it: every key, and one error for what cannot be."""

import tomllib
from pathlib import Path

import pytest

from closecurve.crm.errors import UsageError
from closecurve.crm.mapping_sources import (
    SUFFIXES,
    DatabaseSource,
    FileKind,
    FileSource,
    Source,
    kind_of,
    parse_source,
)

FOLDER = Path("/srv/export")


def parsed(text: str, **environ: str) -> Source:
    return parse_source("deals", tomllib.loads(text), FOLDER, environ)


def test_every_key_of_a_file_is_taken() -> None:
    assert parsed(
        """
        path = "${DAY}/deals-*.zip"
        delimiter = ";"
        quote = "'"
        escape = "\\\\"
        encoding = "cp1252"
        member = "deals.csv"
        header_row = 3
        time_zone = "Europe/Berlin"
        date_format = ["%d.%m.%Y", "%d.%m.%y"]
        decimal = ","
        """,
        DAY="monday",
    ) == FileSource(
        name="deals",
        path=FOLDER / "monday/deals-*.zip",
        delimiter=";",
        quote="'",
        escape="\\",
        encoding="cp1252",
        member="deals.csv",
        header_row=3,
        time_zone="Europe/Berlin",
        date_formats=("%d.%m.%Y", "%d.%m.%y"),
        decimal=",",
    )
    assert parsed('path = "deals.xlsx"\nsheet = "Deals"') == FileSource(
        name="deals", path=FOLDER / "deals.xlsx", sheet="Deals"
    )


def test_every_key_of_a_database_is_taken() -> None:
    assert parsed(
        """
        url = "postgresql://reader:${PASSWORD}@db/crm"
        table = "sales.deals"
        watermark = "modified_at"
        key = ["id", "region"]
        time_zone = "Asia/Shanghai"
        date_format = "%Y年%m月%d日"
        decimal = ","
        """,
        PASSWORD="hunter2",
    ) == DatabaseSource(
        name="deals",
        url="postgresql://reader:hunter2@db/crm",
        table="sales.deals",
        watermark="modified_at",
        row_key=("id", "region"),
        time_zone="Asia/Shanghai",
        date_formats=("%Y年%m月%d日",),
        decimal=",",
    )


@pytest.mark.parametrize(
    ("url", "becomes"),
    [
        ("sqlite:///crm.db", "sqlite:////srv/export/crm.db"),
        (
            "sqlite+pysqlite:///a/crm.db?timeout=3",
            "sqlite+pysqlite:////srv/export/a/crm.db?timeout=3",
        ),
        ("sqlite:////srv/crm.db", "sqlite:////srv/crm.db"),
        ("mysql://db/crm", "mysql://db/crm"),
    ],
)
def test_a_relative_database_file_lies_beside_the_other_files(url: str, becomes: str) -> None:
    found = parsed(f'url = "{url}"\nquery = "SELECT 1"')
    assert isinstance(found, DatabaseSource)
    assert found.url == becomes


@pytest.mark.parametrize("suffix", [*SUFFIXES])
@pytest.mark.parametrize("packed", ["", ".gz", ".zip"])
def test_a_name_tells_what_a_file_holds(suffix: str, packed: str) -> None:
    assert kind_of(f"Deals{suffix.upper()}{packed}") is SUFFIXES[suffix]
    assert isinstance(parsed(f'path = "Deals{suffix}{packed}"'), FileSource)


@pytest.mark.parametrize("name", ["deals", "deals.pdf", "deals.gz", "csv", ".csv"])
def test_a_name_that_does_not_tell_is_of_no_kind(name: str) -> None:
    assert kind_of(name) is None


def test_a_folder_and_a_zip_tell_later() -> None:
    assert kind_of("deals.zip") is None
    assert kind_of("deals.csv.zip") is FileKind.CSV
    for path in ("deals", "deals.zip", "deals-*.zip"):
        assert isinstance(parsed(f'path = "{path}"\nsheet = "Deals"'), FileSource)


@pytest.mark.parametrize(
    ("text", "key", "rule"),
    [
        ('path = "deals.pdf"', "path", "ends in one of"),
        ('path = "deals.csv.bz2"', "path", "ends in one of"),
        ('path = "deals.csv"\ndelimiter = "||"', "delimiter", "one ASCII character"),
        ('path = "deals.csv"\ndelimiter = "§"', "delimiter", "one ASCII character"),
        ('path = "deals.csv"\nescape = "\\\\\\\\"', "escape", "one ASCII character"),
        ('path = "deals.csv"\nquote = ","\ndelimiter = ","', "", "a different sign"),
        ('path = "deals.csv"\nencoding = "utf-9"', "encoding", "an encoding's name"),
        ('path = "deals.csv"\nsheet = "Deals"', "sheet", "is for Excel files"),
        ('path = "deals.csv"\nmember = "x.csv"', "member", r"is for \.zip files"),
        ('path = "deals.jsonl"\nheader_row = 1', "header_row", "is for CSV and Excel"),
        ('path = "deals.csv"\nheader_row = 0', "header_row", "whole number from 1 on"),
        ('path = "deals.csv"\ntable = "deals"', "", "documented keys only"),
        ('table = "deals"', "path", "is a text"),
        ('url = "sqlite:///x.db"\npath = "deals.csv"\ntable = "t"', "", "documented keys only"),
        ('url = "sqlite:///x.db"', "", "either a table or a query"),
        ('url = "sqlite:///x.db"\ntable = "t"\nquery = "SELECT 1"', "", "either a table or"),
        ('url = "sqlite:///x.db"\ntable = "t"\nkey = "id"', "", "together or neither"),
        ('url = "sqlite:///x.db"\ntable = "t"\nwatermark = "at"', "", "together or neither"),
        ('url = "sqlite:///x.db"\nquery = "DELETE FROM t"', "query", "is one SELECT"),
        ('url = "sqlite:///x.db"\nquery = "SELECT 1; DROP TABLE t"', "query", "a semicolon"),
        ('url = "sqlite:///x.db"\nquery = " -- nothing"', "query", "is one SELECT"),
        ("url = 'sqlite:///x.db'\nquery = \"SELECT 'a\"", "query", "is one SELECT"),
        ('url = "${NOWHERE}"\ntable = "t"', "url", r"set or have a default: \$NOWHERE"),
    ],
)
def test_what_cannot_be_is_named(text: str, key: str, rule: str) -> None:
    named = rf"sources\.deals\.{key} " if key else r"sources\.deals "
    with pytest.raises(UsageError, match=f"^{named}.*{rule}") as caught:
        parsed(text)
    assert caught.value.code == "mapping-key"


@pytest.mark.parametrize(
    "query", ["SELECT 'a;b'", "with x as (select 1) select * from x", "SELECT[a]"]
)
def test_a_query_is_a_select_in_any_dialect(query: str) -> None:
    assert isinstance(parsed(f'url = "mssql+pyodbc://db/crm"\nquery = "{query}"'), DatabaseSource)


def test_an_address_is_never_shown() -> None:
    secret = "hunter2"
    with pytest.raises(UsageError, match="not shown") as caught:
        parsed('url = "${CRM}"\ntable = "t"', CRM=f"reader:{secret}@db/crm")
    assert secret not in str(caught.value)
    found = parsed('url = "${CRM}"\ntable = "t"', CRM=f"postgresql://reader:{secret}@db/crm")
    assert secret not in repr(found)
