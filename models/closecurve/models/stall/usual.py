"""What is usual of deals that were won: how long they stood in a stage, how long they were silent.

And what befell deals that were not as usual: the population fact behind each reason of a flag.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.models.explanation.facts import LEAST_OWNERS
from closecurve.models.panel import strata_keys
from closecurve.models.stall.rates import STAGE

Floats = NDArray[np.float64]

LEAST_DEALS = 10
"""Won deals from which a stage has a usual of its own; with fewer it takes that of all."""

LEAST_ROWS = 50
"""Landmarks with a circumstance, and without, from which their stall rates are told."""

QUANTILES = (0.5, 0.8)
EVERYWHERE = ""
"""The key of all stages together."""

PUSHED_TWICE = 2

SECONDS_PER_DAY = 86_400.0

CIRCUMSTANCES = ("silence", "pushed", "dwell", "overdue")
"""The reasons of a flag: silent for longer than 8 of 10 won deals were, expected close pushed
twice, longer in the stage than 8 of 10 won deals, past its expected close."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """How often landmarks with a circumstance stalled, and those without."""

    rate: float
    count: int
    other_rate: float
    other_count: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Usual:
    """By the key of process and stage: the median and P80 of the days in stage of won deals, the
    P80 of their days without an activity, and by circumstance the population behind it."""

    dwell: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    silence: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, Population] = field(default_factory=dict)

    def dwell_days(self, rows: pd.DataFrame) -> tuple[Floats, Floats]:
        """(n,) median and (n,) P80 of the days won deals stood in each row's stage; NaN unknown."""
        keys = strata_keys(rows, STAGE)
        middle, high = (
            keys.map({key: pair[place] for key, pair in self.dwell.items()}) for place in (0, 1)
        )
        return _plain(middle), _plain(high)

    def silence_days(self, rows: pd.DataFrame) -> Floats:
        """(n,) days without an activity that 8 of 10 won deals in the stage stayed under."""
        everywhere = self.silence.get(EVERYWHERE, np.nan)
        own = _plain(strata_keys(rows, STAGE).map(self.silence))
        return np.where(np.isnan(own), everywhere, own)

    def to_json(self) -> dict[str, Any]:
        """A value that `from_json` reads back."""
        return {
            "dwell": {key: list(pair) for key, pair in self.dwell.items()},
            "silence": dict(self.silence),
            "facts": {code: asdict(fact) for code, fact in self.facts.items()},
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """What `to_json` wrote."""
        return cls(
            dwell={key: (low, high) for key, (low, high) in value["dwell"].items()},
            silence=dict(value["silence"]),
            facts={code: Population(**fact) for code, fact in value["facts"].items()},
        )


def learn_usual(
    rows: pd.DataFrame, is_won: NDArray[np.bool_], stalled: pd.Series, passages: pd.DataFrame
) -> Usual:
    """The usual from landmarks `rows`, which of them were won in the end, which stalled (null:
    unknown), and the passages of deals through stages (`funnel_facts`).

    A fact is told of a population: of `LEAST_ROWS` landmarks and `LEAST_OWNERS` owners on either
    side.
    """
    first = Usual(dwell=_dwell(passages), silence=_silence(rows[is_won]))
    seen = circumstances(rows, first)
    known = stalled.notna().to_numpy()
    outcome = np.asarray(stalled[known], dtype=np.float64)
    owners = rows[known].reindex(columns=["owner_id"])["owner_id"]
    told = {code: _population(seen[code][known], outcome, owners) for code in CIRCUMSTANCES}
    facts = {code: fact for code, fact in told.items() if fact is not None}
    return Usual(dwell=first.dwell, silence=first.silence, facts=facts)


def circumstances(rows: pd.DataFrame, usual: Usual) -> dict[str, NDArray[np.bool_]]:
    """By code of `CIRCUMSTANCES`, which rows (n,) it holds for; what is unknown does not hold."""
    values, bounds = circumstance_values(rows), circumstance_bounds(rows, usual)
    return {
        "silence": values["silence"] > bounds["silence"],
        "pushed": values["pushed"] >= bounds["pushed"],
        "dwell": values["dwell"] > bounds["dwell"],
        "overdue": values["overdue"] > bounds["overdue"],
    }


def circumstance_values(rows: pd.DataFrame) -> dict[str, Floats]:
    """What each row (n,) holds: days silent, pushes, days in stage, days past expected close."""
    return {
        "silence": _numbers(rows, "days_since_activity"),
        "pushed": _numbers(rows, "push_count"),
        "dwell": _numbers(rows, "days_in_stage"),
        "overdue": -_numbers(rows, "days_to_expected_close"),
    }


def circumstance_bounds(rows: pd.DataFrame, usual: Usual) -> dict[str, Floats]:
    """The value (n,) that each circumstance begins at."""
    return {
        "silence": usual.silence_days(rows),
        "pushed": np.full(len(rows), float(PUSHED_TWICE)),
        "dwell": usual.dwell_days(rows)[1],
        "overdue": np.zeros(len(rows)),
    }


def _plain(column: pd.Series) -> Floats:
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _numbers(rows: pd.DataFrame, column: str) -> Floats:
    """A column as numbers; NaN throughout where the snapshots have none of that name."""
    if column not in rows.columns:
        return np.full(len(rows), np.nan)
    return _plain(rows[column])


def _dwell(passages: pd.DataFrame) -> dict[str, tuple[float, float]]:
    won = passages.loc[passages["next"] == "won", "deal_id"].unique()
    stays = passages[passages["deal_id"].isin(won) & passages["left_at"].notna()]
    days = (stays["left_at"] - stays["entered_at"]).dt.total_seconds() / SECONDS_PER_DAY
    by_stage = days.groupby(strata_keys(stays, STAGE))
    return {
        str(key): (float(group.quantile(QUANTILES[0])), float(group.quantile(QUANTILES[1])))
        for key, group in by_stage
        if len(group) >= LEAST_DEALS
    }


def _silence(won: pd.DataFrame) -> dict[str, float]:
    if "days_since_activity" not in won.columns:
        return {}
    known = won[won["days_since_activity"].notna()]
    days = known["days_since_activity"].astype("float64")
    found = {
        str(key): float(days.loc[rows.index].quantile(QUANTILES[1]))
        for key, rows in known.groupby(strata_keys(known, STAGE))
        if rows["deal_id"].nunique() >= LEAST_DEALS
    }
    return found | ({EVERYWHERE: float(days.quantile(QUANTILES[1]))} if len(days) else {})


def _has_owners(owners: pd.Series, holds: NDArray[np.bool_]) -> bool:
    """Whether enough owners stand on either side; where none is recorded none is hidden."""
    sides = (owners[holds], owners[~holds])
    return bool(owners.isna().all()) or min(side.nunique() for side in sides) >= LEAST_OWNERS


def _population(holds: NDArray[np.bool_], stalled: Floats, owners: pd.Series) -> Population | None:
    """None where too few landmarks or owners stand on either side to tell of them."""
    count, other = int(holds.sum()), int((~holds).sum())
    if min(count, other) < LEAST_ROWS or not _has_owners(owners, holds):
        return None
    return Population(
        rate=float(stalled[holds].mean()),
        count=count,
        other_rate=float(stalled[~holds].mean()),
        other_count=other,
    )


def strongest_first(codes: Sequence[str], usual: Usual) -> list[str]:
    """The circumstances in the order of how much more often deals stall that stand so."""

    def lift(code: str) -> float:
        fact = usual.facts.get(code)
        return 0.0 if fact is None else fact.rate - fact.other_rate

    return sorted(codes, key=lambda code: (-lift(code), CIRCUMSTANCES.index(code)))
