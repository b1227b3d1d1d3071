"""Leaks: stages whose conversion fell below their own past, or lies below that of their peers.

Each exit is compared with exits after as long a stay: in bands of stay, recent against reference,
the number that moved on is hypergeometric if nothing changed, so the chance of so few or fewer is
exact (Mantel and Haenszel, 1959; exact: Gart, 1970). Deals that are still in the stage take no part
and are no failures. The chances of all stages of all funnels of a scope kind are taken together
(Holm, 1979): with no leak anywhere, one is called out in at most 5 of 100 publications.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.signal import fftconvolve
from scipy.stats import hypergeom, norm

from closecurve.models.funnel.exits import stay_bands, within
from closecurve.models.metrics import wilson_interval
from closecurve.models.scopes import COMPANY, labels_of

Against = Literal["past", "peers"]

RECENT_DAYS = 91.0
"""A quarter: long enough to hold one quarter's end, whatever the day."""
PAST_DAYS = 365.0
"""The year before it: four quarters' ends and every season once."""

LEVEL = 0.05
"""The share of publications without a leak in which one may be called out."""
PLANNED_POWER = 0.85
"""How often a leak of the size that is said to be seen should be found, so that four in five are:
the rate that the size is reckoned from is itself an estimate."""

STAY_BANDS = 4
LEAST_EXITS = 10
"""With fewer exits on either side even a complete stop would hardly be told from luck."""

JUDGED = [
    *("process", "stage", "stage_order", "exited_at", "stay_days", "has_moved", "is_won"),
    "amount_company",
]

