"""The funnel's tables of a publication, put together from history, open deals and forecast."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from closecurve.features.tables import HistoryTables
from closecurve.models.funnel.concentration import concentration
from closecurve.models.funnel.exits import exits_of
from closecurve.models.funnel.leaks import leaks
from closecurve.models.funnel.losses import losses
from closecurve.models.funnel.measures import FunnelFacts, measures
from closecurve.models.funnel.owners import owner_ranks
from closecurve.models.funnel.shape import coverage, shape, velocity
from closecurve.models.funnel.stages import funnel
from closecurve.models.scopes import COMPANY, labels_of, present_kinds
from closecurve.models.seasonality import LEVEL, Season, season
from closecurve.models.stage_rates import ALL_TIME_DAYS, LOST, WON, entries
from closecurve.pipelines.funnel_facts import (
    deals_due,
    past_quarters,
    told_by,
    won_by_month,
    year_before,
)
from closecurve.settings import Settings

GROUP_KINDS = ("region", "team")
"""The scope kinds between company and owner. Owners are judged only where the settings ask for it:
no leak is laid at a person's door."""

DEAL_COLUMNS = [
    *("deal_id", "process", "created_at", "closed_at", "outcome", "amount_company"),
    *("owner_id", "team", "region", "account_id"),
]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FunnelSources:
    """What the funnel is worked out from: open deals are snapshots, closed ones `closes`, passages
    `funnel_facts`, and forecasts carry what is booked and the targets; all of it as of `as_of`."""

    tables: HistoryTables
    open_deals: pd.DataFrame
    closed_deals: pd.DataFrame
    passages: pd.DataFrame
    forecasts: pd.DataFrame
    settings: Settings
    as_of: pd.Timestamp


def funnel_tables(sources: FunnelSources) -> dict[str, pd.DataFrame]:
    """The result tables of the funnel by name; every row is of what was known before the as-of."""
    settings, as_of = sources.settings, sources.as_of
    facts = _facts(sources)
    stages = funnel(sources.open_deals, sources.passages, as_of, settings.processes)
    closed = facts.deals.dropna(subset="outcome").assign(
        is_won=lambda deals: deals["outcome"] == WON
    )
    of_year = closed[closed["closed_at"] >= facts.year.start_at]
    groups = [kind for kind in GROUP_KINDS if kind in present_kinds([facts.deals])]
    with_owners = [*groups, "owner"] if settings.funnel.owner_ranking else groups
    return {
        "funnel": stages,
        "funnel_metrics": _metrics(sources, facts, stages),
        "funnel_leaks": leaks(exits_of(facts.entered), as_of, [COMPANY, *with_owners]),
        "funnel_losses": _losses(sources, of_year, groups),
        "concentrations": _concentrations(of_year),
        "owner_ranks": owner_ranks(of_year) if settings.funnel.owner_ranking else pd.DataFrame(),
        "seasons": _seasons(closed[closed["is_won"]], facts, groups, settings),
    }


def _facts(sources: FunnelSources) -> FunnelFacts:
    as_of, calendar = sources.as_of, sources.settings.calendar
    parts = [_of_columns(sources.open_deals), _of_columns(sources.closed_deals)]
    deals = pd.concat(parts, ignore_index=True)
    periods = past_quarters(calendar, as_of)
    return FunnelFacts(
        deals=deals,
        passages=sources.passages,
        entered=entries(sources.passages, as_of, ALL_TIME_DAYS),
        due=_slipped(deals_due(sources.tables, periods, as_of), deals, sources),
        periods=periods,
        year=year_before(calendar, as_of),
        as_of=as_of,
    )


def _of_columns(deals: pd.DataFrame) -> pd.DataFrame:
    """Typed as closes are, so that open deals, which lack some columns, can stand beside them."""
    found = deals.reindex(columns=DEAL_COLUMNS)
    instants = dict.fromkeys(("created_at", "closed_at"), "datetime64[us]")
    texts = ("deal_id", "process", "outcome", "owner_id", "team", "region", "account_id")
    return found.astype({**instants, **dict.fromkeys(texts, "str"), "amount_company": "float64"})


