"""The cases of an event log as deals: their table, their moves and ends, and what people do."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from closecurve.crm.guess.deals import DealGuess, guess_deals, value_entries
from closecurve.crm.guess.draft import Entry, Section
from closecurve.crm.guess.histories import ChangeGuess
from closecurve.crm.guess.logs import EventLog
from closecurve.crm.guess.moves import moves_of
from closecurve.crm.guess.names import concepts_of, normal
from closecurve.crm.guess.roles import RoleGuess
from closecurve.crm.guess.seen import SeenTable, literal, one_of, overlap, quoted
from closecurve.crm.values import read_instants

MOST_ASKED: Final = 6
"""Activities for which a person is asked whether they end a deal."""
PLACEHOLDER: Final = "won or lost?"
"""What stands for an outcome that only a person can tell: an import refuses it."""


def cases_of(log: EventLog, tables: Sequence[SeenTable]) -> RoleGuess:
    """The table with a row per case; without one, the first event of each stands for it."""
    for table in tables:
        columns = _plain_concepts(table)
        keys = [name for name in table.columns if normal(name) == normal(log.case)]
        known = table is not log.table and keys and table.is_key(keys[0])
        if known and "created" in columns and overlap(log.events["case"], table.text(keys[0])):
            told = {**columns, "id": keys[0]}
            return RoleGuess(role="deals", table=table, columns=told, score=1.0, is_named=False)
    first = _first_events(log)
    amount = {k: v for k, v in _plain_concepts(first).items() if k in ("amount", "currency")}
    told = {"id": log.case, "created": log.at, **amount}
    return RoleGuess(role="deals", table=first, columns=told, score=1.0, is_named=True)


def _plain_concepts(table: SeenTable) -> dict[str, str]:
    """The concepts of a table, whose columns may have `case:` before their names."""
    plain = {re.sub(r"^case:", "", name): name for name in table.columns}
    return {concept: plain[name] for concept, name in concepts_of(plain, "deals").items()}


def _first_events(log: EventLog) -> SeenTable:
    """The first event of each case, with what is the same for all of its events."""
    rows = log.table.rows
    order = read_instants(rows[log.at], log.table.written).sort_values(kind="stable").index
    counts = rows.groupby(log.case).nunique(dropna=False)
    same = [name for name in rows if name in counts and (counts[name] <= 1).all()]
    kept = rows.loc[order, [log.case, log.at, *(each for each in same if each != log.at)]]
    first = kept.drop_duplicates(log.case).reset_index(drop=True)
    return replace(log.table, name=f"{log.table.name}_first", rows=first)


def cases_section(log: EventLog) -> Section:
    """[changes.NAME], of which the first row of each case is taken."""
    entries = (
        Entry(key="key", value=quoted(log.case), why=f"the name {log.case!r}, whose values repeat"),
        Entry(key="at", value=quoted(log.at), why=f"the name {log.at!r}"),
        Entry(
            key="columns",
            value={"activity": quoted(log.activity)},
            why="a case begins with its first event; its changes are taken from the log itself",
            sure=None,
        ),
    )
    return Section(name=f"changes.{log.table.name}", entries=entries)


def guess_cases(role: RoleGuess, log: EventLog) -> DealGuess:
    """The deals of a log: how they end is told by their changes."""
    deals = guess_deals(role, {}, frozenset())
    head, *others = deals.section.parts
    entries = tuple(
        replace(each, why=f"the name {log.at!r}, at the first event of a case", sure=True)
        if each.key == "created_at" and role.columns["created"] == log.at
        else each
        for each in head.entries
        if each.key != "outcome"
    )
    section = replace(deals.section, parts=(replace(head, entries=entries), *others))
    ends = log.events.assign(word=log.events["activity"].map(dict(log.ends))).dropna()
    said = ends.drop_duplicates("case").set_index("case")["word"]
    outcome = replace(deals.outcome, entry=None, said=deals.ids.map(said).astype("str"))
    return replace(deals, section=section, outcome=outcome)


def log_changes(log: EventLog) -> ChangeGuess:
    """The moves of stage and the ends that the log tells."""
    sections = [_stage_section(log)] if log.stages else []
    events = log.events[log.events["activity"].isin(log.stages)]
    return ChangeGuess(
        sections=(*sections, _end_section(log)),
        moves=moves_of(events["case"], events["at"], events["activity"], None, {}),
        fields=frozenset({"stage"} if log.stages else ()),
    )


def _stage_section(log: EventLog) -> Section:
    why = (
        f"activities that stand about once in a case are its stages: {_listed(log.stages)};"
        " take out what is none"
    )
    return _changes(log, "stage", log.stages, Entry(key="where", value="", why=why, sure=False))


def _end_section(log: EventLog) -> Section:
    """Which activities end a case. Where no word tells, a person has to."""
    ends, why = dict(log.ends), "the words in the names, and no stage comes after them"
    if not ends:
        last = log.events.drop_duplicates("case", keep="last")["activity"].value_counts()
        ends = {str(name): PLACEHOLDER for name in last.index[:MOST_ASKED]}
        why = (
            "no name says won or lost. These come last in most cases: write won or lost for each"
            " that ends one, and take the others out here and below"
        )
    else:
        why += _other_word(log)
    told = _changes(log, "outcome", [*ends], Entry(key="where", value="", why=why, sure=False))
    values = Section(name="values.outcome", entries=value_entries(ends))
    return replace(told, parts=(*told.parts, values))


def _other_word(log: EventLog) -> str:
    """What is to be said where words tell only won or only lost cases."""
    missing = "".join({"won", "lost"} - set(log.by_word.values()))
    if not missing:
        return ""
    if not log.by_place:
        return f"; no activity says {missing}: name the one that does, here and below"
    name = next(iter(log.by_place))
    return f"; no word says {missing}, so {name!r}, with which its cases end, is taken"


def _changes(log: EventLog, field: str, activities: Sequence[str], where: Entry) -> Section:
    conditions = [one_of(quoted(log.activity), [*activities]), *log.done_sql()]
    columns = (
        Entry(key="deal_id", value=quoted(log.case), sure=None),
        Entry(key="field", value=literal(field), sure=None),
        Entry(key="new_value", value=quoted(log.activity), why=f"the name {log.activity!r}"),
        Entry(key="event_at", value=quoted(log.at), why=f"the name {log.at!r}"),
    )
    return Section(
        name="tables.deal_changes",
        entries=(
            Entry(key="from", value=log.table.name, why=_log_why(log)),
            replace(where, value=" AND ".join(conditions)),
        ),
        parts=(Section(name="columns", entries=columns),),
        is_listed=True,
    )


def log_activities(log: EventLog) -> Iterator[Section]:
    """What people do: every activity that is neither a stage nor an end."""
    others = [name for name in log.times_per_case if name not in {*log.stages, *log.ends}]
    if not others:
        return
    where = " AND ".join([one_of(quoted(log.activity), others), *log.done_sql()])
    why = f"the activities that come again and again, or speak of a contact: {_listed(others)}"
    columns = [
        Entry(key="deal_id", value=quoted(log.case), sure=None),
        Entry(key="event_at", value=quoted(log.at), why=f"the name {log.at!r}"),
        Entry(key="kind", value=f"lower({quoted(log.activity)})", sure=None),
    ]
    if log.resource:
        why_owner = f"the name {log.resource!r}"
        columns.append(Entry(key="owner_id", value=quoted(log.resource), why=why_owner))
    yield Section(
        name="tables.activities",
        entries=(
            Entry(key="from", value=log.table.name, sure=None),
            Entry(key="where", value=where, why=why, sure=False),
        ),
        parts=(Section(name="columns", entries=tuple(columns)),),
        is_listed=True,
    )


def _listed(names: Sequence[str], most: int = 8) -> str:
    shown = ", ".join(map(repr, names[:most]))
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def _log_why(log: EventLog) -> str:
    return f"it has {log.case!r}, {log.activity!r} and {log.at!r}: an event log"
