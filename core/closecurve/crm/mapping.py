"""What `closecurve.toml` says about a source: [import], [sources.*], [changes.*] and [tables.*],
validated.

docs/mapping.md is the reference of these keys. Nothing here reads a file.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from closecurve.crm.mapping_changes import RecordChanges, parse_changes
from closecurve.crm.mapping_sections import NAME, Section, filled, wrong
from closecurve.crm.mapping_sources import Source, parse_source
from closecurve.crm.mapping_tables import TablePart, parse_parts
from closecurve.crm.tables import CANONICAL


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportMapping:
    """Everything that an import needs to know beside the company and its processes.

    A table reads `sources`, and what `changes` derives of them.
    """

    sources: Mapping[str, Source]
    tables: Mapping[str, tuple[TablePart, ...]]
    changes: Mapping[str, RecordChanges] = field(default_factory=dict)
    most_bad_share: float = 0.05
    reopen: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.most_bad_share <= 1:
            raise wrong("import.most_bad_share", "lies in 0..1", self.most_bad_share)
        if not {"deals", "leads"} & set(self.tables):
            raise wrong("tables", "has deals or leads (others may be absent)", [*self.tables])
        self._check_derived()
        known = {*self.sources, *(name for each in self.changes.values() for name in each.derived)}
        for part in (part for parts in self.tables.values() for part in parts):
            _check_sources(f"tables.{part.table}", part.sources, known)

    def _check_derived(self) -> None:
        for each in self.changes.values():
            _check_sources(f"changes.{each.name}", (each.source,), set(self.sources))
            if taken := [name for name in each.derived if name in self.sources]:
                raise wrong(f"changes.{each.name}", "derives sources of new names", taken)

    @property
    def used_sources(self) -> list[str]:
        """The names of the sources to be read: those of the tables and what they derive from."""
        origins = {each.source for each in self.used_changes}
        return sorted((self._named_in_tables() | origins) & set(self.sources))

    @property
    def used_changes(self) -> list[RecordChanges]:
        """The shapes that a table reads."""
        named = self._named_in_tables()
        return [each for each in self.changes.values() if named & set(each.derived)]

    def _named_in_tables(self) -> set[str]:
        parts = (part for listed in self.tables.values() for part in listed)
        return {name for part in parts for name in part.sources}


def parse_mapping(
    document: Mapping[str, Any], folder: Path, environ: Mapping[str, str]
) -> ImportMapping:
    """The mapping that a parsed `closecurve.toml` describes; other tables of it are left alone.

    `folder` is where the file lies: its paths are relative to it. `${NAME}` and `${NAME:-default}`
    in paths are filled in from `environ`. Raises UsageError naming the key at fault.
    """
    settings = Section("import", document.get("import", {}))
    base = folder / filled(settings.text("folder", "."), "import.folder", environ)
    sources = _tables_of("sources", document.get("sources", {}))
    changes = _tables_of("changes", document.get("changes", {}))
    tables = _tables_of("tables", document.get("tables", {}))
    mapping = ImportMapping(
        sources=MappingProxyType(
            {name: parse_source(name, entry, base, environ) for name, entry in sources.items()}
        ),
        changes=MappingProxyType(
            {name: parse_changes(name, entry, sources) for name, entry in changes.items()}
        ),
        tables=MappingProxyType(
            {name: parse_parts(name, entry, sources) for name, entry in tables.items()}
        ),
        most_bad_share=settings.number("most_bad_share", 0.05),
        reopen=settings.flag("reopen", True),
    )
    settings.close()
    return mapping


def _tables_of(key: str, entry: object) -> Mapping[str, Any]:
    if not isinstance(entry, Mapping):
        raise wrong(key, "is a table", entry)
    for name in entry:
        if key == "tables" and name not in CANONICAL:
            raise wrong(key, f"names canonical tables: {[*CANONICAL]}", name)
        if not NAME.fullmatch(name):
            raise wrong(key, "names are lower case letters, digits and _", name)
    return entry


def _check_sources(key: str, names: Iterable[str], known: set[str]) -> None:
    for name in names:
        if name not in known:
            raise wrong(key, f"reads one of the sources {sorted(known)}", name)
