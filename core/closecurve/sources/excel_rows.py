"""Sheets of Excel and OpenDocument files: cells as they are shown to a program, as text."""

import datetime
import itertools
import zipfile
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import python_calamine

from closecurve.crm.mapping_sources import FileSource
from closecurve.sources.archives import Opened, seekable
from closecurve.sources.cell_errors import Place, cell_errors
from closecurve.sources.rows import (
    BATCH_ROWS,
    Batch,
    column_names,
    refused,
    text_table,
    without_blank,
)

Cell = (
    int
    | float
    | str
    | bool
    | datetime.time
    | datetime.date
    | datetime.datetime
    | datetime.timedelta
)


def excel_batches(opened: Opened, source: FileSource) -> Iterator[Batch]:
    """The rows of a sheet below its header; a row's line is its number in the sheet.

    Numbers are written with the source's decimal sign, days and times in ISO, an error as it is
    shown (`#REF!`), which the row rules set aside. Raises DataError for a file that is cut off or
    locked, without the sheet, or without a header.
    """
    stream = seekable(opened)
    sheet = _sheet(stream, opened.name, source.sheet)
    errors = cell_errors(stream, sheet.name) if zipfile.is_zipfile(stream) else {}
    begins = (sheet.start or (0, 0))[1]
    rows = _texts(sheet, errors, begins, source.decimal)
    names = _header(rows, opened.name, source.header_row)
    yield Batch(rows=without_blank(text_table(names, []), np.array([], dtype=np.int64)))
    while taken := list(itertools.islice(rows, BATCH_ROWS)):
        lines = np.array([line for line, _ in taken], dtype=np.int64)
        table = text_table(names, [values for _, values in taken])
        yield Batch(rows=without_blank(table, lines))


def _sheet(stream: BinaryIO, name: str, wanted: str | None) -> python_calamine.CalamineSheet:
    try:
        book = python_calamine.CalamineWorkbook.from_filelike(stream)
        if wanted is None and book.sheet_names:
            return book.get_sheet_by_index(0)
        if wanted is None or wanted not in book.sheet_names:
            raise refused("file-sheet", name, f"has the sheet {wanted!r}", book.sheet_names)
        return book.get_sheet_by_name(wanted)
    except python_calamine.PasswordError as error:
        raise refused("file-unreadable", name, "opens without a password", error) from error
    except python_calamine.CalamineError as error:
        stream.seek(0)
        if stream.read(4) == b"PK\x03\x04" and not zipfile.is_zipfile(stream):
            raise refused("file-cut-off", name, "ends where it was meant to", error) from error
        raise refused("file-unreadable", name, "is a sheet as its name says", error) from error


def _texts(
    sheet: python_calamine.CalamineSheet, errors: dict[Place, str], begins: int, decimal: str
) -> Iterator[tuple[int, list[str | None]]]:
    """Each row with its number from 1; an error stands where the sheet shows it."""
    with_errors = {row for row, _ in errors}
    for line, cells in enumerate(sheet.iter_rows(), 1):
        values = [_text(cell, decimal) for cell in cells]
        if line in with_errors:
            for i in range(len(values)):
                values[i] = errors.get((line, begins + i + 1), values[i])
        yield line, values


def _header(
    rows: Iterator[tuple[int, list[str | None]]], name: str, header_row: int | None
) -> list[str]:
    """The names in the header's row: the one that is given, else the first with a value."""
    for line, values in rows:
        if line == header_row or (header_row is None and any(values)):
            return column_names([value or "" for value in values], name)
    rule = "has a header" if header_row is None else f"has its header in row {header_row}"
    raise refused("file-empty", name, rule, "no such row")


def _text(cell: Cell, decimal: str) -> str | None:
    if isinstance(cell, str):
        return cell or None
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        whole = cell.is_integer() and abs(cell) < 2**53
        return str(int(cell)) if whole else repr(cell).replace(".", decimal)
    if isinstance(cell, datetime.date | datetime.time):  # a datetime is a date
        return cell.isoformat()
    return str(cell)
