"""The facts of known records and those of a new export, put together (see `continuing`)."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from closecurve.crm.continuing_report import SubjectReport
from closecurve.crm.facts import value_text
from closecurve.crm.matching import differs, unmatched
from closecurve.crm.stages import StageKind
from closecurve.crm.tables import (
    DELETED,
    HISTORY_TABLES,
    TRACKED_DEAL_FIELDS,
    TRACKED_LEAD_FIELDS,
)
from closecurve.crm.values import is_among

STATED = ("table", "id", "field", "value")
"""Where a table of records says otherwise than the last fact: kept to see when it changes."""

_OUTCOMES = ("outcome", "converted_deal_id")
"""Fields that no record has from its creation on."""

OPEN = StageKind.OPEN.value
_TRACKED = {"deals": TRACKED_DEAL_FIELDS, "leads": TRACKED_LEAD_FIELDS}
_INITIAL, _KNOWN, _FRESH, _NOTICED = range(4)
"""How facts of one instant follow each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Horizon:
    """Up to when the history was known, and when what a new export changes in it was noticed."""

    known_until: pd.Timestamp
    noticed_at: pd.Timestamp

    def raised(self, known_at: pd.Series) -> pd.Series:
        """What claims to be known before `known_until`, and was not, is known when noticed."""
        return known_at.mask(known_at < self.known_until, self.noticed_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """Which fields of a table's records have facts, whatever range of the records is at hand.

    `before` have some in the history, `exported` in the export. `restated` are columns that the
    export's table fills otherwise, for a known record, than they were first known.
    """

    before: frozenset[str] = frozenset()
    exported: frozenset[str] = frozenset()
    restated: frozenset[str] = frozenset()

    @property
    def tracked(self) -> frozenset[str]:
        """All that have facts from now on."""
        return self.before | self.exported | self.restated

    def joined(self, other: "Fields") -> "Fields":
        """Those of two ranges together."""
        return Fields(
            before=self.before | other.before,
            exported=self.exported | other.exported,
            restated=self.restated | other.restated,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sides:
    """Records and facts of the history (old) and of the export alone (new), by the id `key`.

    `stated` has a text by id for each field of the export's table; `stated_before` are the rows
    of STATED of this table; `seen` are the ids read, None where the export has no such table.
    `fields` are those of all records, where these are a range of them.
    """

    name: str
    key: str
    old_records: pd.DataFrame
    old_facts: pd.DataFrame
    new_records: pd.DataFrame
    new_facts: pd.DataFrame
    stated: Mapping[str, pd.Series]
    stated_before: pd.DataFrame
    seen: pd.Series | None
    horizon: Horizon
    fields: Fields

    @property
    def common(self) -> pd.Series:
        """The ids that both hold."""
        old = self.old_records[self.key]
        return old[is_among(old, self.new_records[self.key])]

    @property
    def tracked_before(self) -> set[str]:
        """The fields that have facts in the history."""
        return {*_TRACKED[self.name], *self.fields.before}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Continued:
    """Records and facts of both sides, and what was found."""

    records: pd.DataFrame
    facts: pd.DataFrame
    report: SubjectReport


def continued_facts(sides: Sides, merged: tuple[pd.DataFrame, dict[str, int]]) -> Continued:
    """The facts of both sides in order; `merged` are the records and what they keep."""
    records, kept = merged
    fresh = _fresh(sides)
    late = fresh["known_at"] != fresh.pop("said_known_at")
    grown = _ordered([sides.old_facts.assign(rank=_KNOWN), fresh.assign(rank=_FRESH)], sides.key)
    noticed = _noticed(sides, fresh, grown)
    outcomes = pd.concat([_changed_outcomes(sides, grown), _deleted(sides, grown)])
    first = _first_values(sides, records)
    facts = _ordered([first, grown, noticed, outcomes], sides.key)
    tracked = sides.fields.tracked - {*sides.old_records.columns}
    report = SubjectReport(
        table=sides.name,
        new=len(records) - len(sides.old_records),
        deleted=int((outcomes["new_value"] == DELETED).sum()),
        returned=int((outcomes["old_value"] == DELETED).sum()),
        noticed=len(noticed),
        late=int((late & is_among(fresh[sides.key], sides.common)).sum()),
        moved=_moved(sides, fresh[late]),
        kept=kept,
    )
    return Continued(
        records=records.drop(columns=[name for name in records if name in tracked]),
        facts=_numbered(facts, sides.key),
        report=report,
    )


def disagreements(
    name: str,
    stated: Mapping[str, pd.Series],
    facts: pd.DataFrame,
    key: str,
    changed: Collection[str],
) -> pd.DataFrame:
    """The rows of STATED, by id and field: tracked values of the export's table that are not those
    of its facts. `changed` are the fields that any record has facts of."""
    tracked = {*_TRACKED[name], *changed} - {*_OUTCOMES}
    found = [pd.DataFrame(columns=list(STATED), dtype="str")]
    for field in sorted(tracked & set(stated)):
        held = _last(facts, key, field)["new_value"].reindex(stated[field].index)
        apart = stated[field][differs(stated[field], held)]
        if len(apart):
            row = {"table": name, "id": apart.index, "field": field, "value": apart.to_numpy()}
            found.append(pd.DataFrame(row, columns=list(STATED)).astype("str"))
    together = pd.concat(found, ignore_index=True)
    return together.sort_values("id", kind="stable", ignore_index=True)


def fields_of(sides: Sides) -> Fields:
    """The fields of the records of both sides."""
    common, restated = sides.common, set()
    for field, stated in sides.stated.items():
        values = stated[is_among(pd.Series(stated.index), common).to_numpy()]
        if differs(values, _fixed(sides, field, values.index)).any():
            restated.add(field)
    return Fields(
        before=frozenset(sides.old_facts["field"].unique()),
        exported=frozenset(sides.new_facts["field"].unique()),
        restated=frozenset(restated) - {*_TRACKED[sides.name]},
    )


def _fresh(sides: Sides) -> pd.DataFrame:
    """The export's facts that the history does not hold, known no earlier than it could be.

    A first value of a known record is none: it was first known otherwise. `said_known_at` is when
    the export says that it was known.
    """
    keys = [sides.key, "field", "event_at", "new_value"]
    facts = sides.new_facts[unmatched(sides.new_facts, sides.old_facts, keys)]
    created = [
        records.set_index(sides.key)["created_at"].reindex(facts[sides.key]).set_axis(facts.index)
        for records in (sides.old_records, sides.new_records)
    ]
    is_first = (facts["event_at"] <= created[0]) | (
        created[0].notna() & (facts["event_at"] <= created[1])
    )
    kept = facts[~is_first | facts["field"].isin(_OUTCOMES)]
    return kept.assign(
        said_known_at=kept["known_at"], known_at=sides.horizon.raised(kept["known_at"])
    )


def _moved(sides: Sides, late: pd.DataFrame) -> int:
    """How many late facts tell a known one of another time, which the export tells no longer."""
    untold = unmatched(
        sides.old_facts, sides.new_facts, [sides.key, "field", "event_at", "new_value"]
    )
    keys = [sides.key, "field", "new_value"]
    return int((~unmatched(late, sides.old_facts[untold], keys)).sum())


def _noticed(sides: Sides, fresh: pd.DataFrame, grown: pd.DataFrame) -> pd.DataFrame:
    """Values of the table that are neither what it stated before nor what the facts say.

    Seen together with a close that is new as well, such a value is one of the close; otherwise it
    is one of the instant at which it was noticed.
    """
    closes = fresh[(fresh["field"] == "outcome") & (fresh["new_value"] != OPEN)]
    closed_at = closes.drop_duplicates(sides.key, keep="last").set_index(sides.key)["known_at"]
    made = [_no_facts(sides)]
    for field, values in _changed_statements(sides):
        last = _last(grown, sides.key, field).reindex(values.index)
        held = last["new_value"].where(last["event_at"].notna(), _fixed(sides, field, values.index))
        changed = values[differs(values, held)]
        at = closed_at.reindex(changed.index)
        passed = at.isna() | (at < last["event_at"].reindex(changed.index))
        at = at.mask(passed, sides.horizon.noticed_at)
        made.append(_facts(sides, field, changed, at, at, held.reindex(changed.index)))
    return pd.concat(made, ignore_index=True)


def _changed_statements(sides: Sides) -> Iterator[tuple[str, pd.Series]]:
    """By field, the values of known records that their table stated otherwise before."""
    before, common = sides.stated_before.set_index(["field", "id"])["value"], sides.common
    for field, stated in sides.stated.items():
        values = stated[is_among(pd.Series(stated.index), common).to_numpy()]
        last = _last(sides.old_facts, sides.key, field)["new_value"].reindex(values.index)
        said = last if field in sides.tracked_before else _fixed(sides, field, values.index)
        if field in before.index:
            told = before.loc[[field]].droplevel("field")
            said = said.where(~said.index.isin(told.index), told.reindex(said.index))
        changed = values[differs(values, said)]
        if len(changed):
            yield field, changed


def _fixed(sides: Sides, field: str, ids: pd.Index) -> pd.Series:
    """The text of a column without history, as it was known first; null where there is none."""
    fixed = {column.name for column in HISTORY_TABLES[sides.name]}
    if field in fixed or field not in sides.old_records:
        return pd.Series(None, ids, "str")
    return value_text(sides.old_records.set_index(sides.key)[field]).reindex(ids)


def _first_values(sides: Sides, records: pd.DataFrame) -> pd.DataFrame:
    """First values of attributes that have facts now, for records whose side had none of them."""
    made = [_no_facts(sides)]
    has_facts = {True: sides.tracked_before, False: sides.fields.exported}
    known_at = records.set_index(sides.key)["known_at"]
    is_old = is_among(records[sides.key], sides.old_records[sides.key]).to_numpy()
    fixed = {column.name for column in HISTORY_TABLES[sides.name]}
    for field in sorted((sides.fields.tracked & set(records.columns)) - fixed):
        for old in (True, False):
            ours = records[is_old == old].set_index(sides.key)
            values = value_text(ours[field]).dropna()
            if field not in has_facts[old]:
                created = ours["created_at"].reindex(values.index)
                known = known_at.reindex(values.index)
                made.append(_facts(sides, field, values, created, known, None, _INITIAL))
    return pd.concat(made, ignore_index=True)


def _changed_outcomes(sides: Sides, grown: pd.DataFrame) -> pd.DataFrame:
    """Outcomes of known records that the export tells otherwise than their facts do.

    An end counts from the last known instant of the record's outcome, so that a deal that was
    gone and is back is still won when it was won.
    """
    common = pd.Index(sides.common)
    held = _last(grown, sides.key, "outcome").reindex(common)
    said = _last(sides.new_facts, sides.key, "outcome")["new_value"].reindex(common).fillna(OPEN)
    changed = said[said != held["new_value"].fillna(OPEN)]
    noticed = pd.Series(sides.horizon.noticed_at, changed.index)
    event_at = noticed.where(changed == OPEN, held["event_at"].reindex(changed.index))
    before = held["new_value"].reindex(changed.index)
    return _facts(sides, "outcome", changed, event_at, noticed, before)


def _deleted(sides: Sides, grown: pd.DataFrame) -> pd.DataFrame:
    """Records that the export does not hold are closed out, not erased.

    The mark of one that had ended stands at its end: back in the export, it ended then.
    """
    if sides.seen is None:
        return _no_facts(sides)
    ids = sides.old_records[sides.key]
    missing = pd.Index(ids[~is_among(ids, sides.seen)])
    held = _last(grown, sides.key, "outcome").reindex(missing)
    gone = held[held["new_value"] != DELETED]
    noticed = pd.Series(sides.horizon.noticed_at, gone.index)
    is_open = gone["new_value"].fillna(OPEN) == OPEN
    event_at = noticed.where(is_open, gone["event_at"])
    values = pd.Series(DELETED, gone.index, "str")
    return _facts(sides, "outcome", values, event_at, noticed, gone["new_value"])


def _facts(
    sides: Sides,
    field: str,
    values: pd.Series,
    event_at: pd.Series,
    known_at: pd.Series,
    before: pd.Series | None,
    rank: int = _NOTICED,
) -> pd.DataFrame:
    """Facts of one field; all series are aligned by id."""
    made = {
        sides.key: values.index,
        "field": field,
        "event_at": event_at,
        "known_at": known_at,
        "seq": 0.0,
        "old_value": None if before is None else before,
        "new_value": values,
        "rank": rank,
    }
    frame = pd.DataFrame(made, index=values.index).reset_index(drop=True)
    return frame.astype(dict.fromkeys((sides.key, "field", "old_value", "new_value"), "str"))


def _no_facts(sides: Sides) -> pd.DataFrame:
    return sides.old_facts.iloc[:0].assign(rank=0)


def _last(facts: pd.DataFrame, key: str, field: str) -> pd.DataFrame:
    """The fact that holds by id; `facts` stand in their order."""
    return facts[facts["field"] == field].drop_duplicates(key, keep="last").set_index(key)


def _ordered(made: list[pd.DataFrame], key: str) -> pd.DataFrame:
    """The facts by id and event; at one instant in the order in which they were learnt."""
    facts = pd.concat(made, ignore_index=True)
    ids = pd.factorize(facts[key], sort=True)[0]
    order = [facts["seq"].to_numpy(), facts["rank"].to_numpy(), facts["event_at"].to_numpy(), ids]
    return facts.iloc[np.lexsort(order)].reset_index(drop=True)


def _numbered(facts: pd.DataFrame, key: str) -> pd.DataFrame:
    seq = facts.groupby(key).cumcount().to_numpy() + 1.0
    return facts.assign(seq=seq).drop(columns="rank")
