"""What was known about owners, accounts and stages: the surroundings of a deal or lead.

Nightly features and the live path both read these facts, so that a posted deal is scored against
the very numbers of the night.
"""

from collections.abc import Iterable, Sequence

import ibis
import ibis.expr.types as ir
import pandas as pd

from closecurve.features.facts import closings, passages
from closecurve.features.money import with_company_rate
from closecurve.features.states import owner_states
from closecurve.features.subjects import DEAL, LEAD, Subject
from closecurve.features.tables import HistoryTables
from closecurve.features.timeline import (
    FOREVER,
    INSTANT,
    as_of_table,
    days_after,
    days_between,
    instant_literal,
    known_records,
    on_grid,
    open_spans,
    running_totals,
)

TRAILING_DAYS = 365
"""The window of owners' rates and of stage dwells: a year, so that every season is in it once."""

OWNER_PSEUDO_COUNT = 20.0
"""Closes of the team that an owner's rate is mixed with, and of the company a team's: as many as
make a rate worth reading by itself (docs/features.md)."""

SECONDS_PER_DAY = 86_400.0
"""Cycles are summed in whole seconds."""

CENTS = 100.0
"""Money is summed in whole cents: the order of a sum must not show in its last bits."""

OWNER_SUMS = ("decided_count", "success_count", "cycle_s", "open_count")


def owner_facts(tables: HistoryTables, as_ofs: Iterable[pd.Timestamp]) -> ir.Table:
    """Every owner as of every instant, for deals and leads; and the company as owner null.

    Columns: owner_id, as_of, team, region, win_rate, cycle_days, open_count, conversion_rate,
    open_lead_count. Rates and cycle are shrunk already; an owner who is not listed has those of
    the company.
    """
    keys = _listed_owners(tables).cross_join(as_of_table(as_ofs))
    deals = owner_load(tables, DEAL, keys).rename(
        win_rate="success_rate", open_count="open_count", cycle_days="cycle_days"
    )
    leads = owner_load(tables, LEAD, keys).select(
        lead_owner="owner_id",
        lead_as_of="as_of",
        conversion_rate="success_rate",
        open_lead_count="open_count",
    )
    owners = tables.owners.select(listed="owner_id", team="team", region="region")
    joined = deals.left_join(
        leads,
        [deals.owner_id.identical_to(leads.lead_owner), deals.as_of == leads.lead_as_of],
    )
    return joined.left_join(owners, joined.owner_id == owners.listed).select(
        "owner_id",
        "as_of",
        "team",
        "region",
        "win_rate",
        "cycle_days",
        "open_count",
        "conversion_rate",
        "open_lead_count",
    )


def owner_load(tables: HistoryTables, subject: Subject, keys: ir.Table) -> ir.Table:
    """Rate, cycle and load of the owners as of the instants in `keys` (owner_id, as_of).

    Columns: the keys, success_rate (won or converted among the decided of `TRAILING_DAYS`),
    cycle_days (mean days to a success among them), open_count. Both are mixed with
    `OWNER_PSEUDO_COUNT` of the team's, and those with as many of the company's. Owner null is
    the company.
    """
    instants = keys.select("as_of").distinct()
    steps = on_grid(_owner_steps(tables, subject), instants, ["owner_id", "team"], OWNER_SUMS)
    teams = tables.owners.select(team_owner="owner_id", team="team")
    asked = keys.left_join(teams, keys.owner_id == teams.team_owner)
    asked = asked.select("owner_id", "as_of", "team").distinct()
    by_owner = _level(asked, steps, ["owner_id"], "own")
    by_team = _level(asked, steps, ["team"], "team")
    company = _level(asked, steps, [], "all")
    rows = asked.left_join(
        by_owner, [asked.owner_id == by_owner.own_key, by_owner.own_as_of == asked.as_of]
    )
    rows = rows.left_join(
        by_team, [rows.team == by_team.team_key, by_team.team_as_of == rows.as_of]
    )
    rows = rows.left_join(company, rows.as_of == company.all_as_of)
    return rows.select(
        "owner_id",
        "as_of",
        success_rate=_shrunk(rows, "success_count", "decided_count"),
        cycle_days=_shrunk(rows, "cycle_s", "success_count") / SECONDS_PER_DAY,
        open_count=rows.own_open_count.fill_null(0.0),
    )


