"""Tables that repeat their records: a full export per day, or a full row per write.

Each becomes `[changes.NAME]` of the mapping: its last rows are looked at in its place, and what
differs between its rows are the changes.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import pandas as pd

from closecurve.crm.guess.deals import DealGuess
from closecurve.crm.guess.draft import Entry, Section, Value
from closecurve.crm.guess.formats import LEAST_DATES, date_share
from closecurve.crm.guess.histories import ChangeGuess
from closecurve.crm.guess.long import FIELDS
from closecurve.crm.guess.moves import moves_of, no_moves
from closecurve.crm.guess.names import MODIFIED, concepts_of, named_role
from closecurve.crm.guess.outcome import truths
from closecurve.crm.guess.seen import SeenTable, one_of, quoted
from closecurve.crm.mapping_changes import MOST_VANISHED
from closecurve.crm.mapping_sources import FILE_COLUMN
from closecurve.crm.values import read_instants

DATED: Final = re.compile(r"\d{4}(?P<sign>[-_.]?)\d{2}(?P=sign)\d{2}")
"""A day in the name of a file."""

_DAY: Final = (
    "snapshotdate snapshotday snapshotat snapshottime snapshot asofdate asof exportdate exportedat"
    " extractdate extractedat reportdate loaddate dataday 快照日期 快照时间 导出日期 统计日期"
    " 数据日期"
)
_WRITTEN: Final = (
    "validfrom writtenat changedat changetime changedate versionat versiondate effectivefrom"
    f" effectivedate sysstarttime recordedat auditat 生效时间 生效日期 变更时间 {MODIFIED}"
)
_SEQUENCE: Final = (
    "version versionnumber versionno rowversion revision sequence sequenceno seq changesequence"
    " lsn 版本 版本号 序号"
)
_OPERATION: Final = (
    "operation op optype operationtype changetype dmltype cdcoperation 操作 操作类型"
)
_FLAG: Final = "isdeleted deleted deletedflag 已删除 是否删除"
_ENDS: Final = "validto effectiveto sysendtime iscurrent currentflag islatest 失效时间 是否当前"
_GONE: Final = frozenset("d del delete deleted remove removed 删除 已删除".split())
_REPEATED_ROLES: Final = ("deals", "leads", "accounts", "owners")
_MOST_MOVED: Final = 0.1
"""Share of records whose creation may differ from row to row: it was corrected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class States:
    """A table whose rows are the states of records.

    `key` is the column of the record's id. `at`, `sequence` and `deleted` are entries of
    `[changes.NAME]`. `rows` has the sample in the order of its states: the table's columns without
    those that only order or end them. `full` says whether each time holds all records.
    """

    table: SeenTable
    key: str
    at: Entry
    rows: pd.DataFrame
    instants: pd.Series
    full: Entry | None = None
    sequence: Entry | None = None
    deleted: Entry | None = None
    is_gone: pd.Series

    @property
    def last(self) -> SeenTable:
        """The last row of each record that does not say it is gone, as a table of its own."""
        there = self.rows[~self.is_gone]
        rows = there[~there[self.key].duplicated(keep="last")].reset_index(drop=True)
        return replace(self.table, name=f"{self.table.name}_last", rows=rows)

    def section(self, where: str | None = None) -> Section:
        """`[changes.NAME]`, without the fields that are compared."""
        entries = [Entry(key="key", value=quoted(self.key), why=f"the name {self.key!r}"), self.at]
        entries += [each for each in (self.sequence, self.deleted, self.full) if each]
        if where:
            entries.append(Entry(key="where", value=where, sure=None))
        return Section(name=f"changes.{self.table.name}", entries=tuple(entries))

    def varying(self) -> set[str]:
        """The columns that differ between the rows of some record."""
        there = self.rows[~self.is_gone]
        counts = there.groupby(self.key).nunique(dropna=False)
        return {str(name) for name in counts if (counts[name] > 1).any()}


