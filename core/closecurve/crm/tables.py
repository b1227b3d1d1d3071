"""The canonical tables that an export is mapped to, and the history tables made of them.

docs/history.md tells what each means. Every history table always exists, perhaps empty.
"""

from dataclasses import dataclass
from enum import StrEnum


class ColumnType(StrEnum):
    """How a value is read: `instant` is UTC, `day` a company date."""

    TEXT = "text"
    NUMBER = "number"
    INSTANT = "instant"
    DAY = "day"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a canonical table."""

    name: str
    type: ColumnType = ColumnType.TEXT
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A canonical table; `key` is unique, None where rows are facts; `attributes` may be added."""

    name: str
    columns: tuple[Column, ...]
    key: str | None = None
    attributes: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The canonical column names, in order."""
        return tuple(column.name for column in self.columns)


def _columns(text: str) -> tuple[Column, ...]:
    """Columns from 'name:type! …': the type is text where absent, `!` marks a required one."""
    made = []
    for word in text.split():
        name, _, kind = word.rstrip("!").partition(":")
        made.append(Column(name=name, type=ColumnType(kind or "text"), required=word.endswith("!")))
    return tuple(made)


CANONICAL = {
    table.name: table
    for table in (
        Table(
            name="deals",
            key="deal_id",
            attributes=True,
            columns=_columns(
                "deal_id! created_at:instant! closed_at:instant outcome stage process amount:number"
                " currency expected_close_date:day owner_id account_id lead_id forecast_category"
            ),
        ),
        Table(
            name="deal_changes",
            columns=_columns(
                "deal_id! field! event_at:instant! new_value old_value known_at:instant"
            ),
        ),
        Table(
            name="activities",
            columns=_columns(
                "event_at:instant! kind! deal_id lead_id direction owner_id known_at:instant"
            ),
        ),
        Table(
            name="leads",
            key="lead_id",
            attributes=True,
            columns=_columns(
                "lead_id! created_at:instant! converted_at:instant converted_deal_id"
                " disqualified_at:instant source owner_id account_id region"
            ),
        ),
        Table(
            name="lead_changes",
            columns=_columns(
                "lead_id! field! event_at:instant! new_value old_value known_at:instant"
            ),
        ),
        Table(name="accounts", key="account_id", attributes=True, columns=_columns("account_id!")),
        Table(
            name="owners",
            key="owner_id",
            attributes=True,
            columns=_columns("owner_id! name team manager_id region hired_date:day left_date:day"),
        ),
        Table(
            name="targets",
            columns=_columns(
                "scope_kind! scope period_start:day! period_end:day! amount:number! currency"
            ),
        ),
        Table(
            name="fx_rates",
            columns=_columns("date:day! currency! rate:number!"),
        ),
    )
}
"""The canonical tables by name (the data contract of an import)."""

_CHANGE = "field event_at:instant known_at:instant seq:number old_value new_value"
_HISTORY = {
    "deals": "deal_id created_at:instant known_at:instant process currency account_id lead_id",
    "deal_changes": f"deal_id {_CHANGE}",
    "leads": "lead_id created_at:instant known_at:instant source account_id region",
    "lead_changes": f"lead_id {_CHANGE}",
    "activities": "deal_id lead_id event_at:instant known_at:instant kind direction owner_id",
    "accounts": "account_id",
    "owners": "owner_id name team manager_id region hired_date:day left_date:day",
    "targets": "scope_kind scope period_start:day period_end:day amount:number currency",
    "fx_rates": "date:day currency rate:number",
    "stages": "process stage stage_order:number kind fixed_rate:number expected_days:number",
}
HISTORY_TABLES = {name: _columns(text) for name, text in _HISTORY.items()}
"""The history tables by name, their fixed columns in order; attributes follow as text or number."""

TRACKED_DEAL_FIELDS = ("stage", "amount", "expected_close_date", "owner_id", "forecast_category")
"""The fields of a deal that are kept as changes, from its first value on; `outcome` is one more."""

TRACKED_LEAD_FIELDS = ("owner_id", "converted_deal_id")
"""The fields of a lead that are kept as changes; `outcome` is one more."""

DELETED = "deleted"
"""The outcome of a deal or lead that is gone from its source: neither won nor lost."""
