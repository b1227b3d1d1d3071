"""The deals of a mapping, guessed from the table that holds them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import pandas as pd

from closecurve.crm.guess.attributes import guess_attributes
from closecurve.crm.guess.draft import Entry, Section
from closecurve.crm.guess.formats import LEAST_DATES, date_share
from closecurve.crm.guess.names import is_name_of, normal
from closecurve.crm.guess.outcome import OutcomeGuess, guess_outcome, truths
from closecurve.crm.guess.roles import RoleGuess
from closecurve.crm.guess.seen import SeenTable, literal, one_of, quoted
from closecurve.crm.values import read_instants

FORECAST_WORDS: Final[Mapping[str, str]] = {
    "omitted": "omitted",
    "pipeline": "pipeline",
    "bestcase": "best_case",
    "mostlikely": "commit",
    "commit": "commit",
    "forecast": "commit",
    "closed": "closed",
    "closedwon": "closed",
}
_LISTED = ";"
_UNSURE_FILL = 0.5
_MISSING_CREATION = 0.02
"""Share of rows without a creation date, from which on the mapping leaves them out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DealGuess:
    """The deals: their table, what is needed of it elsewhere, and the section of the mapping.

    `columns` has the column of each concept, `is_deal` by row of the sample whether it is one: no
    lead of a common table, nothing deleted.
    """

    role: RoleGuess
    columns: Mapping[str, str]
    id_column: str
    section: Section
    outcome: OutcomeGuess
    is_deal: pd.Series
    where: str | None

    @property
    def table(self) -> SeenTable:
        """The table that holds the deals."""
        return self.role.table

    def where_of_join(self) -> str:
        """The condition of a deal, for a table that this one is joined to; empty: none."""
        return _kept(self.table, self.columns, f"{self.table.name}.").where or ""

    @property
    def ids(self) -> pd.Series:
        """The ids of the deals, as the mapping takes them."""
        return self.table.rows[self.id_column].str.strip()


def guess_deals(
    role: RoleGuess, stage_values: Mapping[str, str], taken: frozenset[str]
) -> DealGuess:
    """The deals of a table. `stage_values` renames stages that are ids of a list of stages;
    `taken` are columns that the changes use."""
    table, columns = role.table, checked_columns(role)
    kept = _kept(table, columns)
    outcome = guess_outcome(table, columns)
    used = {column for concept, column in columns.items() if concept in _USED}
    attributes = guess_attributes(table, "deals", {*used, *taken}, outcome.said.notna())
    values = _values(table, columns, outcome, stage_values)
    head = [Entry(key="from", value=table.name, why=role.why, sure=role.is_named)]
    if kept.where:
        head.append(Entry(key="where", value=kept.where, why=kept.why, sure=kept.sure))
    parts = [Section(name="columns", entries=tuple(_entries(table, columns, outcome)))]
    parts += [Section(name=f"values.{name}", entries=each) for name, each in values.items()]
    section = Section(
        name="tables.deals", entries=tuple(head), parts=(*parts, *attributes.sections())
    )
    return DealGuess(
        role=role,
        columns=columns,
        id_column=_id_column(table, columns),
        section=section,
        outcome=outcome,
        is_deal=kept.rows,
        where=kept.where,
    )


_USED: Final = frozenset(
    "id name created modified outcome won_at lost_at closed expected mixed is_won is_closed"
    " is_lost active deleted stage process amount won_amount currency owner account lead converted"
    " forecast probability".split()
)
"""Concepts that are no attributes, whether or not they are mapped."""


def checked_columns(role: RoleGuess) -> dict[str, str]:
    """The concepts without dates that are none. A table without a stage takes its status for it."""
    table, columns = role.table, dict(role.columns)
    for concept in ("closed", "won_at", "lost_at", "mixed", "expected", "converted"):
        column = columns.get(concept)
        if column and len(table.text(column)) and date_share(table.text(column)) < LEAST_DATES:
            del columns[concept]
    status = columns.get("outcome")
    if "stage" not in columns and status and len(table.distinct(status)) > 3:
        columns["stage"] = columns.pop("outcome")
    if "currency" in columns and not _is_currency(table, columns["currency"]):
        del columns["currency"]
    return columns


def _is_currency(table: SeenTable, column: str) -> bool:
    values = table.text(column)
    return len(values) > 0 and bool(values.str.fullmatch("[A-Za-z]{3}").all())


