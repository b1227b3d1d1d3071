"""A new export on top of the history that is current: knowledge is never lost or moved back.

What was known stays as it was known. What the export adds is taken; what it adds to the time
before `known_until` was not known then, and counts from when it was noticed. What it no longer
holds, or holds otherwise, becomes a fact of the instant at which that was noticed. So no snapshot
at an as-of up to `known_until` changes, and the same export again adds nothing.
docs/history.md says it in full.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import and_
from typing import TypeVar

import pandas as pd

from closecurve.crm.continuing_facts import (
    STATED,
    Fields,
    Horizon,
    Sides,
    continued_facts,
    disagreements,
    fields_of,
)
from closecurve.crm.continuing_report import SubjectReport
from closecurve.crm.history import FieldsInUse, activities_in_order
from closecurve.crm.matching import differs, empty_columns, stacked, unmatched
from closecurve.crm.tables import HISTORY_TABLES
from closecurve.crm.values import is_among

KEYS = {"deals": "deal_id", "leads": "lead_id"}
"""The tables whose records have facts, and their ids."""

ACTIVITY_KEYS = ("deal_id", "lead_id", "event_at", "kind")
"""What makes two activities the same one; who did it and which way it went may be corrected."""

_GROWING = ("deals", "leads", "accounts", "owners")
"""The tables that stack rows of the export and of the history, attributes and all."""

NOTHING_STATED = pd.DataFrame(columns=list(STATED), dtype="str")

Frames = Mapping[str, pd.DataFrame]
Part = TypeVar("Part")


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownHistory:
    """The history that is current: its tables, and where its records' own tables said otherwise.

    `stated` has the columns of `continuing_facts.STATED`.
    """

    tables: Frames
    stated: pd.DataFrame
    data_until: pd.Timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedHistory:
    """A new export: the history that it makes alone, and what its tables of records state.

    `stated` holds, by table and field, a text by id (see `history.stated_values`). `seen` has, for
    the tables that the export has at all, every id that was read, kept or set aside.
    """

    tables: Frames
    stated: Mapping[str, Mapping[str, pd.Series]]
    seen: Mapping[str, pd.Series]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContinuedHistory:
    """The history that holds both; `reports` has one entry for deals and one for leads."""

    tables: dict[str, pd.DataFrame]
    stated: pd.DataFrame
    reports: tuple[SubjectReport, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """What a range of a history and of a new export has to know of all of both.

    `latest` is the last instant that the export knows. `fields` are those of deals and leads.
    `empty_before` and `empty_now` have, by table, the columns without a value in the history and
    in the export.
    """

    latest: pd.Timestamp | None = None
    fields: Mapping[str, Fields] = field(default_factory=dict)
    empty_before: Mapping[str, frozenset[str]] = field(default_factory=dict)
    empty_now: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, known: KnownHistory, export: ExportedHistory) -> "Whole":
        """That of some tables of both."""
        horizon = cls().horizon(known.data_until)
        names = [name for name in KEYS if name in export.tables]
        fields = {name: fields_of(_sides(name, known, export, horizon, Fields())) for name in names}
        growing = [name for name in _GROWING if name in export.tables]
        return cls(
            latest=latest_knowledge(export.tables),
            fields=fields,
            empty_before={name: empty_columns(known.tables[name]) for name in growing},
            empty_now={name: empty_columns(export.tables[name]) for name in growing},
        )

    def joined(self, other: "Whole") -> "Whole":
        """That of two ranges together."""
        latest = [each for each in (self.latest, other.latest) if each is not None]
        return Whole(
            latest=max(latest, default=None),
            fields=_by_table(Fields.joined, self.fields, other.fields),
            empty_before=_by_table(and_, self.empty_before, other.empty_before),
            empty_now=_by_table(and_, self.empty_now, other.empty_now),
        )

    def horizon(self, known_until: pd.Timestamp) -> Horizon:
        """When what the export changes in a history was noticed."""
        noticed_at = known_until if self.latest is None else max(known_until, self.latest)
        return Horizon(known_until=known_until, noticed_at=noticed_at)


def _by_table(
    join: Callable[[Part, Part], Part], one: Mapping[str, Part], other: Mapping[str, Part]
) -> dict[str, Part]:
    """What both say of a table joined, else what one of them says."""
    both = {name: join(one[name], other[name]) for name in one if name in other}
    return {**one, **other, **both}


def begun(export: ExportedHistory, fields: FieldsInUse | None = None) -> ContinuedHistory:
    """A history that rests on one export alone.

    Where the export is a range of one, `fields` are those of all of it.
    """
    said = [NOTHING_STATED]
    for name, key in KEYS.items():
        if name in export.tables:
            facts = export.tables[changes_of(name)]
            changed = facts["field"].unique() if fields is None else fields.changed[name]
            said.append(disagreements(name, export.stated[name], facts, key, changed))
    return ContinuedHistory(tables=dict(export.tables), stated=pd.concat(said, ignore_index=True))


def continued(
    known: KnownHistory, export: ExportedHistory, whole: Whole | None = None
) -> ContinuedHistory:
    """The current history with a new export taken in: every table that the export has.

    Owners, accounts, targets and stages have no time of their own: they are the export's, and
    owners and accounts that it no longer holds stay. Rates dated before `known.data_until` stay.
    Where both are a range of ids, `whole` is that of all ranges.
    """
    whole = whole or Whole.of(known, export)
    horizon = whole.horizon(known.data_until)
    made, said, reports = dict(export.tables), [NOTHING_STATED], []
    for name, fields in whole.fields.items():
        if name in made:
            sides = _sides(name, known, export, horizon, fields)
            facts = continued_facts(sides, _records(sides, whole.empty_before[name]))
            made |= {name: facts.records, changes_of(name): facts.facts}
            said.append(disagreements(name, sides.stated, facts.facts, sides.key, fields.tracked))
            reports.append(facts.report)
    return ContinuedHistory(
        tables=made | _without_facts(known.tables, export.tables, whole, horizon),
        stated=pd.concat(said, ignore_index=True),
        reports=tuple(reports),
    )


def _without_facts(
    old: Frames, new: Frames, whole: Whole, horizon: Horizon
) -> dict[str, pd.DataFrame]:
    """The tables whose rows have no changes."""
    made = {
        name: _with_missing(new[name], old[name], f"{name[:-1]}_id", whole.empty_now[name])
        for name in ("accounts", "owners")
        if name in new
    }
    if "activities" in new:
        made["activities"] = _activities(old["activities"], new["activities"], horizon)
    if "fx_rates" in new:
        made["fx_rates"] = _rates(old["fx_rates"], new["fx_rates"], horizon)
    return made


def latest_knowledge(tables: Frames) -> pd.Timestamp | None:
    """The last instant at which anything of a history became known; None without any fact."""
    known = [frame["known_at"].max() for frame in tables.values() if "known_at" in frame]
    return max((each for each in known if pd.notna(each)), default=None)


def changes_of(name: str) -> str:
    """The table of the changes of deals or leads."""
    return f"{name[:-1]}_changes"


def _sides(
    name: str,
    known: KnownHistory,
    export: ExportedHistory,
    horizon: Horizon,
    fields: Fields,
) -> Sides:
    return Sides(
        name=name,
        key=KEYS[name],
        old_records=known.tables[name],
        old_facts=known.tables[changes_of(name)],
        new_records=export.tables[name],
        new_facts=export.tables[changes_of(name)],
        stated=export.stated[name],
        stated_before=known.stated[known.stated["table"] == name],
        seen=export.seen.get(name),
        horizon=horizon,
        fields=fields,
    )


def _records(sides: Sides, empty: frozenset[str]) -> tuple[pd.DataFrame, dict[str, int]]:
    """The records of both sides, and by column how many known ones the export states otherwise.

    Those keep what was known first: nothing says when it changed, and a value that is put in its
    place would be seen by every earlier as-of.
    """
    old, new, key = sides.old_records, sides.new_records, sides.key
    is_new = ~is_among(new[key], old[key]).to_numpy()
    fresh = new[is_new]
    known_at = sides.horizon.raised(fresh["known_at"])
    records = stacked(old, fresh.assign(known_at=known_at), empty)
    records = records.sort_values(key, ignore_index=True)
    before = old.set_index(key).reindex(new.loc[~is_new, key])
    after = new[~is_new].set_index(key)
    fixed = [c.name for c in HISTORY_TABLES[sides.name] if c.name not in (key, "known_at")]
    kept = {
        name: int((differs(after[name], before[name]) & after[name].notna()).sum())
        for name in fixed
    }
    return records, {name: count for name, count in kept.items() if count}


def _activities(before: pd.DataFrame, after: pd.DataFrame, horizon: Horizon) -> pd.DataFrame:
    """All activities of both sides, by deal, lead and time; those alike are one."""
    added = after[unmatched(after, before, ACTIVITY_KEYS)]
    added = added.assign(known_at=horizon.raised(added["known_at"]))
    return activities_in_order(pd.concat([before, added], ignore_index=True))


def _rates(old: pd.DataFrame, new: pd.DataFrame, horizon: Horizon) -> pd.DataFrame:
    """Rates of days that lay before `known_until` stay; the export's hold from then on."""
    past, later = old["date"] < horizon.known_until, new["date"] >= horizon.known_until
    return pd.concat([old[past], new[later]], ignore_index=True)


def _with_missing(
    new: pd.DataFrame, old: pd.DataFrame, key: str, empty: frozenset[str]
) -> pd.DataFrame:
    """The export's rows, and those of the history that it no longer holds."""
    gone = old[~is_among(old[key], new[key])]
    return stacked(new, gone, empty).sort_values(key, ignore_index=True)
