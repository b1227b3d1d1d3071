"""Putting a publication together: scores, forecast, funnel, and the facts of live scoring."""

from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from closecurve.crm.calendar import Period
from closecurve.features.context import account_facts, owner_facts, stage_facts
from closecurve.features.data_quality import data_quality
from closecurve.features.money import last_rates
from closecurve.features.subjects import DEAL, LEAD
from closecurve.features.tables import HistoryTables
from closecurve.models.forecast.horizon import all_periods
from closecurve.pipelines.bundling import Bundle
from closecurve.pipelines.changes import Scored, comparable
from closecurve.pipelines.drifting import drift_summary
from closecurve.pipelines.forecast_tables import forecast_tables
from closecurve.pipelines.forecasting import RevenueFacts, quarters
from closecurve.pipelines.funnels import FunnelSources, funnel_tables
from closecurve.pipelines.leads import LeadScores, owner_zones, score_leads
from closecurve.pipelines.rates import StageFacts
from closecurve.pipelines.scoring import Scores, score_deals
from closecurve.pipelines.stall_scores import by_owner, score_stalls, stall_summary
from closecurve.pipelines.targets import TargetPlan, plan_targets
from closecurve.pipelines.workspace import Workspace
from closecurve.settings import Settings
from closecurve.stores.history import HistoryHandle
from closecurve.stores.results import Publication

