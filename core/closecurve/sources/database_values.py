"""Values of a database as columns: numbers and times keep their type, whatever else is text."""

import json
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import reduce
from typing import Any, Final

import pyarrow as pa

from closecurve.crm.errors import DataError
from closecurve.sources.growing import wider

_INSTANT: Final = pa.timestamp("us")
_ZONED: Final = pa.timestamp("us", tz="UTC")
_LARGEST = 2**63

_POSTGRESQL: Final = {
    16: pa.string(),  # bool
    17: pa.binary(),  # bytea
    **dict.fromkeys((20, 21, 23, 26), pa.int64()),  # int8, int2, int4, oid
    **dict.fromkeys((700, 701, 1700), pa.float64()),  # float4, float8, numeric
    1082: pa.date32(),
    1114: _INSTANT,
    1184: _ZONED,
}
"""Types by their numbers in PostgreSQL's catalogue (pg_type.dat); every other one is text."""


def declared_types(dialect: str, description: Any) -> list[pa.DataType | None]:
    """The type of each column of a result, None where the database does not tell.

    A column without any value has one all the same, so that an expression holds for it.
    """
    if dialect == "postgresql":
        return [_POSTGRESQL.get(each[1], pa.string()) for each in description]
    return [None] * len(description)


def column_of(values: Sequence[Any], declared: pa.DataType | None, where: str) -> pa.Array:
    """The values as a column: of the declared type, else of the one that they all have.

    Times with a zone become UTC, decimals doubles, yes and no and nested values text. Raises
    DataError for bytes.
    """
    said = [each for each in values if each is not None]
    kind = (
        reduce(wider, {_kind(each) for each in said}, pa.null()) if declared is None else declared
    )
    if pa.types.is_binary(kind) or any(isinstance(each, bytes | memoryview) for each in said):
        raise DataError("database-type", f"{where}: a value is no bytes, got {kind}")
    if pa.types.is_floating(kind):
        return pa.array([None if each is None else float(each) for each in values], kind)
    if pa.types.is_string(kind):
        return pa.array([_text(each) for each in values], kind)
    return pa.array(values, kind)


def _kind(value: Any) -> pa.DataType:
    match value:
        case bool() | str():
            return pa.string()
        case int():
            return pa.int64() if -_LARGEST <= value < _LARGEST else pa.string()
        case float() | Decimal():
            return pa.float64()
        case datetime():
            return _INSTANT if value.tzinfo is None else _ZONED
        case date():
            return pa.date32()
        case bytes() | memoryview():
            return pa.binary()
    return pa.string()


def _text(value: Any) -> str | None:
    match value:
        case None | str():
            return value
        case bool():
            return "true" if value else "false"
        case dict() | list() | tuple():
            return json.dumps(value, ensure_ascii=False, default=str)
        case date():
            return value.isoformat()
    return str(value)
