"""Snapshots: every deal or lead as it was known at an as-of, strictly before it.

One row per grain row. The grain, then carried columns that are shown, then feature columns;
`FeatureSelection.columns` names those a model may use. Counts of what never happened are 0,
everything else that is not known is null (`catalog`).
"""

from collections.abc import Iterable, Sequence

import ibis.expr.types as ir
import pandas as pd

from closecurve.features.context import account_load, owner_load, stage_dwell, week_of
from closecurve.features.definitions import CARRIED_DEAL, CARRIED_LEAD
from closecurve.features.engagement import engagement, first_outbound, response_hours
from closecurve.features.money import with_company_rate
from closecurve.features.selected import Attribute, FeatureSelection, SubjectSelection
from closecurve.features.states import (
    ENTERED,
    amount_states,
    expected_close_states,
    owner_states,
    stage_states,
)
from closecurve.features.subjects import DEAL, LEAD, Subject
from closecurve.features.tables import HistoryTables
from closecurve.features.timeline import (
    INSTANT,
    as_of_table,
    attach,
    days_between,
    field_spans,
    known_records,
    number_of,
    open_spans,
)

COUNTS = ("activity_count_", "inbound_count_", "outbound_count_")
"""Beginnings of the columns in which no activity at all is a 0."""


def open_deals(tables: HistoryTables, as_ofs: Iterable[pd.Timestamp]) -> ir.Table:
    """The cohort of each as-of: (deal_id, as_of) of the deals known and open strictly before."""
    return _open(tables, DEAL, as_ofs)


def open_leads(tables: HistoryTables, as_ofs: Iterable[pd.Timestamp]) -> ir.Table:
    """The same for leads: (lead_id, as_of)."""
    return _open(tables, LEAD, as_ofs)


def deal_snapshots(tables: HistoryTables, grain: ir.Table, selection: FeatureSelection) -> ir.Table:
    """The snapshots of the distinct pairs (deal_id, as_of) in `grain`, in no order.

    Pairs of a deal that is not in the history, or was not known before its as_of, give no row.
    """
    base = _base(tables, grain, DEAL)
    rows = _with_records(tables, base, DEAL)
    rows = _with_attributes(tables, rows, selection.deals, DEAL)
    rows = _with_states(tables, rows, selection)
    rows = _with_owner(tables, base, rows, DEAL)
    rows = _with_account(tables, base, rows, selection)
    rows = _with_dwell(tables, base, rows)
    rows = _with_lead(tables, base, rows)
    rows = _with_engagement(tables, base, rows, DEAL, selection.deals.kinds)
    told = rows.mutate(**_deal_features(rows, selection.deals))
    return _columns(told, selection, DEAL, CARRIED_DEAL)


def lead_snapshots(tables: HistoryTables, grain: ir.Table, selection: FeatureSelection) -> ir.Table:
    """The snapshots of the distinct pairs (lead_id, as_of) in `grain`, in no order."""
    base = _base(tables, grain, LEAD)
    rows = _with_records(tables, base, LEAD)
    rows = _with_attributes(tables, rows, selection.leads, LEAD)
    rows = _with_owner(tables, base, rows, LEAD)
    rows = _with_engagement(tables, base, rows, LEAD, selection.leads.kinds)
    told = rows.mutate(**_lead_features(rows))
    return _columns(told, selection, LEAD, CARRIED_LEAD)


def _open(tables: HistoryTables, subject: Subject, as_ofs: Iterable[pd.Timestamp]) -> ir.Table:
    spans, instants = open_spans(tables, subject), as_of_table(as_ofs)
    pairs = spans.join(
        instants, [spans.known_at < instants.as_of, instants.as_of <= spans.until_at]
    )
    return pairs.select(subject.id_column, "as_of")


def _base(tables: HistoryTables, grain: ir.Table, subject: Subject) -> ir.Table:
    """The grain with what its surroundings are looked up by: owner, account and lead.

    Everything else is joined to it once, so that an engine works it out a single time.
    """
    records = known_records(tables, subject)
    links = [column for column in ("account_id", "lead_id") if column != subject.id_column]
    linked = records.select(subject.id_column, "known_at", *links)
    pairs = grain.select(subject.id_column, as_of=grain.as_of.cast(INSTANT))
    joined = pairs.join(linked, subject.id_column)
    known = joined.filter(joined.known_at < joined.as_of).select(subject.id_column, "as_of", *links)
    payload = ["owner_id", "owner_changed_count"]
    return attach(known, owner_states(tables, subject), subject.id_column, payload=payload)


