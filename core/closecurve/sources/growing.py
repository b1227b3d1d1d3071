"""A table of DuckDB that takes batches whose columns and types are only known as they come."""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import pyarrow as pa

Kinds = dict[str, pa.DataType]

GROUP_ROWS = 20_480
"""Rows of a piece of a table. Whole ones go to the disk at once and leave one record per column
behind; a rest would stay in memory, and be a piece of its own beside the next."""

_WAITING_BYTES = 8 << 20
"""More does not wait for a piece to be whole: the rows are wide."""


def quoted(name: str) -> str:
    """A name as an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'


def wider(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """The type that holds both: numbers stay numbers, whatever else differs becomes text.

    >>> wider(pa.int32(), pa.float32()), wider(pa.null(), pa.date32())
    (DataType(double), DataType(date32[day]))
    """
    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    if pa.types.is_integer(one) and pa.types.is_integer(other):
        return pa.int64()
    if _is_number(one) and _is_number(other):
        return pa.float64()
    return pa.string()


class GrowingTable:
    """The table `name`; `kinds` has the type of each column, null while it had no value."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, name: str) -> None:
        self.kinds: Kinds = {}
        self._connection = connection
        self._name = quoted(name)
        self._waiting: list[pa.Table] = []

    def add(self, rows: pa.Table) -> None:
        """Adds rows by the names of their columns; new columns are null in the rows before.

        `kinds` knows them at once; the rows may wait for others, or for `flush`.
        """
        decoded = _decoded(rows)
        texts = [i for i, each in enumerate(decoded.schema) if pa.types.is_null(each.type)]
        plain = decoded
        for i in texts:  # DuckDB would make a number of a column without any value
            plain = plain.set_column(i, plain.column_names[i], plain.column(i).cast(pa.string()))
        if self._waiting and self._waiting[0].schema != plain.schema:
            self.flush()
        with self._seeing(plain):
            self._fit(decoded.schema)
        self._waiting.append(plain)
        count = sum(map(len, self._waiting))
        if sum(each.nbytes for each in self._waiting) > _WAITING_BYTES:
            self._insert(count)
        elif count >= GROUP_ROWS:
            self._insert(count // GROUP_ROWS * GROUP_ROWS)

    def flush(self) -> None:
        """Adds the rows that wait; to be called after the last."""
        if self._waiting:
            self._insert(sum(map(len, self._waiting)))

    def _insert(self, count: int) -> None:
        """Adds the first of the rows that wait."""
        rows = pa.concat_tables(self._waiting)
        with self._seeing(rows.slice(0, count)):
            self._connection.execute(f"INSERT INTO {self._name} BY NAME SELECT * FROM arrow_rows")
        self._waiting = [rows.slice(count)] if count < len(rows) else []

    @contextmanager
    def _seeing(self, rows: pa.Table) -> Iterator[None]:
        """The connection knows the rows as `arrow_rows`."""
        self._connection.register("arrow_rows", rows)
        try:
            yield
        finally:
            self._connection.unregister("arrow_rows")

    def _fit(self, schema: pa.Schema) -> None:
        if not self.kinds:
            self._connection.execute(
                f"CREATE TABLE {self._name} AS SELECT * FROM arrow_rows LIMIT 0"
            )
            self.kinds = {each.name: each.type for each in schema}
        for each in schema:
            if each.name not in self.kinds:
                self._alter(f"ADD COLUMN {quoted(each.name)} {self._type_of(each.name)}")
                self.kinds[each.name] = each.type
            self._widen(each)

    def _widen(self, field: pa.Field) -> None:
        before, name = self.kinds[field.name], quoted(field.name)
        kind = wider(before, field.type)
        if kind != before:
            self.kinds[field.name] = kind
            target = _DUCKDB.get(kind) or self._type_of(field.name)
            self._alter(f"ALTER COLUMN {name} SET DATA TYPE {target}")

    def _type_of(self, column: str) -> str:
        """DuckDB's type of a column of the batch."""
        found = self._connection.execute(
            f"SELECT typeof({quoted(column)}) FROM (SELECT 1) LEFT JOIN (SELECT * FROM arrow_rows"
            " LIMIT 1) ON TRUE"
        ).fetchall()
        return str(found[0][0])

    def _alter(self, change: str) -> None:
        self._connection.execute(f"ALTER TABLE {self._name} {change}")


_DUCKDB = {pa.int64(): "BIGINT", pa.float64(): "DOUBLE", pa.string(): "VARCHAR"}
"""DuckDB's names of the types that two others may become."""


def _decoded(rows: pa.Table) -> pa.Table:
    """The rows without dictionaries, which differ from batch to batch."""
    for i, each in enumerate(rows.schema):
        if pa.types.is_dictionary(each.type):
            column = rows.column(i).cast(each.type.value_type)
            rows = rows.set_column(i, each.name, column)
    return rows


def _is_number(kind: pa.DataType) -> bool:
    tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
    return any(test(kind) for test in tests)
