"""Many rows into one table, past SQLAlchemy's care for each parameter (half of the time)."""

from collections.abc import Iterable, Iterator
from itertools import islice, repeat
from typing import Any

from sqlalchemy import Connection, Table, insert
from sqlalchemy.exc import DBAPIError

from closecurve.stores.results.publication import Rows

CHUNK_ROWS = 5_000
"""Rows handed to the driver at once: bounds memory, and more are not quicker."""


def write(connection: Connection, table: Table, publication_id: int, rows: Rows) -> None:
    """Add the rows to the table as part of the connection's transaction.

    Raises SQLAlchemyError where the database refuses.
    """
    values = zip(*_bound(connection, table, publication_id, rows), strict=False)
    if connection.dialect.name == "postgresql":
        _copy(connection, table, values)
        return
    statement = str(insert(table).compile(dialect=connection.dialect))
    while chunk := list(islice(values, CHUNK_ROWS)):
        connection.exec_driver_sql(statement, chunk)


def _bound(
    connection: Connection, table: Table, publication_id: int, rows: Rows
) -> Iterator[Iterable[Any]]:
    """The table's columns as the driver takes them, converted by SQLAlchemy's own types."""
    columns = dict(zip(rows.names, rows.columns, strict=True))
    for column in table.columns:
        values = columns.get(column.name, repeat(publication_id, len(rows)))
        kind = column.type.dialect_impl(connection.dialect)
        process = kind.bind_processor(connection.dialect)
        yield values if process is None else map(process, values)


def _copy(connection: Connection, table: Table, values: Iterable[tuple[Any, ...]]) -> None:
    names = ", ".join(column.name for column in table.columns)
    statement = f"COPY {table.name} ({names}) FROM STDIN"
    driver: Any = connection.connection.driver_connection
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in values:
                copy.write_row(row)
    except driver.Error as error:
        raise DBAPIError(statement, None, error) from error
