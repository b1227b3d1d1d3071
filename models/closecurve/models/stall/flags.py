"""Who is flagged, for what, which checkpoint of the 1-15-30 rule was missed, and what to do next.

The 1-15-30 rule: every deal is gone through each week, again after 15 days, and after 30 days it is
decided whether the customer is serious. What the data can show of a review is its trace: an
activity or a change of the deal; and of a decision, that the deal moved.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.models.stall.bounds import Bound
from closecurve.models.stall.rules import CHECKPOINTS, FLAGGED, ON_COURSE, PARTS, TOGETHER
from closecurve.models.stall.usual import (
    CIRCUMSTANCES,
    SECONDS_PER_DAY,
    Usual,
    circumstance_bounds,
    circumstance_values,
    circumstances,
    strongest_first,
)

Floats = NDArray[np.float64]

UPPER_RATE, LOWER_RATE = 0.2, 0.65
"""The upper part of a funnel wins under 20 %, the middle up to 50 %, the lower 80 % and more (sales
practice); the middle of the gap between the two parts them."""


def flags(
    rows: pd.DataFrame, probability: Floats, usual_probability: Floats, bound: Bound, usual: Usual
) -> pd.DataFrame:
    """Beside each open deal (n rows, with `quiet_days` and `still_days`): its flag and its reasons.

    Columns: verdict, checkpoint (None: none was missed), funnel_part, next_step, dwell_q50_days and
    dwell_q80_days of won deals in its stage, reasons. A reason has code, value, bound, and `fact`.
    """
    flagged = bound.flags(probability, usual_probability)
    middle, high = usual.dwell_days(rows)
    told = _reasons(rows, usual)
    parts = funnel_parts(rows)
    steps = [f"{part}:{_main(reasons)}" for part, reasons in zip(parts, told, strict=True)]
    return pd.DataFrame(
        {
            "verdict": np.where(flagged, FLAGGED, ON_COURSE),
            "checkpoint": checkpoints(rows),
            "funnel_part": parts,
            "next_step": steps,
            "dwell_q50_days": middle,
            "dwell_q80_days": high,
            "reasons": pd.Series(told, index=rows.index, dtype=object),
        },
        index=rows.index,
    )


def checkpoints(rows: pd.DataFrame) -> pd.Series:
    """The gravest checkpoint that each deal missed, by `still_days` and `quiet_days`."""
    missed = [
        (rows["still_days" if name == "decision" else "quiet_days"] >= days).to_numpy()
        for name, days in CHECKPOINTS.items()
    ]
    chosen = np.select(missed, [*CHECKPOINTS], default="")
    return pd.Series(chosen, index=rows.index, dtype=object).replace({"": None})


def funnel_parts(rows: pd.DataFrame) -> list[str]:
    """The part of the funnel that each deal stands in, by the fixed rate of its stage, else by the
    rate in history; without either it is the upper part."""
    rate = rows["stage_rate_fixed"].fillna(rows["stage_rate_history"]).to_numpy(dtype=np.float64)
    place = np.where(rate >= LOWER_RATE, 2, np.where(rate >= UPPER_RATE, 1, 0))
    return [PARTS[each] for each in place]


def still_days(
    passages: pd.DataFrame, deals: pd.DataFrame, as_of: pd.Timestamp
) -> NDArray[np.float64]:
    """(n,) days since each deal last moved to a later stage than it came from, or was created.

    `passages` are those known at the as-of (`funnel_facts`); `deals` has deal_id and created_at.
    """
    ordered = passages.sort_values(["deal_id", "entered_at"], kind="stable")
    before = ordered.groupby("deal_id")["stage_order"].shift()
    ahead = ordered[ordered["stage_order"] > before]
    moved_at = ahead.groupby("deal_id")["entered_at"].max()
    # Not by `map`, which has no type to give where no deal moved.
    latest = moved_at.reindex(deals["deal_id"]).astype("datetime64[us]").set_axis(deals.index)
    return days_since(latest.fillna(deals["created_at"]), as_of)


def days_since(instants: pd.Series, as_of: pd.Timestamp) -> NDArray[np.float64]:
    """(n,) days from each instant to the as-of, at least 0."""
    days = (as_of - instants).dt.total_seconds().to_numpy(dtype=np.float64) / SECONDS_PER_DAY
    since: NDArray[np.float64] = np.maximum(days, 0.0)
    return since


def _reasons(rows: pd.DataFrame, usual: Usual) -> list[list[dict[str, Any]]]:
    """The circumstances of each row, the one that tells most first."""
    holds = circumstances(rows, usual)
    values, bounds = circumstance_values(rows), circumstance_bounds(rows, usual)
    facts = {code: asdict(fact) for code, fact in usual.facts.items()}
    order = strongest_first(CIRCUMSTANCES, usual)
    return [
        [
            _reason(code, values[code][row], bounds[code][row], facts)
            for code in order
            if holds[code][row]
        ]
        for row in range(len(rows))
    ]


def _reason(
    code: str, value: float, bound: float, facts: Mapping[str, dict[str, Any]]
) -> dict[str, Any]:
    return {
        "code": code,
        "value": float(value),
        "bound": float(bound),
        "fact": facts.get(code),
    }


def _main(reasons: list[dict[str, Any]]) -> str:
    return str(reasons[0]["code"]) if reasons else TOGETHER
