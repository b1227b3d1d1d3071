"""The deals of a source with their changes, whatever shape they come in: a table of their own, a
table that repeats them, or an event log."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from closecurve.crm.guess.cases import cases_of, cases_section, guess_cases, log_changes
from closecurve.crm.guess.changes import guess_changes
from closecurve.crm.guess.deals import DealGuess, checked_columns, guess_deals, with_changes
from closecurve.crm.guess.draft import Section
from closecurve.crm.guess.entered import wide_columns
from closecurve.crm.guess.histories import ChangeGuess
from closecurve.crm.guess.logs import EventLog, event_log
from closecurve.crm.guess.roles import RoleGuess, of_role
from closecurve.crm.guess.seen import SeenTable
from closecurve.crm.guess.stages import StageList, stage_list
from closecurve.crm.guess.states import States, states_changes, states_of
from closecurve.crm.mapping_sources import FILE_COLUMN


@dataclass(frozen=True, slots=True, kw_only=True)
class Shapes:
    """What `[changes.*]` of the mapping derives: its sections by the name of their source, and
    the names of the derived sources with the one that each is derived of."""

    sections: Mapping[str, Section] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)

    def origin(self, name: str) -> str:
        """The source that is read for a source."""
        return self.origins.get(name, name)

    def used(self, names: Sequence[str]) -> Iterator[Section]:
        """The sections that some sources need."""
        origins = dict.fromkeys(self.origins[name] for name in names if name in self.origins)
        yield from (self.sections[name] for name in origins)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """The tables of a source, of those that repeat their records the last rows.

    `states` are by the name that the last rows have as a table.
    """

    tables: tuple[SeenTable, ...]
    states: Mapping[str, States]

    @classmethod
    def of(cls, tables: Sequence[SeenTable]) -> "Repeated":
        """What the tables repeat."""
        found = {table.name: states_of(table) for table in tables}
        states = {name: each for name, each in found.items() if each is not None}
        return cls(
            tables=tuple(
                states[table.name].last if table.name in states else _without_file(table)
                for table in tables
            ),
            states={each.last.name: each for each in states.values()},
        )

    def shapes(self, section: Section | None, log: EventLog | None) -> Shapes:
        """All of them, with the section that was made with the deals' fields."""
        sections = {each.table.name: each.section() for each in self.states.values()}
        origins = {last: each.table.name for last, each in self.states.items()}
        origins |= {f"{name}_changes": name for name in sections}
        if log is not None:
            origins[f"{log.table.name}_first"] = log.table.name
        if section is not None:
            sections[section.name.removeprefix("changes.")] = section
        return Shapes(sections=sections, origins=origins)


def _without_file(table: SeenTable) -> SeenTable:
    return replace(table, rows=table.rows.drop(columns=FILE_COLUMN, errors="ignore"))


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundDeals:
    """The deals, their changes, the CRM's own list of stages, and what is derived for them.

    `log` is the event log that tells of them, where one does.
    """

    deals: DealGuess | None = None
    changes: ChangeGuess = field(default_factory=ChangeGuess)
    listed: StageList = field(default_factory=StageList)
    shapes: Shapes = field(default_factory=Shapes)
    log: EventLog | None = None


def find_deals(repeated: Repeated, roles: Sequence[RoleGuess]) -> FoundDeals:
    """The deals of the surest table. An event log tells of them where no table says how they
    stand or end."""
    deal_roles, log = of_role(roles, "deals"), event_log(repeated.tables)
    if deal_roles:
        return _in_a_table(deal_roles[0], roles, repeated)
    if log and not of_role(roles, "leads"):
        return _in_a_log(log, repeated)
    return FoundDeals(shapes=repeated.shapes(None, None))


def _in_a_table(role: RoleGuess, roles: Sequence[RoleGuess], repeated: Repeated) -> FoundDeals:
    table, stage = role.table, checked_columns(role).get("stage")
    lists, messages = of_role(roles, "stages"), of_role(roles, "messages")
    values = table.text(stage) if stage else pd.Series(dtype="str")
    listed = stage_list(lists[0] if lists else None, values)
    wide = wide_columns(table, stage)
    taken = frozenset(column for columns in wide.values() for column in columns)
    deals = guess_deals(role, listed.renamed, taken)
    changes = guess_changes(
        of_role(roles, "changes"), deals, messages[0] if messages else None, wide, listed.renamed
    )
    section = None
    if states := repeated.states.get(table.name):
        section, own = states_changes(states, deals, listed.renamed, changes.fields)
        changes = changes.joined(own)
    told = with_changes(deals.section, changes.fields)
    return FoundDeals(
        deals=replace(deals, section=told),
        changes=changes,
        listed=listed,
        shapes=repeated.shapes(section, None),
    )


def _in_a_log(log: EventLog, repeated: Repeated) -> FoundDeals:
    deals = guess_cases(cases_of(log, repeated.tables), log)
    return FoundDeals(
        deals=deals,
        changes=log_changes(log),
        shapes=repeated.shapes(cases_section(log), log),
        log=log,
    )
