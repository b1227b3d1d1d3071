"""Rows of a file on their way in: batch by batch, each row with its line."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from closecurve.crm.errors import DataError
from closecurve.crm.mapping_sources import FILE_COLUMN, LINE_COLUMN

BATCH_ROWS = 20_000
"""Rows that are held as Python values at a time, where a reader makes them one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Some rows of a file: its columns and LINE_COLUMN, which counts from 1.

    `shapeless` has the lines that do not fit the header, with their text. A file gives at least
    one batch, perhaps without rows, so that its columns are known.
    """

    rows: pa.Table
    shapeless: Sequence[tuple[int, str]] = ()


def refused(code: str, name: str, rule: str, got: object) -> DataError:
    """The error of a file that cannot be taken."""
    first = (str(got).splitlines() or [""])[0]
    return DataError(code, f"the file {name} {rule}, got {first}")


def column_names(header: Sequence[str], name: str) -> list[str]:
    """Column names, stripped; a column without one is named after its place.

    Raises DataError for a header without any name, or with one twice.
    """
    if not any(each.strip() for each in header):
        raise refused("file-header", name, "begins with the names of its columns", header)
    names = [each.strip() or f"column_{i}" for i, each in enumerate(header, 1)]
    check_names(names, name)
    return names


def check_names(names: Sequence[str], name: str) -> None:
    """Raises DataError for a column that is there twice, in whatever case, or that is ours."""
    folded = [each.casefold() for each in (*names, FILE_COLUMN, LINE_COLUMN)]
    doubled = [each for each in names if folded.count(each.casefold()) > 1]
    if doubled:
        raise refused("file-header", name, "names each column once", doubled)


def without_blank(table: pa.Table, lines: NDArray[np.int64]) -> pa.Table:
    """The table with its lines, without rows that have no value at all."""
    filled = np.zeros(len(table), dtype=bool)
    for column in table.columns:
        filled |= column.is_valid().to_numpy()
    return table.append_column(LINE_COLUMN, pa.array(lines)).filter(pa.array(filled))


def text_table(names: Sequence[str], records: Sequence[Sequence[str | None]]) -> pa.Table:
    """Records as columns of text."""
    columns = zip(*records, strict=True) if records else ((),) * len(names)
    arrays = [pa.array(list(values), pa.string()) for values in columns]
    return pa.table(arrays, names=list(names))
