"""The back-test: what would have been said at a cutoff, beside what came.

Everything is rebuilt from what was known before the cutoff; only `actual` and the scores look on.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from closecurve.crm.errors import UsageError
from closecurve.features.subjects import DEAL, LEAD, Subject
from closecurve.models.lead_quality import grade
from closecurve.pipelines.backtest_scores import curve_scores, forecast_scores
from closecurve.pipelines.fitting import Fitted, fit
from closecurve.pipelines.forecasting import HeldBack, RevenueFacts, forecast_quarters
from closecurve.pipelines.panels import arrivals_after, open_rows, panel_of
from closecurve.pipelines.rates import with_stage_rates
from closecurve.pipelines.workspace import Workspace

FORECAST_COLUMNS = (
    *("cutoff", "as_of", "period_start", "period_end", "scope_kind", "scope"),
    *("booked", "open_mean", "new_mean", "mean"),
    *("q05", "q10", "q25", "q50", "q75", "q90", "q95"),
    *("weighted_pipeline_fixed", "weighted_pipeline_history"),
    *("target", "target_probability", "actual"),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scored:
    """Scored rows of one subject: id, cutoff, as_of, horizon_days, the probabilities, per model."""

    frame: pd.DataFrame
    scores: dict[str, Any]


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
        "deals": curve_scores([part["deals"] for part in made], DEAL, horizons),
        "leads": curve_scores([part["leads"] for part in made], LEAD, horizons),
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
    history = workspace.history()
    tables = history.tables()
    fitted = fit(tables, cutoff, workspace.settings)
    if fitted is None:
        raise UsageError(
            "backtest-dates", f"a cutoff has deals known before it, got none before {cutoff}"
        )
    until = history.data_until + pd.Timedelta(microseconds=1)
    deals = panel_of(tables, DEAL, open_rows(tables, DEAL, as_ofs), until, fitted.selection)
    grain = open_rows(tables, LEAD, as_ofs)
    grain = grain.union(arrivals_after(tables, cutoff, until), distinct=True)
    leads = panel_of(tables, LEAD, grain, until, fitted.selection)
    return {
        "deals": _probabilities(fitted, DEAL, deals.rows, deals.labels, cutoff, until, horizons),
        "leads": _graded(
            workspace,
            _probabilities(fitted, LEAD, leads.rows, leads.labels, cutoff, until, horizons),
        ),
        "forecast": pd.concat(
            [_forecast(workspace, fitted, deals.rows, cutoff, at) for at in as_ofs]
        ),
    }


def _probabilities(
    fitted: Fitted,
    subject: Subject,
    rows: pd.DataFrame,
    labels: pd.DataFrame,
    cutoff: pd.Timestamp,
    until: pd.Timestamp,
    horizons: Sequence[int],
) -> pd.DataFrame:
    """Long rows: one per snapshot, horizon and model, with what came (null: not yet known)."""
    models = fitted.compared(subject)
    if rows.empty or not models:
        return pd.DataFrame(columns=["model"])
    times = [*(float(days) for days in horizons), np.inf]
    parts = []
    for name, model in models.items():
        cif = model.predict_cumulative_incidence(rows, times)
        for place, days in enumerate(times):
            part = rows[[subject.id_column, "as_of"]].assign(
                cutoff=cutoff,
                model=name,
                horizon_days=days if np.isfinite(days) else np.nan,
                won=cif[:, 1, place],
                lost=cif[:, 2, place],
            )
            parts.append(part.assign(**_outcomes(rows, labels, until, days)))
    return pd.concat(parts, ignore_index=True)


def _outcomes(
    rows: pd.DataFrame, labels: pd.DataFrame, until: pd.Timestamp, days: float
) -> dict[str, Any]:
    """Whether each row was won or lost within the days; null where the data end before that."""
    within = (labels["event"] > 0) & (labels["duration_days"] <= days)
    followed = (until - rows["as_of"]) / pd.Timedelta(days=1) >= days
    known = within | followed
    return {
        "was_won": (within & (labels["event"] == 1)).astype(float).where(known),
        "was_lost": (within & (labels["event"] == 2)).astype(float).where(known),
        "is_mature": followed if np.isfinite(days) else labels["event"] > 0,
    }


def _graded(workspace: Workspace, rows: pd.DataFrame) -> pd.DataFrame:
    """Lead rows with the grade of their eventual conversion probability."""
    if "won" not in rows:
        return rows
    keys = ["lead_id", "as_of", "model"]
    eventual = rows[rows["horizon_days"].isna()][[*keys, "won"]]
    graded = eventual.assign(grade=grade(eventual["won"].to_numpy(), workspace.settings.grades))
    return rows.merge(graded[[*keys, "grade"]], on=keys, how="left")


def _forecast(
    workspace: Workspace,
    fitted: Fitted,
    deals: pd.DataFrame,
    cutoff: pd.Timestamp,
    as_of: pd.Timestamp,
) -> pd.DataFrame:
    history, settings = workspace.history(), workspace.settings
    facts = RevenueFacts.of(
        history.tables(), as_of, history.data_until, settings.calendar, settings.company.currency
    )
    rated = with_stage_rates(deals[deals["as_of"] == as_of], facts.tables, as_of, settings)
    held_back = HeldBack.of(fitted)
    made = forecast_quarters(facts, rated, fitted.deal.model, held_back, as_of)
    return made.assign(cutoff=cutoff)


def _write(out: Path, made: Sequence[dict[str, pd.DataFrame]], metrics: dict[str, Any]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    names = {"won": "win_probability", "lost": "loss_probability"}
    deals = _curve_rows([part["deals"] for part in made]).rename(columns=names)
    columns = ["cutoff", "as_of", "deal_id", "horizon_days", *names.values()]
    deals.reindex(columns=columns).to_parquet(out / "deals.parquet", index=False)
    leads = _curve_rows([part["leads"] for part in made])
    leads = _reported_arrivals(leads.rename(columns={"won": "conversion_probability"}))
    columns = ["cutoff", "as_of", "lead_id", "horizon_days", "conversion_probability", "grade"]
    leads.reindex(columns=columns).to_parquet(out / "leads.parquet", index=False)
    forecasts = pd.concat([part["forecast"] for part in made], ignore_index=True)
    forecasts[list(FORECAST_COLUMNS)].to_parquet(out / "forecast.parquet", index=False)
    text = json.dumps(metrics, ensure_ascii=False, indent=2, sort_keys=True)
    (out / "metrics.json").write_text(text, encoding="utf-8")


def _curve_rows(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The rows of the served model."""
    rows = pd.concat(parts, ignore_index=True)
    return rows[rows["model"] == "close curve"]
