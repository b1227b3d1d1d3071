"""Lists as CSV files, as data: no cell is a formula."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fastapi.responses import Response

FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection)."""


def csv_answer(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], name: str) -> Response:
    """The columns of the rows as a CSV file `name`, in UTF-8: see `csv_text`."""
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(csv_text(rows, columns), media_type="text/csv", headers=headers)


def csv_text(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """The columns of the rows as CSV, with a mark for spreadsheets before the header.

    Instants and days are ISO text, lists and objects JSON, a gap is empty. A text that a
    spreadsheet would take for a formula gets an apostrophe before it.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([cell(row[column]) for column in columns] for row in rows)
    return "\ufeff" + text.getvalue()


def cell(value: Any) -> Any:
    """A value as a CSV cell.

    >>> cell("=1+1"), cell(-1.5), cell(None)
    ("'=1+1", -1.5, '')
    """
    if value is None:
        return ""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, str):
        return f"'{value}" if value.startswith(FORMULA_SIGNS) else value
    return value.isoformat() if hasattr(value, "isoformat") else value
