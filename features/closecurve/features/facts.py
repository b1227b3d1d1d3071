"""What is known of closes and stage passages, each for itself: for forecast and funnel.

Every function answers strictly before the instant it is given.
"""

from functools import partial

import ibis
import ibis.expr.types as ir
import pandas as pd

from closecurve.crm.stages import StageKind
from closecurve.crm.tables import DELETED, HISTORY_TABLES
from closecurve.features.money import with_company_rate
from closecurve.features.plans import answer
from closecurve.features.states import amount_states, owner_states, with_stage_order
from closecurve.features.subjects import DEAL, LEAD, Subject
from closecurve.features.tables import HistoryTables
from closecurve.features.timeline import (
    FOREVER,
    INSTANT,
    attach,
    field_spans,
    instant_literal,
    known_records,
    outcome_spans,
    spans_of,
)


def known_before(tables: HistoryTables, instant: pd.Timestamp) -> HistoryTables:
    """The history without anything that became known at the instant or after it.

    Owners, targets and stages have no time of their own and stay; rates are cut by their date.
    """
    limit = instant_literal(instant)
    cut = {
        name: table.filter(ibis.coalesce(table.known_at, _happened(table)) < limit)
        for name in ("deals", "deal_changes", "leads", "lead_changes", "activities")
        for table in (tables.table(name),)
    }
    rates = tables.fx_rates
    cut["fx_rates"] = rates.filter(rates.date.cast(INSTANT) < limit)
    return HistoryTables(**{name: cut.get(name, tables.table(name)) for name in HISTORY_TABLES})


def closes(
    tables: HistoryTables, instant: pd.Timestamp, *, company_currency: str | None = None
) -> ir.Table:
    """The deals that stood closed: one row each, with what was known as the close became known.

    Columns: deal_id, created_at, closed_at, known_at, outcome (won / lost), amount, currency,
    amount_company (at the last rate dated before the close), process, account_id, lead_id,
    owner_id, team, region.
    """
    return answer(_closes, known_before(tables, instant), {}, company_currency)


def _closes(tables: HistoryTables, company_currency: str | None) -> ir.Table:
    """The closes that stand at the end of a history, which holds nothing known later."""
    standing = _standing(deal_closings(tables), FOREVER)
    valued = with_company_rate(tables, standing, at="closed_at", company_currency=company_currency)
    return _with_team(tables, valued).select(
        "deal_id",
        "created_at",
        "closed_at",
        "known_at",
        "outcome",
        "amount",
        "currency",
        "process",
        "account_id",
        "lead_id",
        "owner_id",
        "team",
        "region",
        amount_company=lambda t: t.amount * t.company_rate,
    )


def lead_closes(tables: HistoryTables, instant: pd.Timestamp) -> ir.Table:
    """The leads that stood decided: lead_id, created_at, closed_at, known_at, outcome
    (converted / disqualified), source, account_id, owner_id as of the decision."""
    columns = ["lead_id", "created_at", "closed_at", "known_at", "outcome", "source"]
    return _standing(closings(tables, LEAD), instant).select(*columns, "account_id", "owner_id")


def funnel_facts(
    tables: HistoryTables, instant: pd.Timestamp, *, company_currency: str | None = None
) -> ir.Table:
    """The passages of deals through open stages.

    Columns: deal_id, process, stage, stage_order, entered_at, left_at (null: still there), next
    (the stage after it, won, lost, deleted, or null), and as of the instant owner_id, team,
    region, amount_company.
    """
    return answer(_funnel_facts, known_before(tables, instant), {}, company_currency)


def _funnel_facts(tables: HistoryTables, company_currency: str | None) -> ir.Table:
    """The passages at the end of a history, which holds nothing known later."""
    rows = passages(tables).mutate(as_of=instant_literal(FOREVER))
    records = DEAL.records(tables).select("deal_id", "currency")
    rows = rows.left_join(records, "deal_id").select(*rows.columns, "currency")
    rows = attach(rows, owner_states(tables, DEAL), "deal_id", payload=["owner_id"])
    rows = attach(rows, amount_states(tables, DEAL), "deal_id", payload=["amount"])
    rows = with_company_rate(tables, rows, company_currency=company_currency)
    return _with_team(tables, _without_ghosts(tables, rows)).select(
        "deal_id",
        "process",
        "stage",
        "stage_order",
        "entered_at",
        "left_at",
        "next",
        "owner_id",
        "team",
        "region",
        amount_company=lambda t: t.amount * t.company_rate,
    )


