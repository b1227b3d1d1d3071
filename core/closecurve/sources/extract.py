"""The mapping at work: sources in a locked DuckDB, canonical tables out of it as text."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb
import pandas as pd
import pyarrow as pa

from closecurve.crm.errors import DataError, EnvironmentFailure
from closecurve.crm.mapping import LINE_COLUMN, ImportMapping, TablePart
from closecurve.crm.review import FILE, LINE, RawPart, RawTable
from closecurve.crm.tables import CANONICAL
from closecurve.sources.files import LoadedFile, load_file

_LOCK = ("SET TimeZone='UTC'", "SET enable_external_access=false", "SET lock_configuration=true")
_CONFIG = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
    "temp_directory": "",
}
_PLAIN_NUMBER = r"-?(?:0|[1-9]\d{0,14})(?:\.\d+)?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Extract:
    """Raw canonical tables by name, and the SHA-256 of every file by its name."""

    tables: Mapping[str, RawTable]
    digests: Mapping[str, str]


def read_tables(mapping: ImportMapping, company_zone: str = "UTC") -> Extract:
    """Reads the sources that the mapping uses and evaluates its expressions.

    `company_zone` is the zone of times that are written without one. Raises DataError for a file
    that cannot be taken, a required column that is missing, or an expression that fails;
    EnvironmentFailure where memory runs out.
    """
    parts = [part for listed in mapping.tables.values() for part in listed]
    used = {name for part in parts for name in (part.source, *(j.source for j in part.joins))}
    loaded = {name: load_file(mapping.sources[name]) for name in sorted(used)}
    with locked_connection(loaded) as connection:
        tables = {
            name: _raw_table(connection, name, listed, mapping, loaded, company_zone)
            for name, listed in mapping.tables.items()
        }
    return Extract(tables=tables, digests={each.name: each.digest for each in loaded.values()})


@contextmanager
def locked_connection(loaded: Mapping[str, LoadedFile]) -> Iterator[duckdb.DuckDBPyConnection]:
    """An in-memory DuckDB that holds the loaded rows and can reach nothing else.

    Neither files, nor the network, nor extensions, nor variables of this process can be named by
    an expression; the settings that see to it are locked.
    """
    connection = duckdb.connect(config={**_CONFIG})
    try:
        for name, file in loaded.items():
            connection.register("arrow_rows", file.rows)
            connection.execute(f'CREATE TABLE "{name}" AS SELECT * FROM arrow_rows')
            connection.unregister("arrow_rows")
        for statement in _LOCK:
            connection.execute(statement)
        yield connection
    except duckdb.OutOfMemoryException as error:
        raise EnvironmentFailure("memory", f"an import fits into memory, got {error}") from error
    finally:
        connection.close()


def _raw_table(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    listed: tuple[TablePart, ...],
    mapping: ImportMapping,
    loaded: Mapping[str, LoadedFile],
    company_zone: str,
) -> RawTable:
    attributes = tuple(dict.fromkeys(each for part in listed for each in part.attributes))
    types, parts = [], []
    for part in listed:
        file = loaded[part.source]
        frame, numbers, left_out = _select(connection, part, file)
        types.append(numbers)
        parts.append(
            RawPart(
                frame=frame,
                written=mapping.sources[part.source].written(company_zone),
                shapeless=file.shapeless,
                left_out=left_out,
            )
        )
    numbers = {each for each in attributes if all(each in known for known in types)}
    return RawTable(
        name=name, parts=tuple(parts), attributes=attributes, numbers=frozenset(numbers)
    )


def _select(
    connection: duckdb.DuckDBPyConnection, part: TablePart, file: LoadedFile
) -> tuple[pd.DataFrame, set[str], int]:
    """The part's rows as text, which attributes are numbers, and how many rows `where` left out."""
    _check_joins(connection, part, file)
    expressions = _expressions(part, file)
    where = f"\nWHERE (\n{part.where}\n)" if part.where else ""
    rows, line = f"FROM {_joined(part)}{where}", f'"{part.source}"."{LINE_COLUMN}"'
    plain = ", ".join(f'(\n{text}\n) AS "{name}"' for name, text in expressions.items())
    types = _run(connection, part, file, f"SELECT {plain} {rows} LIMIT 0").to_arrow_table()
    texts = ", ".join(
        f'CAST((\n{text}\n) AS VARCHAR) AS "{name}"' for name, text in expressions.items()
    )
    query = f'SELECT {texts}, {line} AS "{LINE}" {rows} ORDER BY {line}'
    frame = _run(connection, part, file, query).to_arrow_table().to_pandas()
    frame = _with_values_mapped(frame.assign(**{FILE: file.name}), part)
    declared = {field.name for field in types.schema if _is_numeric(field.type)}
    numbers = {name for name in part.attributes if name in declared or _is_number(frame[name])}
    return frame, numbers, len(file.rows) - len(frame)


