"""Parts of canonical tables: the mapping's expressions over sources, as tables of text."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import duckdb
import pandas as pd
import pyarrow as pa

from closecurve.crm.errors import DataError
from closecurve.crm.mapping_sources import FILE_COLUMN, LINE_COLUMN
from closecurve.crm.mapping_tables import TablePart
from closecurve.crm.review import FILE, LINE
from closecurve.crm.tables import CANONICAL
from closecurve.sources.attributes import AttributeTable, attribute_table
from closecurve.sources.growing import quoted
from closecurve.sources.mapped import MappedPart, MappedTable
from closecurve.sources.relations import (
    Relation,
    columns_of,
    count_of,
    literal,
    run,
    stripped,
    texts,
    trimmed,
    written_text,
)
from closecurve.sources.setting_aside import together

_PLAIN_NUMBER = r"-?(?:0|[1-9]\d{0,14})(?:\.\d+)?"
_WIDE = '"_wide"'


@dataclass(frozen=True, slots=True, kw_only=True)
class _Selection:
    """What a part selects: `rows` is its `FROM …` in SQL, `expressions` has every column's.

    `attributes` names those of the columns that are no canonical ones.
    """

    part: TablePart
    relation: Relation
    rows: str
    expressions: Mapping[str, str]
    attributes: tuple[str, ...]
    shapeless: pd.DataFrame
    left_out: int

    @property
    def order(self) -> list[str]:
        """What orders the rows, in SQL: ties of a wide history are in the order of its list."""
        place = [f"{_WIDE}.place"] if self.part.wide else []
        return [*(self.relation.sql(column) for column in self.relation.order), *place]


def mapped_table(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    listed: Sequence[TablePart],
    relations: Mapping[str, Relation],
) -> MappedTable:
    """The canonical table's rows as text. `relations` has every source that its parts read.

    An attribute is a number if it is one in every part that has it. Raises DataError for a
    required column that is missing, a join that multiplies rows, or an expression that fails.
    """
    selections = [
        _selection(connection, part, place, relations) for place, part in enumerate(listed, 1)
    ]
    parts = [
        _mapped(connection, selection, f"_{name}_{place}")
        for place, selection in enumerate(selections, 1)
    ]
    attributes = dict.fromkeys(name for each in selections for name in each.attributes)
    as_text = {
        name
        for selection, part in zip(selections, parts, strict=True)
        for name in _texts_among(connection, selection, part)
    }
    return MappedTable(
        name=name,
        parts=tuple(parts),
        attributes=tuple(attributes),
        numbers=frozenset(attributes) - as_text,
    )


def _selection(
    connection: duckdb.DuckDBPyConnection,
    part: TablePart,
    place: int,
    relations: Mapping[str, Relation],
) -> _Selection:
    relation = _own_relation(connection, part, place, relations)
    joined = f"FROM {_joined(part, relation)}"
    _check_joins(connection, part, relation, joined)
    tables = _attribute_tables(connection, part, place, relations)
    found = {name: sql for table in tables for name, sql in table.attributes.items()}
    attributes = {**found, **part.attributes}
    expressions = {**_expressions(part, relation), **attributes}
    joins = "".join(table.join(expressions[CANONICAL[part.table].key or ""]) for table in tables)
    return _Selection(
        part=part,
        relation=relation,
        rows=f"{joined}{joins}{_wide_rows(part)}{_where(part)}",
        expressions=expressions,
        attributes=tuple(attributes),
        shapeless=together([relation.shapeless, *(each.refused for each in tables)]),
        left_out=_left_out(connection, part, relation, joined),
    )


def _own_relation(
    connection: duckdb.DuckDBPyConnection,
    part: TablePart,
    place: int,
    relations: Mapping[str, Relation],
) -> Relation:
    """The part's source, or the result of its query, whose rows are numbered.

    The result is ordered by all its columns, so that equal sources give equal numbers.
    """
    if part.query is None:
        return relations[part.source]
    name, file = f"_{part.table}_query_{place}", f"the query of {part.key}"
    own = f"c -> lower(c) NOT IN ({literal(FILE_COLUMN)}, {literal(LINE_COLUMN)})"
    query = (
        f"CREATE TABLE {quoted(name)} AS SELECT COLUMNS({own}), {literal(file)} AS"
        f" {quoted(FILE_COLUMN)}, row_number() OVER () AS {quoted(LINE_COLUMN)}"
        f" FROM (FROM (\n{part.query}\n) ORDER BY ALL)"
    )
    run(connection, query, f"{part.key}.query", ", ".join(part.query_sources))
    return Relation(
        name=name,
        file=file,
        columns=columns_of(connection, name)[:-2],
        count=count_of(connection, name),
        written=relations[part.source].written,
        shapeless=together([relations[each].shapeless for each in part.query_sources]),
    )


def _attribute_tables(
    connection: duckdb.DuckDBPyConnection,
    part: TablePart,
    place: int,
    relations: Mapping[str, Relation],
) -> list[AttributeTable]:
    return [
        attribute_table(connection, part, rule, f"{place}_{i}", relations)
        for i, rule in enumerate(part.attributes_from, 1)
    ]


def _expressions(part: TablePart, relation: Relation) -> dict[str, str]:
    """The expression of every canonical column; a column of the canonical name maps itself."""
    own = {name.casefold(): name for name in relation.columns}
    themselves = {
        name: relation.sql(own[name]) for name in CANONICAL[part.table].names if name in own
    }
    expressions = {**themselves, **part.columns, **_wide_columns(part)}
    for column in CANONICAL[part.table].columns:
        if column.required and column.name not in expressions:
            raise DataError(
                "column-missing",
                f"table {part.table} needs {column.name} (a column of {relation.file}, or under"
                f" columns), got {[*relation.columns]}",
            )
    return expressions


def _joined(part: TablePart, relation: Relation) -> str:
    """The sources of the part. A joined one is a single struct: its columns are `source.column`
    and never stand in the way of the part's own."""
    joins = (
        f' LEFT JOIN (SELECT "{join.source}" AS "{join.source}" FROM "{join.source}")'
        f' AS "_{join.source}" ON (\n{join.on}\n)'
        for join in part.joins
    )
    return f"{quoted(relation.name)}{''.join(joins)}"


