"""From a frame's columns to the values that are stored: plain Python, a gap is None."""

import json
import math
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from closecurve.crm.errors import UsageError
from closecurve.stores.results.columns import Kind, ResultColumn


def is_storable_text(value: object) -> bool:
    """Whether every store can keep the value as text: a str without NUL and lone surrogates."""
    if not isinstance(value, str) or "\0" in value:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def json_text(value: object) -> str:
    """The value as JSON: NaN and infinities are null, numpy values plain, instants ISO text.

    Raises UsageError for what JSON cannot write.

    >>> json_text({"won": np.array([0.5, np.nan]), "at": pd.Timestamp("2026-01-01")})
    '{"won":[0.5,null],"at":"2026-01-01T00:00:00"}'
    """
    try:
        return _dumps(value)
    except ValueError:
        # Only a value with gaps pays for the slow walk; curves of many deals do not.
        return _dumps(_without_gaps(value))
    except TypeError as error:
        raise UsageError(
            "publication-json", f"a cell is what JSON can write, got {type(value)}: {error}"
        ) from error


def _plain(value: object) -> object:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is no JSON value")


_dumps = json.JSONEncoder(allow_nan=False, default=_plain, separators=(",", ":")).encode


def _without_gaps(value: object) -> object:
    if isinstance(value, dict):
        return {name: _without_gaps(item) for name, item in value.items()}
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_without_gaps(item) for item in value]
    if isinstance(value, float | np.floating) and not math.isfinite(value):
        return None
    return value


def cells(values: pd.Series, column: ResultColumn) -> list[Any]:
    """One plain value per row: str, float, int, naive UTC datetime, date, bool, JSON text or None.

    A missing value of any kind, and an infinite number, is None. Raises UsageError for a value that
    is not of the column's kind.
    """
    try:
        return _READERS[column.kind](values)
    except (ValueError, TypeError, OverflowError) as error:
        raise UsageError(
            "publication-type", f"{column.name} is of kind {column.kind}, got {error}"
        ) from error


def _texts(values: pd.Series) -> list[Any]:
    objects = values.astype(object).where(values.notna(), None).to_list()
    for value in objects:
        if value is not None and not is_storable_text(value):
            raise ValueError(f"{value!r}")
    return objects


def _numbers(values: pd.Series) -> list[Any]:
    floats = pd.to_numeric(values).to_numpy(float, na_value=np.nan)
    numbers: list[Any] = floats.tolist()
    for row in np.flatnonzero(~np.isfinite(floats)).tolist():
        numbers[row] = None
    return numbers


def _integers(values: pd.Series) -> list[Any]:
    numbers = _numbers(values)
    for number in numbers:
        if number is not None and not number.is_integer():
            raise ValueError(f"{number!r}")
    return [None if number is None else int(number) for number in numbers]


def _instants(values: pd.Series) -> list[Any]:
    return _datetimes(values, "datetime64[us]")


def _days(values: pd.Series) -> list[Any]:
    return _datetimes(values, "datetime64[D]")


def _datetimes(values: pd.Series, unit: str) -> list[Any]:
    # A zone is turned into UTC; what has none is UTC already, as everywhere in the project.
    instants = pd.to_datetime(values, utc=True).dt.tz_localize(None)
    plain: list[Any] = instants.to_numpy("datetime64[us]").astype(unit).astype(object).tolist()
    return plain


def _flags(values: pd.Series) -> list[Any]:
    flags = values.astype("boolean")
    return [None if gap else bool(flag) for flag, gap in zip(flags, flags.isna(), strict=True)]


def _json_texts(values: pd.Series) -> list[Any]:
    return [None if _is_gap(value) else json_text(value) for value in values]


def _is_gap(value: object) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or value != value


_READERS: dict[Kind, Callable[[pd.Series], list[Any]]] = {
    Kind.TEXT: _texts,
    Kind.NUMBER: _numbers,
    Kind.INTEGER: _integers,
    Kind.INSTANT: _instants,
    Kind.DAY: _days,
    Kind.FLAG: _flags,
    Kind.JSON: _json_texts,
}
