"""Sources that repeat their records: what differs from state to state, as sources of their own.

A full export per day and a table of row versions are compared alike, on the locked connection:
the rows of a record in the order of their instant, each against the one before.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import duckdb
import pandas as pd
import pyarrow as pa

from closecurve.crm.errors import DataError
from closecurve.crm.expressions import columns_of as columns_read
from closecurve.crm.mapping_changes import RecordChanges
from closecurve.crm.mapping_sources import FILE_COLUMN, LINE_COLUMN
from closecurve.crm.naming import attribute_name
from closecurve.crm.values import in_range, read_instants
from closecurve.sources.growing import quoted
from closecurve.sources.relations import (
    Relation,
    count_of,
    literal,
    run,
    stripped,
    texts,
    written_text,
)
from closecurve.sources.setting_aside import refused_where, together

FEWEST_VANISHED = 10
"""Fewer records than this may be missing from a full export whatever share they are."""

CHANGE_COLUMNS = ("key", "field", "event_at", "old_value", "new_value")
"""The columns of a derived source of changes."""

_ORDER = "_order"
_STEPS = ("rows", "instants", "states")
_PLACE = f"{quoted(FILE_COLUMN)}, {quoted(LINE_COLUMN)}"
_IS_BACK = "NOT _deleted AND _before IS NOT NULL AND _was_gone"
_IS_MARKED = "_deleted AND NOT _was_gone AND _before IS NOT NULL"


def derived(
    connection: duckdb.DuckDBPyConnection,
    shapes: Iterable[RecordChanges],
    relations: Mapping[str, Relation],
) -> dict[str, Relation]:
    """The sources that the shapes derive of `relations`, by their names.

    A row without key or readable instant is in none of them; each names it among its shapeless
    ones. Raises DataError where an expression fails or a full export lacks most of its records.
    """
    found: dict[str, Relation] = {}
    for shape in shapes:
        found |= _derived(connection, shape, relations[shape.source])
    return found


def _derived(
    connection: duckdb.DuckDBPyConnection, shape: RecordChanges, relation: Relation
) -> dict[str, Relation]:
    fields = _fields(shape, relation)
    _make_rows(connection, shape, relation, fields)
    _make_instants(connection, shape, relation)
    _make_states(connection, shape)
    if shape.full:
        _check_full(connection, shape, relation)
    _make_changes(connection, shape, [*fields])
    _make_ends(connection, shape, relation)
    refused = together([relation.shapeless, *_refused(connection, shape)])
    origin = replace(relation, shapeless=refused)
    for step in _STEPS:
        connection.execute(f"DROP TABLE {_table(shape, step)}")
    made = [_named(connection, origin, name) for name in (shape.first, shape.last)]
    changes = replace(
        _named(connection, origin, shape.changes), columns=CHANGE_COLUMNS, order=(_ORDER,)
    )
    return {each.name: each for each in (changes, *made)}


def _named(connection: duckdb.DuckDBPyConnection, origin: Relation, name: str) -> Relation:
    return replace(origin, name=name, count=count_of(connection, name))


def _fields(shape: RecordChanges, relation: Relation) -> dict[str, str]:
    """The compared fields with their expressions: those named, else every other column."""
    if shape.columns:
        return dict(shape.columns)
    told = (shape.key, shape.at, shape.sequence, shape.deleted)
    used = set().union(*(columns_read(each) for each in told if each is not None))
    others = [name for name in relation.columns if name.lower() not in used]
    return {attribute_name(name): relation.sql(name) for name in others}


def _make_rows(
    connection: duckdb.DuckDBPyConnection,
    shape: RecordChanges,
    relation: Relation,
    fields: Mapping[str, str],
) -> None:
    """The source's rows with what the shape's expressions say of each."""
    where = f"\nWHERE (\n{shape.where}\n)" if shape.where else ""
    decimal = relation.written.decimal
    values = ", ".join(stripped(written_text(each, decimal)) for each in fields.values())
    query = (
        f"CREATE TABLE {_table(shape, 'rows')} AS SELECT {quoted(relation.name)}.*,"
        f" {stripped(shape.key)} AS _key, {stripped(shape.at)} AS _at_text,"
        f" {texts(shape.sequence or 'NULL')} AS _sequence,"
        f" coalesce(CAST((\n{shape.deleted or 'FALSE'}\n) AS BOOLEAN), FALSE) AS _deleted,"
        f" CAST([{values}] AS VARCHAR[]) AS _values FROM {quoted(relation.name)}{where}"
    )
    run(connection, query, f"changes.{shape.name}", relation.file)


def _make_instants(
    connection: duckdb.DuckDBPyConnection, shape: RecordChanges, relation: Relation
) -> None:
    """What the texts of `at` mean, read as every instant of the source is; null: unreadable."""
    found = connection.execute(
        f"SELECT DISTINCT _at_text FROM {_table(shape, 'rows')} WHERE _at_text IS NOT NULL"
    )
    said: pd.Series = found.to_arrow_table().to_pandas()["_at_text"].astype("str")
    read = read_instants(said, relation.written)
    instants = pa.array(read, pa.timestamp("us")).cast(pa.timestamp("us", "UTC"))
    connection.register(
        "arrow_rows",
        pa.table({"said": pa.array(said), "at": instants, "in_range": pa.array(in_range(read))}),
    )
    connection.execute(f"CREATE TABLE {_table(shape, 'instants')} AS FROM arrow_rows")
    connection.unregister("arrow_rows")


def _refused(connection: duckdb.DuckDBPyConnection, shape: RecordChanges) -> list[pd.DataFrame]:
    rows, instants = _table(shape, "rows"), _table(shape, "instants")
    unread = f'_at_text IN (SELECT said FROM {instants} WHERE "at" IS NULL)'
    beyond = f"_at_text IN (SELECT said FROM {instants} WHERE NOT in_range)"
    with_key = "_key IS NOT NULL AND "
    at = shape.at
    return [
        refused_where(connection, rows, "_key IS NULL", "NULL", shape.key, "value-missing"),
        refused_where(connection, rows, f"{with_key}_at_text IS NULL", "NULL", at, "value-missing"),
        refused_where(connection, rows, with_key + unread, "_at_text", at, "date-unreadable"),
        refused_where(connection, rows, with_key + beyond, "_at_text", at, "date-range"),
    ]


def _make_states(connection: duckdb.DuckDBPyConnection, shape: RecordChanges) -> None:
    """The rows in the order of their record, each with what came before and comes after.

    `_before` has the values of the last state that was not marked as deleted; `_rank` counts the
    instants of the whole source.
    """
    sequence = "TRY_CAST(_sequence AS DECIMAL(38, 9)) NULLS FIRST, _sequence NULLS FIRST"
    gap = "_rank - lag(_rank) OVER states > 1" if shape.full else "FALSE"
    connection.execute(
        f"""
        CREATE TABLE {_table(shape, "states")} AS
        SELECT *,
            row_number() OVER states AS _place,
            lag(CASE WHEN NOT _deleted THEN _values END IGNORE NULLS) OVER states AS _before,
            coalesce(lag(_deleted) OVER states OR {gap}, FALSE) AS _was_gone,
            lead(_rank) OVER states AS _next_rank
        FROM (
            SELECT rows.*, instants."at" AS _at,
                dense_rank() OVER (ORDER BY instants."at") AS _rank
            FROM {_table(shape, "rows")} AS rows
            JOIN {_table(shape, "instants")} AS instants ON rows._at_text = instants.said
            WHERE rows._key IS NOT NULL AND instants."at" IS NOT NULL AND instants.in_range
        )
        WINDOW states AS (PARTITION BY _key ORDER BY _at, {sequence}, {_PLACE})
        """
    )


def _make_changes(
    connection: duckdb.DuckDBPyConnection, shape: RecordChanges, fields: list[str]
) -> None:
    """One row per changed field; a record that is gone has the outcome `deleted`.

    One that comes back has it taken off again, and then what is new since it was last seen.
    """
    names = f"[{', '.join(literal(each) for each in fields)}]"
    gone = _vanished(shape) if shape.full else "SELECT NULL, NULL, NULL, NULL, NULL, 0 LIMIT 0"
    row = f"{_PLACE}, _place"
    states = _table(shape, "states")
    connection.execute(
        f"""
        CREATE TABLE {quoted(shape.changes)} AS
        SELECT * EXCLUDE (_place, _part), row_number() OVER () AS {_ORDER} FROM (
            SELECT _key AS key, {names}[i] AS field, _at AS event_at, _before[i] AS old_value,
                _values[i] AS new_value, {row}, 1 + i AS _part
            FROM {states}, unnest(range(1, {len(fields) + 1})) AS fields(i)
            WHERE NOT _deleted AND _before IS NOT NULL
                AND _before[i] IS DISTINCT FROM _values[i]
            UNION ALL
            SELECT _key, 'outcome', _at, 'deleted', 'open', {row}, 1 FROM {states}
            WHERE {_IS_BACK}
            UNION ALL
            SELECT _key, 'outcome', _at, NULL, 'deleted', {row}, 1 FROM {states}
            WHERE {_IS_MARKED}
            UNION ALL
            SELECT key, 'outcome', "at", NULL, 'deleted', {row}, 1
            FROM ({gone}) AS gone(key, "at", {row}, _rank)
            ORDER BY key, event_at, _place, _part
        )
        """
    )


def _vanished(shape: RecordChanges) -> str:
    """The last state of each record before an instant that lacks it, with that instant, in SQL."""
    states = _table(shape, "states")
    return f"""
        SELECT _key, following."at", {_PLACE}, _place, states._rank FROM {states} AS states
        JOIN (SELECT DISTINCT _rank, _at AS "at" FROM {states}) AS following
            ON following._rank = states._rank + 1
        WHERE NOT _deleted AND coalesce(_next_rank > states._rank + 1, TRUE)
    """


def _check_full(
    connection: duckdb.DuckDBPyConnection, shape: RecordChanges, relation: Relation
) -> None:
    """Refuses an instant that lacks so many records that it was more likely cut off."""
    worst = connection.execute(
        f"""
        SELECT strftime(any_value(gone."at"), '%Y-%m-%d %H:%M:%S'), count(*), any_value(records)
        FROM ({_vanished(shape)}) AS gone(key, "at", {_PLACE}, _place, _rank)
        JOIN (
            SELECT _rank, count(DISTINCT _key) FILTER (WHERE NOT _deleted) AS records
            FROM {_table(shape, "states")} GROUP BY _rank
        ) USING (_rank)
        GROUP BY _rank
        HAVING count(*) >= {FEWEST_VANISHED}
            AND count(*) > {shape.most_vanished} * any_value(records)
        ORDER BY _rank LIMIT 1
        """
    ).fetchone()
    if worst is not None:
        raise DataError(
            "export-incomplete",
            f"a full export lacks at most {shape.most_vanished:.0%} of the records of the one"
            f" before (changes.{shape.name}.most_vanished), got {worst[1]} of {worst[2]} missing"
            f" at {worst[0]} in {relation.file}",
        )


def _make_ends(
    connection: duckdb.DuckDBPyConnection, shape: RecordChanges, relation: Relation
) -> None:
    """The first and the last row of each record, with the source's own columns."""
    own = ", ".join(quoted(name) for name in (*relation.columns, FILE_COLUMN, LINE_COLUMN))
    for name, order in ((shape.first, "_place"), (shape.last, "_place DESC")):
        connection.execute(
            f"CREATE TABLE {quoted(name)} AS SELECT {own} FROM {_table(shape, 'states')}"
            " WHERE NOT _deleted"
            f" QUALIFY row_number() OVER (PARTITION BY _key ORDER BY {order}) = 1"
        )


def _table(shape: RecordChanges, step: str) -> str:
    """The table of a step on the way, in SQL; no source's name begins with `_`."""
    return quoted(f"_{shape.name}_{step}")
