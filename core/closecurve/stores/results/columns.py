"""The tables of a publication and their columns; docs/architecture.md tells what each means."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a column holds; a `json` cell is any value that JSON can write."""

    TEXT = "text"
    NUMBER = "number"
    INTEGER = "integer"
    INSTANT = "instant"
    DAY = "day"
    FLAG = "flag"
    JSON = "json"


SORTABLE = (Kind.NUMBER, Kind.INTEGER, Kind.INSTANT, Kind.DAY)
"""The kinds that a page may be ordered by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultColumn:
    """A column of a result table."""

    name: str
    kind: Kind = Kind.TEXT


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultTable:
    """A table of a publication: within one publication the values of `key` are unique, never null.

    `indices` are the further columns, beside the publication, that readers filter or order by; a
    leading minus is descending.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[ResultColumn, ...]
    indices: tuple[tuple[str, ...], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The column names, in order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> ResultColumn:
        """The column of that name; KeyError where there is none."""
        return {column.name: column for column in self.columns}[name]


def _columns(text: str) -> tuple[ResultColumn, ...]:
    """Columns from 'name:kind …'; the kind is text where absent."""
    words = (word.partition(":") for word in text.split())
    return tuple(ResultColumn(name=name, kind=Kind(kind or "text")) for name, _, kind in words)


DEAL_SCORES = ResultTable(
    name="deal_scores",
    key=("deal_id",),
    indices=(("owner_id",), ("-win_probability_quarter", "deal_id")),
    columns=_columns(
        "deal_id account_id owner_id team region process stage currency amount:number"
        " amount_company:number created_at:instant expected_close_date:day age_days:number"
        " days_in_stage:number win_probability_eventual:number win_probability_quarter:number"
        " win_probability_30:number loss_probability_eventual:number stage_rate_fixed:number"
        " stage_rate_history:number close_q10_date:day close_q50_date:day close_q90_date:day"
        " curve:json reasons:json"
    ),
)
LEAD_SCORES = ResultTable(
    name="lead_scores",
    key=("lead_id",),
    indices=(("owner_id",), ("queue_rank", "lead_id")),
    columns=_columns(
        "lead_id account_id owner_id team region source created_at:instant age_days:number"
        " conversion_probability_eventual:number conversion_probability_30:number"
        " conversion_probability_90:number disqualification_probability_eventual:number grade"
        " response_due_at:instant responded_at:instant is_overdue:flag queue_rank:integer"
        " curve:json reasons:json"
    ),
)
FORECASTS = ResultTable(
    name="forecasts",
    key=("scope_kind", "scope", "period_start"),
    columns=_columns(
        "cutoff:instant as_of:instant period_start:day period_end:day scope_kind scope"
        " booked:number open_mean:number new_mean:number mean:number q05:number q10:number"
        " q25:number q50:number q75:number q90:number q95:number weighted_pipeline_fixed:number"
        " weighted_pipeline_history:number target:number target_probability:number actual:number"
        " period_name carried_by"
    ),
)
FUNNEL = ResultTable(
    name="funnel",
    key=("scope_kind", "scope", "process", "stage"),
    columns=_columns(
        "scope_kind scope process stage stage_order:integer fixed_rate:number history_rate:number"
        " deal_count:integer amount:number weighted_fixed:number weighted_history:number"
        " entered_count:integer conversion_rate:number conversion_low:number"
        " conversion_high:number dwell_q50_days:number dwell_q80_days:number"
    ),
)
OWNER_FACTS = ResultTable(
    name="owner_facts", key=("owner_id",), columns=_columns("owner_id facts:json")
)
ACCOUNT_FACTS = ResultTable(
    name="account_facts", key=("account_id",), columns=_columns("account_id facts:json")
)

RESULT_TABLES = {
    table.name: table
    for table in (DEAL_SCORES, LEAD_SCORES, FORECASTS, FUNNEL, OWNER_FACTS, ACCOUNT_FACTS)
}
"""The tables of a publication by name; in a database each also has `publication_id`."""