def _with_records(tables: HistoryTables, base: ir.Table, subject: Subject) -> ir.Table:
    """What never changes."""
    records = subject.records(tables)
    others = [c for c in records.columns if c not in (*base.columns, "known_at")]
    named = {_safe(column, tables, subject): records[column] for column in others}
    fixed = records.select(record_id=records[subject.id_column], **named)
    joined = base.join(fixed, base[subject.id_column] == fixed.record_id)
    return joined.select(*base.columns, *named)


def _safe(column: str, tables: HistoryTables, subject: Subject) -> str:
    """Attributes stand under their feature's name, apart from every other column."""
    is_attribute = column in tables.attributes(subject.record_table)
    return f"attribute_{column}" if is_attribute else column


def _with_attributes(
    tables: HistoryTables, rows: ir.Table, part: SubjectSelection, subject: Subject
) -> ir.Table:
    """The attributes that have a history, and those of the account."""
    for attribute in part.attributes:
        if attribute.has_history:
            spans = _attribute_spans(tables, subject, attribute)
            others = [column for column in rows.columns if column != attribute.column]
            rows = attach(
                rows.select(*others), spans, subject.id_column, payload=[attribute.column]
            )
    if not part.account_attributes:
        return rows
    accounts = tables.accounts
    chosen = accounts.select(
        listed_account=accounts.account_id,
        **{a.column: accounts[a.name] for a in part.account_attributes},
    )
    return rows.left_join(chosen, rows.account_id == chosen.listed_account)


def _attribute_spans(tables: HistoryTables, subject: Subject, attribute: Attribute) -> ir.Table:
    spans = field_spans(tables, subject, attribute.name)
    value = number_of(spans.new_value) if attribute.kind == "number" else spans.new_value
    return spans.select(subject.id_column, "known_at", "until_at", **{attribute.column: value})


def _with_states(tables: HistoryTables, rows: ir.Table, selection: FeatureSelection) -> ir.Table:
    """Stage, amount and expected close with what has built up in them."""
    entered = [f"{ENTERED}{i}" for i in range(len(selection.deals.stages))]
    moves = ["forward_move_count", "backward_move_count", "skipped_stage_count"]
    payloads = (
        (
            stage_states(tables, DEAL, selection.deals.stages),
            ["stage", "stage_order", "stage_at", *moves, *entered],
        ),
        (amount_states(tables, DEAL), ["amount", "amount_change_count", "amount_change_ratio"]),
        (
            expected_close_states(tables, DEAL),
            ["expected_at", "push_count", "pushed_days", "push_at"],
        ),
    )
    for spans, payload in payloads:
        rows = attach(rows, spans, "deal_id", payload=payload)
    return with_company_rate(tables, rows, company_currency=selection.company_currency)


def _with_owner(
    tables: HistoryTables, base: ir.Table, rows: ir.Table, subject: Subject
) -> ir.Table:
    keys = base.filter(base.owner_id.notnull()).select("owner_id", "as_of").distinct()
    load = owner_load(tables, subject, keys).select(
        load_owner="owner_id",
        load_as_of="as_of",
        owner_success_rate="success_rate",
        owner_cycle_days="cycle_days",
        owner_open_count="open_count",
    )
    owners = tables.owners.select(listed="owner_id", team="team", owner_region="region")
    rows = rows.left_join(load, [rows.owner_id == load.load_owner, rows.as_of == load.load_as_of])
    return rows.left_join(owners, rows.owner_id == owners.listed)


def _with_account(
    tables: HistoryTables, base: ir.Table, rows: ir.Table, selection: FeatureSelection
) -> ir.Table:
    keys = base.select("account_id", "as_of")
    load = account_load(tables, keys, company_currency=selection.company_currency).select(
        load_account="account_id",
        account_as_of="as_of",
        account_deal_count="deal_count",
        account_won_count="won_count",
        account_won_amount="won_amount",
        last_win_at="last_win_at",
    )
    return rows.left_join(
        load, [rows.account_id == load.load_account, rows.as_of == load.account_as_of]
    )


