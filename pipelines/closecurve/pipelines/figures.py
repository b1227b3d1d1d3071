"""The plots that are logged with a training: reliability diagrams and examples of curves."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from closecurve.features.subjects import DEAL, LEAD, Subject
from closecurve.models.training import TrainedCurve
from closecurve.pipelines.fitting import Fitted
from closecurve.pipelines.panels import Panel

EXAMPLE_CURVES = 6
CURVE_POINTS = 60


def training_figures(fitted: Fitted) -> dict[str, Figure]:
    """By name: a reliability diagram and examples of curves for deals and for leads."""
    made = {}
    for subject in (DEAL, LEAD):
        trained, panel = fitted.curve(subject), fitted.panels[subject.name]
        if trained is None or not len(panel.rows):
            continue
        if trained.report["reliability"]:
            made[f"{subject.name}_reliability"] = _reliability(trained.report, subject.causes[0])
        if (trained.report["tuning"] or {}).get("tried"):
            made[f"{subject.name}_tuning"] = _tuning(trained.report["tuning"]["tried"])
        made[f"{subject.name}_curves"] = _examples(trained, panel, subject)
    return made


def _reliability(report: dict[str, Any], cause: str) -> Figure:
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.add_subplot(
        xlabel="said", ylabel="happened", title=f"Reliability on held-back time: {cause} within"
    )
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    for question in report["reliability"]:
        if question["outcome"] != "won":
            continue
        said, happened, low, high = (
            np.array([row[name] for row in question["bins"]])
            for name in ("probability", "observed_rate", "observed_low", "observed_high")
        )
        spread = np.clip([happened - low, high - happened], 0, None)
        label = f"{question['horizon_days']:.0f} days"
        axes.errorbar(said, happened, yerr=spread, marker="o", capsize=2, label=label)
    axes.legend()
    return figure


def _tuning(tried: Sequence[dict[str, Any]]) -> Figure:
    """What each candidate gained on the defaults, with two errors of the gain to each side."""
    figure = Figure(figsize=(7, 1 + 0.25 * len(tried)), layout="constrained")
    axes = figure.add_subplot(xlabel="log loss lower than that of the defaults by")
    gained, error = (np.array([row[name] for row in tried]) for name in ("gap", "standard_error"))
    places = np.arange(len(tried))
    axes.axvline(0, color="0.7", linewidth=1)
    axes.errorbar(gained, places, xerr=2 * error, fmt="o", capsize=2)
    axes.set_yticks(places, [_named(row["candidate"]) for row in tried])
    axes.invert_yaxis()
    return figure


def _named(candidate: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in candidate.items()) or "defaults"


def _examples(trained: TrainedCurve, panel: Panel, subject: Subject) -> Figure:
    rows = panel.rows.tail(EXAMPLE_CURVES)
    days = np.linspace(0, trained.model.horizon_days_, CURVE_POINTS)
    curves = trained.model.predict_cumulative_incidence(rows, days)
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot(
        xlabel="days ahead", ylabel="probability by then", title="Close curves of newest landmarks"
    )
    # Numbered, not named: a plot in the registry outlives a record that has to be erased.
    for place, curve in enumerate(curves, 1):
        (line,) = axes.plot(days, curve[1], label=f"{subject.name} {place}")
        axes.plot(days, curve[2], color=line.get_color(), linestyle=":", linewidth=1)
    axes.set_ylim(0, 1)
    axes.legend(title="won (dotted: lost)")
    return figure