COMPANY_OWNER = "(company)"
"""The owner id under which the facts of the whole company are published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Champion:
    """The model version that serves, opened."""

    version: str
    digest: str
    bundle: Bundle


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Published:
    """What was published: its id and its content."""

    publication_id: int
    publication: Publication

    @property
    def summary(self) -> dict[str, Any]:
        """The summary as stored."""
        return self.publication.summary


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cohorts:
    """What is open at the as-of, scored, and the stages that it was measured against."""

    facts: StageFacts
    deals: Scores
    leads: LeadScores
    stalls: pd.DataFrame

    def tables(self) -> dict[str, pd.DataFrame]:
        """The result tables of one row per record or owner."""
        return {
            "deal_scores": self.deals.scores,
            "lead_scores": self.leads.scores,
            "stalls": self.stalls,
            "stall_owners": by_owner(self.stalls),
        }


def make_publication(
    workspace: Workspace, champion: Champion, as_of: pd.Timestamp, published_at: pd.Timestamp
) -> Publication:
    """Score, forecast and count everything as of an instant."""
    history, currency = workspace.history(), workspace.settings.company.currency
    tables, bundle = history.tables(), champion.bundle
    cohorts = _cohorts(workspace, tables, bundle, as_of)
    revenue = _revenue(workspace, tables, as_of)
    forecasts = _forecasts(workspace, revenue, bundle, cohorts, as_of)
    targets = _targets(workspace, revenue, as_of)
    snapshots = {DEAL: cohorts.deals.snapshots, LEAD: cohorts.leads.snapshots}
    return Publication(
        as_of=as_of,
        published_at=published_at,
        history_id=history.history_id,
        bundle_digest=champion.digest,
        deal_model_version=champion.version,
        lead_model_version=champion.version if bundle.lead else None,
        summary=_summary(workspace, history, tables, champion, cohorts, as_of)
        | {"stalls": stall_summary(bundle.stalls, cohorts.stalls), "targets": targets.summary}
        | {"drift": drift_summary(bundle, snapshots)},
        **cohorts.tables(),
        **forecasts,
        **_funnels(workspace, revenue, cohorts, forecasts, as_of),
        **_compared(workspace, revenue, champion, cohorts, forecasts, as_of),
        target_shares=targets.shares,
        owner_facts=_owner_facts(tables, as_of),
        account_facts=_account_facts(tables, as_of, currency),
    )


def _cohorts(
    workspace: Workspace, tables: HistoryTables, bundle: Bundle, as_of: pd.Timestamp
) -> Cohorts:
    settings, step = workspace.settings, workspace.progress.step
    with step("read the funnel"):
        facts = StageFacts.of(tables, as_of, settings)
    with step("score deals"):
        deals = score_deals(tables, bundle, facts, settings, as_of)
    with step("score leads"):
        leads = score_leads(tables, bundle, settings, as_of)
    with step("find stalls"):
        stalls = score_stalls(tables, bundle.stalls, deals, facts.passages, as_of)
    return Cohorts(facts=facts, deals=deals, leads=leads, stalls=stalls)


def _forecasts(
    workspace: Workspace,
    revenue: RevenueFacts,
    bundle: Bundle,
    cohorts: Cohorts,
    as_of: pd.Timestamp,
) -> dict[str, pd.DataFrame]:
    with workspace.progress.step("forecast"):
        return forecast_tables(revenue, cohorts.deals.snapshots, bundle, as_of)


def _funnels(
    workspace: Workspace,
    revenue: RevenueFacts,
    cohorts: Cohorts,
    forecasts: dict[str, pd.DataFrame],
    as_of: pd.Timestamp,
) -> dict[str, pd.DataFrame]:
    sources = FunnelSources(
        tables=revenue.tables,
        open_deals=cohorts.deals.snapshots,
        closed_deals=revenue.closed,
        passages=cohorts.facts.passages,
        forecasts=forecasts["forecasts"],
        settings=workspace.settings,
        as_of=as_of,
    )
    with workspace.progress.step("measure the funnel"):
        return funnel_tables(sources)


def _targets(workspace: Workspace, revenue: RevenueFacts, as_of: pd.Timestamp) -> TargetPlan:
    settings = workspace.settings
    periods = [period for _, period in all_periods(settings.calendar, as_of).periods]
    with workspace.progress.step("split targets"):
        return plan_targets(revenue, periods, as_of, settings.company.currency)


def _compared(
    workspace: Workspace,
    revenue: RevenueFacts,
    champion: Champion,
    cohorts: Cohorts,
    forecasts: dict[str, pd.DataFrame],
    as_of: pd.Timestamp,
) -> dict[str, pd.DataFrame]:
    scored = Scored(
        as_of=as_of,
        digest=champion.digest,
        bundle=champion.bundle,
        deals=cohorts.deals,
        leads=cohorts.leads,
        forecasts=forecasts["forecasts"],
    )
    with workspace.progress.step("compare"):
        found = comparable(
            workspace.results, revenue.tables, scored, revenue.closed, revenue.calendar
        )
    return found.tables()


def _revenue(workspace: Workspace, tables: HistoryTables, as_of: pd.Timestamp) -> RevenueFacts:
    settings = workspace.settings
    return RevenueFacts.of(
        tables, as_of, workspace.data_end(), settings.calendar, settings.company.currency
    )


def _owner_facts(tables: HistoryTables, as_of: pd.Timestamp) -> pd.DataFrame:
    found: pd.DataFrame = owner_facts(tables, [as_of]).execute()
    del found["as_of"]
    listed = tables.owners.select("owner_id", "name").execute().drop_duplicates("owner_id")
    found["name"] = found["owner_id"].map(listed.set_index("owner_id")["name"]).astype(object)
    found["time_zone"] = found["owner_id"].map(owner_zones(tables)).astype(object)
    found["owner_id"] = found["owner_id"].fillna(COMPANY_OWNER)
    return found


def _account_facts(tables: HistoryTables, as_of: pd.Timestamp, currency: str) -> pd.DataFrame:
    """The facts of every account with its attributes; an account without deals counts 0."""
    facts = account_facts(tables, [as_of], company_currency=currency).execute()
    attributes = tables.accounts.execute().drop_duplicates("account_id")
    both: pd.DataFrame = facts.drop(columns="as_of").merge(attributes, on="account_id", how="outer")
    counted = ["deal_count", "recent_count", "won_count", "won_amount"]
    both[counted] = both[counted].fillna(0.0)
    return both


def _summary(
    workspace: Workspace,
    history: HistoryHandle,
    tables: HistoryTables,
    champion: Champion,
    cohorts: Cohorts,
    as_of: pd.Timestamp,
) -> dict[str, Any]:
    settings = workspace.settings
    running, following = quarters(settings.calendar, as_of)
    dwell = stage_facts(tables, [as_of]).execute().drop(columns="as_of")
    return {
        "company": settings.company.name,
        "currency": settings.company.currency,
        "time_zone": settings.company.time_zone,
        "quarters": [_period(running), _period(following)],
        "processes": [asdict(process) for process in settings.processes],
        "rows": dict(history.row_counts),
        "data_until": history.data_until.isoformat(),
        "data_quality": _findings(tables, as_of, settings),
        "models": champion.bundle.reports,
        "open_deals": len(cohorts.deals.scores),
        **cohorts.leads.summary(),
        "live": {
            "stage_facts": dwell.to_dict("records"),
            "fx_rates": _rates_told(tables, as_of).to_dict("records"),
        },
    }


def _findings(
    tables: HistoryTables, as_of: pd.Timestamp, settings: Settings
) -> list[dict[str, Any]]:
    found = data_quality(
        tables,
        as_of,
        company_currency=settings.company.currency,
        time_zone=settings.calendar.time_zone,
    )
    return [finding.to_json() for finding in found]


def _rates_told(tables: HistoryTables, as_of: pd.Timestamp) -> pd.DataFrame:
    """The last rate of each currency dated before the as-of, with its date as text."""
    last = last_rates(tables, as_of)
    return last.assign(date=last["date"].astype(str))


def _period(period: Period) -> dict[str, str]:
    return {
        "name": period.name,
        "start_date": period.start_date.isoformat(),
        "end_date": period.end_date.isoformat(),
    }
