"""The changes of deals, guessed from whatever history a source has: a table of fields with old
and new values, a table of moves, a row per change, or a column for each stage."""

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from typing import Final

from closecurve.crm.guess.deals import DealGuess, forecast_values
from closecurve.crm.guess.draft import Entry
from closecurve.crm.guess.entered import entered_changes, won_amounts
from closecurve.crm.guess.histories import ChangeGuess, History, history_section
from closecurve.crm.guess.long import FIELDS, long_changes
from closecurve.crm.guess.moves import moves_of, no_moves
from closecurve.crm.guess.roles import RoleGuess
from closecurve.crm.guess.seen import literal, quoted

_VERSIONED: Final = ("stage", "amount", "expected", "forecast")


def guess_changes(
    histories: Sequence[RoleGuess],
    deals: DealGuess,
    messages: RoleGuess | None,
    wide: Mapping[str, Sequence[str]],
    stage_values: Mapping[str, str],
) -> ChangeGuess:
    """All parts of the changes. A field that one table of changes has is not taken from another:
    a row per change comes first, as it is complete, then fields with old and new values."""
    found = [entered_changes(deals, wide)] if wide else []
    made = [
        History(role=role, deals=deals, messages=messages, stage_values=stage_values)
        for role in histories
        if {"deal", "at"} <= set(role.columns) or (messages and "at" in messages.columns)
    ]
    for history in sorted(made, key=lambda each: _shape(each.columns)):
        taken = frozenset().union(*(each.fields for each in found))
        found.append(_of_shape(history, taken))
    if won := won_amounts(deals, frozenset().union(*(each.fields for each in found))):
        found.append(won)
    return reduce(ChangeGuess.joined, found, ChangeGuess())


def _shape(columns: Mapping[str, str]) -> int:
    """0: moves of stage, 1: a row per change, 2: a field with its old and new value."""
    if "field" in columns and "new" in columns:
        return 2
    return 0 if "new_stage" in columns else 1


def _of_shape(history: History, taken: frozenset[str]) -> ChangeGuess:
    shape = _shape(history.columns)
    if shape == 2:
        return long_changes(history, taken)
    return _versions(history, taken) if shape else _stage_moves(history, taken)


def _versions(history: History, taken: frozenset[str]) -> ChangeGuess:
    """A row per change with the deal's values after it: a part for each of them."""
    sections, fields, moves = [], set(), no_moves()
    for concept in _VERSIONED:
        name = FIELDS[concept]
        if concept not in history.columns or name in taken:
            continue
        fields.add(name)
        column = history.columns[concept]
        values = history.stage_values if concept == "stage" else _forecast_values(history, concept)
        new = Entry(key="new_value", value=quoted(column), why=f"the name {column!r}")
        said = (Entry(key="field", value=literal(name), sure=None), new)
        sections.append(history_section(history, said, (), {name: values}))
        if concept == "stage":
            new_stage = history.table.rows[column]
            moves = moves_of(
                history.deal_ids(), history.instants(), new_stage, None, history.stage_values
            )
    return ChangeGuess(sections=tuple(sections), moves=moves, fields=frozenset(fields))


def _forecast_values(history: History, concept: str) -> Mapping[str, str]:
    if concept != "forecast":
        return {}
    return forecast_values(history.table.distinct(history.columns[concept]))


def _stage_moves(history: History, taken: frozenset[str]) -> ChangeGuess:
    if "stage" in taken:
        return ChangeGuess()
    new, old = history.columns["new_stage"], history.columns.get("old_stage")
    columns = [
        Entry(key="field", value="'stage'", sure=None),
        Entry(key="new_value", value=quoted(new), why=f"the name {new!r}"),
    ]
    if old:
        columns.append(Entry(key="old_value", value=quoted(old), why=f"the name {old!r}"))
    rows = history.table.rows
    moves = moves_of(
        history.deal_ids(),
        history.instants(),
        rows[new],
        rows[old] if old else None,
        history.stage_values,
    )
    section = history_section(history, columns, (), {"stage": history.stage_values})
    return ChangeGuess(sections=(section,), moves=moves, fields=frozenset({"stage"}))


def change_remarks(changes: ChangeGuess) -> Iterator[str]:
    """What the lack of a history means for the answers."""
    if "stage" not in changes.fields:
        yield (
            "no history of stages was found: days in stage and stage conversion stay unknown."
            " An export of the CRM's stage or field history makes the answers sharper"
        )