def _slipped(due: pd.DataFrame, deals: pd.DataFrame, sources: FunnelSources) -> pd.DataFrame:
    """With what a deal is, and whether it left its period; deleted deals are left out."""
    rows = due.merge(deals, on="deal_id")
    calendar = sources.settings.calendar
    ends = {at: calendar.quarter_at(at).end_at for at in rows["due_at"].unique()}
    end = rows["due_at"].map(ends).astype("datetime64[us]")
    is_over = end <= sources.as_of
    stayed_open = ~(rows["closed_at"] < end)
    return rows.assign(has_slipped=stayed_open & (rows["has_moved"] | is_over))


def _metrics(sources: FunnelSources, facts: FunnelFacts, stages: pd.DataFrame) -> pd.DataFrame:
    measured = measures(facts)
    calendar = sources.settings.calendar
    running = facts.periods[-1]
    parts = [
        measured,
        shape(stages, facts.year),
        velocity(measured, stages, facts.year),
        coverage(sources.open_deals, sources.forecasts, (running, calendar.quarter_after(running))),
    ]
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def _losses(sources: FunnelSources, closed: pd.DataFrame, kinds: list[str]) -> pd.DataFrame:
    """The lost deals of the year by stage and the `[funnel] loss_attributes`; by owner only
    where owners are to be compared."""
    lost = closed[closed["outcome"] == LOST]
    names = sources.settings.funnel.loss_attributes
    told = told_by(sources.tables, names, sources.as_of)
    ends = sources.passages[sources.passages["next"] == LOST].sort_values("left_at", kind="stable")
    last = ends.drop_duplicates("deal_id", keep="last")[["deal_id", "stage"]]
    rows = lost.merge(last, on="deal_id", how="left").merge(told, on="deal_id", how="left")
    attributes = [name for name in names if name in rows]
    owners = ["owner"] if sources.settings.funnel.owner_ranking else []
    return losses(rows.assign(owner=rows["owner_id"]), ["stage", *attributes, *owners], kinds)


def _concentrations(closed: pd.DataFrame) -> pd.DataFrame:
    """Of all owners who closed a deal, and of the accounts that bought: those that did not are no
    customers."""
    found = {
        "owner": concentration(closed, "owner_id"),
        "account": concentration(closed, "account_id", only_winners=True),
    }
    rows: list[dict[str, Any]] = [
        {"holder_kind": kind, **asdict(each), "lorenz": [list(point) for point in each.lorenz]}
        | {"rule_share": each.rule_share, "is_at_risk": each.is_at_risk}
        for kind, each in found.items()
        if each is not None
    ]
    return pd.DataFrame(rows)


def _seasons(
    wins: pd.DataFrame, facts: FunnelFacts, kinds: list[str], settings: Settings
) -> pd.DataFrame:
    """Of the company, each region and each team; 5 % is shared out among the scopes of a kind."""
    rows = []
    for kind in (COMPANY, *kinds):
        labels, every = labels_of(kind, wins), labels_of(kind, facts.deals)
        for scope in sorted(labels.unique()):
            first = facts.deals.loc[every == scope, "created_at"].min()
            months = won_by_month(wins[labels == scope], first, settings.calendar, facts.as_of)
            told = season(months, LEVEL / labels.nunique())
            rows.append({"scope_kind": kind, "scope": scope, **_season_row(told)})
    return pd.DataFrame(rows)


def _season_row(told: Season) -> dict[str, Any]:
    row = asdict(told)
    months = row.pop("months")
    row["fall_month"] = pd.NaT if told.fall_month is None else told.fall_month
    return {**row, "month_count": len(months), "months": list(_monthly(months))}


def _monthly(months: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for row in months.to_dict("records"):
        numbers = {str(name): None if pd.isna(value) else value for name, value in row.items()}
        yield numbers | {"month": row["month"].date().isoformat()}