def account_facts(
    tables: HistoryTables,
    as_ofs: Iterable[pd.Timestamp],
    *,
    company_currency: str | None = None,
) -> ir.Table:
    """Every account with deals as of every instant.

    Columns: account_id, as_of, deal_count, won_count, won_amount (company currency),
    last_win_at.
    """
    deals = DEAL.records(tables)
    accounts = deals.filter(deals.account_id.notnull()).select("account_id").distinct()
    keys = accounts.cross_join(as_of_table(as_ofs))
    return account_load(tables, keys, company_currency=company_currency)


def account_load(
    tables: HistoryTables, keys: ir.Table, *, company_currency: str | None
) -> ir.Table:
    """The same for the pairs in `keys` (account_id, as_of)."""
    sums = ("deal_count", "won_count", "won_cents")
    steps = _account_steps(tables, company_currency)
    asked = keys.filter(keys.account_id.notnull()).distinct()
    found = running_totals(asked, steps, ["account_id"], sums, latest="last_win_at")
    return found.select(
        "account_id",
        "as_of",
        "deal_count",
        "won_count",
        "last_win_at",
        won_amount=found.won_cents / CENTS,
    )


def stage_facts(tables: HistoryTables, as_ofs: Iterable[pd.Timestamp]) -> ir.Table:
    """Median stay of won deals by stage: process, stage, as_of, median_days.

    As known when the as-of's week began (Monday, UTC), over stays that ended, and deals that were
    known to be won, in the `TRAILING_DAYS` before; stages without any have no row.
    """
    instants = as_of_table(as_ofs)
    asked = instants.mutate(week_at=week_of(instants.as_of))
    medians = stage_dwell(tables, asked.select("week_at").distinct())
    return asked.join(medians, "week_at").select("process", "stage", "as_of", "median_days")


def stage_dwell(tables: HistoryTables, weeks: ir.Table) -> ir.Table:
    """Median days of the stays in each stage as known by each `week_at`."""
    stays = _won_stays(tables)
    pairs = stays.join(weeks, [stays.known_at < weeks.week_at, weeks.week_at <= stays.until_at])
    return pairs.group_by("process", "stage", "week_at").aggregate(
        median_days=pairs.stay_days.median()
    )


def week_of(instant: ir.Value) -> ir.Value:
    """The Monday, 00:00 UTC, with which the instant's week began."""
    return instant.truncate("W").cast(INSTANT)


def _won_stays(tables: HistoryTables) -> ir.Table:
    wins = closings(tables, DEAL)
    wins = (
        wins.filter(wins.outcome == "won")
        .group_by("deal_id")
        .aggregate(won_known_at=wins.known_at.min())
    )
    stays = passages(tables).join(wins, "deal_id")
    stays = stays.filter(stays.left_known_at.notnull(), stays.process.notnull())
    known_at = ibis.greatest(stays.left_known_at, stays.won_known_at)
    return stays.select(
        "process",
        "stage",
        known_at=known_at,
        until_at=days_after(known_at, TRAILING_DAYS),
        stay_days=days_between(stays.entered_at, stays.left_at),
    )


def _listed_owners(tables: HistoryTables) -> ir.Table:
    """Every owner that is listed or was ever named in a fact, and null for the company."""
    named = [
        changes.filter(changes.field == "owner_id").select(owner_id="new_value")
        for changes in (tables.deal_changes, tables.lead_changes)
    ]
    everyone = ibis.union(tables.owners.select("owner_id"), *named).distinct()
    company = everyone.aggregate(n=everyone.count()).select(owner_id=ibis.null("string"))
    return everyone.filter(everyone.owner_id.notnull()).union(company)


