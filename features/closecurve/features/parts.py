"""The parts of a snapshot: each joins what a few features are made of, where one is asked for."""

from collections.abc import Iterable

import ibis.expr.types as ir
from ibis import _

from closecurve.features.context import (
    ACCOUNT_STATE,
    account_states,
    owner_load,
    stage_dwell,
    week_of,
)
from closecurve.features.engagement import (
    ANSWERED,
    counted_names,
    engagement,
    engagement_names,
    lead_engagement,
)
from closecurve.features.money import with_company_rate
from closecurve.features.record_parts import (
    account_attributes,
    attribute_names,
    record,
    record_names,
    tracked_attributes,
)
from closecurve.features.selected import FeatureSelection
from closecurve.features.sight import Part, Sight, these
from closecurve.features.states import (
    ENTERED,
    PLACES,
    PUSHES,
    amount_states,
    expected_close_states,
    hand_over_states,
    stage_states,
)
from closecurve.features.subjects import DEAL, LEAD
from closecurve.features.timeline import (
    attach,
    known_records,
)

STAGE = ("stage", "days_in_stage", "stage_dwell_ratio", *PLACES)
AMOUNT = ("amount", "amount_company", "amount_change_count", "amount_change_ratio")
EXPECTED_CLOSE = (
    "expected_close_date",
    "days_to_expected_close",
    "push_count",
    "pushed_days",
    "days_since_push",
)
OWNER_LOAD = {
    DEAL.name: {
        "owner_win_rate": "success_rate",
        "owner_cycle_days": "cycle_days",
        "owner_open_count": "open_count",
    },
    LEAD.name: {
        "owner_conversion_rate": "success_rate",
        "owner_open_lead_count": "open_count",
    },
}
"""Features by the figure of `context.owner_load` that they are."""
ACCOUNT = (
    "account_deal_count",
    "account_deal_count_365",
    "account_won_count",
    "account_won_amount",
    "days_since_account_win",
)
LEAD_ACTIVITIES = ("lead_response_hours", "lead_activity_count", "lead_inbound_count")
RESPONSE = ("responded_at", "responded", "response_hours")


def _stage_names(selection: FeatureSelection) -> tuple[str, ...]:
    return (*STAGE, *(f"days_since_stage_{stage}" for stage in selection.deals.stages))


def _stage(sight: Sight, rows: ir.Table) -> ir.Table:
    """The stage and when it was entered, with the moves and first entries that are asked for."""
    stages = enumerate(sight.selection.deals.stages)
    first = {f"{ENTERED}{i}": s for i, s in stages if f"days_since_stage_{s}" in sight.asked}
    places = [name for name in PLACES if name in sight.asked]
    states = stage_states(sight.tables, DEAL, places, first)
    payload = ["stage", "stage_at", *places, *first]
    return attach(rows, states, "deal_id", payload=payload)


def _dwell(sight: Sight, rows: ir.Table) -> ir.Table:
    weeks = sight.base.select(week_at=week_of(sight.base.as_of)).distinct()
    dwell = stage_dwell(sight.tables, weeks).select(
        dwell_process="process",
        dwell_stage="stage",
        dwell_week="week_at",
        median_days="median_days",
    )
    same = [
        rows.process == dwell.dwell_process,
        rows.stage == dwell.dwell_stage,
        week_of(rows.as_of) == dwell.dwell_week,
    ]
    return rows.left_join(dwell, same).select(*rows.columns, dwell.median_days)


def _amount(sight: Sight, rows: ir.Table) -> ir.Table:
    payload = ["amount", "amount_change_count", "amount_change_ratio"]
    valued = attach(rows, amount_states(sight.tables, DEAL), "deal_id", payload=payload)
    if "amount_company" not in sight.asked:
        return valued
    currency = sight.selection.company_currency
    return with_company_rate(sight.tables, valued, company_currency=currency)


def _expected_close(sight: Sight, rows: ir.Table) -> ir.Table:
    asked = sight.asked | ({"push_at"} if "days_since_push" in sight.asked else set())
    pushes = [name for name in PUSHES if name in asked]
    states = expected_close_states(sight.tables, DEAL, pushes)
    return attach(rows, states, "deal_id", payload=["expected_at", *pushes])


def _linked(sight: Sight, rows: ir.Table) -> ir.Table:
    """Nothing more: the base holds the links that a part needs."""
    return rows


def _hand_overs(sight: Sight, rows: ir.Table) -> ir.Table:
    states = hand_over_states(sight.tables, DEAL)
    return attach(rows, states, "deal_id", payload=["owner_changed_count"])


def _listed_owner(sight: Sight, rows: ir.Table) -> ir.Table:
    owners = sight.tables.owners.select(listed="owner_id", team="team", owner_region="region")
    joined = rows.left_join(owners, rows.owner_id == owners.listed)
    return joined.select(*rows.columns, owners.team, owners.owner_region)


