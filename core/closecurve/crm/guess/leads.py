"""The leads of a mapping: from a table of their own or, for Odoo, from that of the deals."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import pandas as pd

from closecurve.crm.guess.attributes import guess_attributes
from closecurve.crm.guess.deals import DealGuess
from closecurve.crm.guess.draft import Entry, Section
from closecurve.crm.guess.formats import LEAST_DATES, date_share
from closecurve.crm.guess.names import is_name_of, normal
from closecurve.crm.guess.outcome import truths
from closecurve.crm.guess.roles import RoleGuess
from closecurve.crm.guess.seen import SeenTable, one_of, overlap, quoted

_DISQUALIFIED: Final = frozenset(
    "disqualified unqualified closednotconverted notconverted baddata dead lost recycled junk spam"
    " rejected invalid notinterested discarded closedlost 无效 已无效 关闭 已关闭 不合格 已放弃"
    " 放弃".split()
)
_CONVERTED: Final = frozenset("converted closedconverted 已转化 已转换 转化".split())
_QUALIFIED: Final = frozenset("qualified".split())
_STATE_CODES: Final = {"1": "converted", "2": "disqualified"}
NO_DAY: Final = "NULL"
LEAST_DATED: Final = 0.5
"""Share of the leads that ended so with a day in a column, from which on it is the day of it."""
_USED: Final = frozenset(
    "id name created modified converted_at converted deal disqualified_at closed outcome source"
    " owner account region deleted".split()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadGuess:
    """The section of the leads, their table and the column of their ids."""

    section: Section
    table: SeenTable
    id_column: str


def guess_leads(role: RoleGuess, deals: DealGuess | None) -> LeadGuess:
    """The leads of a table of their own."""
    table, columns = role.table, role.columns
    words = _status_words(table, columns)
    entries = tuple(_entries(table, columns, words, deals))
    ended = _ended(table, columns, words)
    used = {column for concept, column in columns.items() if concept in _USED}
    attributes = guess_attributes(table, "leads", used, ended)
    head = [Entry(key="from", value=table.name, why=role.why, sure=role.is_named)]
    flag = columns.get("deleted")
    if flag and set(truths(table, flag)) & set(table.distinct(flag)):
        where = f"NOT ({one_of(quoted(flag), truths(table, flag))})"
        head.append(Entry(key="where", value=where, why=f"{flag!r} says which were deleted"))
    if join := _deal_join(table, columns, deals):
        head.append(Entry(key="joins", value=[join], why="a lead is converted as its deal is made"))
    parts = [Section(name="columns", entries=entries), *attributes.sections()]
    section = Section(name="tables.leads", entries=tuple(head), parts=tuple(parts))
    return LeadGuess(section=section, table=table, id_column=columns["id"])


def _status_words(table: SeenTable, columns: Mapping[str, str]) -> dict[str, str]:
    """What the values of a status say: converted or disqualified; others are left out."""
    column = columns.get("outcome")
    if column is None:
        return {}
    is_state = normal(column) == "statecode"
    values = table.distinct(column)
    if is_state and set(values) <= {"0", *_STATE_CODES}:
        return dict(_STATE_CODES)
    found = {}
    has_pair = {"qualified", "disqualified"} <= {normal(each) for each in values}
    converted = _CONVERTED | (_QUALIFIED if is_state or has_pair else frozenset())
    for value in values:
        if normal(value) in converted:
            found[value] = "converted"
        elif normal(value) in _DISQUALIFIED:
            found[value] = "disqualified"
    return found


def _ended(table: SeenTable, columns: Mapping[str, str], words: Mapping[str, str]) -> pd.Series:
    ended = pd.Series(False, table.rows.index)
    if "outcome" in columns and words:
        ended |= table.rows[columns["outcome"]].str.strip().isin(list(words))
    for concept in ("converted_at", "deal", "disqualified_at"):
        if concept in columns:
            ended |= table.rows[columns[concept]].notna()
    return ended


def _entries(
    table: SeenTable,
    columns: Mapping[str, str],
    words: Mapping[str, str],
    deals: DealGuess | None,
) -> Iterator[Entry]:
    is_key = table.is_key(columns["id"])
    why = f"the name {columns['id']!r}" + (", every value stands there once" if is_key else "")
    yield Entry(key="lead_id", value=quoted(columns["id"]), why=why, sure=is_key)
    share = date_share(table.text(columns["created"]))
    why = f"the name {columns['created']!r} and {share:.0%} dates"
    is_said = is_name_of(columns["created"], "leads", "created")
    why = why if is_said else f"{columns['created']!r} is the first date of nearly every row"
    sure = is_said and share >= LEAST_DATES
    yield Entry(key="created_at", value=quoted(columns["created"]), why=why, sure=sure)
    yield from _converted(table, columns, words, deals)
    day = next((entry.value for entry in _converted(table, columns, words, deals)), NO_DAY)
    if "deal" in columns and day != NO_DAY and len(table.text(columns["deal"])):
        value = f"CASE WHEN {day} IS NOT NULL THEN {quoted(columns['deal'])} END"
        yield Entry(key="converted_deal_id", value=value, why=f"the name {columns['deal']!r}")
    yield from _disqualified(table, columns, words)
    for concept, key in _PLAIN.items():
        if concept in columns and len(table.text(columns[concept])):
            column = columns[concept]
            yield Entry(key=key, value=quoted(column), why=f"the name {column!r}")


_PLAIN: Final = {
    "source": "source",
    "owner": "owner_id",
    "account": "account_id",
    "region": "region",
}


def _converted(
    table: SeenTable,
    columns: Mapping[str, str],
    words: Mapping[str, str],
    deals: DealGuess | None,
) -> Iterator[Entry]:
    """The day of the conversion: the CRM's own, else that of the deal, else the last change."""
    if "converted_at" in columns:
        column = columns["converted_at"]
        yield Entry(key="converted_at", value=quoted(column), why=f"the name {column!r}")
        return
    condition = _condition(table, columns, words, "converted")
    if condition is None:
        return
    if closed := _dated(table, columns, words, "converted"):
        value = f"CASE WHEN {condition} THEN {quoted(closed)} END"
        yield Entry(key="converted_at", value=value, why=_closed_why(closed, "converted"))
        return
    days = []
    if deals and _deal_join(table, columns, deals):
        days.append(f"{deals.table.name}.{quoted(deals.columns['created'])}")
    if "modified" in columns:
        days.append(quoted(columns["modified"]))
    if days:
        cast = ", ".join(f"CAST({each} AS VARCHAR)" for each in days)
        day = days[0] if len(days) == 1 else f"COALESCE({cast})"
        why = "no column has the day of the conversion; taken is that of the deal's creation"
        why += " or of the last change" if len(days) > 1 else ""
        value = f"CASE WHEN {condition} THEN {day} END"
        yield Entry(key="converted_at", value=value, why=why, sure=len(days) > 1)
        return
    why = "no column has the day of a conversion: without one every lead counts as open"
    yield Entry(key="converted_at", value=NO_DAY, why=why, sure=False)


