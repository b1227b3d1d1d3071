"""Scores of forecasts at past origins: errors, intervals and components, beside the peers.

Origins of one quarter share its outcome, so they are not independent: an interval is held by the
mean over quarters of the share of their origins that it held, and luck is that of so many quarters.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binom

from closecurve.models import metrics
from closecurve.models.forecast.totals import LEVELS
from closecurve.models.track_record.origins import NODE_KINDS, peer_column
from closecurve.models.track_record.words import FIRST_DAY, PEERS, POOLED

Floats = NDArray[np.float64]

INTERVALS = {50: ("q25", "q75"), 80: ("q10", "q90"), 90: ("q05", "q95")}
PINBALL = {"q10": 0.1, "q50": 0.5, "q90": 0.9}
SIGNIFICANCE = 0.05
"""Of the two-sided test of coverage: one honest interval in twenty fails it."""

CRPS_LEVELS = (np.arange(100) + 0.5) / 100
COMPONENTS = {"open": ("open_mean", "open_actual"), "new": ("new_mean", "new_actual")}

LEADS = {
    "all": (1, 99),
    "early": (9, 99),
    "middle": (5, 8),
    "late": (1, 4),
}
"""Groups of origins by `weeks_left`, the first and the last of each."""


def record_scores(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Scores of each node and group of origins, company first; `rows` as `beside_peers` makes them.

    Rows without an actual are left out, and nodes that won nothing at all: what they miss has no
    share to be told in. Each has scope_kind, scope, lead, origin_count,
    quarter_count, actual_mean, the errors of `_errors`, `crps`, `coverage`, `components`, `peers`.
    """
    ended = rows[rows["actual"].notna()]
    node = ["scope_kind", "scope"]
    ended = ended[ended.groupby(node)["actual"].transform("sum") > 0]
    return [
        {"scope_kind": kind, "scope": scope, "lead": lead, **_scores(part)}
        for kind, scope, node in _nodes(ended)
        for lead, part in _by_lead(node)
    ]


