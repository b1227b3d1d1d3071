"""Activities, accounts, owners, and tables that have the canonical columns already."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from closecurve.crm.guess.attributes import guess_attributes
from closecurve.crm.guess.deals import DealGuess
from closecurve.crm.guess.draft import Entry, Section
from closecurve.crm.guess.leads import LeadGuess
from closecurve.crm.guess.names import is_name_of, normal
from closecurve.crm.guess.outcome import truths
from closecurve.crm.guess.roles import RoleGuess
from closecurve.crm.guess.seen import SeenTable, literal, one_of, overlap, quoted
from closecurve.crm.tables import CANONICAL
from closecurve.crm.values import read_instants

_LISTED = ";"
_DONE: Final = frozenset("completed complete done closed 完成 已完成".split())
_DONE_CODES: Final = frozenset(["1"])
_DIRECTIONS: Final[Mapping[str, str]] = {
    "inbound": "inbound",
    "incoming": "inbound",
    "incomingemail": "inbound",
    "outbound": "outbound",
    "outgoing": "outbound",
    "email": "outbound",
    "呼入": "inbound",
    "呼出": "outbound",
}
_SYSTEM: Final = frozenset("notification usernotification autocomment".split())
_PREFIXES: Final = {"whatid": "006", "whoid": "00Q"}
"""Salesforce's ids begin with the kind of record: one column refers to records of many kinds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subjects:
    """What activities belong to, and the last instant at which any record was made or changed."""

    deals: DealGuess | None
    leads: LeadGuess | None
    known_until: pd.Timestamp | None

    def ids(self, kind: str) -> pd.Series:
        """The ids of the sample's deals or leads."""
        found = self.deals if kind == "deal" else self.leads
        if found is None:
            return pd.Series(dtype="str")
        return found.table.rows[found.id_column].dropna().str.strip()


def guess_activities(role: RoleGuess, subjects: Subjects) -> Section | None:
    """The activities of a table; None where they are of no deal and no lead that was seen."""
    table, columns = role.table, role.columns
    found = [each for kind in ("deal", "lead") if (each := _subject(role, subjects, kind))]
    if not found:
        return None
    done, done_why = _done(table, columns)
    conditions = [each for each in (done, *_of_people(table, columns)) if each]
    if any("CASE" in str(entry.value) for entry in found):
        both = " OR ".join(f"({entry.value}) IS NOT NULL" for entry in found)
        conditions.append(f"({both})")
    head = [Entry(key="from", value=table.name, why=role.why, sure=role.is_named)]
    if conditions:
        head.append(Entry(key="where", value=" AND ".join(conditions), why=done_why))
    direction = tuple(_direction(table, columns))
    entries = [_at(role, subjects, bool(done)), _kind(table, columns), *found]
    if "owner" in columns:
        entries.append(Entry(key="owner_id", value=quoted(columns["owner"]), sure=None))
    parts = [Section(name="columns", entries=(*entries, *direction))]
    if direction and (values := _direction_values(table, columns["direction"])):
        parts.append(Section(name="values.direction", entries=values))
    return Section(
        name="tables.activities", entries=tuple(head), parts=tuple(parts), is_listed=True
    )


def _subject(role: RoleGuess, subjects: Subjects, kind: str) -> Entry | None:
    """The deal or lead of an activity, where the sample knows some of them."""
    known = subjects.ids(kind)
    same = subjects.deals and subjects.leads and subjects.deals.table is subjects.leads.table
    column = role.columns.get(kind) or (role.columns.get("deal") if same else None)
    if column is None or not len(known):
        return None
    values = role.table.text(column)
    listed = values.str.contains(_LISTED, regex=False).any()
    first = values.str.split(_LISTED, n=1).str[0] if listed else values
    if overlap(first, known) == 0:
        return None
    value = f"split_part({quoted(column)}, '{_LISTED}', 1)" if listed else quoted(column)
    prefix = _PREFIXES.get(normal(column))
    if prefix and known.str.startswith(prefix).all() and not first.str.startswith(prefix).all():
        value = f"CASE WHEN {quoted(column)} LIKE '{prefix}%' THEN {quoted(column)} END"
    share = overlap(first, known)
    why = f"the name {column!r}, {share:.0%} of its values are {kind}s of the sample"
    return Entry(key=f"{kind}_id", value=value, why=why)


def _done(table: SeenTable, columns: Mapping[str, str]) -> tuple[str | None, str]:
    """What is only planned has not happened."""
    column = columns.get("done")
    if column is None:
        return None, ""
    values = table.distinct(column)
    codes = _DONE_CODES if normal(column) == "statecode" else frozenset()
    done = [each for each in values if normal(each) in _DONE or each in codes]
    if not done and normal(column) != "statecode":
        done = [each for each in truths(table, column) if each in values]
    if not done:
        return None, ""
    return one_of(quoted(column), done), f"{column!r} says which are done, not only planned"


