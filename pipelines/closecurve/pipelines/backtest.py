"""The back-test: what would have been said at a cutoff, beside what came.

Everything is rebuilt from what was known before the cutoff; only `actual` and the scores look on.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.crm.errors import UsageError
from closecurve.features.subjects import DEAL, LEAD, Subject
from closecurve.models.lead_quality.policy import grade_bounds, graded
from closecurve.models.spans import days_of
from closecurve.pipelines.backtest_scores import curve_scores, forecast_scores
from closecurve.pipelines.fitting import SERVED, Fitted, baselines, fit
from closecurve.pipelines.forecasting import HeldBack, RevenueFacts, forecast_quarters
from closecurve.pipelines.panels import ARRIVAL, Panel, arrivals, open_rows, panel_of
from closecurve.pipelines.rates import StageFacts
from closecurve.pipelines.workspace import Workspace
from closecurve.settings import Settings

KEYS = ("cutoff", "as_of")
DEAL_COLUMNS = (*KEYS, "deal_id", "horizon_days", "win_probability", "loss_probability")
LEAD_COLUMNS = (*KEYS, "lead_id", "horizon_days", "conversion_probability", "grade")
FORECAST_COLUMNS = (
    *KEYS,
    *("period_start", "period_end", "scope_kind", "scope"),
    *("booked", "open_mean", "new_mean", "mean"),
    *("q05", "q10", "q25", "q50", "q75", "q90", "q95"),
    *("weighted_pipeline_fixed", "weighted_pipeline_history"),
    *("target", "target_probability", "actual"),
)


def run_backtest(
    workspace: Workspace,
    *,
    cutoffs: Sequence[pd.Timestamp],
    score_at: Sequence[pd.Timestamp] | None,
    horizons: Sequence[int],
    out: Path,
) -> dict[str, Any]:
    """Write deals.parquet, leads.parquet, forecast.parquet and metrics.json; return the latter.

    Raises UsageError for a cutoff before or after the history, or a score_at before the cutoff.
    """
    pairs = _plan(workspace, cutoffs, score_at)
    made = [
        _one_cutoff(workspace, cutoff, as_ofs, horizons)
        for cutoff, as_ofs in workspace.progress.each("cutoffs", pairs)
    ]
    metrics: dict[str, Any] = {
        "deals": curve_scores([part[DEAL.name] for part in made]),
        "leads": curve_scores([part[LEAD.name] for part in made]),
        "forecast": forecast_scores(pd.concat([part["forecast"] for part in made])),
    }
    _write(out, made, metrics)
    return metrics


def _plan(
    workspace: Workspace,
    cutoffs: Sequence[pd.Timestamp],
    score_at: Sequence[pd.Timestamp] | None,
) -> list[tuple[pd.Timestamp, list[pd.Timestamp]]]:
    until = workspace.history().data_until
    late = [at for at in (*cutoffs, *(score_at or ())) if at > until + pd.Timedelta(days=1)]
    if late:
        raise UsageError(
            "backtest-dates", f"a back-test ends with the data, {until}, got {late[0]}"
        )
    if score_at is None:
        return [(cutoff, [cutoff]) for cutoff in cutoffs]
    early = [at for at in score_at if at < cutoffs[0]]
    if early or len(cutoffs) > 1:
        raise UsageError(
            "backtest-dates",
            "--score-at goes with one cutoff and lies at or after it,"
            f" got cutoffs {[str(c.date()) for c in cutoffs]} and score-at {score_at[0].date()}",
        )
    return [(cutoffs[0], list(score_at))]


def _one_cutoff(
    workspace: Workspace,
    cutoff: pd.Timestamp,
    as_ofs: Sequence[pd.Timestamp],
    horizons: Sequence[int],
) -> dict[str, pd.DataFrame]:
    history, settings = workspace.history(), workspace.settings
    tables, until = history.tables(), history.data_until + ARRIVAL
    fitted = fit(tables, cutoff, settings)
    if all(panel.rows.empty for panel in fitted.panels.values()):
        raise UsageError(
            "backtest-dates", f"a deal or lead is known before a cutoff, got none by {cutoff}"
        )
    deals = panel_of(tables, DEAL, open_rows(tables, DEAL, as_ofs), until, fitted.selection)
    asked = open_rows(tables, LEAD, as_ofs)
    asked = asked.union(arrivals(tables, cutoff, until), distinct=True)
    leads = panel_of(tables, LEAD, asked, until, fitted.selection)
    made = {
        subject.name: _probabilities(fitted, subject, panel, settings, until, horizons)
        for subject, panel in ((DEAL, deals), (LEAD, leads))
    }
    made["forecast"] = pd.concat(
        [_forecast(workspace, fitted, deals.rows, as_of) for as_of in as_ofs]
    )
    return {name: part.assign(cutoff=cutoff) for name, part in made.items()}


def _probabilities(
    fitted: Fitted,
    subject: Subject,
    panel: Panel,
    settings: Settings,
    until: pd.Timestamp,
    horizons: Sequence[int],
) -> pd.DataFrame:
    """One row per snapshot, model and horizon, with what came (null: not yet known)."""
    trained = fitted.curve(subject)
    if trained is None or panel.rows.empty:
        return pd.DataFrame()
    models = {SERVED: trained.model} | baselines(fitted, subject, settings)
    times = [*(float(days) for days in horizons), np.inf]
    outcomes = [_outcomes(panel, until, days) for days in times]
    parts = []
    for name, model in models.items():
        cif = model.predict_cumulative_incidence(panel.rows, times)
        for place, days in enumerate(times):
            said = _said(panel.rows, subject, cif[:, :, place], settings)
            parts.append(
                said.assign(
                    model=name, horizon_days=days if days < np.inf else None, **outcomes[place]
                )
            )
    return pd.concat(parts, ignore_index=True)


def _said(
    rows: pd.DataFrame, subject: Subject, cif: NDArray[np.float64], settings: Settings
) -> pd.DataFrame:
    """The probabilities of one time, (n, 3) as columns; a lead also has its grade by them."""
    made = rows[[subject.id_column, "as_of"]].assign(won=cif[:, 1], lost=cif[:, 2])
    if subject is LEAD:
        is_arrival = rows["as_of"] - ARRIVAL == rows["created_at"]
        made["as_of"] = rows["as_of"].where(~is_arrival, rows["created_at"])
        won = np.clip(cif[:, 1], 0.0, 1.0)
        days = _business_days(rows["as_of"], settings)
        made["grade"] = graded(won, grade_bounds(won, settings.grades, days=days))
    return made


def _business_days(as_ofs: pd.Series, settings: Settings) -> float:
    """The business days that the as-ofs span, one at least."""
    span = (as_ofs.max() - as_ofs.min()) / pd.Timedelta(days=1)
    return float(max(span * len(settings.calendar.business_days) / 7, 1.0))


def _outcomes(panel: Panel, until: pd.Timestamp, days: float) -> dict[str, Any]:
    """Whether each snapshot was won or lost within the days, and whether it was followed so long.

    Only what was followed to the horizon is scored: a close that came before the data end must not
    count more than one that would have come after it. Eventually, what has closed is scored.
    """
    event, duration = panel.labels["event"], panel.labels["duration_days"]
    followed = days_of(until - panel.rows["as_of"]) >= days
    within = (event > 0) & (duration <= days)
    return {
        "was_won": within & (event == 1),
        "was_lost": within & (event == 2),
        "is_followed": followed,
    }


def _forecast(
    workspace: Workspace, fitted: Fitted, deals: pd.DataFrame, as_of: pd.Timestamp
) -> pd.DataFrame:
    history, settings = workspace.history(), workspace.settings
    facts = RevenueFacts.of(
        history.tables(), as_of, workspace.data_end(), settings.calendar, settings.company.currency
    )
    rated = StageFacts.of(facts.tables, as_of, settings).beside(deals[deals["as_of"] == as_of])
    return forecast_quarters(facts, rated, fitted.deal.model, HeldBack.of(fitted), as_of)


def _write(out: Path, made: Sequence[dict[str, pd.DataFrame]], metrics: dict[str, Any]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    files = {
        "deals": (_served(made, DEAL), DEAL_COLUMNS),
        "leads": (_served(made, LEAD), LEAD_COLUMNS),
        "forecast": (pd.concat([part["forecast"] for part in made]), FORECAST_COLUMNS),
    }
    for name, (frame, columns) in files.items():
        frame.reindex(columns=list(columns)).to_parquet(out / f"{name}.parquet", index=False)
    text = json.dumps(metrics, ensure_ascii=False, indent=2, sort_keys=True)
    (out / "metrics.json").write_text(text, encoding="utf-8")


def _served(made: Sequence[dict[str, pd.DataFrame]], subject: Subject) -> pd.DataFrame:
    """The rows of the served model, named as in the files."""
    rows = pd.concat([part[subject.name] for part in made], ignore_index=True)
    if "model" not in rows:
        return rows
    won, lost = "conversion_probability", None
    if subject is DEAL:
        won, lost = "win_probability", "loss_probability"
    served = rows[rows["model"] == SERVED].rename(columns={"won": won, "lost": lost})
    return served.astype({"horizon_days": "float64"})