def _nodes(rows: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    for kind in NODE_KINDS:
        of_kind = rows[rows["scope_kind"] == kind]
        for scope, node in of_kind.groupby("scope", sort=True):
            yield kind, str(scope), node
    if len(owners := rows[rows["scope_kind"] == "owner"]):
        yield "owner", POOLED, owners


def _by_lead(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The groups of `LEADS`, and the first days, as far as they have rows."""
    weeks = rows["weeks_left"]
    parts = {lead: rows[weeks.between(*bounds)] for lead, bounds in LEADS.items()}
    longest = rows.groupby("period_name")["weeks_left"].transform("max")
    parts[FIRST_DAY] = rows[weeks == longest]
    return ((lead, part) for lead, part in parts.items() if len(part))


def _scores(rows: pd.DataFrame) -> dict[str, Any]:
    actual = rows["actual"].to_numpy(dtype=np.float64)
    return {
        "origin_count": int(rows["as_of"].nunique()),
        "quarter_count": int(rows["period_name"].nunique()),
        "actual_mean": float(actual.mean()),
        **_errors(actual, rows["q50"], {name: rows[name] for name in PINBALL}),
        "bias": _bias(actual, rows["mean"]),
        "crps": _relative(metrics.crps(actual, _spread(rows)), actual),
        "coverage": [interval_score(rows, level) for level in INTERVALS],
        "components": {
            name: _component(rows[came], rows[said]) for name, (said, came) in COMPONENTS.items()
        },
        "peers": {name: score for name in PEERS if (score := _peer(rows, name))},
    }


def _errors(actual: Floats, point: Any, quantiles: dict[str, Any]) -> dict[str, float | None]:
    """`wape` of a point forecast, `bias` (mean forecast / mean actual - 1), and `pinball`: the mean
    over 10, 50 and 90 % of 2 x pinball loss over the mean actual. None where all actuals are 0."""
    losses = [
        2 * metrics.pinball_loss(actual, quantiles[name], level) for name, level in PINBALL.items()
    ]
    return {
        "wape": _number(metrics.wape(actual, point)),
        "bias": _bias(actual, point),
        "pinball": _relative(float(np.mean(losses)), actual),
    }


def _bias(actual: Any, forecast: Any) -> float | None:
    mean = float(np.mean(actual))
    return float(np.mean(forecast)) / mean - 1 if mean else None


def _relative(loss: float, actual: Floats) -> float | None:
    return loss / float(actual.mean()) if actual.mean() else None


def _number(value: float) -> float | None:
    return None if np.isnan(value) else value


def _spread(rows: pd.DataFrame) -> Floats:
    """(rows, 100) each distribution as draws: its quantiles joined by lines.

    Flat beyond 5 and 95 %, so that of the tails no more is scored than is told.
    """
    told = rows[list(LEVELS)].to_numpy(dtype=np.float64)
    return np.array([np.interp(CRPS_LEVELS, list(LEVELS.values()), row) for row in told])


def _component(actual: pd.Series, said: pd.Series) -> dict[str, float | None]:
    return {"wape": _number(metrics.wape(actual, said)), "bias": _bias(actual, said)}


def _peer(rows: pd.DataFrame, name: str) -> dict[str, Any] | None:
    """A peer beside the forecast on the rows where the peer has an answer; None without such.

    A peer tells no spread: its one number stands for every quantile.
    """
    both = rows[rows[peer_column(name)].notna()]
    if both.empty:
        return None
    actual, said = (both[c].to_numpy(dtype=np.float64) for c in ("actual", peer_column(name)))
    own = _errors(actual, both["q50"], {level: both[level] for level in PINBALL})
    return {
        "origin_count": int(both["as_of"].nunique()),
        **_errors(actual, said, dict.fromkeys(PINBALL, said)),
        "own_wape": own["wape"],
        "own_pinball": own["pinball"],
    }


def interval_score(rows: pd.DataFrame, level: int) -> dict[str, Any]:
    """How often an interval held, counted by quarters, and whether luck explains the rest.

    `share` with its 95 % Wilson interval `low` to `high`; `width` is the mean width over the mean
    actual; `verdict` is `too narrow` or `too wide` beyond the two-sided binomial 5 %, `held`
    otherwise.
    """
    low, high = (rows[name] for name in INTERVALS[level])
    is_inside = rows["actual"].between(low, high)
    by_quarter = is_inside.groupby(rows["period_name"]).mean()
    share, quarters = float(by_quarter.mean()), len(by_quarter)
    bounds = metrics.wilson_interval([share * quarters], [quarters])
    actual = rows["actual"].to_numpy(dtype=np.float64)
    return {
        "level": level,
        "share": share,
        "low": float(bounds[0][0]),
        "high": float(bounds[1][0]),
        "width": _relative(float((high - low).mean()), actual),
        "verdict": verdict(share, quarters, level),
    }


def verdict(share: float, quarters: int, level: int) -> str:
    """Whether an interval of `level` % that held `share` of `quarters` failed.

    >>> verdict(0.5, 12, 80), verdict(0.75, 12, 80), verdict(1.0, 20, 80)
    ('too narrow', 'held', 'too wide')
    """
    least, most = binom.ppf([SIGNIFICANCE / 2, 1 - SIGNIFICANCE / 2], quarters, level / 100)
    if share * quarters < least:
        return "too narrow"
    return "too wide" if share * quarters > most else "held"


def failures(scores: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The intervals over all origins that failed: scope_kind, scope, quarter_count, and theirs."""
    return [
        {name: score[name] for name in ("scope_kind", "scope", "quarter_count")} | interval
        for score in scores
        if score["lead"] == "all"
        for interval in score["coverage"]
        if interval["verdict"] != "held"
    ]


def count_tested(scores: list[dict[str, Any]]) -> int:
    """How many intervals `failures` looked at."""
    return sum(len(score["coverage"]) for score in scores if score["lead"] == "all")
