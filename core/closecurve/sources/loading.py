"""Sources as tables of a DuckDB that can reach nothing else, and that spills what is too large."""

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pandas as pd

from closecurve.crm.mapping_sources import (
    FILE_COLUMN,
    LINE_COLUMN,
    DatabaseSource,
    FileKind,
    FileSource,
    Source,
    kind_of,
)
from closecurve.crm.review import FILE, LINE
from closecurve.sources.databases import Database, open_database
from closecurve.sources.files import digest_of, file_batches, files_of
from closecurve.sources.growing import GROUP_ROWS, GrowingTable
from closecurve.sources.increments import load_database
from closecurve.sources.room import NO_ROOM, fitting, give_back
from closecurve.sources.rows import Batch, refused
from closecurve.sources.state import SourceState

WRITING_KB = 32_000
"""What DuckDB may hold of the rows while tables are made; they lie in a file until the import is
done."""

_READING_KB = 16_000
"""The same while tables are only read."""

_PER_COLUMN_KB = 512
"""What a column of a table needs of it: those of all columns are there at once."""

_ROOM = "512MB"
"""The same while rows are joined, compared or sorted whole: such a step may need more at once."""

_STORAGE = f"ROW_GROUP_SIZE {GROUP_ROWS}, BLOCK_SIZE {64 << 10}, RECOVERY_MODE 'NO_WAL_WRITES'"
"""Small pieces: a table of a thousand columns is written in little memory, of which blocks twice as
large want twice as much. Yet smaller ones would cost more, as DuckDB keeps a record of each outside
its limit. Nothing is recovered: the file goes with the import."""


def give(connection: duckdb.DuckDBPyConnection, width: int, least_kb: int = _READING_KB) -> None:
    """Gives DuckDB the memory for tables of so many columns."""
    connection.execute(f"SET memory_limit='{max(least_kb, width * _PER_COLUMN_KB)}kB'")


_LOCK = (
    "SET TimeZone='UTC'",
    "SET enable_external_access=false",
    "SET allowed_configs=['memory_limit']",
    "SET lock_configuration=true",
)
_CONFIG = {
    "threads": "1",  # each has row groups of its own in memory
    "checkpoint_threshold": "1TB",  # one would read and write what was read so far once more
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedSource:
    """A source that is a table of the connection, with FILE_COLUMN and LINE_COLUMN.

    `name` is what messages call it, `columns` are its own. `shapeless` has the lines that do not
    fit the header: FILE, LINE, value. `digests` has the SHA-256 of each file, `state` the digest
    of what a later import may start from.
    """

    name: str
    columns: tuple[str, ...]
    row_count: int
    shapeless: pd.DataFrame
    digests: Mapping[str, str] = field(default_factory=dict)
    state: str | None = None


@contextmanager
def loaded_sources(
    sources: Iterable[Source], state: SourceState | None = None, *, room: bool = False
) -> Iterator[tuple[duckdb.DuckDBPyConnection, Mapping[str, LoadedSource]]]:
    """A DuckDB that holds the sources' rows, each source a table of its name, and can reach
    nothing else.

    Neither files, nor the network, nor extensions, nor variables of this process can be named by
    an expression; the settings that see to it are locked. What does not fit into memory lies in an
    empty folder of its own, the one place left, which goes with the connection. Raises what the
    readers raise, and EnvironmentFailure where memory or that folder runs out.
    """
    with tempfile.TemporaryDirectory(prefix="closecurve-import-") as folder:
        limits = {"memory_limit": _ROOM, "temp_directory": f"{folder}/spill"}
        with (
            fitting(*NO_ROOM),
            duckdb.connect(config={**_CONFIG, **limits}) as connection,
        ):
            connection.execute(f"ATTACH '{folder}/rows.db' AS _import ({_STORAGE})")
            connection.execute("USE _import")
            connection.execute("PRAGMA disable_checkpoint_on_shutdown")
            loaded = _load(connection, sources, state, room=room)
            if not room:
                widest = max((len(each.columns) for each in loaded.values()), default=0)
                give(connection, widest, WRITING_KB)
            for statement in _LOCK:
                connection.execute(statement)
            yield connection, loaded


def _load(
    connection: duckdb.DuckDBPyConnection,
    sources: Iterable[Source],
    state: SourceState | None,
    *,
    room: bool,
) -> dict[str, LoadedSource]:
    """Every source as a table; the databases of one address in one transaction."""
    loaded: dict[str, LoadedSource] = {}
    by_url: dict[str, list[DatabaseSource]] = {}
    for source in sources:
        if isinstance(source, FileSource):
            loaded[source.name] = _load_files(connection, source, room=room)
        elif isinstance(source, DatabaseSource):
            by_url.setdefault(source.url, []).append(source)
    for together in by_url.values():
        with open_database(together[0]) as database:
            for each in together:
                loaded[each.name] = _load_database(connection, each, database, state)
    return loaded


def _load_database(
    connection: duckdb.DuckDBPyConnection,
    source: DatabaseSource,
    database: Database,
    state: SourceState | None,
) -> LoadedSource:
    columns, row_count, digest = load_database(connection, source, database, state)
    return LoadedSource(
        name=source.key,
        columns=columns,
        row_count=row_count,
        shapeless=_shapeless([]),
        state=digest,
    )


def _load_files(
    connection: duckdb.DuckDBPyConnection, source: FileSource, *, room: bool
) -> LoadedSource:
    table = GrowingTable(connection, source.name)
    shapeless: list[tuple[str, int, str]] = []
    row_count, digests = 0, {}
    for path in files_of(source):
        digests[path.name] = digest_of(path)
        for batch in file_batches(path, source):
            _check_columns(table, batch, path)
            width = len({*table.kinds, *batch.rows.column_names})
            if not room and width > len(table.kinds):
                give(connection, width, WRITING_KB)
            table.add(batch.rows)
            row_count += len(batch.rows)
            shapeless += [(path.name, line, text) for line, text in batch.shapeless]
            give_back()
    table.flush()
    return LoadedSource(
        name=source.path.name,
        columns=tuple(each for each in table.kinds if each not in (FILE_COLUMN, LINE_COLUMN)),
        row_count=row_count,
        shapeless=_shapeless(shapeless),
        digests=digests,
    )


def _check_columns(table: GrowingTable, batch: Batch, path: Path) -> None:
    """Files of one source have the same columns; JSON Lines name them row by row."""
    found = set(batch.rows.column_names)
    if table.kinds and found != set(table.kinds) and kind_of(path.name) is not FileKind.JSON_LINES:
        rule = "has the columns of the files before it"
        differing = sorted(found ^ set(table.kinds))
        raise refused("file-columns", path.name, rule, f"these in one of them only: {differing}")


def _shapeless(lines: list[tuple[str, int, str]]) -> pd.DataFrame:
    files, places, texts = zip(*lines, strict=True) if lines else ((), (), ())
    return pd.DataFrame(
        {
            FILE: pd.Series(list(files), dtype="str"),
            LINE: pd.Series(list(places), dtype="int64"),
            "value": pd.Series(list(texts), dtype="str"),
        }
    )
