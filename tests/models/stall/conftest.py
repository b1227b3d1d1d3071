"""Deals whose true stall probability is known: it falls with their activities."""

import numpy as np
import pandas as pd
import pytest

FIRST = pd.Timestamp("2025-01-06")
DEALS, LANDMARKS = 500, 8


def landmarks(signal: float, seed: int = 0) -> tuple[pd.DataFrame, pd.Series]:
    """Weekly landmarks of deals in two stages; the labels of the last month are not known."""
    generator = np.random.default_rng(seed)
    deal = np.repeat(np.arange(DEALS), LANDMARKS)
    week = generator.integers(0, 52, DEALS)[deal] + np.tile(np.arange(LANDMARKS), DEALS)
    activity = generator.poisson(2.0, len(deal))
    rows = pd.DataFrame(
        {
            "deal_id": [f"d{each}" for each in deal],
            "as_of": (FIRST + pd.to_timedelta(week * 7, unit="D")).astype("datetime64[us]"),
            "stage": np.where(deal % 2, "Proposal", "Qualification"),
            "days_in_stage": np.tile(np.arange(LANDMARKS) * 7.0, DEALS),
            "activity_count_30": activity.astype(float),
            "days_since_activity": 20.0 / (1 + activity),
        }
    )
    chance = 1 / (1 + np.exp(signal * (activity - 2.0)))
    stalled = pd.Series(generator.random(len(deal)) < chance, dtype="Float64")
    return rows, stalled.mask(week >= 54)


@pytest.fixture(scope="session")
def telling() -> tuple[pd.DataFrame, pd.Series]:
    """Landmarks whose activities tell a lot."""
    return landmarks(1.0)


@pytest.fixture(scope="session")
def silent() -> tuple[pd.DataFrame, pd.Series]:
    """Landmarks that nothing tells from each other."""
    return landmarks(0.0)