def _dated(
    table: SeenTable, columns: Mapping[str, str], words: Mapping[str, str], kind: str
) -> str | None:
    """The column of the day on which a lead ended, where most that ended so have one."""
    column, ended = columns.get("closed"), _ended_so(table, columns, words, kind)
    if column is None or not ended.any():
        return None
    days = table.rows[column][ended].dropna().str.strip()
    is_dated = len(days) >= LEAST_DATED * ended.sum() and date_share(days) >= LEAST_DATES
    return column if is_dated else None


def _ended_so(
    table: SeenTable, columns: Mapping[str, str], words: Mapping[str, str], kind: str
) -> pd.Series:
    """By row whether a flag, or else the status, says that it was converted or disqualified."""
    column, values = (
        columns.get("outcome"),
        [value for value, word in words.items() if word == kind],
    )
    if kind == "converted" and "converted" in columns:
        column = columns["converted"]
        values = truths(table, column)
    if column is None:
        return pd.Series(False, table.rows.index)
    return table.rows[column].str.strip().isin(values)


def _closed_why(column: str, word: str) -> str:
    return f"the day of {column!r} of a lead that is {word}"


def _deal_join(
    table: SeenTable, columns: Mapping[str, str], deals: DealGuess | None
) -> dict[str, str] | None:
    """A join to the deal of the conversion, where no column of the lead has its day."""
    if deals is None or "deal" not in columns or "converted_at" in columns:
        return None
    is_known = overlap(table.text(columns["deal"]), deals.ids) > 0
    if not is_known or not deals.table.is_key(deals.id_column):
        return None
    on = f"{quoted(columns['deal'])} = {deals.table.name}.{quoted(deals.id_column)}"
    return {"source": deals.table.name, "on": on}


