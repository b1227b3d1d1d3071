"""JSON Lines: one object per line, nested objects as columns `a.b`, everything as text."""

import io
import itertools
import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from closecurve.crm.mapping_sources import LINE_COLUMN, FileSource
from closecurve.sources.archives import Opened
from closecurve.sources.rows import BATCH_ROWS, Batch, check_names, refused

Record = dict[str, str | None]


def json_batches(opened: Opened, source: FileSource) -> Iterator[Batch]:
    """The rows of a JSON Lines file; a column is there from the first row on that has it.

    Numbers are written with the source's decimal sign, arrays as JSON. Raises DataError for a file
    that is empty, begins with no object or is cut off; UnicodeError for another encoding.
    """
    encoding = "utf-8-sig" if source.encoding.lower() in ("utf-8", "utf8") else source.encoding
    text = io.TextIOWrapper(opened.stream, encoding=encoding, newline="\n")
    reading = _Reading(opened.name, source.decimal)
    numbered = enumerate(text, 1)
    try:
        while lines := list(itertools.islice(numbered, BATCH_ROWS)):
            yield reading.batch(lines)
    finally:
        text.detach()  # who opened the stream closes it
    if not reading.columns:
        raise refused("file-empty", opened.name, "has an object on each line", "none")


class _Reading:
    """What is known of a file so far: its columns, in the order in which they appeared."""

    def __init__(self, name: str, decimal: str) -> None:
        self.columns: dict[str, None] = {}
        self._name = name
        self._decimal = decimal

    def batch(self, lines: list[tuple[int, str]]) -> Batch:
        records: list[Record] = []
        places: list[int] = []
        shapeless: list[tuple[int, str]] = []
        for number, line in lines:
            if not line.strip():
                continue
            record = self._record(line, is_first=not self.columns and not records)
            if record is None:
                shapeless.append((number, line.rstrip("\r\n")))
            elif record:
                records.append(record)
                places.append(number)
        self._learn(records)
        return Batch(rows=self._table(records, places), shapeless=shapeless)

    def _record(self, line: str, *, is_first: bool) -> Record | None:
        """The line's values by column; None for a line that is no object."""
        try:
            found = json.loads(line, object_pairs_hook=_once, parse_constant=_no_number)
            if not isinstance(found, dict):
                raise ValueError(f"no object but {type(found).__name__}")
            return _once(list(_flat(found, "", self._decimal)))
        except (ValueError, RecursionError) as error:
            if not line.endswith("\n"):
                rule = "ends with a whole record"
                raise refused("file-cut-off", self._name, rule, line[:80]) from error
            if is_first:
                rule = "has a JSON object on each line"
                raise refused("file-unreadable", self._name, rule, error) from error
            return None

    def _learn(self, records: list[Record]) -> None:
        before = len(self.columns)
        for record in records:
            self.columns.update(dict.fromkeys(record))
        if len(self.columns) > before:
            check_names(list(self.columns), self._name)

    def _table(self, records: list[Record], places: list[int]) -> pa.Table:
        columns = {
            name: pa.array([record.get(name) for record in records], pa.string())
            for name in self.columns
        }
        return pa.table({**columns, LINE_COLUMN: pa.array(places, pa.int64())})


def _flat(found: dict[str, Any], before: str, decimal: str) -> Iterator[tuple[str, str | None]]:
    for key, value in found.items():
        name = f"{before}{key.strip()}"
        if isinstance(value, dict):
            yield from _flat(value, f"{name}.", decimal)
        else:
            yield name, _text(value, decimal)


def _text(value: Any, decimal: str) -> str | None:
    if isinstance(value, str):
        value.encode()  # half a character is a ValueError
        return value or None
    if value is None:
        return None
    if isinstance(value, float):
        return repr(value).replace(".", decimal)
    return json.dumps(value, ensure_ascii=False)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object names each of its keys once")
    return found


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no JSON")
