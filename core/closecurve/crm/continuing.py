"""A new export on top of the history that is current: knowledge is never lost or moved back.

What was known stays as it was known. What the export adds is taken; what it adds to the time
before `known_until` was not known then, and counts from when it was noticed. What it no longer
holds, or holds otherwise, becomes a fact of the instant at which that was noticed. So no snapshot
at an as-of up to `known_until` changes, and the same export again adds nothing.
docs/history.md says it in full.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from closecurve.crm.continuing_facts import Horizon, Sides, continued_facts, disagreements
from closecurve.crm.continuing_report import SubjectReport
from closecurve.crm.matching import differs, stacked, unmatched
from closecurve.crm.tables import HISTORY_TABLES
from closecurve.crm.values import is_among

KEYS = {"deals": "deal_id", "leads": "lead_id"}
"""The tables whose records have facts, and their ids."""

ACTIVITY_KEYS = ("deal_id", "lead_id", "event_at", "kind")
"""What makes two activities the same one; who did it and which way it went may be corrected."""

Frames = Mapping[str, pd.DataFrame]


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


def begun(export: ExportedHistory) -> ContinuedHistory:
    """A history that rests on one export alone."""
    said = [
        disagreements(name, export.stated[name], export.tables[_changes(name)], KEYS[name])
        for name in KEYS
    ]
    return ContinuedHistory(tables=dict(export.tables), stated=pd.concat(said, ignore_index=True))


def continued(known: KnownHistory, export: ExportedHistory) -> ContinuedHistory:
    """The current history with a new export taken in.

    Owners, accounts, targets and stages have no time of their own: they are the export's, and
    owners and accounts that it no longer holds stay. Rates dated before `known.data_until` stay.
    """
    horizon = Horizon(
        known_until=known.data_until,
        noticed_at=max(known.data_until, latest_knowledge(export.tables) or known.data_until),
    )
    made, said, reports = dict(export.tables), [], []
    for name, key in KEYS.items():
        sides = _sides(name, key, known, export, horizon)
        facts = continued_facts(sides, _records(sides))
        made |= {name: facts.records, _changes(name): facts.facts}
        said.append(disagreements(name, sides.stated, facts.facts, key))
        reports.append(facts.report)
    made["activities"] = _activities(known.tables, export.tables, horizon)
    made["fx_rates"] = _rates(known.tables["fx_rates"], export.tables["fx_rates"], horizon)
    for name in ("accounts", "owners"):
        made[name] = _with_missing(export.tables[name], known.tables[name], f"{name[:-1]}_id")
    return ContinuedHistory(
        tables={name: made[name] for name in HISTORY_TABLES},
        stated=pd.concat(said, ignore_index=True),
        reports=tuple(reports),
    )


def latest_knowledge(tables: Frames) -> pd.Timestamp | None:
    """The last instant at which anything of a history became known; None without any fact."""
    known = [frame["known_at"].max() for frame in tables.values() if "known_at" in frame]
    return max((each for each in known if pd.notna(each)), default=None)


def _changes(name: str) -> str:
    return f"{name[:-1]}_changes"


def _sides(
    name: str, key: str, known: KnownHistory, export: ExportedHistory, horizon: Horizon
) -> Sides:
    return Sides(
        name=name,
        key=key,
        old_records=known.tables[name],
        old_facts=known.tables[_changes(name)],
        new_records=export.tables[name],
        new_facts=export.tables[_changes(name)],
        stated=export.stated[name],
        stated_before=known.stated[known.stated["table"] == name],
        seen=export.seen.get(name),
        horizon=horizon,
    )


def _records(sides: Sides) -> tuple[pd.DataFrame, dict[str, int]]:
    """The records of both sides, and by column how many known ones the export states otherwise.

    Those keep what was known first: nothing says when it changed, and a value that is put in its
    place would be seen by every earlier as-of.
    """
    old, new, key = sides.old_records, sides.new_records, sides.key
    is_new = ~is_among(new[key], old[key]).to_numpy()
    fresh = new[is_new]
    known_at = sides.horizon.raised(fresh["known_at"])
    records = stacked(old, fresh.assign(known_at=known_at)).sort_values(key, ignore_index=True)
    before = old.set_index(key).reindex(new.loc[~is_new, key])
    after = new[~is_new].set_index(key)
    fixed = [c.name for c in HISTORY_TABLES[sides.name] if c.name not in (key, "known_at")]
    kept = {
        name: int((differs(after[name], before[name]) & after[name].notna()).sum())
        for name in fixed
    }
    return records, {name: count for name, count in kept.items() if count}


def _activities(old: Frames, new: Frames, horizon: Horizon) -> pd.DataFrame:
    """All activities of both sides, by deal, lead and time; those alike are one."""
    before, after = old["activities"], new["activities"]
    added = after[unmatched(after, before, ACTIVITY_KEYS)]
    added = added.assign(known_at=horizon.raised(added["known_at"]))
    both = pd.concat([before, added], ignore_index=True)
    ids = [pd.factorize(both[name], sort=True)[0] for name in ("deal_id", "lead_id")]
    order = np.lexsort((both["event_at"].to_numpy(), ids[1], ids[0]))
    return both.iloc[order].reset_index(drop=True)


def _rates(old: pd.DataFrame, new: pd.DataFrame, horizon: Horizon) -> pd.DataFrame:
    """Rates of days that lay before `known_until` stay; the export's hold from then on."""
    past, later = old["date"] < horizon.known_until, new["date"] >= horizon.known_until
    return pd.concat([old[past], new[later]], ignore_index=True)


def _with_missing(new: pd.DataFrame, old: pd.DataFrame, key: str) -> pd.DataFrame:
    """The export's rows, and those of the history that it no longer holds."""
    gone = old[~is_among(old[key], new[key])]
    return stacked(new, gone).sort_values(key, ignore_index=True)
