"""The plots that are logged with a training."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from closecurve.models.baselines import StageCurves
from closecurve.pipelines.figures import training_figures
from closecurve.pipelines.panels import Panel

ROWS = pd.DataFrame({"stage": ["Proposal"] * 8})
LABELS = pd.DataFrame({"event": [1, 2] * 4, "duration_days": np.arange(8.0)})
TRIED = [
    {"candidate": {}, "gap": 0.0, "standard_error": 0.0},
    {"candidate": {"leaves": 4, "window_share": 0.5}, "gap": 0.02, "standard_error": 0.01},
]


def fitted(tuning: dict[str, Any] | None) -> Any:
    """What a training leaves, as far as plots read it."""
    report: dict[str, Any] = {"reliability": [], "tuning": tuning}
    trained = SimpleNamespace(model=StageCurves().fit(ROWS, LABELS), report=report)
    panels = {name: Panel(rows=ROWS, labels=LABELS) for name in ("deal", "lead")}
    return SimpleNamespace(
        curve=lambda subject: trained if subject.name == "deal" else None, panels=panels
    )


def test_a_tuning_is_drawn_with_a_line_for_each_candidate() -> None:
    figure = training_figures(fitted({"tried": TRIED}))["deal_tuning"]
    (axes,) = figure.axes
    assert [it.get_text() for it in axes.get_yticklabels()] == [
        "defaults",
        "leaves 4, window_share 0.5",
    ]


def test_without_a_tuning_there_is_no_such_plot() -> None:
    tunings: list[dict[str, Any] | None] = [None, {"tried": []}]
    for tuning in tunings:
        assert set(training_figures(fitted(tuning))) == {"deal_curves"}