def _check_joins(
    connection: duckdb.DuckDBPyConnection, part: TablePart, relation: Relation, joined: str
) -> None:
    """A join that finds several rows would count a deal twice."""
    if not part.joins:
        return
    counted = run(connection, f"SELECT count(*) {joined}", part.key, relation.file).fetchall()
    if counted[0][0] != relation.count:
        raise DataError(
            "join-multiplies",
            f"a join finds at most one row for each row of {relation.file}, got {counted[0][0]}"
            f" rows from {relation.count} with {[join.on for join in part.joins]}",
        )


def _left_out(
    connection: duckdb.DuckDBPyConnection, part: TablePart, relation: Relation, joined: str
) -> int:
    """How many rows the part's `where` leaves out."""
    if part.where is None:
        return 0
    query = f"SELECT count(*) {joined}\nWHERE (\n{part.where}\n)"
    kept = run(connection, query, part.key, relation.file).fetchall()[0][0]
    return relation.count - int(kept)


def _where(part: TablePart) -> str:
    conditions = [f"(\n{part.where}\n)"] if part.where else []
    if part.wide:
        conditions.append(f"{stripped(_wide_columns(part)['event_at'])} IS NOT NULL")
    return f"\nWHERE {' AND '.join(conditions)}" if conditions else ""


def _wide_values(part: TablePart) -> list[tuple[str, str, str]]:
    """Field, value and the expression of its instant, in the order of the mapping."""
    return [
        (name, value, instant)
        for name, instants in part.wide.items()
        for value, instant in instants.items()
    ]


def _wide_rows(part: TablePart) -> str:
    """Each row once for every value of a wide history; one struct, as joined sources are."""
    if not part.wide:
        return ""
    values = ", ".join(
        f"{{'place': {place}, 'field': {literal(name)}, 'value': {literal(value)}}}"
        for place, (name, value, _) in enumerate(_wide_values(part), 1)
    )
    return f' CROSS JOIN (SELECT unnest([{values}]) AS {_WIDE}) AS "_wide_values"'