def _with_dwell(tables: HistoryTables, base: ir.Table, rows: ir.Table) -> ir.Table:
    weeks = base.select(week_at=week_of(base.as_of)).distinct()
    dwell = stage_dwell(tables, weeks).select(
        dwell_process="process",
        dwell_stage="stage",
        dwell_week="week_at",
        median_days="median_days",
    )
    return rows.left_join(
        dwell,
        [
            rows.process == dwell.dwell_process,
            rows.stage == dwell.dwell_stage,
            week_of(rows.as_of) == dwell.dwell_week,
        ],
    )


def _with_lead(tables: HistoryTables, base: ir.Table, rows: ir.Table) -> ir.Table:
    """The deal's lead, as far as it was known."""
    leads = known_records(tables, LEAD).select(
        deal_lead="lead_id",
        lead_source="source",
        lead_created_at="created_at",
        lead_known_at="known_at",
    )
    rows = rows.left_join(
        leads, [rows.lead_id == leads.deal_lead, leads.lead_known_at < rows.as_of]
    )
    keys = base.filter(base.lead_id.notnull()).select("lead_id", "as_of").distinct()
    answers = first_outbound(tables, keys, LEAD).select(
        answered_lead="lead_id", answer_as_of="as_of", answered_at="first_outbound_at"
    )
    return rows.left_join(
        answers,
        [rows.deal_lead == answers.answered_lead, rows.as_of == answers.answer_as_of],
    )


def _with_engagement(
    tables: HistoryTables,
    base: ir.Table,
    rows: ir.Table,
    subject: Subject,
    kinds: Sequence[str],
) -> ir.Table:
    found = engagement(tables, base.select(subject.id_column, "as_of"), subject, kinds)
    found = found.rename(engaged_id=subject.id_column, engaged_as_of="as_of")
    joined = rows.left_join(
        found,
        [rows[subject.id_column] == found.engaged_id, rows.as_of == found.engaged_as_of],
    )
    counts = [c for c in found.columns if c.startswith(COUNTS)]
    return joined.mutate(**{name: joined[name].fill_null(0.0) for name in counts})


def _deal_features(rows: ir.Table, part: SubjectSelection) -> dict[str, ir.Value]:
    """The features of a deal that are not columns of `rows` already."""
    now, created = rows.as_of, rows.created_at
    in_stage = days_between(rows.stage_at, now)
    entries = {
        f"days_since_stage_{stage}": days_between(rows[f"{ENTERED}{i}"], now)
        for i, stage in enumerate(part.stages)
    }
    return {
        "age_days": days_between(created, now),
        "days_in_stage": in_stage,
        "stage_dwell_ratio": in_stage / rows.median_days.nullif(0.0),
        "amount_company": rows.amount * rows.company_rate,
        "expected_close_date": rows.expected_at.cast("date"),
        "days_to_expected_close": days_between(now, rows.expected_at),
        "days_since_push": days_between(rows.push_at, now),
        "region": rows.owner_region,
        "owner_win_rate": rows.owner_success_rate,
        "days_since_account_win": days_between(rows.last_win_at, now),
        "lead_age_days": days_between(rows.lead_created_at, created),
        "lead_response_hours": response_hours(rows.lead_created_at, rows.answered_at),
        **entries,
    }


def _lead_features(rows: ir.Table) -> dict[str, ir.Value]:
    """The features of a lead that are not columns of `rows` already."""
    created, answered = rows.created_at, rows.first_outbound_at
    return {
        "age_days": days_between(created, rows.as_of),
        "responded_at": answered,
        "responded": answered.notnull().cast("float64"),
        "response_hours": response_hours(created, answered),
        "created_weekday": created.day_of_week.index().cast("float64"),
        "created_hour": created.hour().cast("float64"),
        "owner_conversion_rate": rows.owner_success_rate,
        "owner_open_lead_count": rows.owner_open_count,
    }


def _columns(
    rows: ir.Table, selection: FeatureSelection, subject: Subject, carried: Sequence[str]
) -> ir.Table:
    features = [c for c in selection.columns(subject.name) if c not in carried]
    return rows.select(subject.id_column, "as_of", *carried, *features)
