"""Stalls in training: learnt from the landmarks of the deals' curve, sealed in its bundle."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.features.facts import funnel_facts
from closecurve.features.progress import stall_labels
from closecurve.features.tables import HistoryTables
from closecurve.models.stall.bounds import Bound
from closecurve.models.stall.estimator import StallModel
from closecurve.models.stall.training import train_stall
from closecurve.models.stall.usual import Usual, learn_usual
from closecurve.pipelines.panels import Panel
from closecurve.stores.golden import write_golden

FOLDER = "stall"
"""Where a bundle keeps its stall model."""

RULES = "flags.json"
GOLDEN_ROWS = 20
WON = 1
"""The event of a deal that was won (`closecurve.features.labels`)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stalls:
    """What a training taught: the model, the bound of flags, what is usual, and the report."""

    model: StallModel
    bound: Bound
    usual: Usual
    report: Mapping[str, Any]


def fit_stalls(tables: HistoryTables, panel: Panel, cutoff: pd.Timestamp) -> Stalls:
    """Learn from the landmarks of the deals' panel. There is an answer for an empty panel too."""
    stalled = _labels(tables, panel, cutoff)
    trained = train_stall(panel.rows, stalled)
    is_won = (panel.labels["event"] == WON).to_numpy()
    passages = funnel_facts(tables, cutoff).execute()
    return Stalls(
        model=trained.model,
        bound=trained.bound,
        usual=learn_usual(panel.rows, is_won, stalled, passages),
        report=trained.report,
    )


def write_stalls(folder: Path, stalls: Stalls, rows: pd.DataFrame) -> None:
    """Write them into a folder of a bundle, with golden answers for the last of the rows."""
    stalls.model.save(folder)
    rules = {
        "bound": stalls.bound.to_json(),
        "usual": stalls.usual.to_json(),
        "report": dict(stalls.report),
    }
    text = json.dumps(rules, ensure_ascii=False, indent=1, sort_keys=True)
    (folder / RULES).write_text(text, encoding="utf-8")
    golden = rows.tail(GOLDEN_ROWS)
    if len(golden):
        write_golden(folder, golden, stalls.model.predict_stall_probability(golden))


def read_stalls(folder: Path) -> Stalls | None:
    """What `write_stalls` wrote, from a folder whose seal was checked; None where there is none."""
    if not folder.is_dir():
        return None
    rules = json.loads((folder / RULES).read_text("utf-8"))
    return Stalls(
        model=StallModel.load(folder),
        bound=Bound.from_json(rules["bound"]),
        usual=Usual.from_json(rules["usual"]),
        report=rules["report"],
    )


def golden_stalls(folder: Path, rows: pd.DataFrame) -> NDArray[np.float64]:
    """What the model in a folder answers for its golden rows (n,)."""
    return StallModel.load(folder).predict_stall_probability(rows)


def _labels(tables: HistoryTables, panel: Panel, cutoff: pd.Timestamp) -> pd.Series:
    """Whether each landmark stalled, null where it is not known; aligned with the panel."""
    if panel.rows.empty:
        return pd.Series(index=panel.rows.index, dtype="float64")
    keys = ["deal_id", "as_of"]
    found = stall_labels(tables, ibis.memtable(panel.rows[keys]), cutoff).execute()
    aligned = panel.rows[keys].merge(found, on=keys, how="left", validate="one_to_one")
    return aligned["stalled"].astype("boolean").astype("Float64").set_axis(panel.rows.index)
