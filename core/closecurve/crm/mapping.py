"""What `closecurve.toml` says about a source: [import], [sources.*] and [tables.*], validated.

docs/mapping.md is the reference of these keys. Nothing here reads a file.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from closecurve.crm.errors import UsageError
from closecurve.crm.expressions import check_expression
from closecurve.crm.tables import CANONICAL, HISTORY_TABLES
from closecurve.crm.values import ValueFormat

SUFFIXES: Final = (".csv", ".csv.gz", ".parquet")
"""The kinds of file that can be read, told by their names."""

LINE_COLUMN: Final = "_line"
"""The column that every source has beside its own: where the row stands in its file."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file of the export. `time_zone` None means that of the company."""

    name: str
    path: Path
    delimiter: str = ","
    encoding: str = "utf-8"
    time_zone: str | None = None
    date_formats: tuple[str, ...] = ()
    decimal: str = "."

    def __post_init__(self) -> None:
        self.written("UTC")
        key = f"sources.{self.name}"
        if not self.path.name.lower().endswith(SUFFIXES):
            raise _wrong(f"{key}.path", f"ends in one of {SUFFIXES}", self.path.name)
        if len(self.delimiter) != 1:
            raise _wrong(f"{key}.delimiter", "is one character", self.delimiter)
        try:
            "".encode(self.encoding)
        except LookupError as error:
            raise _wrong(f"{key}.encoding", "is an encoding's name", self.encoding) from error

    def written(self, company_zone: str) -> ValueFormat:
        """How the file's values are written. Raises UsageError for an unknown zone or format."""
        return ValueFormat(
            time_zone=self.time_zone or company_zone,
            date_formats=self.date_formats,
            decimal=self.decimal,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """A left join: `source` gives at most one row for each row of the table's own source."""

    source: str
    on: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TablePart:
    """How rows of one source become rows of one canonical table.

    `columns` and `attributes` map a name to an expression; `values` maps a column (of a table of
    changes also a field) to the new name of each old value.
    """

    table: str
    source: str
    where: str | None = None
    joins: tuple[Join, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        table, key = CANONICAL[self.table], f"tables.{self.table}"
        for name in self.columns:
            if name not in table.names:
                raise _wrong(f"{key}.columns", f"names columns of {table.names}", name)
        if self.attributes and not table.attributes:
            raise _wrong(f"{key}.attributes", "is for tables with attributes", self.table)
        reserved = {*table.names, *(c.name for c in HISTORY_TABLES[self.table])}
        for name in self.attributes:
            if not _NAME.fullmatch(name) or name in reserved:
                rule = "names new columns in lower case letters, digits and _"
                raise _wrong(f"{key}.attributes", rule, name)
        allowed = {*table.names, *self.attributes}
        for name in () if self.table.endswith("_changes") else self.values:
            if name not in allowed:
                raise _wrong(f"{key}.values", f"names columns of {sorted(allowed)}", name)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportMapping:
    """Everything that an import needs to know beside the company and its processes."""

    sources: Mapping[str, Source]
    tables: Mapping[str, tuple[TablePart, ...]]
    most_bad_share: float = 0.05
    reopen: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.most_bad_share <= 1:
            raise _wrong("import.most_bad_share", "lies in 0..1", self.most_bad_share)
        if "deals" not in self.tables:
            raise _wrong("tables", "has deals (every other table may be absent)", [*self.tables])
        for part in (part for parts in self.tables.values() for part in parts):
            for name in (part.source, *(join.source for join in part.joins)):
                if name not in self.sources:
                    rule = f"reads one of the sources {sorted(self.sources)}"
                    raise _wrong(f"tables.{part.table}", rule, name)


def parse_mapping(
    document: Mapping[str, Any], folder: Path, environ: Mapping[str, str]
) -> ImportMapping:
    """The mapping that a parsed `closecurve.toml` describes; other tables of it are left alone.

    `folder` is where the file lies: its paths are relative to it. `${NAME}` and `${NAME:-default}`
    in paths are filled in from `environ`. Raises UsageError naming the key at fault.
    """
    settings = _Section("import", document.get("import", {}))
    base = folder / _filled(settings.text("folder", "."), "import.folder", environ)
    sources = _tables_of("sources", document.get("sources", {}))
    tables = _tables_of("tables", document.get("tables", {}))
    mapping = ImportMapping(
        sources=MappingProxyType(
            {name: _source(name, entry, base, environ) for name, entry in sources.items()}
        ),
        tables=MappingProxyType(
            {name: _parts(name, entry, sources) for name, entry in tables.items()}
        ),
        most_bad_share=settings.number("most_bad_share", 0.05),
        reopen=settings.flag("reopen", True),
    )
    settings.close()
    return mapping


class _Section:
    """A TOML table that is read key by key; what was not asked for is an error at the end."""

    def __init__(self, key: str, entry: object) -> None:
        if not isinstance(entry, Mapping):
            raise _wrong(key, "is a table", entry)
        self.key = key
        self._left = dict(entry)

    def text(self, name: str, default: str | None = None) -> str:
        value = self._left.pop(name, default)
        if not isinstance(value, str) or not value:
            raise _wrong(f"{self.key}.{name}", "is a text that is not empty", value)
        return value

    def optional(self, name: str) -> str | None:
        return self.text(name) if name in self._left else None

    def number(self, name: str, default: float) -> float:
        value = self._left.pop(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _wrong(f"{self.key}.{name}", "is a number", value)
        return float(value)

    def flag(self, name: str, default: bool) -> bool:
        value = self._left.pop(name, default)
        if not isinstance(value, bool):
            raise _wrong(f"{self.key}.{name}", "is true or false", value)
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        value = self._left.pop(name, [])
        listed = [value] if isinstance(value, str) else value
        if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
            raise _wrong(f"{self.key}.{name}", "is a text or a list of texts", value)
        return tuple(listed)

    def expression(self, name: str) -> str | None:
        value = self._left.pop(name, None)
        return None if value is None else check_expression(value, f"{self.key}.{name}")

    def expressions(self, name: str) -> Mapping[str, str]:
        listed = isinstance(self._left.get(name), list)
        value = {e: e for e in self.texts(name)} if listed else self._left.pop(name, {})
        section = _Section(f"{self.key}.{name}", value)
        entries = {each: f"{section.key}.{each}" for each in section._left}
        return MappingProxyType(
            {each: check_expression(section._left[each], key) for each, key in entries.items()}
        )

    def sections(self, name: str) -> list["_Section"]:
        value = self._left.pop(name, [])
        if not isinstance(value, list):
            raise _wrong(f"{self.key}.{name}", "is a list of tables", value)
        return [_Section(f"{self.key}.{name}", each) for each in value]

    def items(self, name: str) -> Iterable[tuple[str, object]]:
        value = self._left.pop(name, {})
        return list(_Section(f"{self.key}.{name}", value)._left.items())

    def close(self) -> None:
        if self._left:
            raise _wrong(self.key, "has documented keys only", sorted(self._left))


def _tables_of(key: str, entry: object) -> Mapping[str, Any]:
    if not isinstance(entry, Mapping):
        raise _wrong(key, "is a table", entry)
    for name in entry:
        if key == "tables" and name not in CANONICAL:
            raise _wrong(key, f"names canonical tables: {[*CANONICAL]}", name)
        if not _NAME.fullmatch(name):
            raise _wrong(key, "names are lower case letters, digits and _", name)
    return entry


def _source(name: str, entry: object, base: Path, environ: Mapping[str, str]) -> Source:
    section = _Section(f"sources.{name}", entry)
    source = Source(
        name=name,
        path=base / _filled(section.text("path"), f"sources.{name}.path", environ),
        delimiter=section.text("delimiter", ","),
        encoding=section.text("encoding", "utf-8"),
        time_zone=section.optional("time_zone"),
        date_formats=section.texts("date_format"),
        decimal=section.text("decimal", "."),
    )
    section.close()
    return source


def _parts(table: str, entry: object, sources: Iterable[str]) -> tuple[TablePart, ...]:
    entries = entry if isinstance(entry, list) else [entry]
    if not entries:
        raise _wrong(f"tables.{table}", "is a table or a list of tables", entry)
    default = table if table in sources else None
    return tuple(_part(table, _Section(f"tables.{table}", each), default) for each in entries)


def _part(table: str, section: _Section, source: str | None) -> TablePart:
    part = TablePart(
        table=table,
        source=section.text("from", source),
        where=section.expression("where"),
        joins=tuple(_join(each) for each in section.sections("joins")),
        columns=section.expressions("columns"),
        attributes=section.expressions("attributes"),
        values=MappingProxyType(
            {
                name: _value_map(f"{section.key}.values.{name}", entry)
                for name, entry in section.items("values")
            }
        ),
    )
    section.close()
    return part


def _join(section: _Section) -> Join:
    join = Join(source=section.text("source"), on=section.expression("on") or "")
    if not join.on:
        raise _wrong(f"{section.key}.on", "is the condition of the join", join.source)
    section.close()
    return join


def _value_map(key: str, entry: object) -> Mapping[str, str]:
    if not isinstance(entry, Mapping) or not all(isinstance(new, str) for new in entry.values()):
        raise _wrong(key, "is a table of texts", entry)
    return MappingProxyType(dict(entry))


def _filled(text: str, key: str, environ: Mapping[str, str]) -> str:
    """The text with its variables filled in. Raises UsageError for one that is not set."""

    def value(match: re.Match[str]) -> str:
        name, default = match.groups()
        found = environ.get(name) or default
        if found is None:
            raise _wrong(key, f"uses variables that are set or have a default: ${name}", text)
        return found

    return _VARIABLE.sub(value, text)


def _wrong(key: str, rule: str, got: object) -> UsageError:
    return UsageError("mapping-key", f"{key} {rule}, got {got!r}")
