"""What was known about owners, accounts and stages: the surroundings of a deal or lead.

Nightly features and the live path both read these facts, so that a posted deal is scored against
the very numbers of the night.
"""

from collections.abc import Collection, Iterable, Sequence

import ibis
import ibis.expr.types as ir
import pandas as pd
from ibis import _

from closecurve.features.facts import closings, deal_closings, passages
from closecurve.features.money import with_company_rate
from closecurve.features.plans import PlannedTables, answer
from closecurve.features.states import owner_states
from closecurve.features.subjects import DEAL, LEAD, Subject
from closecurve.features.tables import HistoryTables
from closecurve.features.timeline import (
    FOREVER,
    INSTANT,
    as_of_table,
    attach,
    days_after,
    days_between,
    instant_literal,
    known_records,
    on_grid,
    open_spans,
    running,
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

ACCOUNT_SUMS = ("deal_count", "recent_count", "won_count", "won_cents")
FIGURES = {
    "success_rate": ("decided_count", "success_count"),
    "cycle_days": ("success_count", "cycle_s"),
    "open_count": ("open_count",),
}
"""What is known of an owner, and the sums that it is made of."""
OWNER_SUMS = ("decided_count", "success_count", "cycle_s", "open_count")


def owner_facts(tables: HistoryTables, as_ofs: Iterable[pd.Timestamp]) -> ir.Table:
    """Every owner as of every instant, for deals and leads; and the company as owner null.

    Columns: owner_id, as_of, team, region, win_rate, cycle_days, open_count, conversion_rate,
    open_lead_count. Rates and cycle are shrunk already; an owner who is not listed has those of
    the company.
    """
    return answer(_owner_facts, tables, {"instants": as_of_table(as_ofs)})


def _owner_facts(tables: PlannedTables) -> ir.Table:
    keys = _listed_owners(tables).cross_join(tables.inputs["instants"])
    deals = owner_load(tables, DEAL, keys, FIGURES).rename(
        win_rate="success_rate", open_count="open_count", cycle_days="cycle_days"
    )
    leads = owner_load(tables, LEAD, keys, ("success_rate", "open_count")).select(
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


def owner_load(
    tables: HistoryTables, subject: Subject, keys: ir.Table, figures: Collection[str]
) -> ir.Table:
    """Those of the `FIGURES` that are named, of the owners as of the instants in `keys`.

    Columns: the keys (owner_id, as_of), success_rate (won or converted among the decided of
    `TRAILING_DAYS`), cycle_days (mean days to a success among them), open_count. The first two are
    mixed with `OWNER_PSEUDO_COUNT` of the team's, and those with as many of the company's. Owner
    null is the company.
    """
    sums = [name for name in OWNER_SUMS if any(name in FIGURES[each] for each in figures)]
    instants = keys.select("as_of").distinct()
    steps = on_grid(_owner_steps(tables, subject, sums), instants, ["owner_id", "team"], sums)
    teams = tables.owners.select(team_owner="owner_id", team="team")
    asked = keys.left_join(teams, keys.owner_id == teams.team_owner)
    rows = asked.select("owner_id", "as_of", "team").distinct()
    for by, prefix in (("owner_id", "own"), ("team", "team"), (None, "all")):
        rows = _with_level(rows, steps, by, prefix, sums)
    told = {
        "success_rate": lambda t: _shrunk(t, "success_count", "decided_count"),
        "cycle_days": lambda t: _shrunk(t, "cycle_s", "success_count") / SECONDS_PER_DAY,
        "open_count": lambda t: t.own_open_count.fill_null(0.0),
    }
    return rows.select("owner_id", "as_of", **{name: told[name] for name in figures})


def account_facts(
    tables: HistoryTables,
    as_ofs: Iterable[pd.Timestamp],
    *,
    company_currency: str | None = None,
) -> ir.Table:
    """Every account with deals as of every instant.

    Columns: account_id, as_of, deal_count, recent_count, won_count, won_amount (company currency),
    last_win_at.
    """
    return answer(_account_facts, tables, {"instants": as_of_table(as_ofs)}, company_currency)


def _account_facts(tables: PlannedTables, company_currency: str | None) -> ir.Table:
    deals = DEAL.records(tables)
    accounts = deals.filter(deals.account_id.notnull()).select("account_id").distinct()
    keys = accounts.cross_join(tables.inputs["instants"])
    states = account_states(tables, company_currency=company_currency)
    found = attach(keys, states, "account_id", payload=ACCOUNT_STATE)
    counts = ("deal_count", "recent_count", "won_count", "won_amount")
    return found.mutate(**{name: found[name].fill_null(0.0) for name in counts})


ACCOUNT_STATE = ("deal_count", "recent_count", "won_count", "won_amount", "last_win_at")
"""What is known of an account: its deals, those of the last year, its wins and their money."""


def account_states(tables: HistoryTables, *, company_currency: str | None) -> ir.Table:
    """What is known of each account, while it holds: account_id, known_at, until_at, and
    `ACCOUNT_STATE`."""
    steps = _account_steps(tables, company_currency)
    at_once = steps.group_by("account_id", "at").aggregate(
        **{name: steps[name].sum() for name in ACCOUNT_SUMS}, last_win_at=steps.last_win_at.max()
    )
    so_far = running(["account_id"], ["at"])
    totals = {name: at_once[name].cast("float64").sum().over(so_far) for name in ACCOUNT_SUMS}
    following = at_once["at"].lead().over(ibis.window(group_by="account_id", order_by="at"))
    return at_once.select(
        "account_id",
        known_at="at",
        until_at=following.fill_null(instant_literal(FOREVER)),
        last_win_at=at_once.last_win_at.max().over(so_far),
        **{name: total for name, total in totals.items() if name != "won_cents"},
        won_amount=totals["won_cents"] / CENTS,
    )


def stage_facts(tables: HistoryTables, as_ofs: Iterable[pd.Timestamp]) -> ir.Table:
    """Median stay of won deals by stage: process, stage, as_of, median_days.

    As known when the as-of's week began (Monday, UTC), over stays that ended, and deals that were
    known to be won, in the `TRAILING_DAYS` before; stages without any have no row.
    """
    return answer(_stage_facts, tables, {"instants": as_of_table(as_ofs)})


def _stage_facts(tables: PlannedTables) -> ir.Table:
    instants = tables.inputs["instants"]
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


def _owner_steps(tables: HistoryTables, subject: Subject, sums: Sequence[str]) -> ir.Table:
    """What each owner's sums gain and lose, and when: owner_id, team, at, and the sums."""
    parts = []
    if {"decided_count", "success_count", "cycle_s"}.intersection(sums):
        parts.append(_decided_by_owner(tables, subject))
    if "open_count" in sums:
        parts.append(_open_by_owner(tables, subject))
    spans = [part.select("owner_id", "known_at", "until_at", *sums) for part in parts]
    steps = ends_of(ibis.union(*spans), ["owner_id"], sums)
    teams = tables.owners.select(team_owner="owner_id", team="team")
    return steps.left_join(teams, steps.owner_id == teams.team_owner).select(*steps.columns, "team")


def _decided_by_owner(tables: HistoryTables, subject: Subject) -> ir.Table:
    """The closes of each owner, for as long as they count: owner_id, known_at, until_at, sums."""
    shut = closings(tables, subject)
    success = (shut.outcome == subject.causes[0]).cast("int64")
    return shut.select(
        "owner_id",
        "known_at",
        until_at=ibis.least(shut.until_at, days_after(shut.closed_at, TRAILING_DAYS)),
        decided_count=ibis.literal(1, "int64"),
        success_count=success,
        cycle_s=success * (shut.closed_at.delta(shut.created_at, unit="microsecond") // 1_000_000),
        open_count=ibis.literal(0, "int64"),
    )


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
    deals = known_records(tables, DEAL).filter(_.account_id.notnull())
    known = deals.select("account_id", "known_at", until_at=instant_literal(FOREVER))
    year_on = days_after(deals.created_at, TRAILING_DAYS)
    recent = deals.select("account_id", "known_at", until_at=year_on)
    shut = deal_closings(tables)
    wins = shut.filter(shut.outcome == "won", shut.account_id.notnull())
    valued = with_company_rate(tables, wins, at="closed_at", company_currency=company_currency)
    cents = (valued.amount * valued.company_rate * CENTS).round().fill_null(0).cast("int64")
    won = valued.select(
        "account_id", "known_at", "until_at", won_cents=cents, last_win_at="closed_at"
    )
    spans = ibis.union(
        _counting(known, "deal_count"),
        _counting(recent, "recent_count"),
        _counting(won, "won_count"),
    )
    return ends_of(spans, ["account_id"], ACCOUNT_SUMS, "last_win_at")


def _counting(spans: ir.Table, name: str) -> ir.Table:
    """The spans with 1 in the sum of that name, and nothing in those that they do not have."""
    zero = ibis.literal(0, "int64")
    made = {each: spans[each] if each in spans.columns else zero for each in ACCOUNT_SUMS}
    made[name] = zero + 1
    won_at = spans.last_win_at if "last_win_at" in spans.columns else ibis.null(INSTANT)
    return spans.select("account_id", "known_at", "until_at", **made, last_win_at=won_at)


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


def _with_level(
    rows: ir.Table, steps: ir.Table, by: str | None, prefix: str, sums: Sequence[str]
) -> ir.Table:
    """The rows with the sums of their owner or team (`by`), or of the company, under a prefix."""
    keys = [] if by is None else [by]
    asked = rows.select(*keys, "as_of").distinct()
    used = steps
    if by is not None:
        asked, used = asked.filter(asked[by].notnull()), steps.filter(steps[by].notnull())
    added = used.group_by(*keys, "at").aggregate(**{name: used[name].sum() for name in sums})
    found = running_totals(asked, added, keys, sums)
    level = found.rename({f"{prefix}_{name}": name for name in (*keys, "as_of", *sums)})
    same = [rows.as_of == level[f"{prefix}_as_of"]]
    same += [rows[key] == level[f"{prefix}_{key}"] for key in keys]
    return rows.left_join(level, same).select(*rows.columns, *(f"{prefix}_{n}" for n in sums))


def _shrunk(rows: ir.Table, total: str, count: str) -> ir.Value:
    """Total over count of the owner, mixed with the team's, mixed with the company's."""
    company = rows[f"all_{total}"] / rows[f"all_{count}"].nullif(0.0)
    team = _mixed(rows[f"team_{total}"], rows[f"team_{count}"], company)
    return _mixed(rows[f"own_{total}"], rows[f"own_{count}"], team)


def _mixed(total: ir.Value, count: ir.Value, prior: ir.Value) -> ir.Value:
    """(total + k x prior) / (count + k); the prior alone where nothing is counted."""
    k = OWNER_PSEUDO_COUNT
    return (total.fill_null(0.0) + prior * k) / (count.fill_null(0.0) + k)
