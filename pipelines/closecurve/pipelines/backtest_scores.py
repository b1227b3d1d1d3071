"""How a back-test came out: the curves beside their baselines, the forecast beside the funnel."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from closecurve.models import metrics
from closecurve.models.scopes import COMPANY

EVENTUAL = "eventual"
QUANTILES = {"q10": 0.1, "q50": 0.5, "q90": 0.9}


def curve_scores(parts: Sequence[pd.DataFrame]) -> dict[str, Any]:
    """By horizon, outcome and model: the scores over the snapshots followed to the horizon.

    `mean_log_loss` is the mean over horizons and both outcomes, the headline.
    """
    rows = pd.concat(parts, ignore_index=True)
    if rows.empty or "model" not in rows:
        return {}
    scores: dict[str, Any] = {}
    keys = rows["horizon_days"].astype("float64").fillna(np.inf)
    for days, found in rows[rows["is_followed"]].groupby(keys):
        name = EVENTUAL if np.isinf(float(str(days))) else f"{float(str(days)):.0f}"
        scores[name] = {cause: _by_model(found, cause) for cause in ("won", "lost")}
    return {"horizons": scores, "mean_log_loss": _headline(scores)}


def _by_model(rows: pd.DataFrame, cause: str) -> dict[str, Any]:
    return {
        str(model): _scores(found[f"was_{cause}"].to_numpy(), found[cause].to_numpy())
        for model, found in rows.groupby("model")
    }


def _scores(outcome: Any, said: Any) -> dict[str, float | int | None]:
    area = metrics.auc(outcome, said)
    return {
        "rows": len(said),
        "observed_rate": float(np.mean(outcome)),
        "log_loss": metrics.log_loss(outcome, said),
        "brier_score": metrics.brier_score(outcome, said),
        "auc": None if np.isnan(area) else area,
        "calibration_error": metrics.calibration_error(outcome, said),
        "calibration_luck": metrics.calibration_luck(said),
        "calibration_in_the_large": metrics.calibration_in_the_large(outcome, said),
    }


def _headline(scores: dict[str, Any]) -> dict[str, float]:
    losses: dict[str, list[float]] = {}
    for horizon in scores.values():
        for by_model in horizon.values():
            for model, found in by_model.items():
                losses.setdefault(model, []).append(found["log_loss"])
    return {model: float(np.mean(values)) for model, values in losses.items()}


def forecast_scores(rows: pd.DataFrame) -> dict[str, Any]:
    """The company's forecasts of periods that have ended: errors, coverage, and each of them.

    By how far the period is: `running` (it holds the as-of) and `next`. WAPE is of the median and,
    beside it, of booked + weighted pipeline with both rates. Empty where no period has ended.
    """
    company = rows[(rows["scope_kind"] == COMPANY) & rows["actual"].notna()]
    is_running = pd.to_datetime(company["period_start"]) <= company["as_of"]
    parts = {"running": company[is_running], "next": company[~is_running]}
    return {name: _forecast_scores(part) for name, part in parts.items() if len(part)}


def _forecast_scores(rows: pd.DataFrame) -> dict[str, Any]:
    actual = rows["actual"].to_numpy(dtype=np.float64)
    funnels = {
        f"wape_weighted_{rate}": rows["booked"] + rows[f"weighted_pipeline_{rate}"].fillna(0.0)
        for rate in ("fixed", "history")
    }
    wapes = {"wape": rows["q50"], "wape_mean": rows["mean"]} | funnels
    width = (rows["q90"] - rows["q10"]).sum() / actual.sum() if actual.sum() else np.nan
    return {
        "count": len(rows),
        **{name: _number(metrics.wape(actual, said)) for name, said in wapes.items()},
        "pinball": _number(_pinball(rows, actual)),
        "coverage_80": metrics.coverage(actual, rows["q10"], rows["q90"]),
        "relative_width_80": _number(float(width)),
        "forecasts": _listed(rows),
    }


def _pinball(rows: pd.DataFrame, actual: Any) -> float:
    """The mean over 10, 50 and 90 % of 2 x pinball loss over the mean actual."""
    if not actual.mean():
        return float("nan")
    losses = [metrics.pinball_loss(actual, rows[name], level) for name, level in QUANTILES.items()]
    return float(2 * np.mean(losses) / actual.mean())


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _listed(rows: pd.DataFrame) -> list[dict[str, Any]]:
    columns = ["as_of", "period_name", "actual", "booked", "mean", *QUANTILES]
    columns += ["weighted_pipeline_fixed", "weighted_pipeline_history", "carried_by"]
    shown = rows[columns].assign(as_of=rows["as_of"].astype(str))
    plain = shown.astype(object).where(shown.notna(), None)
    return list(plain.to_dict("records"))  # type: ignore[arg-type]