COLUMNS = (
    *("scope_kind", "scope", "process", "against", "stage", "stage_order", "exit_count"),
    *("conversion_rate", "expected_rate", "drop", "drop_low", "drop_high", "p_value", "is_leak"),
    *("detectable_drop", "missing_count", "mean_amount", "later_win_rate"),
    *("lost_money", "lost_money_low", "lost_money_high"),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sides:
    """The exits of one stage that are judged, and those that they are judged by."""

    recent: pd.DataFrame
    reference: pd.DataFrame

    @property
    def is_enough(self) -> bool:
        """Whether both sides have exits to speak of."""
        return min(len(self.recent), len(self.reference)) >= LEAST_EXITS

    def counts(self) -> NDArray[np.int64]:
        """(2, 2, bands) exits by side (recent first), by whether they moved on, by stay."""
        both = pd.concat([self.recent, self.reference])
        band = stay_bands(both["stay_days"].to_numpy(dtype=np.float64), STAY_BANDS)
        side = np.repeat([0, 1], [len(self.recent), len(self.reference)])
        moved = both["has_moved"].to_numpy(dtype=np.intp)
        counts = np.zeros((2, 2, STAY_BANDS), dtype=np.int64)
        np.add.at(counts, (side, moved, band), 1)
        return counts


def leaks(exits: pd.DataFrame, as_of: pd.Timestamp, kinds: Sequence[str]) -> pd.DataFrame:
    """One row for each stage of each funnel that has exits to compare; columns as `COLUMNS`.

    `exits` as `exits_of` gives them, with amount_company; `kinds` are scope kinds. A funnel is a
    scope and a process; the company has no peers. conversion_rate is that of the recent exits (of
    the last quarter against the past, of the last year against peers), expected_rate what the
    reference makes of as long stays, drop their difference with its 95 % interval (Newcombe, 1998);
    p_value is corrected for all stages of the kind; detectable_drop is the size that is found four
    times in five (NaN: none would be). lost_money = missing conversions x mean amount of the deals
    lost there x win rate of those that get further; its interval is that of the drop.
    """
    tested = [_tested(exits, as_of, kind) for kind in kinds]
    rows = [row for family in tested for row in family]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _tested(exits: pd.DataFrame, as_of: pd.Timestamp, kind: str) -> list[dict[str, Any]]:
    """The rows of all funnels of a scope kind: one family of tests."""
    narrow = exits[JUDGED].assign(scope=labels_of(kind, exits))
    found = list(_comparisons(narrow, as_of, kind))
    counts = [sides.counts() for _, sides in found]
    gaps = [Gap.of(each) for each in counts]
    adjusted = holm(np.array([chance_of_so_few(each) for each in counts])).tolist()
    return [
        {"scope_kind": kind, **named, **_judged(gap, p, LEVEL / len(found)), **_priced(gap, sides)}
        for (named, sides), gap, p in zip(found, gaps, adjusted, strict=True)
    ]


def _comparisons(
    exits: pd.DataFrame, as_of: pd.Timestamp, kind: str
) -> Iterator[tuple[dict[str, Any], Sides]]:
    recent_at = as_of - pd.Timedelta(days=RECENT_DAYS)
    past_at = recent_at - pd.Timedelta(days=PAST_DAYS)
    year_at = as_of - pd.Timedelta(days=PAST_DAYS)
    used = exits[exits["exited_at"] >= past_at]
    for (process, order, stage), rows in used.groupby(["process", "stage_order", "stage"]):
        year = within(rows, year_at, as_of)
        for scope in sorted(rows["scope"].unique()):
            own = rows[rows["scope"] == scope]
            past = Sides(
                recent=within(own, recent_at, as_of), reference=within(own, past_at, recent_at)
            )
            mine = year["scope"] == scope
            peers = Sides(recent=year[mine], reference=year[~mine])
            named = {"scope": scope, "process": process, "stage": stage, "stage_order": order}
            if past.is_enough:
                yield {**named, "against": "past"}, past
            if kind != COMPANY and peers.is_enough:
                yield {**named, "against": "peers"}, peers


def chance_of_so_few(counts: NDArray[np.int64]) -> float:
    """The chance that as few or fewer of the recent exits moved on, if nothing had changed.

    >>> round(chance_of_so_few(np.array([[[3], [1]], [[1], [3]]])), 4)
    0.2429
    """
    mass, least, moved = np.ones(1), 0, int(counts[0, 1].sum())
    for band in range(counts.shape[2]):
        recent, all_moved = counts[0, :, band].sum(), counts[:, 1, band].sum()
        every = counts[:, :, band].sum()
        low, high = max(0, recent + all_moved - every), min(recent, all_moved)
        here = hypergeom.pmf(np.arange(low, high + 1), every, all_moved, recent)
        mass, least = fftconvolve(mass, np.nan_to_num(here, nan=1.0)), least + low
    return float(np.clip(mass[: moved - least + 1].sum(), 0.0, 1.0))


def holm(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) the chances, corrected for being n (Holm, 1979).

    >>> holm(np.array([0.01, 0.04, 0.03])).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    steps = (len(p_values) - np.arange(len(p_values))) * p_values[order]
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """The recent conversion of a stage beside the one that was to be expected."""

    rate: float
    expected: float
    recent_count: int
    reference_count: int

    @classmethod
    def of(cls, counts: NDArray[np.int64]) -> "Gap":
        """The gap that the counts of a stage show (see `Sides.counts`)."""
        recent, reference = counts.sum(axis=(1, 2)).tolist()
        rate = float(counts[0, 1].sum() / recent)
        expected = _expected_rate(counts)
        return cls(rate=rate, expected=expected, recent_count=recent, reference_count=reference)

    @property
    def sizes(self) -> tuple[float, float, float]:
        """The drop and its 95 % interval, from those of both rates (Newcombe, 1998, method 10)."""
        rates = np.array([self.rate, self.expected])
        counts = np.array([self.recent_count, self.reference_count])
        low, high = wilson_interval(rates * counts, counts)
        drop = self.expected - self.rate
        below = np.hypot(self.expected - low[1], high[0] - self.rate)
        above = np.hypot(high[1] - self.expected, self.rate - low[0])
        return drop, float(drop - below), float(drop + above)


def _judged(gap: Gap, p_value: float, level: float) -> dict[str, Any]:
    """What is said of a stage; `level` is what the smallest chance of its family has to reach."""
    drop, low, high = gap.sizes
    return {
        "exit_count": gap.recent_count,
        "conversion_rate": gap.rate,
        "expected_rate": gap.expected,
        "drop": drop,
        "drop_low": low,
        "drop_high": high,
        "p_value": p_value,
        "is_leak": p_value <= LEVEL,
        "detectable_drop": detectable_drop(gap, level),
        "missing_count": drop * gap.recent_count,
    }


def _priced(gap: Gap, sides: Sides) -> dict[str, Any]:
    """What the missing conversions would have brought."""
    lost = sides.recent.loc[~sides.recent["has_moved"], "amount_company"]
    moved = sides.reference.loc[sides.reference["has_moved"], "is_won"]
    each, later = float(lost.mean()), float(moved.mean())
    names = ("lost_money", "lost_money_low", "lost_money_high")
    worth = gap.recent_count * each * later
    money = {name: size * worth for name, size in zip(names, gap.sizes, strict=True)}
    return {"mean_amount": each, "later_win_rate": later, **money}


def detectable_drop(gap: Gap, level: float) -> float:
    """The drop that a one-sided test at `level` finds with `PLANNED_POWER`, at these counts.

    With the correction of continuity (Casagrande, Pike and Smith, 1978). NaN where not even a
    conversion of nothing would be found so surely.
    """
    rate, recent, reference = gap.expected, gap.recent_count, gap.reference_count
    drops = np.linspace(0.0, rate, 1001)[1:]
    low = rate - drops
    pooled = rate - drops * recent / (recent + reference)
    each = 1 / recent + 1 / reference
    spread = norm.isf(level) * np.sqrt(pooled * (1 - pooled) * each)
    beside = norm.ppf(PLANNED_POWER) * np.sqrt(
        low * (1 - low) / recent + rate * (1 - rate) / reference
    )
    seen = np.flatnonzero(drops >= spread + beside + each / 2)
    return float(drops[seen[0]]) if len(seen) else np.nan


def _expected_rate(counts: NDArray[np.int64]) -> float:
    """What the reference's rates by stay make of the recent exits; a band that the reference lacks
    gets its rate over all bands."""
    recent, reference = counts.sum(axis=1)
    overall = counts[1, 1].sum() / reference.sum()
    rates = np.where(reference > 0, counts[1, 1] / np.maximum(reference, 1), overall)
    return float((recent * rates).sum() / recent.sum())
