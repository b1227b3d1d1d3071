"""A mapping guessed from a source that was looked at: the whole of a `closecurve.toml`.

Nothing is certain: each guess says how sure it is and why, in a comment of the file.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import pandas as pd

from closecurve.crm.guess.cases import log_activities
from closecurve.crm.guess.changes import change_remarks
from closecurve.crm.guess.deals import DealGuess
from closecurve.crm.guess.draft import Draft, Entry, Section, Value
from closecurve.crm.guess.finding import FoundDeals, Repeated, Shapes, find_deals
from closecurve.crm.guess.formats import FormatGuess, guess_formats
from closecurve.crm.guess.leads import LeadGuess, guess_leads, leads_among_deals
from closecurve.crm.guess.others import (
    Subjects,
    canonical_tables,
    guess_activities,
    guess_people,
)
from closecurve.crm.guess.roles import RoleGuess, guess_roles, lacking, no_subjects, of_role
from closecurve.crm.guess.seen import SeenTable
from closecurve.crm.guess.stages import (
    StageFacts,
    guess_processes,
    probability_shares,
)
from closecurve.crm.values import read_instants

_SIGNS: Final = {"$": "USD", "€": "EUR", "£": "GBP", "₹": "INR", "₩": "KRW", "₽": "RUB"}
_HEAD: Final = (
    "Guessed by `closecurve init`: a comment says how sure each guess is and why.",
    "Look at every `unsure`, then run `closecurve import`. The keys: docs/settings.md, mapping.md.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """Everything that was guessed before the file is put together."""

    roles: Sequence[RoleGuess]
    of_deals: FoundDeals
    leads: LeadGuess | None

    @property
    def deals(self) -> DealGuess | None:
        return self.of_deals.deals

    @property
    def shapes(self) -> Shapes:
        return self.of_deals.shapes

    def subjects(self) -> Subjects:
        return Subjects(deals=self.deals, leads=self.leads, known_until=_known_until(self.roles))


def guess_mapping(tables: Sequence[SeenTable], folder: str | None) -> Draft:
    """The draft of a `closecurve.toml` for these tables; `folder` is that of `[import]`.

    Raises DataError where no table can be deals or leads.
    """
    formats = {table.name: guess_formats(table.rows) for table in tables}
    tables = [replace(table, written=formats[table.name].written) for table in tables]
    repeated = Repeated.of(tables)
    found = _found(repeated)
    parts = [*_parts(found, repeated.tables)]
    names = [name for part in parts for name in _sources_of(part)]
    read = {found.shapes.origin(name) for name in names}
    sources = [_source(table, formats[table.name]) for table in tables if table.name in read]
    head = [_company(found), *_processes(found), *_import(folder, found)]
    return Draft(
        sections=(*head, *sources, *found.shapes.used(names), *parts),
        roles=_roles(parts, tables, found),
        remarks=(*_HEAD, *_missing(found)),
    )


def _found(repeated: Repeated) -> _Found:
    roles = guess_roles(repeated.tables)
    of_deals, lead_roles = find_deals(repeated, roles), of_role(roles, "leads")
    if of_deals.deals is None and not lead_roles:
        raise no_subjects(repeated.tables)
    leads = leads_among_deals(of_deals.deals) if of_deals.deals else None
    if leads is None and lead_roles:
        leads = guess_leads(lead_roles[0], of_deals.deals)
    return _Found(roles=roles, of_deals=of_deals, leads=leads)


def _known_until(roles: Sequence[RoleGuess]) -> pd.Timestamp | None:
    """The last instant at which a record of the sample was made or changed."""
    latest = [
        read_instants(role.table.rows[role.columns[concept]], role.table.written).max()
        for role in roles
        for concept in ("created", "modified")
        if concept in role.columns
    ]
    known = [instant for instant in latest if pd.notna(instant)]
    return max(known) if known else None


def _parts(found: _Found, tables: Sequence[SeenTable]) -> Iterator[Section]:
    """The sections of [tables.*] in the order of the canonical tables."""
    if found.deals:
        yield found.deals.section
        yield from found.of_deals.changes.sections
    if found.leads:
        yield found.leads.section
    subjects, log = found.subjects(), found.of_deals.log
    if log:
        yield from log_activities(log)
    for role in (*of_role(found.roles, "activities"), *_messages(found)):
        is_log = log is not None and role.table is log.table
        if not is_log and (section := guess_activities(role, subjects)):
            yield section
    for name, concept in (("accounts", "account"), ("owners", "owner")):
        for role in of_role(found.roles, name)[:1]:
            if section := guess_people(role, _values_used(found, concept)):
                yield section
    yield from canonical_tables(tables)


def _messages(found: _Found) -> list[RoleGuess]:
    """Odoo's messages are activities too, once they are seen as such."""
    return [
        replace(
            role,
            role="activities",
            columns={"deal": role.columns["record"], **_as_activity(role.columns)},
        )
        for role in of_role(found.roles, "messages")
        if "kind" in role.columns and "at" in role.columns
    ]


def _as_activity(columns: Mapping[str, str]) -> dict[str, str]:
    return {concept: columns[concept] for concept in ("kind", "at", "model")}


