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
        " win_probability_low:number win_probability_high:number curve:json reasons:json"
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
        " conversion_probability_low:number conversion_probability_high:number"
        " follow_up_due_at:instant status value_amount:number expected_amount:number"
        " value_basis:json sub_scores:json curve:json reasons:json"
    ),
)
_FORECAST = (
    "cutoff:instant as_of:instant period_start:day period_end:day scope_kind scope"
    " booked:number open_mean:number new_mean:number mean:number q05:number q10:number"
    " q25:number q50:number q75:number q90:number q95:number weighted_pipeline_fixed:number"
    " weighted_pipeline_history:number target:number target_probability:number actual:number"
    " period_name carried_by period_kind commit_amount:number best_case_amount:number"
    " rule_weights:json"
)
FORECASTS = ResultTable(
    name="forecasts",
    key=("scope_kind", "scope", "period_start"),
    columns=_columns(_FORECAST),
)
"""The running and the next quarter."""

PERIOD_FORECASTS = ResultTable(
    name="period_forecasts",
    key=("scope_kind", "scope", "period_name"),
    columns=_columns(_FORECAST),
)
"""The running and the next month, half and year: a period of each kind may begin on one day."""

FORECAST_BASIS = ResultTable(
    name="forecast_basis", key=("part",), columns=_columns("part content:json")
)
"""One row: what the forecast was drawn from (`closecurve.models.forecast.published`)."""
FUNNEL = ResultTable(
    name="funnel",
    key=("scope_kind", "scope", "process", "stage"),
    columns=_columns(
        "scope_kind scope process stage stage_order:integer fixed_rate:number history_rate:number"
        " deal_count:integer amount:number weighted_fixed:number weighted_history:number"
        " entered_count:integer conversion_rate:number conversion_low:number"
        " conversion_high:number dwell_q50_days:number dwell_q80_days:number usual_count:number"
        " decided_count:integer dwell_q50_days_low:number dwell_q50_days_high:number"
        " dwell_q80_days_low:number dwell_q80_days_high:number"
    ),
)
FUNNEL_METRICS = ResultTable(
    name="funnel_metrics",
    key=("scope_kind", "scope", "process", "period", "stage", "metric"),
    columns=_columns(
        "scope_kind scope process period period_start:day period_end:day stage metric value:number"
        " low:number high:number count:integer"
    ),
)
FUNNEL_LEAKS = ResultTable(
    name="funnel_leaks",
    key=("scope_kind", "scope", "process", "against", "stage"),
    columns=_columns(
        "scope_kind scope process against stage stage_order:integer exit_count:integer"
        " conversion_rate:number expected_rate:number drop:number drop_low:number drop_high:number"
        " p_value:number is_leak:flag detectable_drop:number missing_count:number"
        " mean_amount:number later_win_rate:number lost_money:number lost_money_low:number"
        " lost_money_high:number"
    ),
)
FUNNEL_LOSSES = ResultTable(
    name="funnel_losses",
    key=("scope_kind", "scope", "process", "dimension", "value"),
    columns=_columns(
        "scope_kind scope process dimension value lost_count:integer lost_amount:number"
        " share:number share_low:number share_high:number"
    ),
)
CONCENTRATIONS = ResultTable(
    name="concentrations",
    key=("holder_kind",),
    columns=_columns(
        "holder_kind holder_count:integer won_count:integer won_amount:number gini:number"
        " gini_low:number gini_high:number luck_gini:number luck_gini_high:number"
        " top_share:number top_three_share:number rule_share:number rule_count:integer"
        " is_at_risk:flag lorenz:json"
    ),
)
OWNER_RANKS = ResultTable(
    name="owner_ranks",
    key=("owner_id",),
    columns=_columns(
        "owner_id team closed_count:integer won_count:integer win_rate:number shrunk_rate:number"
        " shrunk_low:number shrunk_high:number behind_best:number won_amount:number"
    ),
)
SEASONS = ResultTable(
    name="seasons",
    key=("scope_kind", "scope"),
    columns=_columns(
        "scope_kind scope verdict month_count:integer p_value:number swing_p_value:number"
        " fall_month:day fall:number"
        " fall_low:number fall_high:number monthly_loss:number growth_a_year:number"
        " detectable_fall:number months:json"
    ),
)
TARGET_SHARES = ResultTable(
    name="target_shares",
    key=("scope_kind", "scope", "period_name"),
    columns=_columns(
        "scope_kind scope period_name period_start:day period_end:day share:number"
        " share_history:number share_pipeline:number share_capacity:number"
    ),
)
"""Who carries which part of a target; the company first has all of it."""