def passages(tables: HistoryTables) -> ir.Table:
    """Stays in open stages: deal_id, process, stage, stage_order, entered_at, left_at, next, and
    `left_known_at`, when the end became known. The last three are null while it lasts.

    Stage moves and closes are taken as one field, so that each stay ends at the next of either.
    """
    moves = spans_of(_moves(tables), ["deal_id", "process"])
    ordered = with_stage_order(tables, _with_next(moves))
    stays = ordered.filter(~ordered.new_value.startswith(CLOSE_MARK))
    return stays.select(
        "deal_id",
        "process",
        "stage_order",
        "left_at",
        "left_known_at",
        stage="new_value",
        entered_at="event_at",
        next=stays.next.replace(CLOSE_MARK, ""),
    )


CLOSE_MARK = "\N{INFORMATION SEPARATOR ONE}"
"""Stands before an outcome among stage names: no stage name holds it."""


def deal_closings(tables: HistoryTables) -> ir.Table:
    """The closings of deals with the amount as of each."""
    rows = closings(tables, DEAL)
    return attach(rows, amount_states(tables, DEAL), "deal_id", at="seen_at", payload=["amount"])


def closings(tables: HistoryTables, subject: Subject) -> ir.Table:
    """Each time a record closed, while that held: `known_at < as_of <= until_at`.

    A close is known when the record is too. The record's fixed columns (its own known_at as
    `record_known_at`), closed_at, outcome, `seen_at` (as soon as the close was known), and the
    owner as of then.
    """
    return tables.once(f"{subject.name}_closings", partial(_closings, tables, subject))


def _closings(tables: HistoryTables, subject: Subject) -> ir.Table:
    spans = outcome_spans(tables, subject)
    records = known_records(tables, subject).drop(*tables.attributes(subject.record_table))
    records = records.rename(record_known_at="known_at")
    ends = spans.filter(spans.new_value.isin(subject.causes)).join(records, subject.id_column)
    known_at = ibis.greatest(ends.known_at, ends.record_known_at)
    shut = ends.filter(known_at < ends.until_at)
    rows = shut.select(
        *records.columns,
        "until_at",
        known_at=known_at,
        outcome="new_value",
        closed_at="event_at",
        seen_at=(known_at + ibis.interval(microseconds=1)).cast(INSTANT),
    )
    owners = owner_states(tables, subject)
    return attach(rows, owners, subject.id_column, at="seen_at", payload=["owner_id"])


def _happened(table: ir.Table) -> ir.Value:
    return table["event_at"] if "event_at" in table.columns else table["created_at"]


def _standing(rows: ir.Table, instant: pd.Timestamp) -> ir.Table:
    limit = instant_literal(instant)
    return rows.filter(rows.known_at < limit, limit <= rows.until_at)


def _with_team(tables: HistoryTables, rows: ir.Table) -> ir.Table:
    owners = tables.owners.select(team_owner="owner_id", team="team", region="region")
    columns = [column for column in rows.columns if column not in ("team", "region")]
    return rows.left_join(owners, rows.owner_id == owners.team_owner).select(
        *columns, owners.team, owners.region
    )


def _moves(tables: HistoryTables) -> ir.Table:
    """Facts of open stages, and closes marked as such and placed after stages of their instant."""
    records = DEAL.records(tables).select("deal_id", "process")
    changes = tables.deal_changes.join(records, "deal_id")
    ends = tables.stages.filter(tables.stages.kind != StageKind.OPEN.value).select(
        end_process="process", end_stage="stage"
    )
    columns = ("deal_id", "process", "event_at", "known_at")
    stages = changes.filter(changes.field == "stage", changes.new_value.notnull())
    stages = stages.anti_join(
        ends, [stages.process == ends.end_process, stages.new_value == ends.end_stage]
    )
    ends_stay = changes.new_value.isin((*DEAL.causes, DELETED))
    shut = changes.filter(changes.field == "outcome", ends_stay)
    return stages.select(*columns, "seq", "new_value").union(
        shut.select(
            *columns,
            seq=shut.seq.fill_null(0) + AFTER_STAGES,
            new_value=ibis.literal(CLOSE_MARK) + shut.new_value,
        )
    )


AFTER_STAGES = 1e12
"""Added to a close's `seq` among moves: beyond any number of rows."""


def _with_next(spans: ir.Table) -> ir.Table:
    window = ibis.window(group_by="deal_id", order_by="place")
    return spans.mutate(
        left_at=spans.event_at.lead().over(window),
        left_known_at=spans.until_at.nullif(instant_literal(FOREVER)),
        next=spans.new_value.lead().over(window),
    )


def _without_ghosts(tables: HistoryTables, rows: ir.Table) -> ir.Table:
    """Without stays that never end in deals that are closed: stages set after the close."""
    shut = field_spans(tables, DEAL, "outcome")
    shut = shut.filter(
        shut.new_value.isin((*DEAL.causes, DELETED)), shut.until_at == instant_literal(FOREVER)
    ).select(shut_id="deal_id")
    marked = rows.left_join(shut, rows.deal_id == shut.shut_id)
    kept = marked.filter(marked.left_at.notnull() | marked.shut_id.isnull())
    return kept.select(*rows.columns)
