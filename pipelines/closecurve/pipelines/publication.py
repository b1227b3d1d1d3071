"""Putting a publication together: scores, forecast, funnel, and the facts of live scoring."""

from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from closecurve.crm.calendar import Period
from closecurve.features.context import account_facts, owner_facts, stage_facts
from closecurve.features.data_quality import data_quality
from closecurve.features.tables import HistoryTables
from closecurve.models.funnel import funnel
from closecurve.pipelines.bundling import Bundle
from closecurve.pipelines.forecasting import RevenueFacts, forecast_quarters, quarters
from closecurve.pipelines.rates import StageFacts
from closecurve.pipelines.scoring import Scores, score_deals, score_leads
from closecurve.pipelines.workspace import Workspace
from closecurve.settings import Settings
from closecurve.stores.history import HistoryHandle
from closecurve.stores.results import Publication
from closecurve.stores.results.columns import FORECASTS

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


def make_publication(
    workspace: Workspace, champion: Champion, as_of: pd.Timestamp, published_at: pd.Timestamp
) -> Publication:
    """Score, forecast and count everything as of an instant."""
    settings, history, step = workspace.settings, workspace.history(), workspace.progress.step
    tables = history.tables()
    with step("read the funnel"):
        facts = StageFacts.of(tables, as_of, settings)
    with step("score deals"):
        deals = score_deals(tables, champion.bundle, facts, settings, as_of)
    with step("score leads"):
        leads = score_leads(tables, champion.bundle, settings, as_of)
    with step("forecast"):
        forecasts = _forecasts(workspace, tables, champion.bundle, deals, as_of)
    return Publication(
        as_of=as_of,
        published_at=published_at,
        history_id=history.history_id,
        bundle_digest=champion.digest,
        deal_model_version=champion.version,
        lead_model_version=champion.version if champion.bundle.lead else None,
        summary=_summary(workspace, history, tables, champion, deals, leads, as_of),
        deal_scores=deals.scores,
        lead_scores=leads.scores,
        forecasts=forecasts,
        funnel=funnel(deals.snapshots, facts.passages, as_of, settings.processes),
        owner_facts=_owner_facts(tables, as_of),
        account_facts=_account_facts(tables, as_of, settings.company.currency),
    )


def _forecasts(
    workspace: Workspace,
    tables: HistoryTables,
    bundle: Bundle,
    deals: Scores,
    as_of: pd.Timestamp,
) -> pd.DataFrame:
    settings = workspace.settings
    facts = RevenueFacts.of(
        tables, as_of, workspace.data_end(), settings.calendar, settings.company.currency
    )
    made = forecast_quarters(facts, deals.snapshots, bundle.deal, bundle.held_back, as_of)
    return made.assign(cutoff=pd.Timestamp(bundle.reports["deal"]["cutoff"]))[list(FORECASTS.names)]


def _owner_facts(tables: HistoryTables, as_of: pd.Timestamp) -> pd.DataFrame:
    found: pd.DataFrame = owner_facts(tables, [as_of]).execute()
    del found["as_of"]
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
    deals: Scores,
    leads: Scores,
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
        "open_deals": len(deals.scores),
        "open_leads": len(leads.scores),
        "grades": leads.scores["grade"].value_counts().to_dict() if len(leads.scores) else {},
        "overdue_leads": int(leads.scores["is_overdue"].sum()) if len(leads.scores) else 0,
        "live": {
            "stage_facts": dwell.to_dict("records"),
            "fx_rates": _last_rates(tables, as_of).to_dict("records"),
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


def _last_rates(tables: HistoryTables, as_of: pd.Timestamp) -> pd.DataFrame:
    """The last rate of each currency dated before the as-of."""
    rates = tables.fx_rates.execute()
    known: pd.DataFrame = rates[pd.to_datetime(rates["date"]) < as_of]
    last = known.sort_values(["date", "rate"]).drop_duplicates("currency", keep="last")
    return last.assign(date=last["date"].astype(str))


def _period(period: Period) -> dict[str, str]:
    return {
        "name": period.name,
        "start_date": period.start_date.isoformat(),
        "end_date": period.end_date.isoformat(),
    }