def _expressions(part: TablePart, file: LoadedFile) -> dict[str, str]:
    """The expression of every mapped column; a column of the canonical name maps itself."""
    own = {name.casefold(): name for name in file.rows.column_names}
    themselves = {
        name: f'"{part.source}"."{own[name]}"'
        for name in CANONICAL[part.table].names
        if name in own
    }
    expressions = {**themselves, **part.columns, **part.attributes}
    for column in CANONICAL[part.table].columns:
        if column.required and column.name not in expressions:
            raise DataError(
                "column-missing",
                f"table {part.table} needs {column.name} (a column of {file.name}, or under"
                f" columns), got {file.rows.column_names[:-1]}",
            )
    return expressions


def _joined(part: TablePart) -> str:
    """The sources of the part. A joined one is a single struct: its columns are `source.column`
    and never stand in the way of the part's own."""
    joins = (
        f' LEFT JOIN (SELECT "{join.source}" AS "{join.source}" FROM "{join.source}")'
        f' AS "_{join.source}" ON (\n{join.on}\n)'
        for join in part.joins
    )
    return f'"{part.source}"{"".join(joins)}'


def _check_joins(connection: duckdb.DuckDBPyConnection, part: TablePart, file: LoadedFile) -> None:
    """A join that finds several rows would count a deal twice."""
    if not part.joins:
        return
    counted = _run(connection, part, file, f"SELECT count(*) FROM {_joined(part)}").fetchall()
    if counted[0][0] != len(file.rows):
        raise DataError(
            "join-multiplies",
            f"a join finds at most one row for each row of {file.name}, got {counted[0][0]} rows"
            f" from {len(file.rows)} with {[join.on for join in part.joins]}",
        )


def _run(
    connection: duckdb.DuckDBPyConnection, part: TablePart, file: LoadedFile, query: str
) -> duckdb.DuckDBPyConnection:
    try:
        return connection.execute(query)
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as error:
        raise DataError(
            "mapping-failed",
            f"the expressions of tables.{part.table} hold for every row of {file.name}"
            f" (TRY_CAST gives null where CAST fails), got {str(error).splitlines()[0]}",
        ) from error


def _with_values_mapped(frame: pd.DataFrame, part: TablePart) -> pd.DataFrame:
    for name, values in part.values.items():
        columns = [name] if name in frame else ["new_value", "old_value"]
        rows = slice(None) if name in frame else frame["field"].str.strip() == name
        for column in (each for each in columns if each in frame):
            text = frame.loc[rows, column].astype("str")
            mapped = text.str.strip().map(dict(values)).astype("str")
            frame.loc[rows, column] = mapped.where(mapped.notna(), text)
    return frame


def _is_numeric(kind: pa.DataType) -> bool:
    tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
    return any(test(kind) for test in tests)


def _is_number(text: pd.Series) -> bool:
    """Whether every value is a plain number; a code such as 007 is none."""
    said = text.dropna().astype("str").str.strip()
    return len(said) > 0 and bool(said.str.fullmatch(_PLAIN_NUMBER).all())