def _values_used(found: _Found, concept: str) -> pd.Series:
    """The values by which deals, or else leads, name their owner or account."""
    if found.deals and concept in found.deals.columns:
        values = found.deals.table.text(found.deals.columns[concept])
        return values.str.split(";", n=1).str[0]
    for role in of_role(found.roles, "leads"):
        if concept in role.columns:
            return role.table.text(role.columns[concept])
    return pd.Series(dtype="str")


def _sources_of(part: Section) -> Iterator[str]:
    for entry in part.entries:
        if entry.key == "from":
            yield str(entry.value)
        elif entry.key == "joins" and isinstance(entry.value, list):
            yield from (str(join["source"]) for join in entry.value if isinstance(join, Mapping))


def _source(table: SeenTable, formats: FormatGuess) -> Section:
    """[sources.NAME]: where it lies, and how its values are written."""
    entries = [Entry(key=key, value=value, sure=None) for key, value in table.keys.items()]
    written = formats.written
    if written.decimal != ".":
        note = (formats.decimal_note or "").removeprefix("sure: ")
        entries.append(Entry(key="decimal", value=written.decimal, why=note))
    note = (formats.date_note or "").removeprefix("sure: ").removeprefix("unsure: ")
    remarks: tuple[str, ...] = ()
    if written.date_formats:
        listed = [*written.date_formats]
        value: Value = listed[0] if len(listed) == 1 else [*listed]
        entries.append(Entry(key="date_format", value=value, why=note, sure=formats.dates_sure))
    elif note:
        remarks = (f"{'sure' if formats.dates_sure else 'unsure'}: {note}",)
    if not table.is_whole:
        remarks += (f"looked at: the first {len(table.rows):,} rows",)
    return Section(name=f"sources.{table.name}", entries=tuple(entries), remarks=remarks)


def _company(found: _Found) -> Section:
    currency, why, sure = _currency(found)
    return Section(
        name="company",
        entries=(
            Entry(
                key="name", value="My company", why="shown on every page: write your own", sure=None
            ),
            Entry(key="currency", value=currency, why=why, sure=sure),
            Entry(
                key="time_zone",
                value="UTC",
                why="no export names it; days and quarters are the company's, and times without a"
                " zone are read in it",
                sure=False,
            ),
        ),
    )


def _currency(found: _Found) -> tuple[str, str, bool]:
    """The currency in which sums are made: the one of most deals."""
    if found.deals and "currency" in found.deals.columns:
        values = found.deals.table.distinct(found.deals.columns["currency"])
        if values:
            others = f"; deals in {', '.join(values[1:6])} need [tables.fx_rates]"
            why = f"the currency of most deals{others if values[1:] else ''}"
            return values[0].upper(), why, not values[1:]
    if found.deals and "amount" in found.deals.columns:
        amounts = found.deals.table.text(found.deals.columns["amount"])
        for sign, code in _SIGNS.items():
            if amounts.str.contains(sign, regex=False).any():
                return code, f"amounts have the sign {sign}", True
    return "USD", "no column says it", False


def _processes(found: _Found) -> list[Section]:
    if found.deals is None:
        return []
    deals, rows = found.deals, found.deals.table.rows
    nothing = pd.Series(None, rows.index, "str")

    def values(concept: str) -> pd.Series:
        column = deals.columns.get(concept)
        return rows[column].str.strip() if column else nothing

    facts = pd.DataFrame(
        {
            "deal_id": deals.ids,
            "stage": values("stage").replace(dict(found.of_deals.listed.renamed)),
            "process": values("process"),
            "said": deals.outcome.said,
            "probability": probability_shares(values("probability")),
        }
    )
    return guess_processes(
        StageFacts(
            deals=facts[deals.is_deal],
            moves=found.of_deals.changes.moves,
            tells_stages=deals.outcome.tells_stages,
            listed=found.of_deals.listed,
        )
    )


def _import(folder: str | None, found: _Found) -> list[Section]:
    entries = [] if folder is None else [Entry(key="folder", value=folder, sure=None)]
    if found.of_deals.log:
        why = "a log goes on after the end of a case: the first end is final"
        entries.append(Entry(key="reopen", value=False, why=why))
    return [Section(name="import", entries=tuple(entries))] if entries else []


def _roles(parts: Sequence[Section], tables: Sequence[SeenTable], found: _Found) -> dict[str, str]:
    """By the label of each table what became of it, for the summary."""
    used: dict[str, list[str]] = {table.name: [] for table in tables}
    for part in parts:
        role = part.name.removeprefix("tables.")
        first, *joined = [found.shapes.origin(name) for name in _sources_of(part)]
        if role not in used[first]:
            used[first].append(role)
        for name in joined:
            used[name] = used[name] or ["joined"]
    for table in tables:
        if table.label == found.of_deals.listed.label:
            used[table.name].append("the order and rates of stages")
    return {table.label: ", ".join(used[table.name]) or _not_used(table) for table in tables}


def _not_used(table: SeenTable) -> str:
    reason = lacking(table)
    return f"not used: {reason}" if reason else "not used"


def _missing(found: _Found) -> Iterator[str]:
    if found.deals:
        yield from change_remarks(found.of_deals.changes)
