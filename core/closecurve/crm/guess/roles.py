"""Which table of a source is which: by its name, by its columns, and by whether ids repeat."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from closecurve.crm.errors import DataError
from closecurve.crm.guess.first_dates import first_date
from closecurve.crm.guess.names import concepts_of, named_role
from closecurve.crm.guess.seen import SeenTable

LEAST_TELLING: Final = 0.6
"""Share of a role's telling columns that a table without a telling name needs."""
MOST_STAGES: Final = 300
"""A list of stages is no longer."""
MOST_SHOWN: Final = 12

_NEEDED: Final[Mapping[str, str]] = {
    "deals": "id|name created stage|outcome|is_won|amount|mixed|expected|closed",
    "leads": "id created converted_at|converted|deal|outcome|source|disqualified_at",
    "changes": "deal|message at|message new|new_stage|stage|amount|expected",
    "activities": "at|done_at|created deal|lead",
    "messages": "id record model",
    "accounts": "id|name",
    "owners": "id|name",
    "stages": "name order|probability",
}
_TELLING: Final[Mapping[str, str]] = {
    "deals": "created stage amount outcome|is_won|probability mixed|expected|closed",
    "leads": "created converted_at|converted|deal outcome source id",
    "changes": "deal|message at new|new_stage|stage field|new_stage|stage",
    "activities": "kind at|done_at deal|lead done|direction|owner",
    "messages": "id record model kind",
    "accounts": "name industry size|place",
    "owners": "name mail team|manager",
    "stages": "name order probability",
}
"""Columns that a role must have, and those that speak for it: groups of which one is enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleGuess:
    """A table with its role, the column of each concept (`guess_names.CONCEPTS`), and why."""

    role: str
    table: SeenTable
    columns: Mapping[str, str]
    score: float
    is_named: bool

    @property
    def why(self) -> str:
        """The reason, for a comment."""
        listed = ", ".join(repr(each) for each in list(self.columns.values())[:5])
        named = f"it is named {self.table.label} and " if self.is_named else ""
        return f"{named}has {listed}"


def guess_roles(tables: Sequence[SeenTable]) -> list[RoleGuess]:
    """The best role of each table that has one, the surest first."""
    best = (max(_roles_of(each), key=lambda g: g.score, default=None) for each in tables)
    found = [guess for guess in best if guess]
    if not any(guess.role in ("deals", "leads") for guess in found):
        found += _by_elimination(tables, found)
    return sorted(found, key=lambda g: (-g.score, -len(g.table.rows)))


def _by_elimination(tables: Sequence[SeenTable], found: Sequence[RoleGuess]) -> list[RoleGuess]:
    """Where no table is deals by name or by most columns: those with what deals must have."""
    taken = {id(guess.table) for guess in found}
    left = (_guess(each, "deals", named="deals") for each in tables if id(each) not in taken)
    return [replace(guess, is_named=False) for guess in left if guess]


def of_role(guesses: Iterable[RoleGuess], role: str) -> list[RoleGuess]:
    """The tables of a role, the surest first."""
    return [guess for guess in guesses if guess.role == role]


def no_subjects(tables: Sequence[SeenTable]) -> DataError:
    """The error where no table can be deals or leads: what is missing, and what was seen."""
    seen = "; ".join(f"{t.label} with {', '.join(t.columns[:MOST_SHOWN])}" for t in tables[:5])
    return DataError(
        "init-no-deals",
        "a table of deals (or leads) has an id, a creation date ('created_at', 'CreatedDate',"
        f" '创建时间', …) and a stage, outcome or amount, got {seen}",
    )


def _roles_of(table: SeenTable) -> list[RoleGuess]:
    named = named_role(table.label)
    found = (_guess(table, role, named) for role in _NEEDED)
    return [guess for guess in found if guess is not None]


def _guess(table: SeenTable, role: str, named: str | None) -> RoleGuess | None:
    columns = _with_its_time(table, role, concepts_of(table.columns, role), named == role)
    told = _share(_TELLING[role], columns)
    if _share(_NEEDED[role], columns) < 1 or not _fits(table, role, columns):
        return None
    if named != role and (told < LEAST_TELLING or named in ("accounts", "owners", "stages")):
        return None
    score = told + (1.0 if named == role else 0.0)
    return RoleGuess(role=role, table=table, columns=columns, score=score, is_named=named == role)


_TIMES: Final[Mapping[str, str]] = {
    "deals": "created",
    "leads": "created",
    "changes": "at",
    "activities": "at",
}
"""The concept of a role that says when a row came to be."""


def _with_its_time(
    table: SeenTable, role: str, columns: dict[str, str], is_named: bool
) -> dict[str, str]:
    """The concepts with the time of a row by its values, where a table is named for its role and no
    column for its time."""
    time = _TIMES.get(role)
    if not is_named or time is None or {time, "done_at", "created"} & set(columns):
        return columns
    planned = {columns[each] for each in ("expected", "mixed") if each in columns}
    found = first_date(table, set(columns.values()), planned)
    return {**columns, time: found} if found else columns


def lacking(table: SeenTable) -> str | None:
    """What a table has not that its name promises: the concepts of which it needs one."""
    role = named_role(table.label)
    if role is None:
        return None
    columns = concepts_of(table.columns, role)
    missing = [group for group in _NEEDED[role].split() if _share(group, columns) < 1]
    return f"{role} need {' or '.join(missing[0].split('|'))}" if missing else None


def _share(groups: str, columns: Mapping[str, str]) -> float:
    listed = [group.split("|") for group in groups.split()]
    return sum(any(each in columns for each in group) for group in listed) / len(listed)


def _fits(table: SeenTable, role: str, columns: Mapping[str, str]) -> bool:
    """Whether the values speak against it: deals are there once, changes come several a deal."""
    if role in ("deals", "leads"):
        keys = [columns[each] for each in ("id", "name") if each in columns]
        return any(_is_nearly_key(table, key) for key in keys)
    if role == "changes" and "deal" in columns:
        return not (len(table.rows) > 1 and table.is_key(columns["deal"]))
    return role != "stages" or len(table.rows) <= MOST_STAGES


def _is_nearly_key(table: SeenTable, column: str) -> bool:
    values = table.text(column)
    return len(values) >= 0.95 * len(table.rows) and values.nunique() >= 0.95 * len(values)
