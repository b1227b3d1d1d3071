"""What the forecast is made of: open deals with their curves, wins, created deals, targets."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.crm.calendar import Period
from closecurve.crm.errors import DataError, UsageError
from closecurve.models.scopes import Chains, Scopes, scopes_of

REQUIRED = {
    "open_deals": ("deal_id", "amount_company", "win_probability_period"),
    "wins": ("deal_id", "closed_at", "known_at", "amount_company"),
    "created": ("deal_id", "created_at"),
}

RECENT_DAYS = 365
"""How far back a won amount stands for the amounts to come: one year holds every season."""


def _checked(name: str, frame: pd.DataFrame) -> None:
    missing = [column for column in REQUIRED[name] if column not in frame]
    if missing:
        raise UsageError(
            "forecast-columns", f"{name} has the columns {REQUIRED[name]}, got none of {missing}"
        )


def _within(name: str, values: pd.Series, low: float, high: float) -> None:
    bad = values[~values.between(low, high) & values.notna()]
    if len(bad):
        raise DataError(
            "forecast-value",
            f"{name} lies in {low:g}..{high:g}, got {float(bad.iloc[0])!r} in {len(bad)} rows",
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ForecastInputs:
    """The frames of a forecast. Amounts are in the company's currency, 0 or more, null if unknown.

    - `open_deals`, open as of the instant: deal_id, amount_company, `win_probability_period` (won
      inside the period, read off the curve; see `win_probability_between`); where there are:
      owner_id, team, region, product, expected_close_date, stage_rate_fixed, stage_rate_history,
      forecast_category, `amount_factor` (how the amount of such a deal changes until the win,
      over how the amount of any deal does; 1 where there is none).
    - `wins`: deal_id, closed_at, known_at, amount_company; where there are: owner_id, team, region,
      product. Wins known at or after the as-of serve `actual` and nothing else.
    - `created`: deal_id, created_at of every deal, and known_at, owner_id, team, region, product
      where there are.
    - `targets`: scope_kind, scope, period_start, period_end, amount_company.
    - `amount_ratios`: (n,) amounts at the win over amounts while open, of past wins.
    - `chains`: by owner, the managers above; see `closecurve.models.scopes.chains_of`.
    - `data_until`: the last instant at which anything became known.

    Raises UsageError for a missing column, DataError for a value outside its range.
    """

    open_deals: pd.DataFrame
    wins: pd.DataFrame
    created: pd.DataFrame
    targets: pd.DataFrame | None = None
    amount_ratios: NDArray[np.float64] = field(default_factory=lambda: np.ones(1))
    chains: Chains = field(default_factory=dict)
    data_until: pd.Timestamp | None = None

    def __post_init__(self) -> None:
        for name in REQUIRED:
            _checked(name, getattr(self, name))
        _within("win_probability_period", self.open_deals["win_probability_period"], 0.0, 1.0)
        _within("amount_company", self.open_deals["amount_company"], 0.0, np.inf)
        _within("amount_company", self.wins["amount_company"], 0.0, np.inf)
        _within("amount_ratios", pd.Series(self.amount_ratios, dtype=float), 0.0, np.inf)
        if not len(self.amount_ratios):
            raise UsageError("forecast-value", "amount_ratios has a ratio or more, got none")

    def scopes(self, as_of: pd.Timestamp) -> Scopes:
        """Every scope with an open deal, a win or a created deal known before `as_of`."""
        frames = [self.open_deals, known(self.wins, as_of), known(self.created, as_of)]
        return scopes_of(frames, self.chains)

    def open_amounts(self, as_of: pd.Timestamp) -> NDArray[np.float64]:
        """(open deals,) amounts before `amount_ratios`; a deal without one is expected to bring
        what a win brings."""
        wins = recent_won(self.wins, as_of)["amount_company"]
        usual = float(wins.mean()) if len(wins) else 0.0
        amounts = self.open_deals["amount_company"].fillna(usual).to_numpy(dtype=np.float64)
        if "amount_factor" not in self.open_deals:
            return amounts
        factor = self.open_deals["amount_factor"].to_numpy(dtype=np.float64)
        return np.asarray(amounts * factor, dtype=np.float64)


def known(facts: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """The facts known strictly before `as_of`; a creation without known_at is known at once."""
    clock = "known_at" if "known_at" in facts else "created_at"
    return facts[facts[clock] < as_of]


def recent_won(wins: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """The last year's known wins that have an amount; those of all history where it has none."""
    told = known(wins, as_of)
    told = told[told["amount_company"].notna()]
    recent = told[told["closed_at"] >= as_of - pd.Timedelta(days=RECENT_DAYS)]
    return recent if len(recent) else told


def rest_start(period: Period, as_of: pd.Timestamp) -> pd.Timestamp:
    """Where the part of the period that is still to come begins."""
    return min(max(period.start_at, as_of), period.end_at)


def rest_days(period: Period, as_of: pd.Timestamp) -> tuple[float, float]:
    """Days from `as_of` to the beginning and the end of the rest of the period; never below 0.

    >>> from closecurve.crm.calendar import FiscalCalendar
    >>> quarter = FiscalCalendar().quarter_at(pd.Timestamp("2026-01-01"))
    >>> rest_days(quarter, pd.Timestamp("2026-03-30"))
    (0.0, 2.0)
    """
    day = pd.Timedelta(days=1)
    start = max((rest_start(period, as_of) - as_of) / day, 0.0)
    return start, max((period.end_at - as_of) / day, 0.0)


def win_probability_between(won: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) probability of a win inside the rest of a period.

    `won` is (n, 2): the cumulative incidence of winning at the two days of `rest_days`, as
    `predict_cumulative_incidence(X, rest_days(period, as_of))[:, 1]` gives it.
    """
    return np.clip(won[:, 1] - won[:, 0], 0.0, 1.0)
