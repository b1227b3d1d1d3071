"""The results as tables of a database, and the connection to it (SQLite or PostgreSQL)."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Date,
    DateTime,
    Double,
    Engine,
    Index,
    Integer,
    MetaData,
    Select,
    Table,
    Text,
    UniqueConstraint,
    create_engine,
    event,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.schema import CreateColumn
from sqlalchemy.types import TypeEngine

from closecurve.crm.errors import EnvironmentFailure, UsageError
from closecurve.stores.results.columns import (
    BACKTEST_FORECASTS,
    RESULT_TABLES,
    Kind,
    ResultColumn,
    ResultTable,
)
from closecurve.stores.results.publication import CONTENT, Row

SCHEMA_VERSION = 2
"""Counts up with a release that adds tables or columns to a publication; nothing is taken away."""

BUSY_SECONDS = 30
"""How long a writer waits for another one; a publication of 100,000 deals takes a few seconds."""

SCHEMA_LOCK = 7_265_106
"""Key of PostgreSQL's advisory lock under which the tables are made; any fixed number will do."""

# PostgreSQL would sort ids by the language of its cluster; "C" sorts as SQLite and Python do.
_TEXT = Text().with_variant(Text(collation="C"), "postgresql")

_TYPES: dict[Kind, TypeEngine[Any]] = {
    Kind.TEXT: _TEXT,
    Kind.NUMBER: Double(),
    Kind.INTEGER: Integer(),
    Kind.INSTANT: DateTime(),
    Kind.DAY: Date(),
    Kind.FLAG: Boolean(),
    Kind.JSON: JSON(none_as_null=True),
}

METADATA = MetaData()

SCHEMA = Table("results_schema", METADATA, Column("version", Integer, primary_key=True))

PUBLICATIONS = Table(
    "publications",
    METADATA,
    Column("publication_id", Integer, primary_key=True, autoincrement=False),
    Column("as_of", DateTime, nullable=False),
    Column("published_at", DateTime, nullable=False),
    Column("history_id", _TEXT, nullable=False),
    Column("bundle_digest", _TEXT, nullable=False),
    Column("deal_model_version", _TEXT),
    Column("lead_model_version", _TEXT),
    Column("summary", JSON, nullable=False),
    UniqueConstraint(*CONTENT),
)


def _snooze_columns(*key: Column[Any]) -> tuple[Column[Any], ...]:
    return (
        *key,
        Column("until_date", Date, nullable=False),
        Column("reason", _TEXT, nullable=False),
        Column("snoozed_at", DateTime, nullable=False),
    )


SNOOZES = Table("snoozes", METADATA, *_snooze_columns(Column("deal_id", _TEXT, primary_key=True)))
SNOOZE_KEYS = Table(
    "snooze_keys",
    METADATA,
    Column("request_key", _TEXT, primary_key=True),
    *_snooze_columns(Column("deal_id", _TEXT, nullable=False)),
)
"""What each `Idempotency-Key` stood for; of no publication, as `SNOOZES`."""


def _table(spec: ResultTable) -> Table:
    # The id comes first in the key: one index then finds a deal in one publication and its history
    # over all of them. Rows live and die with their publication's transaction, so a foreign key
    # would only cost a look-up per row.
    key = [_column(spec.column(name), primary_key=True) for name in spec.key]
    others = [_column(column) for column in spec.columns if column.name not in spec.key]
    made = Table(
        spec.name,
        METADATA,
        *key,
        Column("publication_id", Integer, primary_key=True, autoincrement=False),
        *others,
    )
    Index(f"{spec.name}_by_publication", made.c.publication_id)
    for names in spec.indices:
        _index(made, names)
    return made


def _column(column: ResultColumn, primary_key: bool = False) -> Column[Any]:
    return Column(column.name, _TYPES[column.kind], primary_key=primary_key)


def _index(table: Table, names: tuple[str, ...]) -> None:
    name = f"{table.name}_by_{names[0].removeprefix('-')}"
    plain = [_indexed(table, column) for column in names]
    Index(name, table.c.publication_id, *plain).ddl_if(dialect="sqlite")
    # Pages put gaps last: SQLite's descending order does so by itself and knows no NULLS LAST in an
    # index; PostgreSQL only uses an index that says so.
    Index(name, table.c.publication_id, *(c.nulls_last() for c in plain)).ddl_if(
        dialect="postgresql"
    )