def states_of(table: SeenTable) -> States | None:
    """What the table repeats; None where it does not, or where nothing orders its rows."""
    named = named_role(table.label)
    role = named if named in _REPEATED_ROLES else "deals"
    columns = concepts_of(table.columns, role)
    key = columns.get("id")
    created = columns.get("created")
    if key is None or table.is_key(key):
        return None
    if role in ("deals", "leads") and not _is_created_once(table, key, created):
        return None
    return _exports(table, key) or _versions(table, key, created)


def _is_created_once(table: SeenTable, key: str, created: str | None) -> bool:
    """A record keeps its creation from row to row; a row of changes has one of its own."""
    if created is None:
        return False
    counts = table.rows[[key, created]].dropna().groupby(key)[created].nunique()
    return bool((counts > 1).mean() <= _MOST_MOVED)


def _exports(table: SeenTable, key: str) -> States | None:
    """A full export per day: the day stands in the file's name or in a column."""
    at = _day_of_file(table) or _day_of_column(table)
    if at is None:
        return None
    entry, said = at
    if pd.DataFrame({"key": table.rows[key], "at": said}).duplicated().any():
        return None
    states = _states(table, key, entry, said, None, None)
    return None if states is None else replace(states, full=_full(states))


def _day_of_file(table: SeenTable) -> tuple[Entry, pd.Series] | None:
    if FILE_COLUMN not in table.rows:
        return None
    name = table.rows[FILE_COLUMN]
    sign = (DATED.search(name.iloc[0]) or {"sign": ""})["sign"]
    dot = sign.replace(".", r"\.")
    pattern = rf"\d{{4}}{dot}\d{{2}}{dot}\d{{2}}"
    value = f"regexp_extract({FILE_COLUMN}, '{pattern}')"
    if sign not in ("", "-"):
        value = f"replace({value}, '{sign}', '-')"
    said = name.str.extract(f"({pattern})")[0].str.replace(sign or "-", "-", regex=False)
    why = (
        "the day in the names of the files is its midnight; exports made later that day say so"
        " (|| ' 22:00')"
    )
    return Entry(key="at", value=value, why=why, sure=False), said


def _day_of_column(table: SeenTable) -> tuple[Entry, pd.Series] | None:
    column = table.find(_DAY)
    if column is None or date_share(table.text(column)) < LEAST_DATES:
        return None
    why = f"the name {column!r}, and each record is there once for each of its values"
    return Entry(key="at", value=quoted(column), why=why), table.rows[column]


def _versions(table: SeenTable, key: str, created: str | None) -> States | None:
    """A full row per write: when it was written, and what orders rows of one instant."""
    at, sequence = table.find(_WRITTEN), table.find(_SEQUENCE)
    if at is None or at == created or date_share(table.text(at)) < LEAST_DATES:
        return None
    ordered = None
    if sequence:
        why = f"the name {sequence!r}: it orders rows of one time"
        ordered = Entry(key="sequence", value=quoted(sequence), why=why)
    entry = Entry(key="at", value=quoted(at), why=f"the name {at!r}, and ids repeat", sure=True)
    return _states(table, key, entry, table.rows[at], sequence, ordered)


def _states(
    table: SeenTable,
    key: str,
    at: Entry,
    said: pd.Series,
    sequence: str | None,
    ordered: Entry | None,
) -> States | None:
    deleted, is_gone = _deleted(table)
    instants = read_instants(said, table.written)
    numbers = pd.to_numeric(table.rows[sequence], errors="coerce") if sequence else instants
    order = pd.DataFrame({"at": instants, "sequence": numbers}).sort_values(
        ["at", "sequence"], kind="stable"
    )
    order = order[order["at"].notna()]
    technical = {table.find(words) for words in (_DAY, _SEQUENCE, _OPERATION, _FLAG, _ENDS)}
    kept = [name for name in table.columns if name not in {*technical, FILE_COLUMN} - {key}]
    if order.empty:
        return None
    return States(
        table=table,
        key=key,
        at=at,
        rows=table.rows.loc[order.index, kept],
        instants=order["at"],
        sequence=ordered,
        deleted=deleted,
        is_gone=is_gone.loc[order.index],
    )


