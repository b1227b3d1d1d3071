"""The classic funnel's numbers as curves: the fixed rate of a stage, and what history shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from closecurve.crm.stages import Process
from closecurve.models.incidence import at_times, monotone, with_open
from closecurve.models.panel import labels_of, strata_keys, stratum
from closecurve.models.unfold import Grid, Labels, choose_grid, unfold

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TYPICAL_CYCLE_DAYS = 45.0
"""The average cycle where neither a process nor a close says otherwise (sales practice)."""

EVEN_RATE = 0.5
"""The chance of a win where no rate is known and nothing was seen."""

STAGE = "stage"
"""The column of the fixed rates; other columns (of leads: `source`) have none of their own."""

LATE_CLOSES = 0.75
"""What comes after this share of the closes is late."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Late:
    """What was seen of the late part: closes by cause (2,), and the days of open landmarks."""

    closes: Floats
    days: float


def _late(labels: Labels) -> Late:
    """The part after three quarters of the closes, by their days; all before the first close."""
    closing = np.ceil(labels.closing_days)
    start = float(np.quantile(closing, LATE_CLOSES, method="higher")) if len(closing) else 0.0
    is_late = labels.duration_days > start
    return Late(
        closes=np.bincount(labels.event[is_late], minlength=3)[1:].astype(np.float64),
        days=float((labels.duration_days[is_late] - start).sum()),
    )