def _wide_columns(part: TablePart) -> dict[str, str]:
    if not part.wide:
        return {}
    cases = (
        f"WHEN {place} THEN {texts(instant)}"
        for place, (_, _, instant) in enumerate(_wide_values(part), 1)
    )
    return {
        "field": f'{_WIDE}."field"',
        "new_value": f'{_WIDE}."value"',
        "event_at": f"CASE {_WIDE}.place {' '.join(cases)} END",
    }


def _mapped(connection: duckdb.DuckDBPyConnection, selection: _Selection, table: str) -> MappedPart:
    """Makes the table of the part: every column as text, FILE, LINE and what orders the rows."""
    part, relation = selection.part, selection.relation
    formats = {name: each.over(relation.written) for name, each in part.formats.items()}
    columns = {
        name: written_text(sql, formats.get(name, relation.written).decimal)
        for name, sql in selection.expressions.items()
    }
    columns |= {FILE: relation.sql(FILE_COLUMN), LINE: relation.sql(LINE_COLUMN)}
    order = {f"_order_{place}": sql for place, sql in enumerate(selection.order)}
    selected = ", ".join(f"{sql} AS {quoted(name)}" for name, sql in (columns | order).items())
    rows = f"SELECT {selected} {selection.rows}"
    for name, values in part.values.items():
        rows = _with_values_mapped(rows, name, values, columns)
    query = f"CREATE TABLE {quoted(table)} AS {rows}"
    run(connection, query, part.key, relation.file)
    return MappedPart(
        table=table,
        columns=tuple(columns),
        order=tuple(order),
        written=relation.written,
        formats=formats,
        shapeless=selection.shapeless,
        left_out=selection.left_out,
    )


def _texts_among(
    connection: duckdb.DuckDBPyConnection, selection: _Selection, part: MappedPart
) -> set[str]:
    """The attributes of a part that are no numbers: neither by their type nor as they are written.

    A code such as 007 is none.
    """
    asked = [n for n in selection.attributes if n not in _numeric(connection, selection)]
    if not asked:
        return set()
    said = {name: trimmed(quoted(name)) for name in asked}
    tests = ", ".join(
        f"coalesce(bool_and(regexp_full_match({sql}, {literal(_PLAIN_NUMBER)})), FALSE)"
        for sql in said.values()
    )
    found = connection.execute(f"SELECT {tests} FROM {quoted(part.table)}").fetchone() or ()
    return {name for name, is_number in zip(asked, found, strict=True) if not is_number}


def _numeric(connection: duckdb.DuckDBPyConnection, selection: _Selection) -> set[str]:
    """The columns whose expressions are numbers whatever the rows hold."""
    plain = ", ".join(
        f"(\n{sql}\n) AS {quoted(name)}" for name, sql in selection.expressions.items()
    )
    query = f"SELECT {plain} {selection.rows} LIMIT 0"
    found = run(connection, query, selection.part.key, selection.relation.file)
    kinds = found.to_arrow_table().schema
    tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
    return {each.name for each in kinds if any(test(each.type) for test in tests)}


def _with_values_mapped(
    rows: str, name: str, values: Mapping[str, str], columns: Collection[str]
) -> str:
    """The rows with the values of a column, or in changes of a field, put as the mapping says."""
    if not values:
        return rows
    cases = " ".join(f"WHEN {literal(old)} THEN {literal(new)}" for old, new in values.items())
    mapped = [name] if name in columns else [n for n in ("new_value", "old_value") if n in columns]
    ours = "TRUE" if name in columns else f"{trimmed(quoted('field'))} = {literal(name)}"
    replaced = ", ".join(
        f"CASE WHEN {ours} THEN CASE {trimmed(column)} {cases} ELSE {column} END"
        f" ELSE {column} END AS {column}"
        for column in map(quoted, mapped)
    )
    return f"SELECT * REPLACE ({replaced}) FROM ({rows})"
