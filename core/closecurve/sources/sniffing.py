"""How a CSV file is written, told from its first megabyte: encoding, delimiter, header."""

import codecs
import csv
import io
import itertools
from collections import Counter
from dataclasses import dataclass
from typing import Final

LOOKED_AT: Final = 1 << 20
"""Bytes at the beginning of a file that are looked at."""
DELIMITERS: Final = (",", ";", "\t", "|")
MOST_PREAMBLE: Final = 20
"""Lines above the header that a report may have."""

_RECORDS = 200
_LEAST_PAIRED = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvShape:
    """What `[sources.NAME]` has to say of a CSV file; `header_row` counts from 1."""

    encoding: str = "utf-8"
    delimiter: str = ","
    header_row: int = 1

    def keys(self) -> dict[str, str | int]:
        """The keys that differ from what is taken without them."""
        return {
            name: value
            for name, value, usual in (
                ("delimiter", self.delimiter, ","),
                ("encoding", self.encoding, "utf-8"),
                ("header_row", self.header_row, 1),
            )
            if value != usual
        }


def csv_shape(head: bytes) -> CsvShape:
    """The shape of a CSV file by its first bytes.

    >>> csv_shape("Größe;Preis\\n1,5;2\\n".encode("cp1252"))
    CsvShape(encoding='cp1252', delimiter=';', header_row=1)
    """
    encoding = _encoding(head)
    text = codecs.getincrementaldecoder(encoding)(errors="replace").decode(head)
    delimiter = max(DELIMITERS, key=lambda sign: _fit(text, sign))
    return CsvShape(encoding=encoding, delimiter=delimiter, header_row=_header_row(text, delimiter))


def _encoding(head: bytes) -> str:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return "gb18030" if _is_chinese(head) else "cp1252"
    return "utf-8"


def _is_chinese(head: bytes) -> bool:
    """GB 18030 writes a character as two high bytes and words have several; Latin accents stand
    alone."""
    runs = [len(run) for run in _high_runs(head)]
    paired = sum(length for length in runs if length % 2 == 0)
    return paired >= _LEAST_PAIRED * sum(runs) and sum(runs) > 2 * len(runs)


def _high_runs(head: bytes) -> list[bytes]:
    return bytes(each if each >= 0xA1 else 0x20 for each in head).split()


def _records(text: str, delimiter: str) -> list[list[str]]:
    """The first records, as far as they are CSV."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    found: list[list[str]] = []
    try:
        found += itertools.islice(reader, _RECORDS)
    except csv.Error:
        return found
    return found


def _widths(text: str, delimiter: str) -> list[int]:
    return [len(record) for record in _records(text, delimiter) if record]


def _fit(text: str, delimiter: str) -> tuple[float, int]:
    """How many records have the usual width, and how wide that is; one column is no fit."""
    widths = _widths(text, delimiter)
    if not widths:
        return 0.0, 0
    width, count = Counter(widths).most_common(1)[0]
    return (count / len(widths), width) if width > 1 else (0.0, width)


def _header_row(text: str, delimiter: str) -> int:
    """The first line of the usual width: a report may begin with its title."""
    lines = text.splitlines()[: MOST_PREAMBLE + 1]
    widths = _widths(text, delimiter)
    if not widths or len(widths) < 3:
        return 1
    usual = Counter(widths).most_common(1)[0][0]
    for number, line in enumerate(lines, 1):
        if len(next(csv.reader([line], delimiter=delimiter), [])) == usual:
            return number
    return 1
