"""Sheets as programs write them, cell by cell."""

import io
import struct
import zipfile
from collections.abc import Mapping, Sequence

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
_STYLES = '<cellXfs count="3"><xf numFmtId="0"/><xf numFmtId="22"/><xf numFmtId="14"/></cellXfs>'
DATE_TIME, DATE = 1, 2


def text(place: str, value: str) -> str:
    return f'<c r="{place}" t="inlineStr"><is><t>{value}</t></is></c>'


def number(place: str, value: float, style: int = 0) -> str:
    return f'<c r="{place}" s="{style}"><v>{value}</v></c>'


def flag(place: str, value: bool) -> str:
    return f'<c r="{place}" t="b"><v>{int(value)}</v></c>'


def error(place: str, value: str) -> str:
    return f'<c r="{place}" t="e"><f>B1/0</f><v>{value}</v></c>'


def xlsx(sheets: Mapping[str, Mapping[int, list[str]]]) -> bytes:
    """A workbook: by sheet, by number of the row, its cells."""
    parts = {
        "_rels/.rels": _related({"rId1": ("officeDocument", "xl/workbook.xml")}),
        "xl/workbook.xml": (
            f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"><sheets>'
            + "".join(
                f'<sheet name="{name}" sheetId="{i}" r:id="rId{i}"/>'
                for i, name in enumerate(sheets, 1)
            )
            + "</sheets></workbook>"
        ),
        "xl/_rels/workbook.xml.rels": _related(
            {
                f"rId{i}": ("worksheet", f"worksheets/sheet{i}.xml")
                for i in range(1, len(sheets) + 1)
            }
            | {"rId99": ("styles", "styles.xml")}
        ),
        "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}">{_STYLES}</styleSheet>',
    }
    for i, rows in enumerate(sheets.values(), 1):
        body = "".join(f'<row r="{n}">{"".join(cells)}</row>' for n, cells in rows.items())
        sheet = f'<worksheet xmlns="{_MAIN}"><sheetData>{body}</sheetData></worksheet>'
        parts[f"xl/worksheets/sheet{i}.xml"] = sheet
    return _zipped({name: f'<?xml version="1.0"?>{part}' for name, part in parts.items()})


def ods(rows: str) -> bytes:
    """An OpenDocument sheet with the rows as they stand in its XML."""
    name = "urn:oasis:names:tc:opendocument:xmlns"
    content = (
        f'<office:document-content xmlns:office="{name}:office:1.0" xmlns:table="{name}:table:1.0"'
        f' xmlns:text="{name}:text:1.0"><office:body><office:spreadsheet>'
        f'<table:table table:name="Deals">{rows}</table:table>'
        "</office:spreadsheet></office:body></office:document-content>"
    )
    return _zipped(
        {
            "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
            "META-INF/manifest.xml": f'<m:manifest xmlns:m="{name}:manifest:1.0"/>',
            "content.xml": f'<?xml version="1.0"?>{content}',
        }
    )


def xls(rows: Sequence[Sequence[str | float]]) -> bytes:
    """A workbook of Excel 97 with the sheet Deals: texts, and numbers that are shown as days."""
    head = _record(0x809, struct.pack("<HHHHII", 0x600, 5, 0, 0, 0, 6))
    formats = b"".join(_record(0xE0, struct.pack("<HH16x", 0, each)) for each in (0, 14))
    begins = len(head + formats) + 4 + 8 + len("Deals") + 4
    bound = _record(0x85, struct.pack("<IBBBB", begins, 0, 0, len("Deals"), 0) + b"Deals")
    cells = b"".join(
        _record(0x204, struct.pack("<HHHHB", r, c, 0, len(value), 0) + value.encode("latin-1"))
        if isinstance(value, str)
        else _record(0x203, struct.pack("<HHHd", r, c, 1, value))
        for r, values in enumerate(rows)
        for c, value in enumerate(values)
    )
    end = _record(0x0A, b"")
    sheet = _record(0x809, struct.pack("<HHHHII", 0x600, 0x10, 0, 0, 0, 6)) + cells + end
    return _compound(head + formats + bound + end + sheet)


def _record(kind: int, content: bytes) -> bytes:
    return struct.pack("<HH", kind, len(content)) + content


def _compound(content: bytes) -> bytes:
    """A compound file with one stream: a sector of the table of sectors, one of names, the rest."""
    last, free, table = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD
    sectors = max(8, -(-len(content) // 512))
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + struct.pack(
        "<16xHHHHH6xIIIIIIIIII", 0x3E, 3, 0xFFFE, 9, 6, 0, 1, 1, 0, 4096, last, 0, last, 0, 0
    )
    chain = [table, last, *range(3, 2 + sectors), last]
    names = _entry("Root Entry", 5, 1, last, 0) + _entry("Workbook", 2, free, 2, sectors * 512)
    return (
        head.ljust(512, b"\xff")
        + struct.pack(f"<{len(chain)}I", *chain).ljust(512, b"\xff")
        + names.ljust(512, b"\0")
        + content.ljust(sectors * 512, b"\0")
    )


def _entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
    said = name.encode("utf-16-le")
    return said.ljust(64, b"\0") + struct.pack(
        "<HBBIII36xIQ", len(said) + 2, kind, 1, 0xFFFFFFFF, 0xFFFFFFFF, child, start, size
    )


def _related(relations: Mapping[str, tuple[str, str]]) -> str:
    entries = "".join(
        f'<Relationship Id="{key}" Type="{_RELATIONS}/{kind}" Target="{target}"/>'
        for key, (kind, target) in relations.items()
    )
    return f'<Relationships xmlns="{_PACKAGE}">{entries}</Relationships>'


def _zipped(parts: Mapping[str, str]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return content.getvalue()
