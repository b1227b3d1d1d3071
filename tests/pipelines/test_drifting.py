"""How far what is open drifted from what was trained on, as a summary keeps it."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from closecurve.features.subjects import DEAL, LEAD
from closecurve.models.report.drift import reference_of
from closecurve.pipelines.drifting import MOST_TOLD, drift_summary

FEATURES = [f"feature_{place:02d}" for place in range(MOST_TOLD + 5)]


def rows(seed: int, count: int, shift: float = 0.0) -> pd.DataFrame:
    drawn = np.random.default_rng(seed).normal(shift, 1, (count, len(FEATURES)))
    return pd.DataFrame(drawn, columns=FEATURES)


def bundle(**references: pd.DataFrame) -> Any:
    """A bundle as far as drift reads it."""
    kinds = dict.fromkeys(FEATURES, "number")
    return SimpleNamespace(
        references={name: reference_of(made, kinds) for name, made in references.items()}
    )


def test_what_moved_is_counted_and_the_most_moved_are_told() -> None:
    now = rows(2, 400)
    now[FEATURES[7]] += 2
    told = drift_summary(bundle(deal=rows(1, 4000)), {DEAL: now})["deal"]
    assert (told["features"], told["found"]) == (len(FEATURES), 1)
    assert len(told["rows"]) == MOST_TOLD
    assert told["rows"][0]["feature"] == FEATURES[7]
    assert told["rows"][0]["is_finding"]


def test_without_open_records_or_a_reference_nothing_is_said() -> None:
    assert drift_summary(bundle(deal=rows(1, 400)), {DEAL: rows(2, 0), LEAD: rows(2, 50)}) == {}