def _deleted(table: SeenTable) -> tuple[Entry | None, pd.Series]:
    """The condition of a row that says its record is gone, and which rows of the sample do."""
    nobody = pd.Series(False, table.rows.index)
    for words in (_OPERATION, _FLAG):
        column = table.find(words)
        values = table.distinct(column) if column else []
        said = [each for each in values if each.casefold() in _GONE]
        if column and words == _FLAG:
            said = [each for each in truths(table, column) if each in values]
        if column and said:
            why = f"{column!r} says which records are gone"
            entry = Entry(key="deleted", value=one_of(quoted(column), said), why=why)
            return entry, table.rows[column].str.strip().isin(said)
    return None, nobody


def _full(states: States) -> Entry | None:
    """Whether each export holds all records: what the next one lacks was deleted."""
    rank = states.instants.rank(method="dense")
    seen = pd.DataFrame({"key": states.rows[states.key], "rank": rank})
    last = seen.groupby("key")["rank"].max()
    gone = last[last < rank.max()].value_counts()
    share = (gone / seen.groupby("rank").size()).max() if len(gone) else 0.0
    if share > MOST_VANISHED:
        return None
    if not len(gone):
        return Entry(key="full", value=True, why="no export lacks a record of the one before")
    why = (
        f"records that a later export lacks ({int(gone.sum())} in the sample) count as deleted;"
        " where an export holds open deals alone, write false"
    )
    return Entry(key="full", value=True, why=why, sure=False)


def states_changes(
    states: States, deals: DealGuess, stage_values: Mapping[str, str], taken: Collection[str]
) -> tuple[Section, ChangeGuess]:
    """`[changes.NAME]` with the deals' own expressions, and the part of the changes made of it.

    Fields that are `taken` come from another table.
    """
    fields = {name: sql for name, sql in _compared(states, deals) if name not in taken}
    compared = tuple(Entry(key=key, value=value, sure=None) for key, value in fields.items())
    section = replace(
        states.section(deals.where), parts=(Section(name="columns", entries=compared),)
    )
    moves = no_moves()
    if "stage" in fields:
        there = states.rows[~states.is_gone]
        key, stage = there[states.key].str.strip(), there[deals.columns["stage"]]
        moves = moves_of(key, states.instants[~states.is_gone], stage, None, stage_values)
    return section, ChangeGuess(
        sections=(_changes_section(states.table, deals, fields),),
        moves=moves,
        fields=frozenset(fields),
    )


def _compared(states: States, deals: DealGuess) -> Iterator[tuple[str, Value]]:
    """The fields that the deals table takes and that may change. A close that has a time of its
    own is no field: that time says more than the row that first showed it."""
    entries = {each.key: each.value for each in deals.section.all_entries()}
    tracked = [*dict.fromkeys(FIELDS.values())]
    if "closed_at" in entries:
        tracked.remove("outcome")
    told = [name for name in tracked if name in entries and entries[name] != "NULL"]
    yield from ((name, entries[name]) for name in told)
    varying = [quoted(each) for each in states.varying()]
    for each in _attributes(deals):
        if any(str(each.value) in (name, f"TRY_CAST({name} AS DOUBLE)") for name in varying):
            yield each.key, each.value


def _attributes(deals: DealGuess) -> Sequence[Entry]:
    return next((p.entries for p in deals.section.parts if p.name == "attributes"), ())


def _changes_section(table: SeenTable, deals: DealGuess, fields: Mapping[str, Value]) -> Section:
    """The changes with the values that the deals table has."""
    values = [p for p in deals.section.parts if p.name.removeprefix("values.") in fields]
    columns = Section(name="columns", entries=(Entry(key="deal_id", value="key", sure=None),))
    head = Entry(key="from", value=f"{table.name}_changes", why="what [changes] derives", sure=None)
    return Section(
        name="tables.deal_changes",
        entries=(head,),
        parts=(columns, *(p for p in values if p.name.startswith("values."))),
        is_listed=True,
    )
