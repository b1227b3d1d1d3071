"""Fitting: from a history as known before a cutoff to curves for deals and for leads."""

import os
from collections.abc import Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pandas as pd

from closecurve.features.catalog import spec_of
from closecurve.features.guard import ColumnReport, inspect, left_out
from closecurve.features.selected import FeatureSelection
from closecurve.features.selection import choose
from closecurve.features.subjects import DEAL, LEAD, SUBJECTS, Subject
from closecurve.features.tables import HistoryTables
from closecurve.features.timeline import FOREVER
from closecurve.models.baselines import FixedStageRate, HistoricalStageRate, StageCurves
from closecurve.models.held_back import Curves
from closecurve.models.training import TrainedCurve, train_curve
from closecurve.models.tuning import Budget
from closecurve.pipelines.leakage import columns_of
from closecurve.pipelines.panels import Panel, training_panel
from closecurve.settings import Settings

SERVED = "close_curve"
"""The model's name among those that a back-test compares."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fitted:
    """What one cutoff taught: a curve for deals and, where there are leads, one for leads."""

    cutoff: pd.Timestamp
    selection: FeatureSelection
    deal: TrainedCurve
    lead: TrainedCurve | None
    panels: dict[str, Panel]
    columns: list[ColumnReport]

    def curve(self, subject: Subject) -> TrainedCurve | None:
        """The curve of deals or of leads."""
        return self.deal if subject is DEAL else self.lead

    def reports(self) -> dict[str, Any]:
        """The training reports by subject, with every column, and what was set aside and why."""
        reports = {"deal": self.deal.report} | ({"lead": self.lead.report} if self.lead else {})
        aside = {item.name: item.reason for item in self.selection.without}
        return {
            name: report | {"set_aside": aside, "columns": self._columns(SUBJECTS[name])}
            for name, report in reports.items()
        }

    def _columns(self, subject: Subject) -> list[dict[str, Any]]:
        return [report.to_json() for report in columns_of(self.columns, subject)]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fitting:
    """A fit on its way: the panels are there, the curves are being trained."""

    cutoff: pd.Timestamp
    selection: FeatureSelection
    panels: dict[str, Panel]
    columns: list[ColumnReport]
    deal: Future[TrainedCurve]
    lead: Future[TrainedCurve] | None

    def fitted(self) -> Fitted:
        """Wait for the curves."""
        return Fitted(
            cutoff=self.cutoff,
            selection=self.selection,
            deal=self.deal.result(),
            lead=None if self.lead is None else self.lead.result(),
            panels=self.panels,
            columns=self.columns,
        )


def fit(
    tables: HistoryTables,
    cutoff: pd.Timestamp,
    settings: Settings,
    budgets: Mapping[str, Budget] | None = None,
) -> Fitted:
    """Train on what was known before the cutoff, within the budget of each subject if it has one.

    Always gives an answer for deals: with no history at all it is that of the fixed stage rates.
    """
    with ThreadPoolExecutor() as pool:
        return begin_fit(pool, tables, cutoff, settings, budgets).fitted()


def begin_fit(
    pool: Executor,
    tables: HistoryTables,
    cutoff: pd.Timestamp,
    settings: Settings,
    budgets: Mapping[str, Budget] | None = None,
) -> Fitting:
    """Read the panels and train each curve in the pool as soon as its panel is there.

    Side by side: a trial grows one booster, and a query reads with one core, which would leave the
    other idle.
    """
    columns = _inspected(tables, settings)
    selection = choose(
        tables,
        cutoff,
        without=left_out(columns),
        company_currency=settings.company.currency,
        year_start_month=settings.calendar.year_start_month,
    )
    deals = training_panel(tables, DEAL, cutoff, selection)
    deal = pool.submit(_train, deals, cutoff, settings, (budgets or {}).get(DEAL.name))
    leads = training_panel(tables, LEAD, cutoff, selection)
    lead = (
        pool.submit(_train, leads, cutoff, settings, (budgets or {}).get(LEAD.name))
        if len(leads.rows)
        else None
    )
    return Fitting(
        cutoff=cutoff,
        selection=selection,
        panels={DEAL.name: deals, LEAD.name: leads},
        columns=columns,
        deal=deal,
        lead=lead,
    )


def _inspected(tables: HistoryTables, settings: Settings) -> list[ColumnReport]:
    """What the guard says of every column, looking at all of the history whatever the cutoff.

    A column without history holds the value of the day of the export. At an earlier cutoff, deals
    that closed since would stand among the open ones with what was written at their close.
    """
    chosen = settings.features
    return inspect(tables, FOREVER, keep=chosen.keep, without=chosen.set_aside)


def baselines(fitted: Fitted, subject: Subject, settings: Settings) -> dict[str, Curves]:
    """The yardsticks of a back-test, learned from the same landmarks."""
    panel = fitted.panels[subject.name]
    by = "stage" if subject is DEAL else "source"
    made: dict[str, Any] = {
        "historical_stage_rate": HistoricalStageRate(by=by),
        "stage_curves": StageCurves(settings.processes, by=by),
    }
    if subject is DEAL:
        made["fixed_stage_rate"] = FixedStageRate(settings.processes, by=by)
    return {name: model.fit(panel.rows, panel.labels) for name, model in made.items()}


def _selected(panel: Panel, subject: Subject, selection: FeatureSelection) -> Panel:
    """The panel without features that were not selected: carried columns may be such."""
    kept = set(selection.columns(subject.name))
    columns = [name for name in map(str, panel.rows) if name in kept or spec_of(name) is None]
    return Panel(rows=panel.rows[columns], labels=panel.labels)


def _train(
    panel: Panel, cutoff: pd.Timestamp, settings: Settings, budget: Budget | None
) -> TrainedCurve:
    return train_curve(
        panel.rows,
        panel.labels,
        cutoff,
        calendar=settings.calendar,
        processes=settings.processes,
        num_threads=free_cores(),
        budget=budget,
    )


def free_cores() -> int:
    """Cores that this process may use: more threads than these make LightGBM ten times slower."""
    return len(os.sched_getaffinity(0))
