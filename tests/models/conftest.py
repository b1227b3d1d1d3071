"""Companies whose true curves are known: with constant hazards each landmark has a closed form."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from closecurve.models.close_curve import CloseCurve

START = pd.Timestamp("2024-01-01")
CUTOFF = pd.Timestamp("2025-01-01")
EVERY_DAYS = 10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Simulated:
    """Landmarks of simulated deals, their labels as known at the cutoff, and their true hazards."""

    rows: pd.DataFrame
    labels: pd.DataFrame
    won_hazard: NDArray[np.float64]
    lost_hazard: NDArray[np.float64]

    def true_win(self, days: float) -> NDArray[np.float64]:
        """The true probability of a win within so many days of each landmark."""
        total = self.won_hazard + self.lost_hazard
        return self.won_hazard / total * -np.expm1(-total * days)


def simulate(deals: int, *, seed: int = 0, signal: float = 1.0) -> Simulated:
    """Deals created over a year; a better fit and a later stage are won more often and sooner."""
    generator = np.random.default_rng(seed)
    fit, is_late = generator.normal(size=deals), generator.random(deals) < 0.5
    won = 0.012 * np.exp(signal * (0.8 * fit + 0.6 * is_late))
    lost = 0.015 * np.exp(-signal * 0.4 * fit)
    closes_after = generator.exponential(1 / (won + lost))
    is_won = generator.random(deals) < won / (won + lost)
    born = generator.uniform(0, 340, deals)
    last = (CUTOFF - START).days
    marks = np.arange(EVERY_DAYS, last, EVERY_DAYS)
    deal, mark = np.nonzero((marks > born[:, None]) & (marks <= (born + closes_after)[:, None]))
    ahead = (born + closes_after)[deal] - marks[mark]
    until = last - marks[mark]
    known = ahead < until
    rows = pd.DataFrame(
        {
            "deal_id": pd.Series(deal).astype("string"),
            "as_of": (START + pd.to_timedelta(marks[mark], unit="D")).astype("datetime64[us]"),
            "stage": np.where(is_late, "Proposal", "Qualification")[deal],
            "age_days": marks[mark] - born[deal],
            "amount_company": np.exp(fit)[deal] * 1000,
            "attribute_colour": generator.choice(["red", "green", "blue"], deals)[deal],
        }
    )
    labels = pd.DataFrame(
        {
            "event": np.where(known, np.where(is_won, 1, 2)[deal], 0),
            "duration_days": np.minimum(ahead, until),
        }
    )
    return Simulated(rows=rows, labels=labels, won_hazard=won[deal], lost_hazard=lost[deal])


@pytest.fixture(scope="session")
def simulated() -> Callable[..., Simulated]:
    """The simulator: `simulated(deals, seed=…, signal=…)`."""
    return simulate


@pytest.fixture(scope="session")
def company() -> Simulated:
    """Twelve hundred deals, some 6,000 landmarks."""
    return simulate(1200, seed=1)


@pytest.fixture(scope="session")
def curve(company: Simulated) -> CloseCurve:
    """The close curve of that company."""
    return CloseCurve(seeds=1).fit(company.rows, company.labels)
