"""What a reader has to know before trusting a model, in sentences, from what is known of it."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from closecurve.models.close_curve.landmarks import QUARTER, WEEK

Row = Mapping[str, Any]

FEW_CLOSES = 500
"""Below it more closes still lower the log loss on every data set that was tried."""


def known_limits(report: Row, findings: Sequence[str] = ()) -> list[str]:
    """The limits of a trained model: its training report, and what was found of the data."""
    told = []
    if not report["is_better"]:
        told.append(report["finding"])
    if report["closed"] < FEW_CLOSES:
        told.append(
            f"It learned from {report['closed']} closes; below {FEW_CLOSES} more still help."
        )
    told += _cycles(report)
    if report.get("rows_won") == 0:
        told.append("Nothing was won before it was trained.")
    if not report["reliability"]:
        told.append("There was too little held-back time to look at its calibration.")
    told += [
        f"{name} is set aside: {why}." for name, why in (report.get("set_aside") or {}).items()
    ]
    return told + list(findings)


def _cycles(report: Row) -> list[str]:
    """The cycles of the calendar that its landmarks do not span."""
    if report.get("first_as_of") is None:
        return []
    span = pd.Timestamp(report["last_as_of"]) - pd.Timestamp(report["first_as_of"])
    missed = [name for name, cycle in (("week", WEEK), ("quarter", QUARTER)) if span < cycle]
    if not missed:
        return []
    return [
        f"Its {span.days} days hold no whole {' and no whole '.join(missed)}: what comes of the"
        f" place in a {' or a '.join(missed)} is not learned."
    ]
