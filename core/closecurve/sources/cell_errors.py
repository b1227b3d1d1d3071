"""Cells of an .xlsx file that show an error (`#REF!`): the reader of sheets gives them as empty."""

import posixpath
import re
import zipfile
from collections.abc import Iterator
from typing import IO, BinaryIO
from xml.etree import ElementTree

Place = tuple[int, int]
"""Row and column of a cell, from 1."""

_BLOCK_BYTES = 4 << 20
_CELL = re.compile(
    rb"""<(?:\w+:)?c\b(?=[^>]*\bt=["']e["'])[^>]*\br=["']([A-Z]+)(\d+)["'][^>]*>(.*?)</(?:\w+:)?c>""",
    re.DOTALL,
)
_VALUE = re.compile(rb"<(?:\w+:)?v>([^<]*)<")
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


def cell_errors(stream: BinaryIO, sheet: str) -> dict[Place, str]:
    """The errors of a sheet by their place; none for a file that is no .xlsx."""
    with zipfile.ZipFile(stream) as archive:
        part = _part_of(archive, sheet)
        if part is None:
            return {}
        with archive.open(part) as content:
            return {
                (int(row), _column(letters)): _shown(body)
                for block in _rows_of(content)
                for letters, row, body in _CELL.findall(block)
            }


def _part_of(archive: zipfile.ZipFile, sheet: str) -> str | None:
    """The part of the archive that holds the sheet."""
    names = archive.namelist()
    if "xl/workbook.xml" not in names or "xl/_rels/workbook.xml.rels" not in names:
        return None
    relations = {
        each.get("Id"): each.get("Target", "")
        for each in ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))
    }
    for each in ElementTree.fromstring(archive.read("xl/workbook.xml")).iter():
        if each.tag.endswith("}sheet") and each.get("name") == sheet:
            target = posixpath.join("/xl", relations.get(each.get(_RELATION), ""))
            part = posixpath.normpath(target).lstrip("/")
            return part if part in names else None
    return None


def _rows_of(content: IO[bytes]) -> Iterator[bytes]:
    """The sheet in blocks that end with a cell."""
    held = b""
    while read := content.read(_BLOCK_BYTES):
        whole, end, rest = (held + read).rpartition(b"</c>")
        yield whole + end
        held = rest
    yield held


def _column(letters: bytes) -> int:
    place = 0
    for letter in letters:
        place = place * 26 + letter - ord("A") + 1
    return place


def _shown(body: bytes) -> str:
    found = _VALUE.search(body)
    return found.group(1).decode("utf-8", "replace") if found else "#ERROR!"
