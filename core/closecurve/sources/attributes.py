"""Attributes that lie in rows of another source: fields with values, or many values of a record.

Each becomes a table with one row per record, which is joined to the part that asked for it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import duckdb
import pandas as pd

from closecurve.crm.mapping_tables import AttributesFrom, TablePart
from closecurve.crm.naming import attribute_name
from closecurve.sources.growing import quoted
from closecurve.sources.relations import (
    IN_FILE_ORDER,
    Relation,
    literal,
    run,
    stripped,
    written_text,
)
from closecurve.sources.setting_aside import refused_where


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeTable:
    """A table `name` with one row per `key`, and each attribute's expression over its joined row.

    `refused` has the rows without an id (FILE, LINE, value, column, rule).
    """

    name: str
    attributes: Mapping[str, str]
    refused: pd.DataFrame

    def join(self, id_expression: str) -> str:
        """The left join to a table whose id is the expression; its row is one struct."""
        name = quoted(self.name)
        return (
            f" LEFT JOIN (SELECT {name} AS {name} FROM {name}) AS {quoted(f'_{self.name}')}"
            f" ON ({stripped(id_expression)} = {name}.key)"
        )


def attribute_table(
    connection: duckdb.DuckDBPyConnection,
    part: TablePart,
    rule: AttributesFrom,
    place: str,
    relations: Mapping[str, Relation],
) -> AttributeTable:
    """Makes the table of a rule of the part; `place` says where the two stand in the mapping.

    Of two values that a record has for one field the later row's holds. Raises DataError where
    an expression fails.
    """
    relation, decimal = relations[rule.source], relations[part.source].written.decimal
    name, said = f"_{part.table}_attributes_{place}", f"_{part.table}_said_{place}"
    query = f"CREATE TABLE {quoted(said)} AS {_said(rule, relation, decimal)}"
    run(connection, query, f"{part.key}.attributes_from", relation.file)
    made = _made(connection, part, rule, said)
    columns = "".join(f", {sql} AS {quoted(attribute)}" for attribute, sql in made.items())
    connection.execute(
        f"CREATE TABLE {quoted(name)} AS SELECT key{columns} FROM {quoted(said)}"
        " WHERE key IS NOT NULL GROUP BY key"
    )
    joined = {attribute: f"{quoted(name)}.{quoted(attribute)}" for attribute in made}
    if rule.name is None:
        joined = {attribute: f"coalesce({sql}, 0)" for attribute, sql in joined.items()}
    refused = refused_where(
        connection, quoted(said), "key IS NULL", "NULL", rule.key, "value-missing"
    )
    return AttributeTable(name=name, attributes=MappingProxyType(joined), refused=refused)


def _said(rule: AttributesFrom, relation: Relation, decimal: str) -> str:
    """What each row says, in SQL: key, field, value, and where the row stands."""
    where = f"\nWHERE (\n{rule.where}\n)" if rule.where else ""
    place = ", ".join(relation.sql(column) for column in IN_FILE_ORDER)
    field = rule.value if rule.name is None else rule.name
    value = stripped(written_text(rule.value, decimal))
    return (
        f'SELECT {stripped(rule.key)} AS key, {stripped(field)} AS "field", {value} AS "value",'
        f" {place} FROM {quoted(relation.name)}{where}"
    )


def _made(
    connection: duckdb.DuckDBPyConnection, part: TablePart, rule: AttributesFrom, said: str
) -> dict[str, str]:
    """The attributes of a record, each as an aggregate over what is said of it."""
    chosen = _chosen(connection, rule, said, part.table)
    return _values(chosen) if rule.name is not None else _presences(chosen, rule.prefix or "")


def _chosen(
    connection: duckdb.DuckDBPyConnection, rule: AttributesFrom, said: str, table: str
) -> dict[str, list[str]]:
    """The fields (values) that each attribute stands for: those named, else the most frequent."""
    if rule.chosen:
        return {attribute: [field] for attribute, field in rule.chosen.items()}
    counted = connection.execute(
        f'SELECT "field", count(DISTINCT key) AS records FROM {quoted(said)} WHERE "field" IS NOT'
        ' NULL AND key IS NOT NULL GROUP BY "field" ORDER BY records DESC, "field"'
    ).fetchall()
    chosen: dict[str, list[str]] = {}
    for field, _ in counted:
        attribute = rule.attribute_of(field, table)
        if attribute in chosen or len(chosen) < rule.most:
            chosen.setdefault(attribute, []).append(field)
    return chosen


def _values(chosen: Mapping[str, Iterable[str]]) -> dict[str, str]:
    order = ", ".join(quoted(column) for column in IN_FILE_ORDER)
    return {
        attribute: f'last("value" ORDER BY {order}) FILTER (WHERE {_is_one_of(fields)})'
        for attribute, fields in chosen.items()
    }


def _presences(chosen: Mapping[str, Iterable[str]], prefix: str) -> dict[str, str]:
    """How many values a record has, and 1 or 0 for each of the chosen ones."""
    found = {
        attribute: f"max(CASE WHEN {_is_one_of(values)} THEN 1 ELSE 0 END)"
        for attribute, values in chosen.items()
    }
    return found | {attribute_name(f"{prefix} count"): 'count(DISTINCT "value")'}


def _is_one_of(fields: Iterable[str]) -> str:
    return f'"field" IN ({", ".join(literal(each) for each in fields)})'