def _indexed(table: Table, name: str) -> ColumnElement[Any]:
    column = table.c[name.removeprefix("-")]
    return column.desc() if name.startswith("-") else column.asc()


BACKTESTS = Table(
    "backtests",
    METADATA,
    Column("backtest_id", Integer, primary_key=True, autoincrement=False),
    Column("made_at", DateTime, nullable=False),
    Column("history_id", _TEXT, nullable=False),
    Column("cutoffs", JSON, nullable=False),
    Column("metrics", JSON, nullable=False),
)
BACKTEST_ROWS = Table(
    BACKTEST_FORECASTS.name,
    METADATA,
    Column("backtest_id", Integer, primary_key=True, autoincrement=False),
    *(
        _column(column, primary_key=column.name in BACKTEST_FORECASTS.key)
        for column in BACKTEST_FORECASTS.columns
    ),
)
"""The rows of the newest of `BACKTESTS`."""

TABLES = {name: _table(spec) for name, spec in RESULT_TABLES.items()}
"""The SQLAlchemy tables of a publication by name."""


def engine_of(url: str) -> Engine:
    """An engine for `sqlite:///…` or `postgresql://…`, set up as the stores need it.

    Raises UsageError for any other address; the message never shows a password.
    """
    parsed = _parsed(url)
    options: dict[str, Any] = {"json_serializer": _as_it_is}
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(parsed, connect_args={"timeout": BUSY_SECONDS}, **options)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    return create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True, **options)


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise UsageError(
            "results-url", "a results address is a database URL, got another text"
        ) from error
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        shown = parsed.render_as_string(hide_password=True)
        raise UsageError("results-url", f"results are kept in sqlite or postgresql, got {shown!r}")
    return parsed


def _as_it_is(text: str) -> str:
    """JSON cells come as text already: they are written before the transaction begins."""
    return text


def _prepare_sqlite(connection: Any, _: object) -> None:
    # The driver's own BEGIN comes late and never takes the write lock; _begin_sqlite does both.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode = WAL")
    # A large publication would otherwise leave its write-ahead log behind at full size.
    connection.execute("PRAGMA journal_size_limit = 16777216")


def _begin_sqlite(connection: Connection) -> None:
    writing = connection.get_execution_options().get("writing")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def prepare(connection: Connection) -> None:
    """Make the tables where there are none, and add to those of an earlier release.

    Raises EnvironmentFailure for tables of a later schema, with the command that mends it.
    """
    if not inspect(connection).has_table(SCHEMA.name):
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({SCHEMA_LOCK})")
        METADATA.create_all(connection)
        if connection.scalar(select(SCHEMA.c.version)) is None:
            connection.execute(insert(SCHEMA).values(version=SCHEMA_VERSION))
    version = connection.scalar(select(SCHEMA.c.version))
    if version is not None and version < SCHEMA_VERSION:
        version = _upgrade(connection)
    if version != SCHEMA_VERSION:
        raise EnvironmentFailure(
            "results-schema",
            f"this release reads results of schema {SCHEMA_VERSION}, got schema {version};"
            " run `pip install --upgrade closecurve`",
        )


class SqlPart:
    """A part of the results database beside the publications; both functions are its store's."""

    def __init__(
        self,
        read: Callable[[Select[Any]], list[Row]],
        writing: Callable[[], AbstractContextManager[Connection]],
    ) -> None:
        self._read = read
        self._writing = writing


def one_writer(connection: Connection, table: Table) -> None:
    """A second writer that asks for the table waits for the transaction to end; readers go on."""
    if connection.dialect.name == "postgresql":  # SQLite has one writer anyway
        connection.exec_driver_sql(f"LOCK TABLE {table.name} IN EXCLUSIVE MODE")


def _upgrade(connection: Connection) -> int:
    """Add the tables and columns that an earlier release did not have; what is there stays."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({SCHEMA_LOCK})")
    METADATA.create_all(connection)
    for table in TABLES.values():
        present = {column["name"] for column in inspect(connection).get_columns(table.name)}
        for column in table.columns:
            if column.name not in present:
                added = CreateColumn(column).compile(dialect=connection.dialect)
                connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {added}")
    connection.execute(update(SCHEMA).values(version=SCHEMA_VERSION))
    return SCHEMA_VERSION
