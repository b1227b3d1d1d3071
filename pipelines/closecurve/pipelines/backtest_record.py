"""The track record: every past origin of the forecast that the data allow, beside what came.

For each fiscal quarter a model is trained on what was known before its first day, and asked then
and each week after: it was trained before all of these.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from closecurve.crm.calendar import FiscalCalendar, Period
from closecurve.crm.errors import UsageError
from closecurve.features.subjects import DEAL
from closecurve.models.forecast.horizon import one_period
from closecurve.models.track_record.months import MonthlySmoothing
from closecurve.models.track_record.origins import beside_peers
from closecurve.models.track_record.scores import count_tested, failures, record_scores
from closecurve.models.track_record.words import PEERS
from closecurve.pipelines.fitting import Fitted, fit
from closecurve.pipelines.forecasting import HeldBack, forecast_over
from closecurve.pipelines.panels import open_rows, snapshots
from closecurve.pipelines.rates import StageFacts
from closecurve.pipelines.revenue import RevenueFacts
from closecurve.pipelines.workspace import Workspace
from closecurve.stores.results import Backtest
from closecurve.stores.results.columns import BACKTEST_FORECASTS

MOST_QUARTERS = 16
"""Four years: older quarters speak of another company."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A stored track record: its id and its scores, as metrics.json has them."""

    backtest_id: int
    metrics: dict[str, Any]


def run_track_record(
    workspace: Workspace, *, most: int, weeks_apart: int, out: Path, made_at: pd.Timestamp
) -> Record:
    """Ask at all origins of the last `most` quarters, so many weeks apart, and store it.

    Writes track_record.parquet and metrics.json to `out`. Raises UsageError as `past_quarters`.
    """
    quarters = past_quarters(workspace, most)
    smoothing = MonthlySmoothing(calendar=workspace.settings.calendar)
    parts = [
        _quarter_rows(
            workspace, quarter, origins_of(quarter, smoothing.calendar, weeks_apart), smoothing
        )
        for quarter in workspace.progress.each("quarters", quarters)
    ]
    rows = pd.concat(parts, ignore_index=True)[list(BACKTEST_FORECASTS.names)]
    metrics = _metrics(rows, quarters, workspace.settings.company.currency)
    backtest = Backtest(
        made_at=made_at,
        history_id=workspace.history().history_id,
        cutoffs=tuple(quarter.start_at for quarter in quarters),
        metrics=metrics,
        forecasts=rows,
    )
    _write(out, rows, metrics)
    return Record(backtest_id=workspace.results.backtests.put(backtest), metrics=metrics)


def _metrics(rows: pd.DataFrame, quarters: Sequence[Period], currency: str) -> dict[str, Any]:
    scores = record_scores(rows)
    return {
        "currency": currency,
        "quarters": [quarter.name for quarter in quarters],
        "peers": PEERS,
        "scores": scores,
        "failures": failures(scores),
        "tested_count": count_tested(scores),
    }


def past_quarters(workspace: Workspace, most: int) -> list[Period]:
    """The last ended quarters, oldest first, each with a whole quarter of wins before it.

    Raises UsageError where there is none.
    """
    calendar, end = workspace.settings.calendar, workspace.data_end()
    wins = _facts(workspace, end).wins
    first_win = wins["closed_at"].min()
    found: list[Period] = []
    quarter = _before(calendar, calendar.quarter_at(end))
    while len(wins) and len(found) < most and _before(calendar, quarter).start_at > first_win:
        found.insert(0, quarter)
        quarter = _before(calendar, quarter)
    if not found:
        raise UsageError(
            "backtest-quarters",
            "a track record needs an ended quarter with a whole quarter of wins before it,"
            f" got the first win at {first_win} and data until {end}",
        )
    return found


def _before(calendar: FiscalCalendar, quarter: Period) -> Period:
    return calendar.quarter_at(quarter.start_at - pd.Timedelta(days=1))


def _facts(workspace: Workspace, as_of: pd.Timestamp) -> RevenueFacts:
    settings = workspace.settings
    return RevenueFacts.of(
        workspace.history().tables(),
        as_of,
        workspace.data_end(),
        settings.calendar,
        settings.company.currency,
    )


def origins_of(quarter: Period, calendar: FiscalCalendar, weeks_apart: int) -> list[pd.Timestamp]:
    """The quarter's first day and those so many weeks after it, at the company's midnight."""
    last = quarter.end_date - timedelta(days=1)
    days = pd.date_range(quarter.start_date, last, freq=f"{7 * weeks_apart}D")
    return [calendar.midnight(day.date()) for day in days]


def _quarter_rows(
    workspace: Workspace,
    quarter: Period,
    as_ofs: Sequence[pd.Timestamp],
    smoothing: MonthlySmoothing,
) -> pd.DataFrame:
    """Every origin of a quarter, from one training."""
    tables, settings = workspace.history().tables(), workspace.settings
    fitted = fit(tables, quarter.start_at, settings)
    deals = snapshots(tables, DEAL, open_rows(tables, DEAL, as_ofs), fitted.selection)
    parts = [
        _origin_rows(workspace, fitted, deals[deals["as_of"] == as_of], quarter, as_of, smoothing)
        for as_of in as_ofs
    ]
    return pd.concat(parts, ignore_index=True).assign(cutoff=quarter.start_at)


def _origin_rows(
    workspace: Workspace,
    fitted: Fitted,
    deals: pd.DataFrame,
    quarter: Period,
    as_of: pd.Timestamp,
    smoothing: MonthlySmoothing,
) -> pd.DataFrame:
    facts = _facts(workspace, as_of)
    rated = StageFacts.of(facts.tables, as_of, workspace.settings).beside(deals)
    horizon = one_period(quarter, as_of)
    made = forecast_over(facts, horizon, rated, fitted.deal.model, HeldBack.of(fitted))
    return beside_peers(made.rows, facts.wins, facts.created, quarter, smoothing)


def _write(out: Path, rows: pd.DataFrame, metrics: dict[str, Any]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    rows.to_parquet(out / "track_record.parquet", index=False)
    text = json.dumps(metrics, ensure_ascii=False, indent=2, sort_keys=True)
    (out / "metrics.json").write_text(text, encoding="utf-8")