def _condition(
    table: SeenTable, columns: Mapping[str, str], words: Mapping[str, str], kind: str
) -> str | None:
    """The SQL condition that a lead was converted or disqualified."""
    values = [value for value, word in words.items() if word == kind]
    if kind == "converted" and "converted" in columns:
        flag = columns["converted"]
        return one_of(quoted(flag), truths(table, flag))
    if values:
        return one_of(quoted(columns["outcome"]), values)
    if kind == "converted" and "deal" in columns:
        return f"{quoted(columns['deal'])} IS NOT NULL"
    return None


def _disqualified(
    table: SeenTable, columns: Mapping[str, str], words: Mapping[str, str]
) -> Iterator[Entry]:
    if "disqualified_at" in columns:
        column = columns["disqualified_at"]
        yield Entry(key="disqualified_at", value=quoted(column), why=f"the name {column!r}")
        return
    values = [value for value, word in words.items() if word == "disqualified"]
    if not values:
        return
    condition = one_of(quoted(columns["outcome"]), values)
    shown = ", ".join(map(repr, values))
    closed, modified = _dated(table, columns, words, "disqualified"), columns.get("modified")
    if closed:
        why = _closed_why(closed, "disqualified")
    elif modified:
        why = f"{shown} ends a lead; no column has the day, so that of the last change is taken"
    else:
        why = f"{shown} ends a lead, but no column has the day: without one such leads stay open"
    day = closed or modified
    value = f"CASE WHEN {condition} THEN {quoted(day)} END" if day else NO_DAY
    yield Entry(key="disqualified_at", value=value, why=why, sure=closed is not None)


def leads_among_deals(deals: DealGuess) -> LeadGuess | None:
    """Odoo keeps leads and deals in one table: a lead that is converted stays the same row."""
    table, columns = deals.table, deals.columns
    kind = columns.get("type")
    leads = [v for v in table.distinct(kind) if v.casefold() == "lead"] if kind else []
    if kind is None or not (leads or "converted" in columns) or deals.where is None:
        return None
    is_lead = one_of(quoted(kind), leads or ["lead"])
    converted = columns.get("converted")
    where = f"{is_lead} OR {quoted(converted)} IS NOT NULL" if converted else is_lead
    head = (
        Entry(key="from", value=table.name, why=f"{kind!r} tells deals from leads"),
        Entry(key="where", value=where, sure=None),
    )
    parts = (Section(name="columns", entries=tuple(_shared_entries(deals, is_lead))),)
    section = Section(name="tables.leads", entries=head, parts=parts)
    return LeadGuess(section=section, table=table, id_column=deals.id_column)


def _shared_entries(deals: DealGuess, is_lead: str) -> Iterator[Entry]:
    """The columns of leads in a table that they share with the deals."""
    table, columns, key = deals.table, deals.columns, quoted(deals.id_column)
    yield Entry(key="lead_id", value=key, sure=None)
    yield Entry(key="created_at", value=quoted(columns["created"]), sure=None)
    if converted := columns.get("converted"):
        day = f"CASE WHEN NOT ({is_lead}) THEN"
        why = f"a lead becomes a deal at its {converted!r} and keeps its id"
        yield Entry(key="converted_at", value=f"{day} {quoted(converted)} END", why=why)
        yield Entry(key="converted_deal_id", value=f"{day} {key} END", sure=None)
    yield from _archived(table, columns, is_lead)
    for concept in ("owner", "account"):
        if column := columns.get(concept):
            yield Entry(key=_PLAIN[concept], value=quoted(column), why=f"the name {column!r}")
    if source := table.find("sourceid source utmsource leadsource"):
        yield Entry(key="source", value=quoted(source), why=f"the name {source!r}")


def _archived(table: SeenTable, columns: Mapping[str, str], is_lead: str) -> Iterator[Entry]:
    active = columns.get("active")
    day = columns.get("closed") or columns.get("modified")
    if active is None or day is None:
        return
    active_sql = one_of(quoted(active), truths(table, active))
    value = f"CASE WHEN {is_lead} AND NOT ({active_sql}) THEN {quoted(day)} END"
    why = f"an archived lead ({active!r}) is disqualified"
    yield Entry(key="disqualified_at", value=value, why=why)
