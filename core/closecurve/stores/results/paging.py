"""Order, filters and cursors of a page of results, the same for every store."""

import base64
import binascii
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from closecurve.crm.errors import UsageError
from closecurve.stores.results.cells import is_storable_text
from closecurve.stores.results.columns import SORTABLE, Kind, ResultColumn, ResultTable
from closecurve.stores.results.publication import Row

LIMIT_MOST = 1000
"""The largest page: what a table on screen or one step of an export needs."""

CURSOR_LONGEST = 2000
"""Characters of the longest cursor that is looked at; ids of CRMs are far shorter."""

INTEGER_MOST = 2**31 - 1
"""The largest whole number that every store can keep."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A stretch of rows; `next_cursor` is None on the last page."""

    rows: list[Row]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A page's order: by one column, rows without a value last, ties by the table's id upwards."""

    text: str
    column: ResultColumn
    key: str
    descending: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """The row after which a page begins: its value in the order's column, and its id."""

    value: Any
    key: str


def order_of(text: str, table: ResultTable) -> Order:
    """The order that `text` names: a column, with a leading minus for descending.

    Raises UsageError for what is no column to order by.
    """
    name = text.removeprefix("-")
    sortable = [column.name for column in table.columns if column.kind in SORTABLE]
    if name not in sortable:
        raise UsageError(
            "order-unknown", f"an order is one of {sortable}, with - for descending, got {text!r}"
        )
    (key,) = table.key
    return Order(text=text, column=table.column(name), key=key, descending=text != name)


def check_limit(limit: int) -> None:
    """Raises UsageError unless `limit` is 1 to LIMIT_MOST."""
    if not 1 <= limit <= LIMIT_MOST:
        raise UsageError("limit-range", f"a limit is 1 to {LIMIT_MOST}, got {limit}")


def check_filters(filters: dict[str, str | None]) -> dict[str, str]:
    """The filters that are set. Raises UsageError for text that no store can hold."""
    for name, value in filters.items():
        if value is not None and not is_storable_text(value):
            raise UsageError(
                "filter-text", f"a filter is text without NUL and surrogates, got {name} {value!r}"
            )
    return {name: value for name, value in filters.items() if value is not None}


def plain_day(day: date) -> date:
    """The day without a time of day."""
    return day.date() if isinstance(day, datetime) else day


def page_of(rows: list[Row], publication_id: int, order: Order, limit: int) -> Page:
    """The page, from up to `limit` + 1 rows in order: the row too many says that more follow."""
    if len(rows) <= limit:
        return Page(rows=rows, next_cursor=None)
    last = rows[limit - 1]
    value = last[order.column.name]
    plain = value.isoformat() if isinstance(value, date) else value
    payload = json.dumps([publication_id, order.text, plain, last[order.key]])
    cursor = base64.urlsafe_b64encode(payload.encode()).decode().rstrip("=")
    return Page(rows=rows[:limit], next_cursor=cursor)


def publication_of(cursor: str) -> int:
    """The publication that a cursor pages through, so that a walk over pages stays in one.

    Raises UsageError for what is no cursor.
    """
    publication_id: int = _opened(cursor)[0]
    return publication_id


def position_of(cursor: str | None, publication_id: int, order: Order) -> Position | None:
    """Where the page begins; None at the start.

    Raises UsageError for a broken cursor, or one of another publication or order.
    """
    if cursor is None:
        return None
    got_publication, got_order, value, key = _opened(cursor)
    if got_publication != publication_id or got_order != order.text:
        raise UsageError(
            "cursor-invalid",
            f"a cursor belongs to one publication and order, here {publication_id} and"
            f" {order.text!r}, got {got_publication} and {got_order!r}",
        )
    return Position(value=_value(value, order.column.kind), key=key)


def _opened(cursor: str) -> list[Any]:
    try:
        if len(cursor) > CURSOR_LONGEST:
            raise ValueError("too long")
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        parts = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if not _is_payload(parts):
            raise ValueError("other content")
    except (ValueError, binascii.Error, RecursionError) as error:
        raise _broken() from error
    payload: list[Any] = parts
    return payload


def _is_payload(parts: object) -> bool:
    return (
        isinstance(parts, list)
        and len(parts) == 4
        and type(parts[0]) is int
        and 1 <= parts[0] <= INTEGER_MOST
        and isinstance(parts[1], str)
        and is_storable_text(parts[3])
    )


def _value(value: object, kind: Kind) -> Any:
    """The value as the column holds it. Raises UsageError where it is not of the column's kind."""
    try:
        return None if value is None else _READERS[kind](value)
    except ValueError as error:
        raise _broken() from error


def _number(value: object) -> float:
    # JSON reads 1e999 as infinity and any number of digits as an integer: neither is stored.
    if type(value) not in (int, float) or not math.isfinite(float(str(value))):
        raise ValueError("no number")
    return float(str(value))


def _integer(value: object) -> int:
    if type(value) is not int or abs(value) > INTEGER_MOST:
        raise ValueError("no integer")
    return value


def _instant(value: object) -> datetime:
    instant = datetime.fromisoformat(str(value))
    if instant.tzinfo is not None:
        raise ValueError("an instant in a cursor has no zone")
    return instant


def _day(value: object) -> date:
    return date.fromisoformat(str(value))


_READERS: dict[Kind, Callable[[object], Any]] = {
    Kind.NUMBER: _number,
    Kind.INTEGER: _integer,
    Kind.INSTANT: _instant,
    Kind.DAY: _day,
}


def _broken() -> UsageError:
    # A cursor is the caller's text: it is never echoed.
    return UsageError(
        "cursor-invalid", "a cursor is a next_cursor of an earlier page, got another text"
    )
