"""Row quality: an import's raw tables against the rules, table after table.

A row is kept or set aside, never changed in silence; what is set aside takes its facts with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd

from closecurve.crm.reading import nothing_read, out_of_range, read_table
from closecurve.crm.review import REJECTED_COLUMNS, RawTable, RowReview, TableReport
from closecurve.crm.stages import Process, StageKind
from closecurve.crm.tables import CANONICAL, DELETED, HISTORY_TABLES, ColumnType
from closecurve.crm.values import is_among

OUTCOMES = {"deal": ("won", "lost"), "lead": ("converted", "disqualified")}
"""How a deal and a lead end."""

SCOPE_KINDS = ("company", "region", "team", "owner", "product")
"""What a target may be of."""

AHEAD = pd.Timedelta(days=1)
"""How far ahead of the clock of the import a fact may lie: clocks and time zones differ."""

_FIELD_NAME = r"[a-z][a-z0-9_]{0,62}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Subjects:
    """Ids of deals (leads) whose rows were kept, and of all that were seen, kept or not."""

    kept: pd.Series
    seen: pd.Series


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedTables:
    """Canonical tables of the rows that were kept (typed, all of CANONICAL), and the counts.

    `rejected` has one row for each row set aside: table, file, line, column, value, rule. `seen`
    has every id that was read of the tables of deals and leads that are mapped, kept or not.
    """

    frames: Mapping[str, pd.DataFrame]
    reports: tuple[TableReport, ...]
    rejected: pd.DataFrame
    seen: Mapping[str, pd.Series]


def check_tables(
    raw: Mapping[str, RawTable],
    processes: Sequence[Process],
    company_zone: str = "UTC",
    began_at: pd.Timestamp | None = None,
    elsewhere: Mapping[str, Subjects] = MappingProxyType({}),
) -> CheckedTables:
    """The raw tables read and held against every rule.

    They may be a range of an export, as long as all rows of an id are in it. A table that is not
    given comes out empty; activities without their deals and leads are held against those of
    `elsewhere`. `company_zone` is the time zone of its days. Facts dated later than `AHEAD` after
    `began_at` are set aside; None lets all dates pass.
    """
    reviews = {
        name: read_table(raw[name], company_zone) if name in raw else nothing_read(name)
        for name in CANONICAL
    }
    for name in raw:
        _check_alone(reviews[name], began_at)
    if "deals" in raw:
        _check_deals(reviews["deals"], reviews["deal_changes"], processes, company_zone)
    if "leads" in raw:
        _check_leads(reviews["leads"], company_zone)
    if "deal_changes" in raw:
        _check_changes(reviews["deal_changes"], reviews["deals"], processes)
    if "lead_changes" in raw:
        _check_changes(reviews["lead_changes"], reviews["leads"], ())
    if "activities" in raw:
        known = {name: elsewhere.get(name, _subjects(reviews[name])) for name in ("deals", "leads")}
        _check_activities(reviews["activities"], known["deals"], known["leads"])
    if "targets" in raw:
        _check_targets(reviews["targets"])
    return _checked(raw, reviews)


def _checked(raw: Mapping[str, RawTable], reviews: Mapping[str, RowReview]) -> CheckedTables:
    left_out = {name: sum(part.left_out for part in table.parts) for name, table in raw.items()}
    rejected = [review.rejected() for review in reviews.values()]
    return CheckedTables(
        frames={name: review.rows.reset_index(drop=True) for name, review in reviews.items()},
        reports=tuple(review.report(left_out.get(name, 0)) for name, review in reviews.items()),
        rejected=pd.concat(rejected, ignore_index=True)[list(REJECTED_COLUMNS)],
        seen={name: reviews[name].seen().dropna() for name in ("deals", "leads") if name in raw},
    )


def _check_alone(review: RowReview, began_at: pd.Timestamp | None) -> None:
    """The rules that need no other table."""
    _check_numbers(review)
    _check_currency(review)
    if began_at is not None:
        _check_future(review, began_at + AHEAD)
    if review.table.key and review.table.name not in ("deals", "leads"):
        _check_duplicates(review)


def kinds_of(process: pd.Series, stage: pd.Series, processes: Sequence[Process]) -> pd.Series:
    """The kind (open, won, lost) of each stage in its process; null for an unknown one."""
    kinds = pd.Series(None, index=stage.index, dtype="str")
    for each in processes:
        ours = process == each.name
        kinds[ours] = stage[ours].map({s.name: s.kind.value for s in each.stages})
    return kinds


def _check_numbers(review: RowReview) -> None:
    for column in review.table.columns:
        if column.type is ColumnType.NUMBER:
            numbers = review.rows[column.name]
            broken = out_of_range(numbers) | ((numbers == 0) & (column.name == "rate"))
            review.set_aside(broken, column.name, "number-range")
    for name in review.rows.columns.difference(list(review.table.names)):
        if pd.api.types.is_numeric_dtype(review.rows[name]):
            review.set_aside(np.isinf(review.rows[name]), name, "number-range")


def _check_future(review: RowReview, latest: pd.Timestamp) -> None:
    """A slip of the year would move the end of the data, and with it every answer."""
    is_plan = review.table.name == "activities"
    for column in review.table.columns:
        if column.type is ColumnType.INSTANT:
            rule = "activity-planned" if is_plan and column.name == "event_at" else "date-future"
            review.set_aside(review.rows[column.name] > latest, column.name, rule)


def _check_currency(review: RowReview) -> None:
    if "currency" in review.rows:
        currency = review.rows["currency"].str.upper()
        review.rows = review.rows.assign(currency=currency)
        broken = currency.notna() & ~currency.str.fullmatch("[A-Z]{3}").astype(bool)
        review.set_aside(broken, "currency", "currency-format")


def _check_duplicates(review: RowReview) -> None:
    key = review.table.key or ""
    review.set_aside(review.rows[key].duplicated(), key, "id-duplicate")


def _check_deals(
    deals: RowReview, changes: RowReview, processes: Sequence[Process], company_zone: str
) -> None:
    _check_process(deals, processes)
    kinds = kinds_of(deals.rows["process"], deals.rows["stage"], processes)
    deals.set_aside(deals.rows["stage"].notna() & kinds.isna(), "stage", "stage-unknown")
    _check_outcome(deals, processes)
    _check_close(deals, changes, processes)
    _check_order(deals, "closed_at", "close-before-creation", company_zone)
    _check_duplicates(deals)


def _check_process(deals: RowReview, processes: Sequence[Process]) -> None:
    """A deal without a process is of the first one that knows its stage."""
    process, stage = deals.rows["process"], deals.rows["stage"]
    for each in processes:
        knows = stage.isin([s.name for s in each.stages])
        process = process.mask(process.isna() & knows, each.name)
    deals.rows = deals.rows.assign(process=process.fillna(processes[0].name))
    names = [each.name for each in processes]
    deals.set_aside(~deals.rows["process"].isin(names), "process", "process-unknown")


def _check_outcome(deals: RowReview, processes: Sequence[Process]) -> None:
    """An outcome that is not given is that of the stage."""
    outcome = deals.rows["outcome"].str.lower()
    outcome = outcome.mask(outcome == StageKind.OPEN.value)
    deals.rows = deals.rows.assign(outcome=outcome)
    unknown = outcome.notna() & ~outcome.isin(OUTCOMES["deal"])
    deals.set_aside(unknown, "outcome", "outcome-unknown")
    kinds = kinds_of(deals.rows["process"], deals.rows["stage"], processes)
    ended = kinds.where(kinds != StageKind.OPEN.value)
    outcome = deals.rows["outcome"]
    against = outcome.notna() & ended.notna() & (outcome != ended)
    deals.rows = deals.rows.assign(outcome=outcome.fillna(ended))
    deals.set_aside(against, "outcome", "outcome-against-stage")


def _check_close(deals: RowReview, changes: RowReview, processes: Sequence[Process]) -> None:
    """A close needs its day and its outcome, unless the changes tell both."""
    ends = [s.name for p in processes for s in p.stages if s.kind is not StageKind.OPEN]
    field, value = changes.rows["field"], changes.rows["new_value"]
    moved = ((field == "stage") & value.isin(ends)) | ((field == "outcome") & (value != DELETED))
    told = is_among(deals.rows["deal_id"], changes.rows["deal_id"][moved])
    outcome, closed_at = deals.rows["outcome"], deals.rows["closed_at"]
    no_date = outcome.notna() & closed_at.isna() & ~told
    no_outcome = closed_at.notna() & outcome.isna() & ~told
    deals.set_aside(no_date, "closed_at", "close-without-date")
    deals.set_aside(no_outcome[~no_date], "outcome", "close-without-outcome")


def _check_order(review: RowReview, name: str, rule: str, company_zone: str) -> None:
    """An end given as a day alone may fall on the day of the creation: it is then that instant."""
    created, ended = review.rows["created_at"], review.rows[name]
    local = ended.dt.tz_localize("UTC").dt.tz_convert(company_zone).dt.tz_localize(None)
    made = created.dt.tz_localize("UTC").dt.tz_convert(company_zone).dt.tz_localize(None)
    same_day = (ended < created) & (local == made.dt.normalize())
    review.rows = review.rows.assign(**{name: ended.mask(same_day, created)})
    review.set_aside(review.rows[name] < created, name, rule)


def _check_leads(leads: RowReview, company_zone: str) -> None:
    undated = leads.rows["converted_deal_id"].notna() & leads.rows["converted_at"].isna()
    leads.set_aside(undated, "converted_at", "conversion-without-date")
    for name in ("converted_at", "disqualified_at"):
        _check_order(leads, name, "conversion-before-creation", company_zone)
    _check_duplicates(leads)


def _check_changes(changes: RowReview, subjects: RowReview, processes: Sequence[Process]) -> None:
    """`processes` is empty for leads, which have no stages."""
    _check_fields(changes, subjects)
    _check_subject(changes, subjects)
    if processes:
        process_of = subjects.rows.set_index("deal_id")["process"]
        for name in ("new_value", "old_value"):
            stage = changes.rows[name].where(changes.rows["field"] == "stage")
            kinds = kinds_of(changes.rows["deal_id"].map(process_of), stage, processes)
            changes.set_aside(stage.notna() & kinds.isna(), name, "stage-unknown")


def _check_fields(changes: RowReview, subjects: RowReview) -> None:
    table = subjects.table
    fixed = {column.name for column in HISTORY_TABLES[table.name]}
    fixed |= {column.name for column in table.columns if column.type is ColumnType.INSTANT}
    field = changes.rows["field"]
    broken = field.isin(fixed) | ~field.str.fullmatch(_FIELD_NAME).astype(bool)
    changes.set_aside(broken, "field", "field-untracked")
    outcomes = (*OUTCOMES[table.name.removesuffix("s")], StageKind.OPEN.value, DELETED)
    for name in ("new_value", "old_value"):
        outcome = changes.rows[name].where(changes.rows["field"] == "outcome").str.lower()
        changes.set_aside(outcome.notna() & ~outcome.isin(outcomes), name, "outcome-unknown")


def _check_subject(changes: RowReview, subjects: RowReview) -> None:
    key = subjects.table.key or ""
    for broken, rule in _strangers(changes, key, subjects):
        changes.set_aside(broken.loc[changes.rows.index], key, rule)


def _strangers(review: RowReview, key: str, subjects: RowReview) -> list[tuple[pd.Series, str]]:
    """Which rows are of a subject that was set aside, and which of one never seen."""
    kept = is_among(review.rows[key], subjects.rows[key])
    seen = is_among(review.rows[key], subjects.seen())
    name = key.removesuffix("_id")
    return [(~kept & seen, f"{name}-set-aside"), (~kept & ~seen, f"{name}-unknown")]


def _subjects(review: RowReview) -> Subjects:
    return Subjects(kept=review.rows[review.table.key or ""], seen=review.seen())


def _check_activities(activities: RowReview, deals: Subjects, leads: Subjects) -> None:
    """One known deal or lead is enough: an export may hold activities of both."""
    rows = activities.rows
    nobody = rows["deal_id"].isna() & rows["lead_id"].isna()
    activities.set_aside(nobody, "deal_id", "activity-without-subject")
    rows = activities.rows
    known = is_among(rows["deal_id"], deals.kept) | is_among(rows["lead_id"], leads.kept)
    for key, subjects in (("deal_id", deals), ("lead_id", leads)):
        seen = is_among(rows[key], subjects.seen)
        broken = (~known & seen).loc[activities.rows.index]
        activities.set_aside(broken, key, f"{key.removesuffix('_id')}-set-aside")
    for key in ("deal_id", "lead_id"):
        broken = (~known & rows[key].notna()).loc[activities.rows.index]
        activities.set_aside(broken, key, "activity-unknown")


def _check_targets(targets: RowReview) -> None:
    rows = targets.rows.assign(scope_kind=targets.rows["scope_kind"].str.lower())
    targets.rows = rows
    targets.set_aside(~rows["scope_kind"].isin(SCOPE_KINDS), "scope_kind", "scope-unknown")
    backwards = targets.rows["period_end"] < targets.rows["period_start"]
    targets.set_aside(backwards, "period_end", "period-order")
