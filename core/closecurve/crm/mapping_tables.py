"""[tables.*] of `closecurve.toml`: how rows of sources become rows of canonical tables."""

import dataclasses
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeVar

from closecurve.crm.expressions import check_query
from closecurve.crm.mapping_sections import NAME, Section, wrong
from closecurve.crm.naming import attribute_name
from closecurve.crm.tables import CANONICAL, HISTORY_TABLES, Table
from closecurve.crm.values import ValueFormat

MOST_ATTRIBUTES = 50
"""Attributes that a table of names and values gives unless `most` says otherwise."""

_Read = TypeVar("_Read")
_WIDE_COLUMNS = ("field", "event_at", "new_value", "old_value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """A left join: `source` gives at most one row for each row of the table's own source."""

    source: str
    on: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnFormat:
    """How one column is written; what is None is as in the rest of the source."""

    time_zone: str | None = None
    date_formats: tuple[str, ...] | None = None
    decimal: str | None = None

    def __post_init__(self) -> None:
        self.over(ValueFormat())

    def over(self, written: ValueFormat) -> ValueFormat:
        """The source's way of writing with this column's own in its place."""
        own = {
            each.name: getattr(self, each.name)
            for each in dataclasses.fields(self)
            if getattr(self, each.name) is not None
        }
        return dataclasses.replace(written, **own)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributesFrom:
    """Attributes that lie in rows of another source, joined by `key` to the table's id.

    With `name` a row is a field with its value, and each field becomes an attribute. Without, a
    row is one of many values of a record (its tags): `prefix` is then there, and the attributes
    are `prefix_count` and whether the record has the value. `chosen` maps an attribute to the
    field (value) it stands for; where it is empty, the `most` most frequent ones are taken.
    """

    source: str
    key: str
    value: str
    name: str | None = None
    where: str | None = None
    prefix: str | None = None
    chosen: Mapping[str, str] = field(default_factory=dict)
    most: int = MOST_ATTRIBUTES

    def attribute_of(self, said: str, table: str) -> str:
        """The attribute of a field (value) that was not named in the mapping.

        A field that is named as a column of the table has the source's name before it.
        """
        prefix = self.prefix
        if prefix is None and attribute_name(said) in reserved_names(CANONICAL[table]):
            prefix = self.source
        return attribute_name(said if prefix is None else f"{prefix} {said}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TablePart:
    """How rows of one source become rows of one canonical table.

    `columns` and `attributes` map a name to an expression; `values` maps a column (of a table of
    changes also a field) to the new name of each old value, `formats` to how it is written.
    `wide` has, for a field of a table of changes, the value and the expression of the instant at
    which the field took it, in their order. With a `query` the rows are those of its result, and
    `source` is the one whose way of writing dates and numbers holds.
    """

    table: str
    source: str
    where: str | None = None
    joins: tuple[Join, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    formats: Mapping[str, ColumnFormat] = field(default_factory=dict)
    wide: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    attributes_from: tuple[AttributesFrom, ...] = ()
    query: str | None = None
    query_sources: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        table, key = CANONICAL[self.table], self.key
        for name in self.columns:
            if name not in table.names:
                raise wrong(f"{key}.columns", f"names columns of {table.names}", name)
        if (self.attributes or self.attributes_from) and not table.attributes:
            raise wrong(f"{key}.attributes", "is for tables with attributes", self.table)
        for name in (*self.attributes, *(n for each in self.attributes_from for n in each.chosen)):
            if not NAME.fullmatch(name) or name in reserved_names(table):
                rule = "names new columns in lower case letters, digits and _"
                raise wrong(f"{key}.attributes", rule, name)
        self._check_known("values", self.values)
        self._check_known("formats", self.formats)
        self._check_wide(key)

    def _check_known(self, key: str, named: Mapping[str, object]) -> None:
        """Any field may be named in changes; attributes of another source show only there."""
        if self.table.endswith("_changes") or self.attributes_from:
            return
        allowed = {*CANONICAL[self.table].names, *self.attributes}
        for name in named:
            if name not in allowed:
                rule = f"names columns of {sorted(allowed)}"
                raise wrong(f"{self.key}.{key}", rule, name)

    def _check_wide(self, key: str) -> None:
        if not self.wide:
            return
        if not self.table.endswith("_changes"):
            raise wrong(f"{key}.wide", "is for deal_changes and lead_changes", self.table)
        for name, instants in self.wide.items():
            if not NAME.fullmatch(name) or not instants:
                raise wrong(f"{key}.wide", "names fields with the instant of each value", name)
        if given := [name for name in _WIDE_COLUMNS if name in self.columns]:
            raise wrong(f"{key}.columns", "leaves to `wide` what it gives", given)

    @property
    def key(self) -> str:
        """Where the part stands in `closecurve.toml`."""
        return f"tables.{self.table}"

    @property
    def sources(self) -> tuple[str, ...]:
        """Every source that the part reads, its own first."""
        joined = [each.source for each in self.joins]
        found = [each.source for each in self.attributes_from]
        return tuple(dict.fromkeys((self.source, *self.query_sources, *joined, *found)))


def reserved_names(table: Table) -> set[str]:
    """Names that no attribute of the table can have."""
    return {*table.names, *(column.name for column in HISTORY_TABLES[table.name])}


def parse_parts(table: str, entry: object, sources: Container[str]) -> tuple[TablePart, ...]:
    """The parts of one canonical table. Raises UsageError naming the key at fault."""
    entries = entry if isinstance(entry, list) else [entry]
    if not entries:
        raise wrong(f"tables.{table}", "is a table or a list of tables", entry)
    default = table if table in sources else None
    return tuple(_part(table, Section(f"tables.{table}", each), default) for each in entries)


def _part(table: str, section: Section, source: str | None) -> TablePart:
    query, read = _query(section)
    part = TablePart(
        table=table,
        source=section.text("from", read[0] if read else source),
        where=section.expression("where"),
        joins=tuple(_join(each) for each in section.sections("joins")),
        columns=section.expressions("columns"),
        attributes=section.expressions("attributes"),
        values=_each(section, "values", Section.all_texts),
        formats=_each(section, "formats", _format),
        wide=_each(section, "wide", Section.all_expressions),
        attributes_from=tuple(
            _attributes(table, each) for each in section.sections("attributes_from")
        ),
        query=query,
        query_sources=read,
    )
    section.close()
    return part


def _each(section: Section, name: str, read: Callable[[Section], _Read]) -> Mapping[str, _Read]:
    return MappingProxyType({key: read(each) for key, each in section.named(name).items()})


def _query(section: Section) -> tuple[str | None, tuple[str, ...]]:
    """The query of the part, and the sources it reads."""
    query = section.optional("query")
    return query, () if query is None else check_query(query, f"{section.key}.query")


def _join(section: Section) -> Join:
    join = Join(source=section.text("source"), on=section.needed("on", "the join's condition"))
    section.close()
    return join


def _format(section: Section) -> ColumnFormat:
    formats = section.texts("date_format")
    made = ColumnFormat(
        time_zone=section.optional("time_zone"),
        date_formats=formats or None,
        decimal=section.optional("decimal"),
    )
    section.close()
    return made


def _attributes(table: str, section: Section) -> AttributesFrom:
    name, prefix = section.expression("name"), section.optional("as")
    if name is None and prefix is None:
        rule = "has `name` (a row is a field) or `as` (a row is one of many values)"
        raise wrong(section.key, rule, section.names())
    made = AttributesFrom(
        source=section.text("source"),
        key=section.needed("key", "the id of the table's row"),
        value=section.needed("value", "what a row says"),
        name=name,
        where=section.expression("where"),
        prefix=prefix,
        most=section.count("most", MOST_ATTRIBUTES),
    )
    chosen = _chosen(table, section, made)
    section.close()
    return dataclasses.replace(made, chosen=chosen)


def _chosen(table: str, section: Section, rule: AttributesFrom) -> Mapping[str, str]:
    """`names` as a table is used as it is; of a list each attribute is named after its field."""
    if section.has_table("names"):
        return section.table("names").all_texts()
    named = {rule.attribute_of(each, table): each for each in section.texts("names")}
    return MappingProxyType(named)
