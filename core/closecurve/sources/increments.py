"""Databases as tables of the connection, read whole or from the last watermark on.

The rows read so far, without those that newer ones replace, are the source. What a first import
and later increments give is therefore what one import of everything would give.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from closecurve.crm.errors import DataError
from closecurve.crm.mapping_sources import FILE_COLUMN, LINE_COLUMN, DatabaseSource
from closecurve.sources.databases import Database, fingerprint_of
from closecurve.sources.growing import GrowingTable, quoted
from closecurve.sources.state import SourceState
from closecurve.stores.files import durable_writing, sync

_MARK = b"closecurve.source"
_READING = "_reading"  # no source has a name that begins so
_IS_NEW = "_is_new"
_ROWS = 100_000


def load_database(
    connection: duckdb.DuckDBPyConnection,
    source: DatabaseSource,
    database: Database,
    state: SourceState | None,
) -> tuple[tuple[str, ...], int, str | None]:
    """Makes the source's table: gives its columns, how many rows it has, and its state's digest.

    Raises what `Database.batches` raises, DataError for a key that names two rows, and
    EnvironmentFailure where the home cannot be written.
    """
    table = _read(connection, source, database, state)
    columns = tuple(each for each in table.kinds if each != _IS_NEW)
    if source.row_key:
        _replace(connection, source)
        _check_key(connection, source)
    names = ", ".join(quoted(each) for each in columns)
    connection.execute(
        f"CREATE TABLE {quoted(source.name)} AS SELECT {names}, '{source.key}' AS {FILE_COLUMN},"
        f" {_place(source, names)} AS {LINE_COLUMN} FROM {_READING}"
    )
    connection.execute(f"DROP TABLE {_READING}")
    counted = connection.execute(f"SELECT count(*) FROM {quoted(source.name)}").fetchall()
    keeps = state is not None and source.watermark is not None
    digest = _keep(connection, source, table, state) if state is not None and keeps else None
    return columns, int(counted[0][0]), digest


def _read(
    connection: duckdb.DuckDBPyConnection,
    source: DatabaseSource,
    database: Database,
    state: SourceState | None,
) -> GrowingTable:
    """The rows of earlier imports and those that are new since; all, where that cannot be told or
    the columns are others now."""
    table = GrowingTable(connection, _READING)
    for rows in _earlier(source, state):
        table.add(_marked(rows, is_new=False))
    table.flush()
    since = _last_seen(connection, source) if table.kinds else None
    if since is not None:
        with closing(database.batches(source, since)) as found:
            first = next(found)
            if {*first.column_names, _IS_NEW} == set(table.kinds):
                for rows in chain([first], found):
                    table.add(_marked(rows, is_new=True))
                table.flush()
                return table
    connection.execute(f"DROP TABLE IF EXISTS {_READING}")
    table = GrowingTable(connection, _READING)
    for rows in database.batches(source):
        table.add(_marked(rows, is_new=True))
    table.flush()
    return table


def _earlier(source: DatabaseSource, state: SourceState | None) -> Iterator[pa.Table]:
    """The rows of the last state; none where it is missing, damaged or of another mapping."""
    if state is None or source.watermark is None or source.name not in state.known:
        return
    path = state.path(source.name, state.known[source.name])
    if not path.is_file() or _digest(path) != state.known[source.name]:
        return
    with pq.ParquetFile(path) as file:
        if (file.schema_arrow.metadata or {}).get(_MARK) != _fingerprint(source):
            return
        yield file.schema_arrow.empty_table()
        for batch in file.iter_batches(_ROWS):
            yield pa.Table.from_batches([batch])


def _marked(rows: pa.Table, *, is_new: bool) -> pa.Table:
    return rows.append_column(_IS_NEW, pa.array([is_new] * len(rows), pa.bool_()))


def _last_seen(connection: duckdb.DuckDBPyConnection, source: DatabaseSource) -> object:
    watermark = quoted(source.watermark or "")
    found = connection.execute(f"SELECT max({watermark}) FROM {_READING}").to_arrow_table()
    return found.column(0)[0].as_py()


def _replace(connection: duckdb.DuckDBPyConnection, source: DatabaseSource) -> None:
    """A newer row takes the place of those of its key."""
    same = " AND ".join(f"earlier.{quoted(k)} = newer.{quoted(k)}" for k in source.row_key)
    connection.execute(
        f"DELETE FROM {_READING} AS earlier USING {_READING} AS newer"
        f" WHERE NOT earlier.{_IS_NEW} AND newer.{_IS_NEW} AND {same}"
    )


def _check_key(connection: duckdb.DuckDBPyConnection, source: DatabaseSource) -> None:
    names = ", ".join(quoted(each) for each in source.row_key)
    empty = " OR ".join(f"{quoted(each)} IS NULL" for each in source.row_key)
    found = connection.execute(
        f"SELECT {names} FROM {_READING} GROUP BY {names} HAVING count(*) > 1 OR {empty} LIMIT 1"
    ).fetchall()
    if found:
        raise DataError(
            "database-key",
            f"{source.key}.key names each row once and is never null, got {found[0]!r}",
        )


def _place(source: DatabaseSource, names: str) -> str:
    """The number of a row, the same in every run: by key, else as the query orders its rows, else
    by all values, for a database promises no order."""
    if source.row_key:
        names = ", ".join(quoted(each) for each in source.row_key)
    elif source.query is not None:
        return "rowid + 1"
    return f"row_number() OVER (ORDER BY {names})"


def _keep(
    connection: duckdb.DuckDBPyConnection,
    source: DatabaseSource,
    table: GrowingTable,
    state: SourceState,
) -> str:
    """Writes the rows as a state, whole or not at all, and gives its digest."""
    kinds = {name: kind for name, kind in table.kinds.items() if name != _IS_NEW}
    schema = pa.schema(kinds.items(), metadata={_MARK: _fingerprint(source)})
    names = ", ".join(quoted(each) for each in kinds)
    rows = connection.execute(
        f"SELECT {names} FROM {quoted(source.name)} ORDER BY {LINE_COLUMN}"
    ).to_arrow_reader(_ROWS)
    beside = state.folder / f".{source.name}.writing"
    with durable_writing(str(state.folder)):
        try:
            state.folder.mkdir(parents=True, exist_ok=True)
            _write(beside, schema, rows)
            sync(beside)
            digest = _digest(beside)
            beside.replace(state.path(source.name, digest))
            sync(state.folder)
        finally:
            beside.unlink(missing_ok=True)
    return digest


def _write(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in batches:
            columns = [
                pa.nulls(len(batch)) if pa.types.is_null(field.type) else column.cast(field.type)
                for field, column in zip(schema, batch.columns, strict=True)
            ]
            writer.write_table(pa.table(columns, schema=schema))


def _fingerprint(source: DatabaseSource) -> bytes:
    content = json.dumps(fingerprint_of(source)).encode()
    return hashlib.sha256(content).hexdigest().encode()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]
