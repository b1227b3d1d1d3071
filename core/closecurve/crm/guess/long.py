"""Changes as one row for each field that changed, with its old and its new value."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

import pandas as pd

from closecurve.crm.guess.deals import forecast_values
from closecurve.crm.guess.draft import Entry
from closecurve.crm.guess.histories import ChangeGuess, History, history_section
from closecurve.crm.guess.moves import moves_of, no_moves
from closecurve.crm.guess.names import CONCEPTS, columns_by_name, find_column
from closecurve.crm.guess.outcome import outcome_word
from closecurve.crm.guess.seen import literal, one_of, overlap, quoted

FIELDS: Final = {
    "stage": "stage",
    "amount": "amount",
    "expected": "expected_close_date",
    "mixed": "expected_close_date",
    "owner": "owner_id",
    "forecast": "forecast_category",
    "outcome": "outcome",
}
"""What the concepts of deals are called as fields of changes."""

_LEAST_OVERLAP: Final = 0.05


def long_changes(history: History, taken: frozenset[str]) -> ChangeGuess:
    """One row for each field that changed; fields that are `taken` come from another table."""
    names = {s: f for s, f in _field_names(history).items() if f not in taken}
    if not names:
        return ChangeGuess()
    where = [one_of(quoted(history.columns["field"]), list(names)), *_owner_ids(history, names)]
    section = history_section(
        history, [*_columns(history, names)], where, _long_values(history, names)
    )
    return ChangeGuess(
        sections=(section,), moves=_moves(history, names), fields=frozenset(names.values())
    )


def _columns(history: History, names: Mapping[str, str]) -> Iterator[Entry]:
    source = history.columns["field"]
    pairs = " ".join(f"WHEN {literal(old)} THEN {literal(new)}" for old, new in names.items())
    unknown = [each for each in history.table.distinct(source) if each not in names]
    why = f"{source!r} names the fields"
    if unknown:
        why += f"; not taken: {', '.join(map(repr, unknown[:8]))}"
    yield Entry(key="field", value=f"CASE {quoted(source)} {pairs} END", why=why)
    for which in ("new", "old"):
        if column := history.columns.get(which):
            value = _value_sql(history, names, which, column)
            yield Entry(key=f"{which}_value", value=value, why=f"the name {column!r}")


def _moves(history: History, names: Mapping[str, str]) -> pd.DataFrame:
    """The changes of the stage among them."""
    rows, columns = history.table.rows, history.columns
    is_stage = rows[columns["field"]].str.strip().map(dict(names)) == "stage"
    if not is_stage.any():
        return no_moves()
    return moves_of(
        history.deal_ids()[is_stage],
        history.instants()[is_stage],
        rows.loc[is_stage, columns["new"]],
        rows.loc[is_stage, columns["old"]] if "old" in columns else None,
        history.stage_values,
    )


def _field_names(history: History) -> dict[str, str]:
    """What each value of the field column is a field of; of two names of one field the better."""
    seen = columns_by_name(history.table.distinct(history.columns["field"]))
    found: dict[str, str] = {}
    for concept, name in FIELDS.items():
        source = find_column(seen, CONCEPTS["deals"][concept])
        if source and name not in found.values() and _is_readable(history, source, name):
            found[source] = name
    return found


def _is_readable(history: History, source: str, name: str) -> bool:
    """Whether the new values of a field are such as the history takes: known owners, outcomes."""
    if name not in ("outcome", "owner_id"):
        return True
    said = history.table.rows[history.columns["field"]].str.strip() == source
    new = history.table.rows.loc[said, history.columns["new"]].dropna().str.strip()
    if name == "outcome":
        return len(new) > 0 and all(outcome_word(each) for each in new.unique())
    owner = history.deals.columns.get("owner")
    return owner is not None and overlap(new, history.deals.table.text(owner)) > _LEAST_OVERLAP


def _owner_ids(history: History, names: Mapping[str, str]) -> list[str]:
    """Salesforce writes a change of owner twice, with the names and with the ids."""
    source = next((each for each, name in names.items() if name == "owner_id"), None)
    owners = history.deals.table.text(history.deals.columns["owner"]) if source else None
    if source is None or owners is None or not owners.str.startswith("005").all():
        return []
    field, new = quoted(history.columns["field"]), quoted(history.columns["new"])
    if len(names) == 1:
        return [f"{new} LIKE '005%'"]
    return [f"({field} <> {literal(source)} OR {new} LIKE '005%')"]


def _value_sql(history: History, names: Mapping[str, str], which: str, column: str) -> str:
    """The expression of the new or old value. Odoo has a column for each type of value."""
    typed = {
        source: found
        for source, name in names.items()
        if (found := _typed_column(history, source, name, column)) != column
    }
    pairs = " ".join(f"WHEN {literal(s)} THEN {_text(c)}" for s, c in typed.items())
    field = quoted(history.columns["field"])
    return f"CASE {field} {pairs} ELSE {quoted(column)} END" if typed else quoted(column)


def _text(column: str) -> str:
    return f"CAST({quoted(column)} AS VARCHAR)"


def _typed_column(history: History, source: str, name: str, column: str) -> str:
    """Of the columns for each type, the one that is filled with most values for the field."""
    stem = re.sub(r"_char$", "", column)
    kinds = {"amount": ("monetary", "float", "integer"), "expected_close_date": ("datetime",)}
    said = history.table.rows[history.columns["field"]].str.strip() == source
    others = [f"{stem}_{kind}" for kind in kinds.get(name, ())]
    rows = history.table.rows.loc[said]
    counts = {each: rows[each].nunique() for each in (column, *others) if each in rows}
    return max(counts, key=lambda each: counts[each])


def _long_values(history: History, names: Mapping[str, str]) -> dict[str, Mapping[str, str]]:
    found: dict[str, Mapping[str, str]] = {}
    said = history.table.rows[history.columns["field"]].str.strip()
    for source, name in names.items():
        new = history.table.rows.loc[said == source, history.columns["new"]].dropna()
        values = [str(each) for each in new.str.strip().unique()]
        if name == "stage":
            found[name] = history.stage_values
        elif name == "outcome":
            words = {each: outcome_word(each) or "" for each in values}
            found[name] = {each: word for each, word in words.items() if each.lower() != word}
        elif name == "forecast_category":
            found[name] = forecast_values(values)
    return found
