"""What `closecurve.toml` says about a source: [sources.NAME], a file or a database, validated.

docs/mapping.md is the reference of these keys. Nothing here reads a file or calls a database.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePath
from typing import Final

import sqlglot
from sqlglot.tokenizer_core import TokenType

from closecurve.crm.mapping_sections import Section, filled, wrong
from closecurve.crm.values import ValueFormat


class FileKind(StrEnum):
    """What a file holds; its name tells."""

    CSV = "csv"
    EXCEL = "excel"
    JSON_LINES = "json lines"
    PARQUET = "parquet"


SUFFIXES: Final = {
    ".csv": FileKind.CSV,
    ".tsv": FileKind.CSV,
    ".txt": FileKind.CSV,
    ".xlsx": FileKind.EXCEL,
    ".xls": FileKind.EXCEL,
    ".ods": FileKind.EXCEL,
    ".jsonl": FileKind.JSON_LINES,
    ".ndjson": FileKind.JSON_LINES,
    ".parquet": FileKind.PARQUET,
}
"""The kinds of file that can be read, told by the end of their names."""

PACKED: Final = (".gz", ".zip")
"""What may follow: the file is packed."""

FILE_COLUMN: Final = "_file"
LINE_COLUMN: Final = "_line"
"""The columns that every source has beside its own: the file of a row, and its line there."""

_URL = re.compile(r"[a-z][a-z0-9]*(?:\+[a-z0-9_]+)?://")
_RELATIVE_SQLITE = re.compile(r"(sqlite(?:\+pysqlite)?:///)(?![/:])([^?]+)(.*)")


def kind_of(name: str) -> FileKind | None:
    """What a file of this name holds, packed or not; None for a name that does not tell.

    >>> kind_of("Deals.CSV.gz"), kind_of("deals.zip")
    (<FileKind.CSV: 'csv'>, None)
    """
    plain = PurePath(name.lower())
    return SUFFIXES.get(PurePath(plain.stem).suffix if plain.suffix in PACKED else plain.suffix)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where rows come from, and how values are written there.

    `time_zone` None means that of the company.
    """

    name: str
    time_zone: str | None = None
    date_formats: tuple[str, ...] = ()
    decimal: str = "."

    def __post_init__(self) -> None:
        self.written("UTC")

    @property
    def key(self) -> str:
        """Where the source stands in `closecurve.toml`."""
        return f"sources.{self.name}"

    def written(self, company_zone: str) -> ValueFormat:
        """How values are written. Raises UsageError for an unknown zone or format."""
        return ValueFormat(
            time_zone=self.time_zone or company_zone,
            date_formats=self.date_formats,
            decimal=self.decimal,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSource(Source):
    """A file of the export, or all files that a pattern names or a folder holds.

    `delimiter` None means what the name says (a tab for .tsv), `header_row` None the first row
    that has a value (Excel) or the first line, `sheet` and `member` None the first and the only.
    """

    path: Path
    delimiter: str | None = None
    quote: str = '"'
    escape: str | None = None
    encoding: str = "utf-8"
    member: str | None = None
    sheet: str | None = None
    header_row: int | None = None

    def __post_init__(self) -> None:
        Source.__post_init__(self)
        self._check_name()
        self._check_characters()
        try:
            "".encode(self.encoding)
        except LookupError as error:
            raise wrong(f"{self.key}.encoding", "is an encoding's name", self.encoding) from error

    @property
    def is_pattern(self) -> bool:
        """Whether the path may stand for several files."""
        return any(each in self.path.name for each in "*?[")

    def _check_name(self) -> None:
        name, kind = self.path.name.lower(), kind_of(self.path.name)
        is_open = name.endswith(".zip") or "." not in name  # the member or the folder tells
        if kind is None and not is_open:
            rule = f"ends in one of {', '.join(SUFFIXES)}, packed or not, or is a folder"
            raise wrong(f"{self.key}.path", rule, self.path.name)
        if self.sheet is not None and kind not in (None, FileKind.EXCEL):
            raise wrong(f"{self.key}.sheet", "is for Excel files", self.path.name)
        if self.member is not None and not name.endswith(".zip"):
            raise wrong(f"{self.key}.member", "is for .zip files", self.path.name)
        if self.header_row is not None and kind in (FileKind.JSON_LINES, FileKind.PARQUET):
            raise wrong(f"{self.key}.header_row", "is for CSV and Excel files", self.path.name)

    def _check_characters(self) -> None:
        signs = {"delimiter": self.delimiter, "quote": self.quote, "escape": self.escape}
        for key, sign in signs.items():
            if sign is not None and (len(sign) != 1 or not sign.isascii()):
                raise wrong(f"{self.key}.{key}", "is one ASCII character", sign)
        given = [sign for sign in signs.values() if sign is not None]
        if len(set(given)) < len(given):
            raise wrong(self.key, "has a different sign for delimiter, quote and escape", given)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseSource(Source):
    """A table of a database, or a query on it.

    `url` holds the password and is shown nowhere. With a `watermark`, a later import reads only
    rows that have at least the last one seen; they replace those of the same `row_key`.
    """

    url: str = field(repr=False)
    table: str | None = None
    query: str | None = None
    watermark: str | None = None
    row_key: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        Source.__post_init__(self)
        if not _URL.match(self.url):
            rule = "is an address such as postgresql://user@host/database"
            raise wrong(f"{self.key}.url", rule, "another text, not shown")
        if (self.table is None) == (self.query is None):
            given = [each for each in (self.table, self.query) if each is not None]
            raise wrong(self.key, "has either a table or a query", given)
        if (self.watermark is None) != (not self.row_key):
            keys = {"watermark": self.watermark, "key": list(self.row_key)}
            raise wrong(self.key, "has watermark and key together or neither", keys)
        if self.query is not None:
            _check_query(self.query, f"{self.key}.query")


def _check_query(query: str, key: str) -> None:
    """One SELECT in whatever dialect; what else it may do, a read-only transaction decides."""
    try:
        words = sqlglot.tokenize(query)
    except sqlglot.errors.TokenError as error:
        raise wrong(key, "is one SELECT", query) from error
    starts = words[0].text.upper() in ("SELECT", "WITH") if words else False
    if not starts or any(word.token_type is TokenType.SEMICOLON for word in words):
        raise wrong(key, "is one SELECT, without a semicolon", query)


def parse_source(name: str, entry: object, base: Path, environ: Mapping[str, str]) -> Source:
    """The source that an entry describes; `base` is what relative paths are relative to.

    Raises UsageError naming the key at fault.
    """
    section = Section(f"sources.{name}", entry)
    parse = _database if "url" in section.names() else _file
    source = parse(name, section, base, environ)
    section.close()
    return source


def _file(name: str, section: Section, base: Path, environ: Mapping[str, str]) -> FileSource:
    return FileSource(
        name=name,
        path=base / filled(section.text("path"), f"{section.key}.path", environ),
        delimiter=section.optional("delimiter"),
        quote=section.text("quote", '"'),
        escape=section.optional("escape"),
        encoding=section.text("encoding", "utf-8"),
        member=section.optional("member"),
        sheet=section.optional("sheet"),
        header_row=section.count("header_row", 1) if "header_row" in section.names() else None,
        time_zone=section.optional("time_zone"),
        date_formats=section.texts("date_format"),
        decimal=section.text("decimal", "."),
    )


def _database(
    name: str, section: Section, base: Path, environ: Mapping[str, str]
) -> DatabaseSource:
    url = filled(section.text("url"), f"{section.key}.url", environ)
    return DatabaseSource(
        name=name,
        url=_RELATIVE_SQLITE.sub(lambda found: _beside(found, base), url),
        table=section.optional("table"),
        query=section.optional("query"),
        watermark=section.optional("watermark"),
        row_key=section.texts("key"),
        time_zone=section.optional("time_zone"),
        date_formats=section.texts("date_format"),
        decimal=section.text("decimal", "."),
    )


def _beside(found: re.Match[str], base: Path) -> str:
    """A SQLite file is relative to the folder, as other files are."""
    scheme, path, options = found.groups()
    return f"{scheme}{(base / path).absolute()}{options}"
