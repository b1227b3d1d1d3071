"""The spans of each field with what has built up in them: moves, pushes, first entries."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial

import ibis
import ibis.expr.types as ir

from closecurve.crm.stages import StageKind
from closecurve.features.subjects import Subject
from closecurve.features.tables import HistoryTables
from closecurve.features.timeline import (
    day_of,
    days_between,
    field_spans,
    number_of,
    running,
)

ENTERED = "entered_at_"
"""Prefix of the columns that hold when a stage was first entered, with the stage's number."""


MOVES = ("forward_move_count", "backward_move_count", "skipped_stage_count")
PLACES = ("stage_order", *MOVES)
"""What is known by a stage's place in its process."""


def stage_states(
    tables: HistoryTables, subject: Subject, places: Collection[str], entered: Mapping[str, str]
) -> ir.Table:
    """Stage spans: stage, when it was entered, its place and the moves so far, first entries.

    A move is counted between open stages of the process in the order in which they came to hold;
    a stage that the process does not know has no order and makes no move. Only those of `PLACES`
    that are named are worked out; `entered` names the stages by the column that tells when each
    was first entered.
    """
    key = [subject.id_column]
    spans = field_spans(tables, subject, "stage")
    told = spans.mutate(stage=spans.new_value, stage_at=spans.event_at)
    if places:
        told = with_stage_order(tables, _with_process(tables, subject, told))
    moves = [name for name in MOVES if name in places]
    if moves:
        told = _with_moves(told, key, moves)
    first = {
        name: _cumulative_min(told.event_at, told.new_value == stage, key)
        for name, stage in entered.items()
    }
    return told.select(*key, "known_at", "until_at", "stage", "stage_at", *places, **first)


def _with_moves(spans: ir.Table, key: Sequence[str], moves: Collection[str]) -> ir.Table:
    in_order = ibis.window(group_by=key, order_by="place")
    step = spans.stage_order - spans.stage_order.lag().over(in_order)
    stepped = spans.mutate(step=step.fill_null(0))
    counts = {
        "forward_move_count": _count(stepped.step > 0, key),
        "backward_move_count": _count(stepped.step < 0, key),
        "skipped_stage_count": _total(ibis.greatest(stepped.step - 1, 0), key),
    }
    return stepped.mutate(**{name: counts[name] for name in moves})


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
    return tables.once(f"{subject.name}_amounts", partial(_amount_states, tables, subject))


def _amount_states(tables: HistoryTables, subject: Subject) -> ir.Table:
    spans = field_spans(tables, subject, "amount")
    key = [subject.id_column]
    in_order = ibis.window(group_by=key, order_by="place")
    valued = spans.mutate(amount=number_of(spans.new_value))
    read = valued.mutate(
        before=valued.amount.lag().over(in_order), row=ibis.row_number().over(in_order)
    )
    first = _cumulative_max(read.amount, read.row == 0, key)  # engines differ in `first` of nulls
    return read.select(
        *key,
        "known_at",
        "until_at",
        "amount",
        amount_change_count=_count(read.amount != read.before, key),
        amount_change_ratio=read.amount / first.nullif(0.0),
    )


PUSHES = ("push_count", "pushed_days", "push_at")


def expected_close_states(
    tables: HistoryTables, subject: Subject, pushes: Collection[str]
) -> ir.Table:
    """Expected close spans: the day, and those of `PUSHES` that are named: pushes so far, their
    days, the last one."""
    key = [subject.id_column]
    spans = field_spans(tables, subject, "expected_close_date")
    read = spans.mutate(expected_at=day_of(spans.new_value))
    if pushes:
        read = _with_pushes(read, key, pushes)
    return read.select(*key, "known_at", "until_at", "expected_at", *pushes)


def _with_pushes(spans: ir.Table, key: Sequence[str], pushes: Collection[str]) -> ir.Table:
    before = spans.expected_at.lag().over(ibis.window(group_by=key, order_by="place"))
    by = days_between(before, spans.expected_at)
    pushed = spans.mutate(push=ibis.greatest(by.fill_null(0.0), 0.0))
    told = {
        "push_count": _count(pushed.push > 0, key),
        "pushed_days": _total(pushed.push, key),
        "push_at": _cumulative_max(pushed.event_at, pushed.push > 0, key),
    }
    return pushed.mutate(**{name: told[name] for name in pushes})


def owner_states(tables: HistoryTables, subject: Subject) -> ir.Table:
    """Owner spans: owner_id."""
    return tables.once(f"{subject.name}_owners", partial(_owner_states, tables, subject))


def _owner_states(tables: HistoryTables, subject: Subject) -> ir.Table:
    spans = field_spans(tables, subject, "owner_id")
    return spans.select(
        subject.id_column, "known_at", "until_at", "event_at", "place", owner_id="new_value"
    )


def hand_over_states(tables: HistoryTables, subject: Subject) -> ir.Table:
    """Owner spans: the hand-overs so far."""
    key = [subject.id_column]
    spans = owner_states(tables, subject)
    before = spans.owner_id.lag().over(ibis.window(group_by=key, order_by="place"))
    read = spans.mutate(handed=spans.owner_id != before)
    changed = read.mutate(owner_changed_count=_count(read.handed, key))
    return changed.select(*key, "known_at", "until_at", "owner_changed_count")


def _with_process(tables: HistoryTables, subject: Subject, spans: ir.Table) -> ir.Table:
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
