"""Parts of canonical tables: the mapping's expressions over sources, out of DuckDB as text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb
import pandas as pd
import pyarrow as pa

from closecurve.crm.errors import DataError
from closecurve.crm.mapping_sources import FILE_COLUMN, LINE_COLUMN
from closecurve.crm.mapping_tables import TablePart
from closecurve.crm.review import FILE, LINE, RawPart, RawTable
from closecurve.crm.tables import CANONICAL
from closecurve.crm.values import ValueFormat
from closecurve.sources.attributes import AttributeTable, attribute_table
from closecurve.sources.growing import quoted
from closecurve.sources.relations import (
    Relation,
    columns_of,
    count_of,
    literal,
    run,
    stripped,
    texts,
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
    def order(self) -> str:
        """What orders the rows, in SQL: ties of a wide history are in the order of its list."""
        return self.relation.order_sql + (f", {_WIDE}.place" if self.part.wide else "")

    def run(self, connection: duckdb.DuckDBPyConnection, selected: str, end: str) -> pa.Table:
        """The rows of one SELECT over them. Raises DataError where an expression fails."""
        query = f"SELECT {selected} {self.rows} {end}"
        return run(connection, query, self.part.key, self.relation.file).to_arrow_table()


def raw_table(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    listed: Sequence[TablePart],
    relations: Mapping[str, Relation],
) -> RawTable:
    """The canonical table's rows as text. `relations` has every source that its parts read.

    An attribute is a number if it is one in every part that has it. Raises DataError for a
    required column that is missing, a join that multiplies rows, or an expression that fails.
    """
    selections = [
        _selection(connection, part, place, relations) for place, part in enumerate(listed, 1)
    ]
    read = [_read(connection, selection) for selection in selections]
    attributes = dict.fromkeys(name for each in selections for name in each.attributes)
    as_text = {name for _, names in read for name in names}
    return RawTable(
        name=name,
        parts=tuple(raw for raw, _ in read),
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


def _read(connection: duckdb.DuckDBPyConnection, selection: _Selection) -> tuple[RawPart, set[str]]:
    """The part's rows as text, and which of its attributes are no numbers."""
    part, written = selection.part, selection.relation.written
    formats = {name: each.over(written) for name, each in part.formats.items()}
    frame = _with_values_mapped(_rows(connection, selection, formats), part)
    raw = RawPart(
        frame=frame,
        written=written,
        formats=formats,
        shapeless=selection.shapeless,
        left_out=selection.left_out,
    )
    numeric = _numeric(connection, selection)
    return raw, {n for n in selection.attributes if n not in numeric and not _is_number(frame[n])}


def _rows(
    connection: duckdb.DuckDBPyConnection,
    selection: _Selection,
    formats: Mapping[str, ValueFormat],
) -> pd.DataFrame:
    relation = selection.relation
    selected = {
        name: written_text(sql, formats.get(name, relation.written).decimal)
        for name, sql in selection.expressions.items()
    }
    selected |= {FILE: relation.sql(FILE_COLUMN), LINE: relation.sql(LINE_COLUMN)}
    columns = ", ".join(f"{sql} AS {quoted(name)}" for name, sql in selected.items())
    found = selection.run(connection, columns, f"ORDER BY {selection.order}")
    frame: pd.DataFrame = found.to_pandas()
    return frame


def _numeric(connection: duckdb.DuckDBPyConnection, selection: _Selection) -> set[str]:
    """The columns whose expressions are numbers whatever the rows hold."""
    plain = ", ".join(
        f"(\n{sql}\n) AS {quoted(name)}" for name, sql in selection.expressions.items()
    )
    kinds = selection.run(connection, plain, "LIMIT 0").schema
    tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
    return {each.name for each in kinds if any(test(each.type) for test in tests)}


def _with_values_mapped(frame: pd.DataFrame, part: TablePart) -> pd.DataFrame:
    for name, values in part.values.items():
        columns = [name] if name in frame else ["new_value", "old_value"]
        rows = slice(None) if name in frame else frame["field"].str.strip() == name
        for column in (each for each in columns if each in frame):
            text = frame.loc[rows, column].astype("str")
            mapped = text.str.strip().map(dict(values)).astype("str")
            frame.loc[rows, column] = mapped.where(mapped.notna(), text)
    return frame


def _is_number(text: pd.Series) -> bool:
    """Whether every value is a plain number; a code such as 007 is none."""
    said = text.dropna().astype("str").str.strip()
    return len(said) > 0 and bool(said.str.fullmatch(_PLAIN_NUMBER).all())
