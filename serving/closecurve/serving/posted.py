"""A posted record as the history would hold it: rows of facts, from the first value on.

docs/history.md gives the rules. A field's first value is the old value of its first change, else
the value that was posted; the value that was posted is the new value of the last change.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from closecurve.features.records import DealRecord, LeadRecord
from closecurve.features.selected import Attribute, SubjectSelection
from closecurve.serving.problems import Problem
from closecurve.serving.schemas.common import naive_utc
from closecurve.serving.schemas.deals import DealToScore, PostedChange, PostedRecord
from closecurve.serving.schemas.leads import LeadToScore

Row = dict[str, Any]
POSTED_ID = "posted"
NUMBERS = ("amount",)
"""Fields that are compared as numbers: `48000` and `48000.0` are one amount."""


def deal_record(
    posted: DealToScore, process: str, part: SubjectSelection, account: Mapping[str, Any] | None
) -> DealRecord:
    """The deal with its facts. Raises Problem `record-contradicts-itself`."""
    values = {
        "stage": posted.stage,
        "amount": None if posted.amount is None else repr(posted.amount),
        "expected_close_date": _iso(posted.expected_close_date),
        "owner_id": posted.owner_id,
        "forecast_category": posted.forecast_category,
    }
    attributes = _attributes(posted, part)
    row = _row(posted) | {"process": process, "currency": posted.currency}
    return DealRecord(
        deal=attributes | row | {"deal_id": POSTED_ID},
        changes=_facts(posted, values, attributes),
        activities=_activities(posted),
        account=account,
        is_counted=False,
    )


def lead_record(
    posted: LeadToScore, part: SubjectSelection, account: Mapping[str, Any] | None
) -> LeadRecord:
    """The lead with its facts. Raises Problem `record-contradicts-itself`."""
    attributes = _attributes(posted, part)
    row = _row(posted) | {"source": posted.source, "region": posted.region}
    return LeadRecord(
        lead=attributes | row | {"lead_id": POSTED_ID},
        changes=_facts(posted, {"owner_id": posted.owner_id}, attributes),
        activities=_activities(posted),
        account=account,
        is_counted=False,
    )


def _row(posted: PostedRecord) -> Row:
    created_at = naive_utc(posted.created_at)
    return {"created_at": created_at, "known_at": created_at, "account_id": posted.account_id}


def _facts(
    posted: PostedRecord, values: Mapping[str, str | None], attributes: Mapping[str, Any]
) -> list[Row]:
    texts = {name: _text(value) for name, value in attributes.items()} | dict(values)
    by_field: dict[str, list[PostedChange]] = {name: [] for name in texts}
    for change in sorted(posted.changes, key=lambda change: change.event_at):
        by_field.setdefault(change.field, []).append(change)
    return [
        fact
        for field, changes in by_field.items()
        for fact in _field_facts(posted, field, changes, texts.get(field))
    ]


def _field_facts(
    posted: PostedRecord, field: str, changes: list[PostedChange], value: str | None
) -> Iterator[Row]:
    if changes and value is not None and not _is_same(field, changes[-1].new_value, value):
        raise Problem("record-contradicts-itself")
    first = changes[0].old_value if changes else value
    if first is not None:
        yield _fact(field, posted.created_at, posted.created_at, 0, first)
    for seq, change in enumerate(changes, 1):
        yield _fact(field, change.event_at, change.known_at, seq, change.new_value)


def _fact(
    field: str, event_at: datetime, known_at: datetime | None, seq: int, value: str | None
) -> Row:
    return {"field": field, "seq": seq, "new_value": value, **_instants(event_at, known_at)}


def _instants(event_at: datetime, known_at: datetime | None) -> Row:
    """Nothing is known before it happens."""
    known_at = event_at if known_at is None else max(event_at, known_at)
    return {"event_at": naive_utc(event_at), "known_at": naive_utc(known_at)}


def _activities(posted: PostedRecord) -> list[Row]:
    return [
        {
            "kind": activity.kind,
            "direction": activity.direction,
            **_instants(activity.event_at, activity.known_at),
        }
        for activity in posted.activities
    ]


def _attributes(posted: PostedRecord, part: SubjectSelection) -> Row:
    """The attributes that the model knows, each as its column holds it."""
    known: Iterable[Attribute] = part.attributes
    return {
        attribute.name: _as_kind(attribute.kind, posted.attributes[attribute.name])
        for attribute in known
        if attribute.table != "accounts" and attribute.name in posted.attributes
    }


def _as_kind(kind: str, value: Any) -> Any:
    if kind != "number":
        return _text(value)
    try:
        return None if value is None else float(value)
    except ValueError:
        return None


def _text(value: Any) -> str | None:
    """A value as an export would write it."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.0f}" if value == int(value) else repr(value)


def _is_same(field: str, left: str | None, right: str) -> bool:
    if field not in NUMBERS or left is None:
        return left == right
    try:
        return float(left) == float(right)
    except ValueError:
        return False


def _iso(day: Any) -> str | None:
    return None if day is None else str(day.isoformat())
