"""SQL databases: rows of a table or a query, read with the database's own driver.

All sources of one address are read in one transaction that writes nothing and sees one state of
the database. Rows are streamed; nothing that is logged or raised shows the password.
"""

import sqlite3
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import pyarrow as pa
from sqlalchemy import Connection, Engine, TextClause, create_engine, text
from sqlalchemy.engine import URL, Dialect, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from closecurve.crm.errors import DataError, EnvironmentFailure, UsageError
from closecurve.crm.mapping_sources import FILE_COLUMN, LINE_COLUMN, DatabaseSource
from closecurve.sources.database_values import column_of, declared_types
from closecurve.sources.rows import BATCH_ROWS

CONNECT_SECONDS = 20

_LEVELS = ("REPEATABLE READ", "SNAPSHOT", "SERIALIZABLE")
"""The first that a database has lets all queries of a transaction see one state."""

_PACKAGES = {
    "psycopg": "closecurve[postgresql]",
    "psycopg2": "psycopg2-binary",
    "pymysql": "PyMySQL",
    "MySQLdb": "mysqlclient",
    "mariadb": "mariadb",
    "oracledb": "oracledb",
    "pyodbc": "pyodbc",
    "pymssql": "pymssql",
    "snowflake": "snowflake-sqlalchemy",
    "bigquery": "sqlalchemy-bigquery",
    "redshift": "sqlalchemy-redshift",
    "databricks": "databricks-sqlalchemy",
    "trino": "trino",
    "duckdb": "duckdb-engine",
    "clickhouse": "clickhouse-sqlalchemy",
}
"""The package of a driver's module, or of a database that SQLAlchemy does not know by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """An open transaction, and the address as messages show it."""

    shown: str
    connection: Connection = field(repr=False)
    secret: str = field(repr=False)

    def batches(
        self, source: DatabaseSource, since: object = None
    ) -> Generator[pa.Table, None, None]:
        """The source's rows, those without a watermark or with at least `since` if it is given.

        The first batch may be empty: it tells the columns. Raises DataError where the database
        refuses the query, a column is there twice, or has a type that is no value.
        """
        statement = _statement(source, self.connection.dialect, since)
        streamed = self.connection.execution_options(stream_results=True, yield_per=BATCH_ROWS)
        try:
            with streamed.execute(
                statement, {"since": since} if since is not None else {}
            ) as found:
                names = list(found.keys())
                _check_columns(source, names)
                description = found.cursor.description if found.cursor is not None else ()
                types = declared_types(self.connection.dialect.name, description)
                yield _table(source, names, types, [])
                for rows in found.partitions(BATCH_ROWS):
                    yield _table(source, names, types, rows)
        except DBAPIError as error:
            raise DataError(
                "database-query",
                f"the database answers {source.key} ({self.shown}), got"
                f" {_said(error, self.secret)}",
            ) from None


@contextmanager
def open_database(source: DatabaseSource) -> Iterator[Database]:
    """Opens the address of a source for reading.

    Raises UsageError for an address that cannot be followed, EnvironmentFailure for a driver that
    is not installed or a database that does not let us in.
    """
    url = _parsed(source)
    shown = url.set(query={}).render_as_string(hide_password=True)
    secret = str(url.password or "")
    engine = _engine(url, source, shown)
    try:
        connection = _connected(engine)
    except (SQLAlchemyError, OSError) as error:
        engine.dispose()
        raise EnvironmentFailure(
            "database-unreachable",
            f"the database of {source.key} ({shown}) lets us in, got {_said(error, secret)}",
        ) from None
    try:
        yield Database(shown=shown, connection=connection, secret=secret)
    finally:
        connection.close()
        engine.dispose()


def fingerprint_of(source: DatabaseSource) -> list[object]:
    """What has to stay the same for rows read earlier to count: never the password or the user."""
    url = _parsed(source)
    place = [url.get_backend_name(), url.host, url.port, url.database]
    return [*place, source.table, source.query, source.watermark, list(source.row_key)]


def _parsed(source: DatabaseSource) -> URL:
    try:
        url = make_url(source.url)
    except (ArgumentError, ValueError):
        raise UsageError(
            "database-url",
            f"{source.key}.url is an address such as postgresql://user@host/database, got another"
            " text, not shown",
        ) from None
    plain = url.drivername in ("postgres", "postgresql")
    return url.set(drivername="postgresql+psycopg") if plain else url


def _engine(url: URL, source: DatabaseSource, shown: str) -> Engine:
    if url.get_backend_name() == "sqlite":
        return create_engine("sqlite://", creator=lambda: _sqlite(url), poolclass=NullPool)
    limits = {"connect_timeout": CONNECT_SECONDS} if url.drivername.endswith("+psycopg") else {}
    try:
        return create_engine(url, poolclass=NullPool, connect_args=limits, hide_parameters=True)
    except (NoSuchModuleError, ImportError) as error:
        module = error.name if isinstance(error, ImportError) else url.get_backend_name()
        package = _PACKAGES.get(module or "", module)
        raise EnvironmentFailure(
            "database-driver",
            f"the driver of {source.key} ({shown}) is installed (pip install {package}), got"
            f" {_said(error, str(url.password or ''))}",
        ) from None


def _sqlite(url: URL) -> sqlite3.Connection:
    """A connection that cannot write, in a transaction of our own making."""
    path = quote(url.database or "")
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)


def _connected(engine: Engine) -> Connection:
    connection = engine.connect()
    dialect = engine.dialect.name
    if dialect == "sqlite":
        connection.exec_driver_sql("BEGIN")
        return connection
    options: dict[str, Any] = {"postgresql_readonly": True} if dialect == "postgresql" else {}
    level = _level(engine.dialect)
    if level is not None:
        options["isolation_level"] = level
    return connection.execution_options(**options)


def _level(dialect: Dialect) -> str | None:
    try:
        known = dialect.get_isolation_level_values(None)  # type: ignore[arg-type]
    except NotImplementedError:
        return None
    return next((level for level in _LEVELS if level in known), None)


def _statement(source: DatabaseSource, dialect: Dialect, since: object) -> TextClause:
    """The source's rows in SQL. A colon of its own names no parameter."""
    query = source.query or f"SELECT * FROM {_quoted_table(source, dialect)}"
    plain = query.replace(":", r"\:")
    if since is None or source.watermark is None:
        return text(plain)
    seen = dialect.identifier_preparer.quote(source.watermark).replace(":", r"\:")
    return text(f"SELECT * FROM (\n{plain}\n) read_so_far WHERE {seen} >= :since OR {seen} IS NULL")


