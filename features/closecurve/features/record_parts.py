"""The parts that are read off the record itself, its tracked attributes and its account's."""

import ibis.expr.types as ir
from ibis import _

from closecurve.features.selected import Attribute
from closecurve.features.sight import Gives, Sight
from closecurve.features.subjects import DEAL, LEAD, Subject
from closecurve.features.timeline import attach, date_of, days_between, field_spans, number_of

RECORD = {
    DEAL.name: (
        "process",
        "currency",
        "created_at",
        "age_days",
        "stage_dwell_ratio",
        "amount_company",
        "lead_age_days",
    ),
    LEAD.name: (
        "source",
        "region",
        "created_at",
        "age_days",
        "created_weekday",
        "created_hour",
        "response_hours",
    ),
}
"""Features that the record itself is read for."""


def record_names(subject: Subject) -> Gives:
    """The features read off the record, and its attributes without a history."""
    of_table = attribute_names(subject, subject.record_table)
    return lambda selection: (*RECORD[subject.name], *of_table(selection))


def record(sight: Sight, rows: ir.Table) -> ir.Table:
    """What never changes. Attributes stand under a name of their own, apart from the rest."""
    subject, tables = sight.subject, sight.tables
    records, attributes = subject.records(tables), tables.attributes(subject.record_table)
    named = {
        f"raw_{subject.record_table}_{column}" if column in attributes else column: records[column]
        for column in records.columns
        if column not in (*rows.columns, "known_at")
    }
    fixed = records.select(record_id=records[subject.id_column], **named)
    joined = rows.join(fixed, rows[subject.id_column] == fixed.record_id)
    return _read_attributes(sight, joined.select(*rows.columns, *named), subject.record_table)


def tracked_attributes(sight: Sight, rows: ir.Table) -> ir.Table:
    """The attributes that have a history."""
    id_column = sight.subject.id_column
    for attribute in _asked_attributes(sight, sight.subject.change_table):
        spans = field_spans(sight.tables, sight.subject, attribute.name)
        rows = attach(rows, spans, id_column, payload=["new_value"])
        rows = rows.rename({_raw(attribute): "new_value"})
    return _read_attributes(sight, rows, sight.subject.change_table)


def account_attributes(sight: Sight, rows: ir.Table) -> ir.Table:
    raw = {_raw(a): _[a.name] for a in _asked_attributes(sight, "accounts")}
    chosen = sight.tables.accounts.select(listed_account="account_id", **raw)
    joined = rows.left_join(chosen, rows.account_id == chosen.listed_account)
    return _read_attributes(sight, joined.select(*rows.columns, *raw), "accounts")


def _asked_attributes(sight: Sight, table: str) -> list[Attribute]:
    part = sight.selection.subject(sight.subject.name)
    return [a for a in part.attributes if a.table == table and a.column in sight.asked]


def _read_attributes(sight: Sight, rows: ir.Table, table: str) -> ir.Table:
    """The rows with the attributes of that table that are asked for, each as its kind."""
    return rows.mutate(**{a.column: _read(rows, a) for a in _asked_attributes(sight, table)})


def _raw(attribute: Attribute) -> str:
    """The column that holds the attribute as the history does."""
    return f"raw_{attribute.table}_{attribute.name}"


def _read(rows: ir.Table, attribute: Attribute) -> ir.Value:
    """The attribute's value as its kind: a number, a text, or the days since a date."""
    value = rows[_raw(attribute)]
    if attribute.is_date:
        return days_between(date_of(value), rows.as_of)
    is_text_number = attribute.kind == "number" and value.type().is_string()
    return number_of(value) if is_text_number else value


def attribute_names(subject: Subject, table: str) -> Gives:
    """The attributes that stand in that table."""
    return lambda selection: (
        attribute.column
        for attribute in selection.subject(subject.name).attributes
        if attribute.table == table
    )