def _of_people(table: SeenTable, columns: Mapping[str, str]) -> Iterator[str]:
    """What people wrote about leads and deals: an Odoo message may be of any record, and many are
    the system's own."""
    if "model" in columns:
        yield f"{quoted(columns['model'])} = 'crm.lead'"
    kind = columns.get("kind")
    own = [each for each in table.distinct(kind) if normal(each) in _SYSTEM] if kind else []
    if kind and own:
        yield f"NOT ({one_of(quoted(kind), own)})"


def _at(role: RoleGuess, subjects: Subjects, is_done: bool) -> Entry:
    """When it happened. A plan for a later day must not count as known by then."""
    table, columns = role.table, role.columns
    done_at, at, created = (columns.get(each) for each in ("done_at", "at", "created"))
    if done_at:
        others = [each for each in (at, created) if each and table.filled_share(done_at) < 1]
        value = _coalesced([done_at, *others[:1]])
        return Entry(key="event_at", value=value, why=f"the name {done_at!r}")
    if at is None or (created and not is_done and _is_planned(table, at, subjects)):
        why = f"{at!r} holds plans for later days" if at else "no other day is there"
        value = quoted(created or "")
        return Entry(key="event_at", value=value, why=f"the name {created!r}; {why}", sure=bool(at))
    is_said = is_name_of(at, "activities", "at")
    why = f"the name {at!r}" if is_said else f"{at!r} is the first date of nearly every row"
    return Entry(key="event_at", value=quoted(at), why=why, sure=is_said)


def _coalesced(columns: Sequence[str]) -> str:
    if len(columns) == 1:
        return quoted(columns[0])
    return f"COALESCE({', '.join(f'CAST({quoted(each)} AS VARCHAR)' for each in columns)})"


def _is_planned(table: SeenTable, column: str, subjects: Subjects) -> bool:
    if subjects.known_until is None:
        return True
    latest = read_instants(table.rows[column], table.written).max()
    return bool(pd.notna(latest) and latest > subjects.known_until + pd.Timedelta(days=1))


def _kind(table: SeenTable, columns: Mapping[str, str]) -> Entry:
    column = columns.get("kind")
    if column is None:
        word = normal(table.label.rsplit(".", 1)[0]).removesuffix("s") or "activity"
        return Entry(key="kind", value=literal(word), why="no column has it", sure=False)
    name = f"lower({quoted(column)})"
    if table.filled_share(column) < 1:
        word = normal(table.label.split(".", 1)[0]).removesuffix("s") or "activity"
        name = f"COALESCE({name}, {literal(word)})"
    return Entry(key="kind", value=name, why=f"the name {column!r}")


def _direction(table: SeenTable, columns: Mapping[str, str]) -> Iterator[Entry]:
    column = columns.get("direction")
    if column and any(normal(each) in _DIRECTIONS for each in table.distinct(column)):
        yield Entry(key="direction", value=quoted(column), why=f"the name {column!r}")


def _direction_values(table: SeenTable, column: str) -> tuple[Entry, ...]:
    words = {each: _DIRECTIONS.get(normal(each), "") for each in table.distinct(column)}
    return tuple(Entry(key=k, value=v, sure=None) for k, v in words.items() if k != v)


def guess_people(role: RoleGuess, used: pd.Series) -> Section | None:
    """Accounts or owners; `used` are the values by which deals and leads name them.

    The key is the id or the name, whichever the deals have. None where they have neither.
    """
    table, columns = role.table, role.columns
    keys = [columns[each] for each in ("id", "name", "mail") if each in columns]
    best = max(keys, key=lambda each: overlap(used, table.text(each)))
    share = overlap(used, table.text(best))
    if share == 0 or not table.is_key(best):
        return None
    key = CANONICAL[role.role].key or ""
    why = f"{share:.0%} of the values that deals have are in {best!r}"
    entries = [Entry(key=key, value=quoted(best), why=why)]
    entries += [
        Entry(key=name, value=quoted(columns[concept]), why=f"the name {columns[concept]!r}")
        for concept, name in _OWNER_COLUMNS.items()
        if role.role == "owners" and concept in columns and len(table.text(columns[concept]))
    ]
    parts = [Section(name="columns", entries=tuple(entries))]
    taken = {columns[each] for each in ("id", "name", *_OWNER_COLUMNS, "mail") if each in columns}
    attributes = guess_attributes(table, role.role, taken)
    parts += attributes.sections()
    head = (Entry(key="from", value=table.name, why=role.why, sure=role.is_named),)
    return Section(name=f"tables.{role.role}", entries=head, parts=tuple(parts))


_OWNER_COLUMNS: Final = {
    "name": "name",
    "team": "team",
    "manager": "manager_id",
    "region": "region",
    "hired": "hired_date",
    "left": "left_date",
}


def canonical_tables(tables: Sequence[SeenTable]) -> Iterator[Section]:
    """Changes of leads, targets and rates of exchange, where a table has their columns by name."""
    for name in ("lead_changes", "targets", "fx_rates"):
        needed = {column.name for column in CANONICAL[name].columns if column.required}
        for table in tables:
            if needed <= {each.casefold() for each in table.columns}:
                entry = Entry(key="from", value=table.name, why="it has the columns by their names")
                yield Section(name=f"tables.{name}", entries=(entry,))
                break