def _owner_steps(tables: HistoryTables, subject: Subject) -> ir.Table:
    """What each owner's sums gain and lose, and when: owner_id, team, at, and the sums."""
    shut = closings(tables, subject)
    success = (shut.outcome == subject.causes[0]).cast("int64")
    decided = shut.select(
        "owner_id",
        "known_at",
        until_at=ibis.least(shut.until_at, days_after(shut.closed_at, TRAILING_DAYS)),
        decided_count=ibis.literal(1, "int64"),
        success_count=success,
        cycle_s=success * (shut.closed_at.delta(shut.created_at, unit="microsecond") // 1_000_000),
        open_count=ibis.literal(0, "int64"),
    )
    steps = ends_of(decided.union(_open_by_owner(tables, subject)), ["owner_id"], OWNER_SUMS)
    teams = tables.owners.select(team_owner="owner_id", team="team")
    return steps.left_join(teams, steps.owner_id == teams.team_owner).select(*steps.columns, "team")


def _open_by_owner(tables: HistoryTables, subject: Subject) -> ir.Table:
    """When each owner had each open record: owner_id, known_at, until_at and the sums."""
    owned = owner_states(tables, subject).rename(owned_at="known_at", owned_until="until_at")
    both = open_spans(tables, subject).join(owned, subject.id_column)
    zero = ibis.literal(0, "int64")
    return both.select(
        "owner_id",
        known_at=ibis.greatest(both.known_at, both.owned_at),
        until_at=ibis.least(both.until_at, both.owned_until),
        decided_count=zero,
        success_count=zero,
        cycle_s=zero,
        open_count=zero + 1,
    )


def _account_steps(tables: HistoryTables, company_currency: str | None) -> ir.Table:
    zero, forever = ibis.literal(0, "int64"), instant_literal(FOREVER)
    deals = known_records(tables, DEAL)
    known = deals.select(
        "account_id",
        "known_at",
        until_at=forever,
        deal_count=zero + 1,
        won_count=zero,
        won_cents=zero,
        last_win_at=ibis.null(INSTANT),
    )
    shut = closings(tables, DEAL)
    wins = shut.filter(shut.outcome == "won")
    valued = with_company_rate(tables, wins, at="closed_at", company_currency=company_currency)
    won = valued.select(
        "account_id",
        "known_at",
        "until_at",
        deal_count=zero,
        won_count=zero + 1,
        won_cents=(valued.amount * valued.company_rate * CENTS).round().fill_null(0).cast("int64"),
        last_win_at="closed_at",
    )
    return ends_of(
        known.union(won), ["account_id"], ("deal_count", "won_count", "won_cents"), "last_win_at"
    )


def ends_of(
    spans: ir.Table, by: Sequence[str], sums: Sequence[str], latest: str | None = None
) -> ir.Table:
    """Spans as steps: their sums come at `known_at` and go at `until_at`; `latest` only comes."""
    real = spans.filter(spans.known_at < spans.until_at)
    kept = [latest] if latest else []
    rise = real.select(
        *by, at="known_at", **{name: real[name] for name in sums}, **{k: real[k] for k in kept}
    )
    gone = real.filter(real.until_at < instant_literal(FOREVER))
    fall = gone.select(
        *by,
        at="until_at",
        **{name: -gone[name] for name in sums},
        **{k: ibis.null(INSTANT) for k in kept},
    )
    return rise.union(fall)


def _level(asked: ir.Table, steps: ir.Table, by: list[str], prefix: str) -> ir.Table:
    """The sums of one level (owner, team or company), its columns under a prefix."""
    keys = asked.select(*by, "as_of").distinct()
    known = [keys[column].notnull() for column in by]
    used = steps.filter(*[steps[column].notnull() for column in by]) if by else steps
    found = running_totals(keys.filter(*known) if by else keys, used, by, OWNER_SUMS)
    renamed = {f"{prefix}_{name}": name for name in ("as_of", *OWNER_SUMS)}
    return found.select(**renamed, **{f"{prefix}_key": column for column in by})


def _shrunk(rows: ir.Table, total: str, count: str) -> ir.Value:
    """Total over count of the owner, mixed with the team's, mixed with the company's."""
    company = rows[f"all_{total}"] / rows[f"all_{count}"].nullif(0.0)
    team = _mixed(rows[f"team_{total}"], rows[f"team_{count}"], company)
    return _mixed(rows[f"own_{total}"], rows[f"own_{count}"], team)


def _mixed(total: ir.Value, count: ir.Value, prior: ir.Value) -> ir.Value:
    """(total + k x prior) / (count + k); the prior alone where nothing is counted."""
    k = OWNER_PSEUDO_COUNT
    return (total.fill_null(0.0) + prior * k) / (count.fill_null(0.0) + k)