def _quoted_table(source: DatabaseSource, dialect: Dialect) -> str:
    schema, _, name = (source.table or "").rpartition(".")
    prepare = dialect.identifier_preparer
    return (
        f"{prepare.quote_schema(schema)}.{prepare.quote(name)}" if schema else prepare.quote(name)
    )


def _check_columns(source: DatabaseSource, names: list[str]) -> None:
    folded = [each.casefold() for each in (*names, FILE_COLUMN, LINE_COLUMN)]
    doubled = [each for each in names if folded.count(each.casefold()) > 1]
    if doubled:
        raise DataError("database-columns", f"{source.key} names each column once, got {doubled}")
    needed = [each for each in (source.watermark, *source.row_key) if each is not None]
    missing = [each for each in needed if each not in names]
    if missing:
        raise DataError(
            "database-columns",
            f"{source.key} has the columns of watermark and key {missing}, got {names}",
        )


def _table(
    source: DatabaseSource, names: list[str], types: list[pa.DataType | None], rows: Any
) -> pa.Table:
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    return pa.table(
        {
            name: column_of(values, kind, f"{source.key}, column {name}")
            for name, kind, values in zip(names, types, columns, strict=True)
        }
    )


def _said(error: Exception, secret: str) -> str:
    """What went wrong in the words of the driver, on one line and without the password."""
    said = str(getattr(error, "orig", None) or error).strip() or type(error).__name__
    line = " ".join(said.split())[:300]
    for hidden in {secret, quote(secret, safe="")} - {""}:
        line = line.replace(hidden, "***")
    return line
