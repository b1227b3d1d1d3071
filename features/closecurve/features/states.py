"""The spans of each field with what has built up in them: moves, pushes, first entries."""

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir

from closecurve.crm.stages import StageKind
from closecurve.features.subjects import Subject
from closecurve.features.tables import HistoryTables
from closecurve.features.timeline import day_of, days_between, field_spans, number_of, running

ENTERED = "entered_at_"
"""Prefix of the columns that hold when a stage was first entered, with the stage's number."""


def stage_states(tables: HistoryTables, subject: Subject, stages: Sequence[str]) -> ir.Table:
    """Stage spans: stage, its order, when it was entered, the moves so far, first entries.

    A move is counted between open stages of the process in the order in which they came to hold;
    a stage that the process does not know has no order and makes no move.
    """
    spans = with_stage_order(tables, _with_process(tables, subject))
    key = [subject.id_column]
    step = spans.stage_order - spans.stage_order.lag().over(
        ibis.window(group_by=key, order_by="place")
    )
    stepped = spans.mutate(step=step.fill_null(0))
    first = {
        f"{ENTERED}{i}": _cumulative_min(stepped.event_at, stepped.new_value == stage, key)
        for i, stage in enumerate(stages)
    }
    return stepped.select(
        *key,
        "known_at",
        "until_at",
        "stage_order",
        stage="new_value",
        stage_at="event_at",
        forward_move_count=_count(stepped.step > 0, key),
        backward_move_count=_count(stepped.step < 0, key),
        skipped_stage_count=_total(ibis.greatest(stepped.step - 1, 0), key),
        **first,
    )


def with_stage_order(tables: HistoryTables, rows: ir.Table) -> ir.Table:
    """The rows (process, new_value) with `stage_order`, null for a stage that is not open."""
    stages = tables.stages.filter(tables.stages.kind == StageKind.OPEN.value).select(
        order_process="process", order_stage="stage", stage_order="stage_order"
    )
    matched = rows.left_join(
        stages, [rows.process == stages.order_process, rows.new_value == stages.order_stage]
    )
    return matched.select(*rows.columns, "stage_order")


def amount_states(tables: HistoryTables, subject: Subject) -> ir.Table:
    """Amount spans: amount, recorded changes so far, and the last amount over the first."""
    spans = field_spans(tables, subject, "amount")
    key = [subject.id_column]
    read = spans.mutate(amount=number_of(spans.new_value), before=number_of(spans.previous))
    first = read.amount.first().over(running(key, ["place"]))
    return read.select(
        *key,
        "known_at",
        "until_at",
        "amount",
        amount_change_count=_count(read.amount != read.before, key),
        amount_change_ratio=read.amount / first.nullif(0.0),
    )


def expected_close_states(tables: HistoryTables, subject: Subject) -> ir.Table:
    """Spans of the expected close date: the day, pushes so far, their days, the last one."""
    spans = field_spans(tables, subject, "expected_close_date")
    key = [subject.id_column]
    read = spans.mutate(expected_at=day_of(spans.new_value), before=day_of(spans.previous))
    pushed = read.mutate(
        push=ibis.greatest(days_between(read.before, read.expected_at).fill_null(0.0), 0.0)
    )
    return pushed.select(
        *key,
        "known_at",
        "until_at",
        "expected_at",
        push_count=_count(pushed.push > 0, key),
        pushed_days=_total(pushed.push, key),
        push_at=_cumulative_max(pushed.event_at, pushed.push > 0, key),
    )


def owner_states(tables: HistoryTables, subject: Subject) -> ir.Table:
    """Owner spans: owner_id and the hand-overs so far."""
    spans = field_spans(tables, subject, "owner_id")
    key = [subject.id_column]
    return spans.select(
        *key,
        "known_at",
        "until_at",
        owner_id="new_value",
        owner_changed_count=_count(spans.new_value != spans.previous, key),
    )


def _with_process(tables: HistoryTables, subject: Subject) -> ir.Table:
    spans = field_spans(tables, subject, "stage")
    processes = subject.records(tables).select(record_id=subject.id_column, process="process")
    joined = spans.left_join(processes, spans[subject.id_column] == processes.record_id)
    return joined.select(*spans.columns, "process")


def _count(condition: ir.Value, key: Sequence[str]) -> ir.Value:
    return _total(condition.fill_null(False).cast("int64"), key)


def _total(value: ir.Value, key: Sequence[str]) -> ir.Value:
    return value.sum().over(running(key, ["place"])).cast("float64")


def _cumulative_min(value: ir.Value, condition: ir.Value, key: Sequence[str]) -> ir.Value:
    return _only(value, condition).min().over(running(key, ["place"]))


def _cumulative_max(value: ir.Value, condition: ir.Value, key: Sequence[str]) -> ir.Value:
    return _only(value, condition).max().over(running(key, ["place"]))


def _only(value: ir.Value, condition: ir.Value) -> ir.Value:
    return condition.ifelse(value, ibis.null(value.type()))
