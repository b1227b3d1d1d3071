"""A table of changes beside the deals it belongs to, and the part of the mapping made of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from closecurve.crm.guess.deals import DealGuess, value_entries
from closecurve.crm.guess.draft import Entry, Section
from closecurve.crm.guess.moves import no_moves
from closecurve.crm.guess.names import is_name_of
from closecurve.crm.guess.roles import RoleGuess
from closecurve.crm.guess.seen import SeenTable, quoted
from closecurve.crm.values import read_instants


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeGuess:
    """Parts of `deal_changes`, the moves of stage in the sample, and which fields they hold."""

    sections: tuple[Section, ...] = ()
    moves: pd.DataFrame = field(default_factory=no_moves)
    fields: frozenset[str] = frozenset()

    def joined(self, other: "ChangeGuess") -> "ChangeGuess":
        """The parts of both; the moves are those of the first that has any."""
        return ChangeGuess(
            sections=self.sections + other.sections,
            moves=self.moves if len(self.moves) else other.moves,
            fields=self.fields | other.fields,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A table of changes with what it needs of others: deals, and for Odoo the messages."""

    role: RoleGuess
    deals: DealGuess
    messages: RoleGuess | None
    stage_values: Mapping[str, str]

    @property
    def table(self) -> SeenTable:
        return self.role.table

    @property
    def columns(self) -> Mapping[str, str]:
        return self.role.columns

    @property
    def is_joined(self) -> bool:
        """Whether the deal of a change is told by a message of its own table."""
        return "deal" not in self.columns and self.messages is not None

    def deal_sql(self) -> str:
        if self.messages is None or not self.is_joined:
            return quoted(self.columns["deal"])
        return f"{self.messages.table.name}.{quoted(self.messages.columns['record'])}"

    def at_sql(self) -> str:
        if self.messages is None or "at" in self.columns:
            return quoted(self.columns["at"])
        return f"{self.messages.table.name}.{quoted(self.messages.columns['at'])}"

    def deal_ids(self) -> pd.Series:
        if not self.is_joined:
            return self.table.rows[self.columns["deal"]].str.strip()
        return self._of_message("record")

    def instants(self) -> pd.Series:
        text = (
            self.table.rows[self.columns["at"]] if "at" in self.columns else self._of_message("at")
        )
        return read_instants(text, self.table.written)

    def _of_message(self, concept: str) -> pd.Series:
        """A column of the message that each change belongs to."""
        if self.messages is None:
            return pd.Series(None, self.table.rows.index, "str")
        rows, columns = self.messages.table.rows, self.messages.columns
        told = rows.drop_duplicates(columns["id"]).set_index(columns["id"])[columns[concept]]
        return self.table.rows[self.columns["message"]].map(told)

    def joins(self) -> list[dict[str, str]]:
        """Joins to the messages, and to a table of deals that holds leads too."""
        found = []
        if self.messages is not None and self.is_joined:
            key = f"{self.messages.table.name}.{quoted(self.messages.columns['id'])}"
            on = f"{quoted(self.columns['message'])} = {key}"
            found.append({"source": self.messages.table.name, "on": on})
        if self.deals.where:
            name = self.deals.table.name
            on = f"{self.deal_sql()} = {name}.{quoted(self.deals.id_column)}"
            found.append({"source": name, "on": on})
        return found

    def conditions(self) -> list[str]:
        """The rows of deals alone: an Odoo message may be of any record."""
        found = []
        if self.messages is not None and self.is_joined:
            model = f"{self.messages.table.name}.{quoted(self.messages.columns['model'])}"
            found.append(f"{model} = 'crm.lead'")
        if self.deals.where:
            key = f"{self.deals.table.name}.{quoted(self.deals.id_column)}"
            found += [f"{key} IS NOT NULL", self.deals.where_of_join()]
        return found


def history_section(
    history: History,
    columns: Sequence[Entry],
    where: Sequence[str],
    values: Mapping[str, Mapping[str, str]],
) -> Section:
    head = [Entry(key="from", value=history.table.name, why=history.role.why)]
    conditions = [*where, *history.conditions()]
    if conditions:
        head.append(Entry(key="where", value=" AND ".join(conditions), sure=None))
    if joins := history.joins():
        head.append(Entry(key="joins", value=[*joins], sure=None))
    at = history.at_sql()
    own = history.columns.get("at")
    is_said = own is None or is_name_of(own, "changes", "at")
    why = f"the name {at!r}" if is_said else f"{own!r} is the first date of nearly every row"
    told = (
        Entry(key="deal_id", value=history.deal_sql(), sure=None),
        Entry(key="event_at", value=at, why=why, sure=is_said),
    )
    parts = [Section(name="columns", entries=(*told, *columns))]
    parts += [
        Section(name=f"values.{name}", entries=value_entries(each))
        for name, each in values.items()
        if each
    ]
    return Section(
        name="tables.deal_changes", entries=tuple(head), parts=tuple(parts), is_listed=True
    )
