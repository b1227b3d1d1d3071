"""How far what is open lies from what the champion was trained on, for a publication's summary."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from closecurve.features.subjects import Subject
from closecurve.models.report.drift import drifts
from closecurve.pipelines.bundling import Bundle

MOST_TOLD = 30
"""The features that drifted most; a summary is read with every page."""


def drift_summary(bundle: Bundle, open_now: Mapping[Subject, pd.DataFrame]) -> dict[str, Any]:
    """By subject: `features` compared, `found` drifted, and the `rows` that drifted most.

    A subject of which nothing is open, or whose bundle kept no reference, is left out.
    """
    told = {}
    for subject, rows in open_now.items():
        found = drifts(bundle.references.get(subject.name, {}), rows)
        if found:
            told[subject.name] = {
                "features": len(found),
                "found": sum(row.is_finding for row in found),
                "rows": [row.to_json() for row in found[:MOST_TOLD]],
            }
    return told
