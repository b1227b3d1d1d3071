"""Training panels: which snapshots are learned from."""

import numpy as np
import pandas as pd

from closecurve.features.selection import choose
from closecurve.features.subjects import LEAD
from closecurve.features.tables import HistoryTables
from closecurve.pipelines.panels import training_panel

START = pd.Timestamp("2025-03-03")
MINUTE = pd.Timedelta(minutes=1)


def quick_leads(count: int) -> HistoryTables:
    """A lead each minute, every third converted after a minute: no midnight sees one open."""
    ids = [f"l{i:04d}" for i in range(count)]
    created = START + MINUTE * np.arange(count)
    leads = pd.DataFrame({"lead_id": ids, "created_at": created, "known_at": created})
    converted = leads[::3]["created_at"] + MINUTE
    changes = pd.DataFrame(
        {
            "lead_id": ids[::3],
            "field": "outcome",
            "event_at": converted,
            "known_at": converted,
            "new_value": "converted",
        }
    )
    return HistoryTables.from_frames({"leads": leads, "lead_changes": changes})


def test_leads_that_convert_between_two_landmarks_are_learned_from_at_their_arrival() -> None:
    tables, cutoff = quick_leads(3000), START + 2900 * MINUTE
    panel = training_panel(tables, LEAD, cutoff, choose(tables, cutoff))
    assert panel.rows["lead_id"].nunique() == 2900
    at_arrival = panel.rows.assign(event=panel.labels["event"]).drop_duplicates("lead_id")
    assert at_arrival["event"].sum() == 967
