"""The same snapshots in plain Python, for one record: the live path, and the oracle of the tests.

`deal_snapshot_of` equals the row of `deal_snapshots` when it is given the record's rows and the
context's facts at the same as-of. Facts with `known_at >= as_of` are not looked at.
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any, TypeAlias

import pandas as pd

from closecurve.features.definitions import (
    CARRIED_DEAL,
    CARRIED_LEAD,
    DATE_PATTERN,
    DAY_LENGTH,
    DAY_PATTERN,
    INBOUND,
    NUMBER_PATTERN,
    OUTBOUND,
    TREND_DAYS,
    WINDOWS,
)
from closecurve.features.records import (
    Context,
    DealRecord,
    LeadRecord,
    Row,
    instant,
    instant_of,
    plain,
)
from closecurve.features.selected import Attribute, FeatureSelection, SubjectSelection

Snapshot: TypeAlias = dict[str, Any]

_DAY = timedelta(days=1)
_NUMBER, _ISO_DAY = re.compile(NUMBER_PATTERN), re.compile(DAY_PATTERN)
_DATE = re.compile(DATE_PATTERN, re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fact:
    """A fact that came to hold a value."""

    event_at: datetime
    value: str | None


def deal_snapshot_of(
    record: DealRecord, context: Context, as_of: pd.Timestamp, selection: FeatureSelection
) -> Snapshot:
    """The snapshot of one deal: the columns of `deal_snapshots` in their order, None for null."""
    now, part = instant(as_of), selection.deals
    created = instant(record.deal["created_at"])
    owner = _held(record.changes, "owner_id", now)
    found = {
        **_carried(record.deal, owner, context),
        "age_days": _days(created, now),
        **_stage(record, context, now, part),
        **_amount(record, context, now, selection),
        **_expected_close(record.changes, now),
        **_engagement(record.activities, now, part.kinds),
        **_deal_owner(owner, context, record.is_counted),
        **_account(record, context, now),
        **_lead(record, now),
        **_calendar(now, selection.year_start_month),
        **_attributes(record.deal, record.changes, record.account, part, now),
    }
    columns = ("deal_id", "as_of", *CARRIED_DEAL, *selection.columns("deal"))
    return {"deal_id": record.deal["deal_id"], "as_of": as_of} | _chosen(found, columns[2:])


def lead_snapshot_of(
    record: LeadRecord, context: Context, as_of: pd.Timestamp, selection: FeatureSelection
) -> Snapshot:
    """The snapshot of one lead: the columns of `lead_snapshots` in their order."""
    now, part = instant(as_of), selection.leads
    created = instant(record.lead["created_at"])
    owner = _held(record.changes, "owner_id", now)
    answer = _first_outbound(record.activities, now)
    found = {
        **_carried(record.lead, owner, context),
        "source": plain(record.lead.get("source")),
        "region": plain(record.lead.get("region")),
        "responded_at": answer,
        "responded": float(answer is not None),
        "response_hours": _response_hours(created, answer),
        "age_days": _days(created, now),
        "created_weekday": float(created.weekday()),
        "created_hour": float(created.hour),
        **_calendar(now, selection.year_start_month),
        **_engagement(record.activities, now, part.kinds),
        **_lead_owner(owner, context, record.is_counted),
        **_attributes(record.lead, record.changes, record.account, part, now),
    }
    columns = ("lead_id", "as_of", *CARRIED_LEAD, *selection.columns("lead"))
    return {"lead_id": record.lead["lead_id"], "as_of": as_of} | _chosen(found, columns[2:])


def _carried(row: Row, owner: Sequence[_Fact], context: Context) -> Snapshot:
    """What never changes, and who works on it."""
    fixed = ("account_id", "process", "currency", "lead_id")
    facts = _owner_row(_value(owner), context)
    return {
        **{name: plain(row.get(name)) for name in fixed},
        "created_at": instant(row["created_at"]),
        "owner_id": _value(owner),
        "team": facts.get("team"),
        "region": facts.get("region"),
    }


def _held(changes: Iterable[Row], field: str, now: datetime) -> list[_Fact]:
    """The facts of a field that came to hold a value, in order (see `timeline`)."""
    known = [row for row in changes if row["field"] == field and instant(row["known_at"]) < now]
    placed = list(enumerate(sorted(known, key=_event_order)))
    held: list[_Fact] = []
    latest = -1
    for place, row in sorted(placed, key=lambda item: (instant(item[1]["known_at"]), item[0])):
        if place > latest:
            latest = place
            held.append(_Fact(event_at=instant(row["event_at"]), value=plain(row["new_value"])))
    return held


def _event_order(row: Row) -> tuple[datetime, float, datetime, str]:
    return (
        instant(row["event_at"]),
        plain(row.get("seq")) or 0.0,
        instant(row["known_at"]),
        plain(row["new_value"]) or "",
    )


def _stage(record: DealRecord, context: Context, now: datetime, part: SubjectSelection) -> Snapshot:
    held = _held(record.changes, "stage", now)
    process = plain(record.deal.get("process"))
    orders = [context.stage_orders.get((process, fact.value or "")) for fact in held]
    entered = {
        f"days_since_stage_{stage}": _days(
            _first(f.event_at for f in held if f.value == stage), now
        )
        for stage in part.stages
    }
    if not held:
        return entered
    steps = _steps(orders)
    in_stage = _days(held[-1].event_at, now)
    median = context.median_days.get((process, held[-1].value or ""))
    return entered | {
        "stage": held[-1].value,
        "stage_order": orders[-1],
        "days_in_stage": in_stage,
        "forward_move_count": float(sum(step > 0 for step in steps)),
        "backward_move_count": float(sum(step < 0 for step in steps)),
        "skipped_stage_count": float(sum(max(step - 1, 0) for step in steps)),
        "stage_dwell_ratio": _ratio(in_stage, median),
    }


def _steps(values: Sequence[float | None]) -> list[float]:
    """By how much each value exceeds the one before; left out where either is unknown."""
    pairs = pairwise(values)
    return [b - a for a, b in pairs if a is not None and b is not None]


def _amount(
    record: DealRecord, context: Context, now: datetime, selection: FeatureSelection
) -> Snapshot:
    amounts = [_number(fact.value) for fact in _held(record.changes, "amount", now)]
    if not amounts:
        return {}
    currency = plain(record.deal.get("currency"))
    is_own = currency is None or currency == selection.company_currency
    rate = 1.0 if is_own else context.rates.get(currency)
    return {
        "amount": amounts[-1],
        "amount_company": _product(amounts[-1], rate),
        "amount_change_count": float(sum(step != 0 for step in _steps(amounts))),
        "amount_change_ratio": _ratio(amounts[-1], amounts[0]),
    }


def _expected_close(changes: Iterable[Row], now: datetime) -> Snapshot:
    held = _held(changes, "expected_close_date", now)
    if not held:
        return {}
    days = [_day(fact.value) for fact in held]
    moves = [
        (_days(a, b) or 0.0, fact.event_at)
        for a, b, fact in zip(days, days[1:], held[1:], strict=False)
    ]
    pushes = [(by, at) for by, at in moves if by > 0]
    return {
        "expected_close_date": days[-1].date() if days[-1] else None,
        "days_to_expected_close": _days(now, days[-1]),
        "push_count": float(len(pushes)),
        "pushed_days": float(sum(by for by, _ in pushes)),
        "days_since_push": _days(pushes[-1][1] if pushes else None, now),
    }


def _engagement(activities: Iterable[Row], now: datetime, kinds: Sequence[str]) -> Snapshot:
    known = [
        (row["kind"], row["direction"], now - instant(row["event_at"]))
        for row in activities
        if instant(row["known_at"]) < now
    ]
    ages = [age for _, _, age in known]
    by_kind = {kind: [age for of, _, age in known if of == kind] for kind in kinds}
    ways = {way: [age for _, of, age in known if of == way] for way in (INBOUND, OUTBOUND)}
    recent, both = _count(ages, TREND_DAYS), _count(ages, 2 * TREND_DAYS)
    return {
        **{
            f"{name}_count_{days}": _count(found, days)
            for name, found in ({"activity": ages} | ways).items()
            for days in WINDOWS
        },
        "activity_trend": _ratio(2 * recent - both, both),
        "days_since_activity": _latest(ages),
        **{
            f"activity_count_{days}_{kind}": _count(found, days)
            for kind, found in by_kind.items()
            for days in WINDOWS
        },
        **{f"days_since_{kind}": _latest(found) for kind, found in by_kind.items()},
    }


def _count(ages: Iterable[timedelta], days: int) -> float:
    """How many happened within so many days."""
    within = timedelta(days=days)
    return float(sum(age <= within for age in ages))


def _latest(ages: Iterable[timedelta]) -> float | None:
    """Days since the last one."""
    age = min(ages, default=None)
    return None if age is None else age / _DAY


def _first_outbound(activities: Iterable[Row], now: datetime) -> datetime | None:
    return _first(
        instant(row["event_at"])
        for row in activities
        if row["direction"] == OUTBOUND and instant(row["known_at"]) < now
    )


def _response_hours(created: datetime, answer: datetime | None) -> float | None:
    days = _days(created, answer)
    return None if days is None else max(days * 24.0, 0.0)


def _owner_row(owner_id: str | None, context: Context) -> Row:
    """The owner's facts; an owner who is not listed has the company's rates and no load."""
    if owner_id is None:
        return {}
    company = context.owners.get(None, {})
    return context.owners.get(owner_id, company)


def _deal_owner(owner: Sequence[_Fact], context: Context, is_counted: bool) -> Snapshot:
    if _value(owner) is None:
        return {"owner_changed_count": _hand_overs(owner)}
    facts = _owner_row(_value(owner), context)
    return {
        "owner_win_rate": facts.get("win_rate"),
        "owner_cycle_days": facts.get("cycle_days"),
        "owner_open_count": facts.get("open_count", 0.0) + (not is_counted),
        "owner_changed_count": _hand_overs(owner),
    }


def _lead_owner(owner: Sequence[_Fact], context: Context, is_counted: bool) -> Snapshot:
    if _value(owner) is None:
        return {}
    facts = _owner_row(_value(owner), context)
    return {
        "owner_conversion_rate": facts.get("conversion_rate"),
        "owner_open_lead_count": facts.get("open_lead_count", 0.0) + (not is_counted),
    }


def _hand_overs(owner: Sequence[_Fact]) -> float | None:
    if not owner:
        return None
    values = [fact.value for fact in owner]
    pairs = pairwise(values)
    return float(sum(a is not None and b is not None and a != b for a, b in pairs))


def _account(record: DealRecord, context: Context, now: datetime) -> Snapshot:
    account_id = plain(record.deal.get("account_id"))
    if account_id is None:
        return {}
    facts = context.accounts.get(account_id, {})
    return {
        "account_deal_count": facts.get("deal_count", 0.0) + (not record.is_counted),
        "account_deal_count_365": (facts.get("recent_count") or 0.0) + (not record.is_counted),
        "account_won_count": facts.get("won_count", 0.0),
        "account_won_amount": facts.get("won_amount", 0.0),
        "days_since_account_win": _days(instant_of(facts.get("last_win_at")), now),
    }


def _lead(record: DealRecord, now: datetime) -> Snapshot:
    lead, answer = record.lead, _first_outbound(record.lead_activities, now)
    if lead is None or _known_at(lead) >= now:
        return {}
    created = instant(lead["created_at"])
    known = [row for row in record.lead_activities if instant(row["known_at"]) < now]
    return {
        "lead_activity_count": float(len(known)),
        "lead_inbound_count": float(sum(row["direction"] == INBOUND for row in known)),
        "lead_source": plain(lead.get("source")),
        "lead_age_days": _days(created, instant(record.deal["created_at"])),
        "lead_response_hours": _response_hours(created, answer),
    }


def _attributes(
    row: Row, changes: Sequence[Row], account: Row | None, part: SubjectSelection, now: datetime
) -> Snapshot:
    found: Snapshot = {}
    for attribute in part.attributes:
        if attribute.has_history:
            value: Any = _value(_held(changes, attribute.name, now))
        else:
            holder = (account or {}) if attribute.table == "accounts" else row
            value = plain(holder.get(attribute.name))
        found[attribute.column] = _read(attribute, value, now)
    return found


def _read(attribute: Attribute, value: Any, now: datetime) -> Any:
    """The value as its kind: a number, a text, or the days since a date."""
    if attribute.is_date:
        is_date = value is not None and _DATE.fullmatch(value)
        return _days(_day(value[:DAY_LENGTH]), now) if is_date else None
    return _number(value) if attribute.kind == "number" and isinstance(value, str) else value


def _calendar(now: datetime, year_start_month: int) -> Snapshot:
    """The fiscal quarter, and the days that it has left."""
    month = (now.month - year_start_month) % 12
    following = now.year * 12 + now.month - 1 + 3 - month % 3
    return {
        "fiscal_quarter": float(month // 3 + 1),
        "days_to_quarter_end": _days(now, datetime(following // 12, following % 12 + 1, 1)),
    }


def _chosen(found: Snapshot, columns: Sequence[str]) -> Snapshot:
    return {column: found.get(column) for column in columns}


def _known_at(row: Row) -> datetime:
    return instant_of(row.get("known_at")) or instant(row["created_at"])


def _value(held: Sequence[_Fact]) -> str | None:
    return held[-1].value if held else None


def _first(instants: Iterable[datetime]) -> datetime | None:
    return min(instants, default=None)


def _days(earlier: datetime | None, later: datetime | None) -> float | None:
    return None if earlier is None or later is None else (later - earlier) / _DAY


def _ratio(value: float | None, by: float | None) -> float | None:
    return None if value is None or by is None or by == 0 else value / by


def _product(value: float | None, by: float | None) -> float | None:
    return None if value is None or by is None else value * by


def _number(text: str | None) -> float | None:
    """The number in a text; null where it is none, or larger than a double holds."""
    if text is None or not _NUMBER.fullmatch(text):
        return None
    found = float(text)
    return found if math.isfinite(found) else None


def _day(text: str | None) -> datetime | None:
    if text is None or not _ISO_DAY.fullmatch(text):
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return datetime(day.year, day.month, day.day)