class FixedStageRate(BaseEstimator):  # type: ignore[misc]
    """The fixed rate of the deal's stage, spread over time as deals have closed so far.

    The classic funnel has a rate but no clock: a deal of stage rate r is won with r and lost with
    1 - r, both at the pace at which all deals closed (before any close: at a constant pace with the
    expected days of the processes, else 45, as mean). A stage without a rate takes the mean rate.
    """

    def __init__(self, processes: Sequence[Process] = (), *, by: str = "stage") -> None:
        self.processes = processes
        self.by = by

    def fit(self, X: pd.DataFrame, y: pd.DataFrame) -> Self:
        """Learn the pace of closing from a panel, which may be empty."""
        labels = labels_of(X, y)
        grid = choose_grid(labels.closing_days, longest_days=labels.longest_days)
        self.rates_ = self._rate_table()
        self.mean_rate_ = float(np.mean(list(self.rates_.values()))) if self.rates_ else EVEN_RATE
        self.edges_ = grid.edges
        self.pace_ = self._pace(labels, grid).tolist()
        return self

    @property
    def horizon_days_(self) -> float:
        """Where the curves end, in days."""
        return self.edges_[-1]

    def rates(self, X: pd.DataFrame) -> Floats:
        """The fixed rate of each row (n,): of its process and stage, else of the stage's name."""
        named = strata_keys(X, [self.by]).map(self.rates_)
        if "process" in X.columns:
            named = strata_keys(X, ["process", self.by]).map(self.rates_).fillna(named)
        rates: Floats = np.asarray(named.fillna(self.mean_rate_), dtype=np.float64)
        return rates

    def predict_cumulative_incidence(self, X: pd.DataFrame, times: ArrayLike) -> Floats:
        """Curves (n, 3, n_times): the rate times the share of closes that come by each time."""
        rates = self.rates(X)
        cif = np.zeros((len(X), 3, len(self.edges_)))
        cif[:, 1] = rates[:, None] * np.asarray(self.pace_)
        cif[:, 2] = (1 - rates)[:, None] * np.asarray(self.pace_)
        return at_times(with_open(cif), self.edges_, times)

    def unseen_hazards(self, labels: Labels, grid: Grid) -> Floats:
        """Hazards (K, 3) for intervals that nobody was watched through.

        Of stages those of the usual cycle at the mean rate: a deal of a few days says little of its
        end, which the rates are about. A source has no usual cycle: there records go on as they
        closed late in what was watched, with one close at the usual pace as prior.
        """
        shares = np.array([self.mean_rate_, 1 - self.mean_rate_])
        rates = shares / self._cycle_days()
        if self.by != STAGE:
            late = _late(labels)
            rates = (late.closes + shares) / (late.days + self._cycle_days())
        closed = -np.expm1(-grid.widths * rates.sum())[:, None]
        return np.concatenate([1 - closed, closed * rates / rates.sum()], axis=1)

    def cycle_seen(self, labels: Labels) -> float:
        """The part of the usual cycle that the longest landmark was watched for, at most 1.

        A source has no usual cycle: whatever was watched is all there is.
        """
        if self.by != STAGE:
            return 1.0
        return min(labels.longest_days / self._cycle_days(), 1.0)

    def _pace(self, labels: Labels, grid: Grid) -> Floats:
        """The share of closes that come by each edge: 0 at the as-of, 1 at the last edge.

        Intervals that nobody was watched through, and all before the first close, have the pace
        of `unseen_hazards`.
        """
        cells = unfold(labels, grid)
        at_risk = np.bincount(cells.interval, minlength=len(grid))
        closes = np.bincount(cells.interval, weights=cells.outcome > 0, minlength=len(grid))
        steady = 1 - self.unseen_hazards(labels, grid)[:, 0]
        is_seen = (at_risk > 0) & bool(closes.sum())
        hazards = np.where(is_seen, closes / np.maximum(at_risk, 1), steady)
        closed = np.concatenate([[0.0], 1 - np.cumprod(1 - hazards)])
        share: Floats = np.asarray(closed / closed[-1], dtype=np.float64)
        return share

    def _rate_table(self) -> dict[str, float]:
        """Rates by (process, stage), and by stage alone: there the first process counts."""
        table: dict[str, float] = {}
        for process in self.processes:
            for stage in process.open_stages:
                if stage.fixed_rate is not None:
                    table[stratum((process.name, stage.name))] = stage.fixed_rate
                    table.setdefault(stratum((stage.name,)), stage.fixed_rate)
        return table

    def _cycle_days(self) -> float:
        expected = [
            sum(stage.expected_days or 0.0 for stage in process.open_stages)
            for process in self.processes
        ]
        known = [days for days in expected if days > 0]
        return float(np.mean(known)) if known else TYPICAL_CYCLE_DAYS

    def to_json(self) -> dict[str, Any]:
        """What was learned, for `from_json`."""
        return {
            "by": self.by,
            "rates": self.rates_,
            "mean_rate": self.mean_rate_,
            "edges": list(self.edges_),
            "pace": self.pace_,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The baseline that `to_json` wrote."""
        made = cls(by=value["by"])
        made.rates_, made.mean_rate_ = dict(value["rates"]), value["mean_rate"]
        made.edges_, made.pace_ = tuple(value["edges"]), list(value["pace"])
        return made


class HistoricalStageRate(BaseEstimator):  # type: ignore[misc]
    """By process and stage: the share of past landmarks won and lost within each time.

    Only landmarks watched for that long count. At its end, where all deals are taken as closed, the
    curve stands at the share of wins among the closed: the history rate of the weighted pipeline.
    A stage that was never seen takes the rates of all.
    """

    def __init__(self, *, by: str = "stage") -> None:
        self.by = by

    def fit(self, X: pd.DataFrame, y: pd.DataFrame) -> Self:
        """Learn the shares from a panel, which may be empty."""
        labels = labels_of(X, y)
        self.edges_ = choose_grid(labels.closing_days).edges
        keys = strata_keys(X, ["process", self.by]).to_numpy(dtype=str)
        names, codes = np.unique(keys, return_inverse=True)
        one_group = np.zeros(len(X), dtype=np.int64)
        overall = _shares(labels, one_group, 1, self.edges_, _even(self.edges_))[0]
        shares = _shares(labels, codes, len(names), self.edges_, overall)
        self.overall_ = overall.tolist()
        self.shares_ = dict(zip(names.tolist(), shares.tolist(), strict=True))
        return self

    @property
    def horizon_days_(self) -> float:
        """Where the curves end, in days."""
        return self.edges_[-1]

    def predict_cumulative_incidence(self, X: pd.DataFrame, times: ArrayLike) -> Floats:
        """Curves (n, 3, n_times) of each row's process and stage."""
        table = np.asarray([self.overall_, *self.shares_.values()])
        place = {key: place for place, key in enumerate(self.shares_, 1)}
        keys = strata_keys(X, ["process", self.by])
        rows = keys.map(place).to_numpy(dtype=np.float64, na_value=0).astype(np.int64)
        return at_times(table[rows], self.edges_, times)

    def to_json(self) -> dict[str, Any]:
        """What was learned, for `from_json`."""
        return {
            "by": self.by,
            "edges": list(self.edges_),
            "overall": self.overall_,
            "shares": self.shares_,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The baseline that `to_json` wrote."""
        made = cls(by=value["by"])
        made.edges_, made.overall_ = tuple(value["edges"]), value["overall"]
        made.shares_ = dict(value["shares"])
        return made


def _even(edges: Sequence[float]) -> Floats:
    """What is believed before anything was seen, (3, n_edges): even odds, at a constant pace."""
    pace = 1 - np.exp(-np.asarray(edges) / TYPICAL_CYCLE_DAYS)
    even: Floats = with_open(np.stack([np.zeros_like(pace), pace / 2, pace / 2])[None])[0]
    return even


def _shares(
    labels: Labels, codes: Ints, groups: int, edges: Sequence[float], prior: Floats
) -> Floats:
    """Curves (groups, 3, n_edges); the prior counts as one landmark."""
    cif = np.zeros((groups, 3, len(edges)))
    for place, day in enumerate(edges):
        is_last = place == len(edges) - 1
        counted = labels.event > 0 if is_last else labels.followed_days >= day
        by_then = counted if is_last else counted & (labels.duration_days <= day)
        count = np.bincount(codes[counted], minlength=groups) + 1.0
        for cause in (1, 2):
            hits = np.bincount(codes[by_then & (labels.event == cause)], minlength=groups)
            cif[:, cause, place] = (hits + prior[cause, place]) / count
    cif[:, 1:, 0] = 0.0
    return monotone(cif)