def _owner_load(sight: Sight, rows: ir.Table) -> ir.Table:
    base = sight.base
    keys = base.filter(base.owner_id.notnull()).select("owner_id", "as_of").distinct()
    asked = OWNER_LOAD[sight.subject.name]
    figures = [figure for name, figure in asked.items() if name in sight.asked]
    load = owner_load(sight.tables, sight.subject, keys, figures)
    load = load.rename(load_owner="owner_id", load_as_of="as_of")
    joined = rows.left_join(load, [rows.owner_id == load.load_owner, rows.as_of == load.load_as_of])
    return joined.select(*rows.columns, *figures)


def _account(sight: Sight, rows: ir.Table) -> ir.Table:
    states = account_states(sight.tables, company_currency=sight.selection.company_currency)
    return attach(rows, states, "account_id", payload=ACCOUNT_STATE)


def _lead(sight: Sight, rows: ir.Table) -> ir.Table:
    """The deal's lead, as far as it was known."""
    leads = known_records(sight.tables, LEAD).select(
        deal_lead="lead_id",
        lead_source="source",
        lead_created_at="created_at",
        lead_known_at="known_at",
    )
    known = [rows.lead_id == leads.deal_lead, leads.lead_known_at < rows.as_of]
    names = ["deal_lead", "lead_source", "lead_created_at"]
    return rows.left_join(leads, known).select(*rows.columns, *names)


def _lead_activities(sight: Sight, rows: ir.Table) -> ir.Table:
    base = sight.base
    keys = base.filter(base.lead_id.notnull()).select("lead_id", "as_of").distinct()
    found = lead_engagement(sight.tables, keys).rename(engaged_lead="lead_id", seen_at="as_of")
    same = [rows.deal_lead == found.engaged_lead, rows.as_of == found.seen_at]
    names = [c for c in found.columns if c not in ("engaged_lead", "seen_at")]
    return rows.left_join(found, same).select(*rows.columns, *names)


def _engagement(sight: Sight, rows: ir.Table) -> ir.Table:
    kinds = sight.selection.subject(sight.subject.name).kinds
    asked = sight.asked | ({ANSWERED} if sight.asked.intersection(RESPONSE) else set())
    found = engagement(sight.tables, sight.keys, sight.subject, kinds, asked)
    right = found.rename(engaged_id=sight.subject.id_column, engaged_as_of="as_of")
    same = [rows[sight.subject.id_column] == right.engaged_id, rows.as_of == right.engaged_as_of]
    counts = counted_names(kinds)
    names = [c for c in right.columns if c not in ("engaged_id", "engaged_as_of")]
    told = {name: _[name].fill_null(0.0) if name in counts else _[name] for name in names}
    return rows.left_join(right, same).select(*rows.columns, **told)


def _deal_engagement(selection: FeatureSelection) -> Iterable[str]:
    return engagement_names(selection.deals.kinds)


def _lead_engagement(selection: FeatureSelection) -> Iterable[str]:
    return (*engagement_names(selection.leads.kinds), *RESPONSE)


DEAL_PARTS = (
    Part(gives=record_names(DEAL), joined=record),
    Part(gives=attribute_names(DEAL, DEAL.change_table), joined=tracked_attributes),
    Part(
        gives=attribute_names(DEAL, "accounts"),
        joined=account_attributes,
        needs=("account_id",),
    ),
    Part(gives=_stage_names, joined=_stage),
    Part(gives=these("stage_dwell_ratio"), joined=_dwell),
    Part(gives=these(*AMOUNT), joined=_amount),
    Part(gives=these(*EXPECTED_CLOSE), joined=_expected_close),
    Part(gives=these("owner_id"), joined=_linked, needs=("owner_id",)),
    Part(gives=these("account_id"), joined=_linked, needs=("account_id",)),
    Part(gives=these("lead_id"), joined=_linked, needs=("lead_id",)),
    Part(gives=these("owner_changed_count"), joined=_hand_overs),
    Part(gives=these("team", "region"), joined=_listed_owner, needs=("owner_id",)),
    Part(gives=these(*OWNER_LOAD[DEAL.name]), joined=_owner_load, needs=("owner_id",)),
    Part(gives=these(*ACCOUNT), joined=_account, needs=("account_id",)),
    Part(
        gives=these("lead_source", "lead_age_days", *LEAD_ACTIVITIES),
        joined=_lead,
        needs=("lead_id",),
    ),
    Part(gives=these(*LEAD_ACTIVITIES), joined=_lead_activities, needs=("lead_id",)),
    Part(gives=_deal_engagement, joined=_engagement),
)
"""In the order in which they are joined."""

LEAD_PARTS = (
    Part(gives=record_names(LEAD), joined=record),
    Part(gives=attribute_names(LEAD, LEAD.change_table), joined=tracked_attributes),
    Part(
        gives=attribute_names(LEAD, "accounts"),
        joined=account_attributes,
        needs=("account_id",),
    ),
    Part(gives=these("owner_id"), joined=_linked, needs=("owner_id",)),
    Part(gives=these("account_id"), joined=_linked, needs=("account_id",)),
    Part(gives=these("team"), joined=_listed_owner, needs=("owner_id",)),
    Part(gives=these(*OWNER_LOAD[LEAD.name]), joined=_owner_load, needs=("owner_id",)),
    Part(gives=_lead_engagement, joined=_engagement),
)