OWNER_FACTS = ResultTable(
    name="owner_facts", key=("owner_id",), columns=_columns("owner_id facts:json")
)
ACCOUNT_FACTS = ResultTable(
    name="account_facts", key=("account_id",), columns=_columns("account_id facts:json")
)

STALLS = ResultTable(
    name="stalls",
    key=("deal_id",),
    indices=(("verdict", "-amount_company"), ("owner_id",)),
    columns=_columns(
        "deal_id account_id owner_id team region process stage currency amount:number"
        " amount_company:number created_at:instant expected_close_date:day"
        " win_probability_eventual:number stall_probability:number usual_probability:number"
        " verdict checkpoint funnel_part next_step days_in_stage:number dwell_q50_days:number"
        " dwell_q80_days:number quiet_days:number still_days:number reasons:json"
    ),
)
"""Every open deal; `verdict` says whether it is flagged (`closecurve.models.stall.flags`)."""

STALL_OWNERS = ResultTable(
    name="stall_owners",
    key=("owner_id",),
    columns=_columns(
        "owner_id team open_count:integer open_amount:number flagged_count:integer"
        " flagged_amount:number weekly_review_count:integer follow_up_count:integer"
        " decision_count:integer"
    ),
)
"""What each owner has open, flagged and to review; amounts in the company's currency."""

_STEP = " since_publication_id:integer before:number after:number parts:json"
DEAL_STEPS = ResultTable(
    name="deal_steps",
    key=("deal_id",),
    columns=_columns(f"deal_id product{_STEP} won_by:json won_by_shift:json"),
)
LEAD_STEPS = ResultTable(name="lead_steps", key=("lead_id",), columns=_columns(f"lead_id{_STEP}"))
"""How each probability moved since the publication before: see `closecurve.pipelines.changes`."""

CLOSED_DEALS = ResultTable(
    name="closed_deals",
    key=("deal_id",),
    columns=_columns(
        "deal_id owner_id team region product outcome closed_at:instant known_at:instant"
        " amount_company:number"
    ),
)
"""The ends that matter to a comparison: of the periods that run, and since the one before."""

BACKTEST_FORECASTS = ResultTable(
    name="backtest_forecasts",
    key=("scope_kind", "scope", "as_of"),
    columns=_columns(
        "cutoff:instant as_of:instant period_name period_start:day period_end:day"
        " weeks_left:integer scope_kind scope booked:number open_mean:number new_mean:number"
        " mean:number q05:number q10:number q25:number q50:number q75:number q90:number q95:number"
        " actual:number open_actual:number new_actual:number peer_weighted_fixed:number"
        " peer_weighted_history:number peer_run_rate:number peer_same_days:number"
        " peer_last_quarter:number peer_last_year:number peer_ets:number carried_by"
    ),
)
"""Of no publication: what was said at every past origin of the newest back-test, and what came."""

RESULT_TABLES = {
    table.name: table
    for table in (
        *(DEAL_SCORES, LEAD_SCORES, FORECASTS, FUNNEL, OWNER_FACTS, ACCOUNT_FACTS),
        *(FUNNEL_METRICS, FUNNEL_LEAKS, FUNNEL_LOSSES, CONCENTRATIONS, OWNER_RANKS, SEASONS),
        *(STALLS, STALL_OWNERS, TARGET_SHARES),
        *(DEAL_STEPS, LEAD_STEPS, CLOSED_DEALS),
        *(PERIOD_FORECASTS, FORECAST_BASIS),
    )
}
"""The tables of a publication by name; in a database each also has `publication_id`."""