def _id_column(table: SeenTable, columns: Mapping[str, str]) -> str:
    listed = [columns[each] for each in ("id", "name") if each in columns]
    return next((each for each in listed if table.is_key(each)), listed[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """Which rows of a table are deals: the condition, the rows of the sample, and the reason."""

    where: str | None
    rows: pd.Series
    why: str
    sure: bool = True


def _kept(table: SeenTable, columns: Mapping[str, str], prefix: str = "") -> _Kept:
    """No leads of a common table, nothing deleted, nothing without a creation date.

    `prefix` stands before the columns, for a table that this one is joined to.
    """
    found = [*_conditions(table, columns, prefix)]
    rows = pd.Series(True, table.rows.index)
    for _, which, _ in found:
        rows &= which
    return _Kept(
        where=" AND ".join(condition for condition, _, _ in found) or None,
        rows=rows,
        why="; ".join(reason for _, _, reason in found),
        sure=not any(_NO_CREATION in reason for _, _, reason in found),
    )


def _conditions(
    table: SeenTable, columns: Mapping[str, str], prefix: str
) -> Iterator[tuple[str, pd.Series, str]]:
    """Conditions of a deal in SQL, the rows of the sample that keep them, and the reason."""
    kind, status, flag = (columns.get(each) for each in ("type", "outcome", "deleted"))
    created, rows = columns["created"], table.rows
    if kind and {"lead", "opportunity"} & {each.casefold() for each in table.distinct(kind)}:
        deals = [v for v in table.distinct(kind) if v.casefold() == "opportunity"]
        condition = one_of(prefix + quoted(kind), deals or ["opportunity"])
        yield condition, rows[kind].isin(deals), f"{kind!r} tells deals from leads"
    gone = [v for v in table.distinct(status) if v.casefold() == "deleted"] if status else []
    if status and gone:
        condition = f"{prefix}{quoted(status)} <> {literal(gone[0])}"
        yield condition, ~rows[status].isin(gone), f"{status!r} says which were deleted"
    if flag and (yes := [v for v in truths(table, flag) if v in table.distinct(flag)]):
        condition = f"NOT ({one_of(prefix + quoted(flag), yes)})"
        yield condition, ~rows[flag].isin(yes), f"{flag!r} says which were deleted"
    if (missing := 1 - table.filled_share(created)) > _MISSING_CREATION:
        why = f"{missing:.0%} of rows {_NO_CREATION} ({created!r}) and are left out"
        yield f"{prefix}{quoted(created)} IS NOT NULL", rows[created].notna(), why


_NO_CREATION: Final = "have no creation date"


def _entries(
    table: SeenTable, columns: Mapping[str, str], outcome: OutcomeGuess
) -> Iterator[Entry]:
    yield _id_entry(table, _id_column(table, columns))
    yield _created_entry(table, columns)
    if outcome.entry:
        yield outcome.entry
    yield from _closed_entry(table, columns, outcome)
    yield from _stage_entry(table, columns)
    for concept, key in _PLAIN.items():
        if concept in columns and len(table.text(columns[concept])):
            yield _plain_entry(table, columns[concept], key)
    yield from _expected_entry(table, columns)
    if "lead" in columns and len(table.text(columns["lead"])):
        yield _plain_entry(table, columns["lead"], "lead_id")
    elif "converted" in columns and "type" in columns:
        condition = f"CASE WHEN {quoted(columns['converted'])} IS NOT NULL THEN "
        value = f"{condition}{quoted(_id_column(table, columns))} END"
        why = "a deal that was converted keeps the id of its lead"
        yield Entry(key="lead_id", value=value, why=why)


_PLAIN: Final = {
    "process": "process",
    "amount": "amount",
    "currency": "currency",
    "owner": "owner_id",
    "account": "account_id",
    "forecast": "forecast_category",
}
"""Concepts that are mapped as they stand."""


def _id_entry(table: SeenTable, column: str) -> Entry:
    is_key = table.is_key(column)
    why = f"the name {column!r}, and " + (
        "every value stands there once" if is_key else "some values stand there twice"
    )
    is_id = "id" in normal(column) or not column.isascii()
    return Entry(key="deal_id", value=quoted(column), why=why, sure=is_key and is_id)


def _created_entry(table: SeenTable, columns: Mapping[str, str]) -> Entry:
    column = columns["created"]
    share = date_share(table.text(column))
    is_said = is_name_of(column, "deals", "created")
    why = f"the name {column!r} and {share:.0%} dates"
    why = why if is_said else f"{column!r} is the first date of nearly every row"
    value = quoted(column)
    if "converted" in columns and "type" in columns:
        value = f"COALESCE({quoted(columns['converted'])}, {value})"
        why += f"; a lead becomes a deal at its {columns['converted']!r}"
    return Entry(key="created_at", value=value, why=why, sure=is_said and share >= LEAST_DATES)


def _closed_entry(
    table: SeenTable, columns: Mapping[str, str], outcome: OutcomeGuess
) -> Iterator[Entry]:
    """The day of the close, only where the deal is closed: many CRMs keep the expected one too."""
    column = columns.get("closed") or columns.get("mixed")
    won, lost = columns.get("won_at"), columns.get("lost_at")
    if column is None and won is None:
        return
    ended = outcome.said.notna()
    if column is None:
        value = f"COALESCE({quoted(won or '')}, {quoted(lost)})" if lost else quoted(won or "")
        yield Entry(key="closed_at", value=value, why=f"the names {won!r} and {lost!r}")
        return
    filled = table.rows[column].notna()
    missing = float((~filled[ended]).mean()) if ended.any() else 0.0
    share = f"filled on {1 - missing:.0%} of closed deals"
    why = f"the name {column!r}, {share if ended.any() else 'and no deal is closed'}"
    value = quoted(column)
    if not filled.equals(ended):
        value = f"CASE WHEN {outcome.closed} THEN {value} END" if outcome.closed else "NULL"
        why += "; on open deals it is no close" if filled[~ended].any() else ""
    yield Entry(key="closed_at", value=value, why=why, sure=missing < _UNSURE_FILL)


def _stage_entry(table: SeenTable, columns: Mapping[str, str]) -> Iterator[Entry]:
    if column := columns.get("stage"):
        values = table.distinct(column)
        shown = ", ".join(repr(each) for each in values[:4])
        why = f"the name {column!r} and {len(values)} values, such as {shown}"
        yield Entry(key="stage", value=quoted(column), why=why, sure=len(values) <= 40)


def _plain_entry(table: SeenTable, column: str, key: str) -> Entry:
    share = table.filled_share(column)
    value, why = quoted(column), f"the name {column!r}, filled on {share:.0%} of rows"
    if table.text(column).str.contains(_LISTED, regex=False).any():
        value = f"split_part({value}, '{_LISTED}', 1)"
        why += "; of several the first"
    return Entry(key=key, value=value, why=why)


def _expected_entry(table: SeenTable, columns: Mapping[str, str]) -> Iterator[Entry]:
    own, mixed = columns.get("expected"), columns.get("mixed")
    if own:
        yield _plain_entry(table, own, "expected_close_date")
    elif mixed:
        why = f"{mixed!r} is the expected close of an open deal, the real one of a closed deal"
        yield Entry(key="expected_close_date", value=quoted(mixed), why=why, sure=False)


def _values(
    table: SeenTable,
    columns: Mapping[str, str],
    outcome: OutcomeGuess,
    stage_values: Mapping[str, str],
) -> dict[str, tuple[Entry, ...]]:
    found: dict[str, tuple[Entry, ...]] = {}
    if outcome.values:
        found["outcome"] = value_entries(outcome.values)
    if stage_values and "stage" in columns:
        found["stage"] = value_entries(stage_values)
    if column := columns.get("forecast"):
        words = forecast_values(table.distinct(column))
        found |= {"forecast_category": value_entries(words)} if words else {}
    return found


def forecast_values(values: Sequence[str]) -> dict[str, str]:
    """The value map of forecast categories; empty where they stand as they should."""
    words = {value: FORECAST_WORDS.get(normal(value), "") for value in values}
    return words if any(value != word for value, word in words.items()) else {}


_LATEST: Final = {
    "expected_close_date": "; no changes of it were found, so the leakage guard may set it aside",
    "forecast_category": "; no changes of it were found, so past days show today's",
}


def with_changes(section: Section, changed: Collection[str]) -> Section:
    """The section of the deals, with a doubt at each field that only its changes would tell."""
    columns, *others = section.parts
    entries = (
        replace(entry, sure=False, why=entry.why + _LATEST[entry.key])
        if entry.key in _LATEST and entry.key not in changed
        else replace(entry, sure=True)
        if entry.key in changed
        else entry
        for entry in columns.entries
    )
    return replace(section, parts=(replace(columns, entries=tuple(entries)), *others))


def value_entries(values: Mapping[str, str]) -> tuple[Entry, ...]:
    """The entries of a value map."""
    return tuple(Entry(key=old, value=new, sure=None) for old, new in values.items())


def created_instants(deals: DealGuess) -> pd.Series:
    """When each deal of the sample was created."""
    return read_instants(deals.table.rows[deals.columns["created"]], deals.table.written)
