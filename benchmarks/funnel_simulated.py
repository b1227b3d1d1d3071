"""Simulated funnels, with and without a leak, for the benchmark of the leak diagnosis."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.models.funnel.leaks import PAST_DAYS, RECENT_DAYS

AS_OF = pd.Timestamp("2026-01-01")
LEAK_AT = AS_OF - pd.Timedelta(days=RECENT_DAYS)
LEAD_IN_DAYS = 250.0
"""Deals come for so long before the compared time, so that every stage is at work in it."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedFunnel:
    """A funnel with a known truth: conversions of each stage, usual stays, deals a quarter.

    `leak_stage` (from 0; None: no leak) loses `leak_drop` of its conversion from `LEAK_AT` on.
    """

    conversions: tuple[float, ...]
    stay_days: tuple[float, ...]
    deals_a_quarter: float
    seed: int
    leak_stage: int | None = None
    leak_drop: float = 0.0

    @classmethod
    def drawn(cls, deals_a_quarter: float, seed: int) -> "SimulatedFunnel":
        """A funnel of three to six stages, without a leak."""
        random = np.random.default_rng(seed)
        stages = int(random.integers(3, 7))
        return cls(
            conversions=tuple(random.uniform(0.35, 0.85, stages)),
            stay_days=tuple(random.uniform(5.0, 25.0, stages)),
            deals_a_quarter=deals_a_quarter,
            seed=seed,
        )

    def leaking(self, stage: int, drop: float) -> "SimulatedFunnel":
        """The same funnel with a leak."""
        return replace(self, leak_stage=stage, leak_drop=drop)

    def passages(self) -> pd.DataFrame:
        """What a history of it holds at `AS_OF`, in the columns of `stage_rates`."""
        random = np.random.default_rng(self.seed + 1)
        days = RECENT_DAYS + PAST_DAYS + LEAD_IN_DAYS
        count = random.poisson(self.deals_a_quarter * days / RECENT_DAYS)
        deals = np.arange(count)
        entered = AS_OF - pd.to_timedelta(random.uniform(0, days, count), unit="D")
        found = []
        for stage in range(len(self.conversions)):
            moved, left = self._exits(random, stage, entered)
            found.append(self._stays(stage, deals, entered, left, moved))
            deals, entered = deals[moved], left[moved]
        known = pd.concat(found, ignore_index=True)
        known = known[known["entered_at"] < AS_OF]
        still = known["left_at"] >= AS_OF
        return known.assign(
            left_at=known["left_at"].mask(still).astype("datetime64[us]"),
            next=known["next"].mask(still),
            amount_company=1000.0 * np.exp(random.normal(0, 1, count))[known["deal_id"]],
            process="default",
        )

    def _exits(
        self, random: np.random.Generator, stage: int, entered: pd.DatetimeIndex
    ) -> tuple[NDArray[np.bool_], pd.DatetimeIndex]:
        """Who moves on, and when each leaves: a loss takes half as long again as a move."""
        kept = self.conversions[stage]
        moved = random.random(len(entered)) < kept
        scale = self.stay_days[stage] * np.where(moved, 1.0, 1.5)
        left = entered + pd.to_timedelta(random.gamma(1.5, scale / 1.5), unit="D")
        if stage == self.leak_stage:
            stopped = random.random(len(entered)) < self.leak_drop / kept
            moved &= ~(stopped & np.asarray(left >= LEAK_AT))
        return moved, left

    def _stays(
        self,
        stage: int,
        deals: NDArray[np.int64],
        entered: pd.DatetimeIndex,
        left: pd.DatetimeIndex,
        moved: NDArray[np.bool_],
    ) -> pd.DataFrame:
        is_last = stage == len(self.conversions) - 1
        onward = "won" if is_last else f"stage {stage + 2}"
        return pd.DataFrame(
            {
                "deal_id": deals,
                "stage": f"stage {stage + 1}",
                "stage_order": stage + 1,
                "entered_at": entered,
                "left_at": left,
                "next": np.where(moved, onward, "lost"),
            }
        )
