"""Deals not created yet: how many arrive, and how many of those are won inside a period.

Wins of new deals are a compound Poisson process: arrivals at the trailing rate, thinned by the
probability to be won in the time that is left, each win with the amount of a recent one.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csc_array

from closecurve.crm.calendar import Period
from closecurve.models.forecast.inputs import ForecastInputs, known, rest_days
from closecurve.models.product_limit import codes_of, product_limit
from closecurve.models.scopes import COMPANY, SCOPE_COLUMNS, labels_of
from closecurve.models.spans import days_of

DAY = pd.Timedelta(days=1)

TRAILING_DAYS = 91
"""The arrival rate is that of the last thirteen whole weeks: every weekday counts alike."""

CURVE_DAYS = 730
"""Deals created in the last two years tell how soon a new deal is won."""

TEAM_WINS = 50
"""A team with this many wins has its own curve and amounts; below, the company's serve."""

SEASON_YEARS = 3
SEASON_HISTORY_DAYS = 730.0
SEASON_PRIOR = 10.0
"""Arrivals added to both windows of a season's ratio, so that few arrivals make no season."""

SEASON_BOUNDS = (0.5, 2.0)

SMOOTH_FROM = 100.0
"""From this many expected wins on, a compound Poisson sum is drawn as the gamma of its moments."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Arrivals:
    """New wins by leaf, a leaf being one mix of owner, team, region and product that gets deals.

    `leaves` holds the scope columns; the other fields are aligned with it: `created_count` of the
    trailing window (0 nowhere), `expected_count` of wins inside the period, `amounts` of wins to
    draw from.
    """

    leaves: pd.DataFrame
    created_count: NDArray[np.float64]
    expected_count: NDArray[np.float64]
    amounts: tuple[NDArray[np.float64], ...]

    def expected(self) -> NDArray[np.float64]:
        """(leaves,) expected amount won inside the period."""
        means = np.array([float(amounts.mean()) for amounts in self.amounts])
        return np.asarray(self.expected_count * means, dtype=np.float64)

    def draws(
        self, membership: csc_array, draws: int, rng: np.random.Generator
    ) -> NDArray[np.float64]:
        """(scopes, draws) amount won inside the period; `membership` is (scopes, leaves)."""
        total = np.zeros((membership.shape[0], draws))
        for leaf in range(len(self.leaves)):
            drawn = self._leaf_draws(leaf, draws, rng)
            total[membership[:, [leaf]].indices] += drawn
        return total

    def _leaf_draws(self, leaf: int, draws: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """(draws,) of one leaf. Its rate is as uncertain as the count that it was read from."""
        count, amounts = self.created_count[leaf], self.amounts[leaf]
        mean = self.expected_count[leaf] * rng.gamma(count, size=draws) / count
        if self.expected_count[leaf] >= SMOOTH_FROM:
            return _smooth_compound(mean, amounts, rng)
        wins = rng.poisson(mean)
        picked = rng.choice(amounts, int(wins.sum()))
        return np.asarray(np.bincount(np.repeat(np.arange(draws), wins), picked, draws))


def _smooth_compound(
    mean: NDArray[np.float64], amounts: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """The gamma with the mean and the variance of a compound Poisson sum of `mean` wins."""
    first, second = float(amounts.mean()), float((amounts**2).mean())
    if first == 0:
        return np.zeros(len(mean))
    return rng.gamma(mean * first**2 / second, second / first)


def arrivals(inputs: ForecastInputs, period: Period, as_of: pd.Timestamp) -> Arrivals:
    """What deals created from `as_of` on are expected to win inside `period`, by leaf."""
    created = known(inputs.created, as_of)
    created = created[created["created_at"] < as_of]
    leaves, counts, span = _leaves(created, as_of)
    curves = _win_curves(_lags(created, known(inputs.wins, as_of), as_of))
    strata = [team if team in curves else COMPANY for team in labels_of("team", leaves)]
    rate = counts / span * season_ratio(created["created_at"], period, as_of)
    exposed = {name: curve.exposure(*rest_days(period, as_of)) for name, curve in curves.items()}
    amounts = _amounts_by_stratum(inputs.won_amounts(as_of), curves)
    return Arrivals(
        leaves=leaves,
        created_count=counts,
        expected_count=rate * np.array([exposed[name] for name in strata]),
        amounts=tuple(amounts[name] for name in strata),
    )


def _leaves(
    created: pd.DataFrame, as_of: pd.Timestamp
) -> tuple[pd.DataFrame, NDArray[np.float64], float]:
    """The mixes that got deals in the trailing window, their counts, and the window's days."""
    age_days = days_of(as_of - created["created_at"])
    span = float(np.clip(age_days.max(), 1.0, TRAILING_DAYS)) if len(created) else 1.0
    recent = created[age_days <= span]
    columns = [column for column in SCOPE_COLUMNS.values() if column in created]
    keys = recent[columns] if columns else pd.DataFrame({COMPANY: COMPANY}, index=recent.index)
    group, leaves = codes_of(keys)
    return leaves, np.bincount(group, minlength=len(leaves)).astype(np.float64), span


def season_ratio(created_at: pd.Series, period: Period, as_of: pd.Timestamp) -> float:
    """How many more deals arrive in the rest of the period than in the trailing window.

    Read from the same two windows of earlier years, up to three; 1 below two years of history.
    """
    ahead_days = rest_days(period, as_of)[1]
    age_days = days_of(as_of - created_at)
    oldest = float(age_days.max(initial=0.0))
    years = int(min((oldest - TRAILING_DAYS) // 365, SEASON_YEARS))
    if oldest < SEASON_HISTORY_DAYS or ahead_days <= 0:
        return 1.0
    back = 365.0 * np.arange(1, years + 1, dtype=np.float64)
    trailing = _counts_between(age_days, back, back + TRAILING_DAYS)
    ahead = _counts_between(age_days, back - ahead_days, back)
    ahead_rate = (ahead + SEASON_PRIOR * ahead_days / TRAILING_DAYS) / ahead_days
    ratio = ahead_rate * TRAILING_DAYS / (trailing + SEASON_PRIOR)
    return float(np.clip(ratio, *SEASON_BOUNDS))


def _counts_between(
    age_days: NDArray[np.float64], youngest: NDArray[np.float64], oldest: NDArray[np.float64]
) -> float:
    """Mean count, over windows, of ages from `youngest` (exclusive) to `oldest`."""
    ordered = np.sort(age_days)
    found = np.searchsorted(ordered, oldest, "right") - np.searchsorted(ordered, youngest, "right")
    return float(found.mean())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WinCurve:
    """P(won within a lag of its creation) as steps: `won[i]` from `lag_days[i]` on."""

    lag_days: NDArray[np.float64]
    won: NDArray[np.float64]

    def at(self, lag_days: NDArray[np.float64]) -> NDArray[np.float64]:
        """The probability by each lag; 0 below lag 0."""
        place = np.searchsorted(self.lag_days, lag_days, "right")
        steps = np.concatenate([[0.0], self.won])[place]
        return np.where(lag_days < 0, 0.0, steps)

    def exposure(self, start_days: float, end_days: float) -> float:
        """Wins in [start, end) ahead, in days, if one deal arrives each day from now to the end."""
        if end_days <= 0:
            return 0.0
        cells = int(np.ceil(end_days))
        arrive = (np.arange(cells) + 0.5) * end_days / cells
        return float((self.at(end_days - arrive) - self.at(start_days - arrive)).mean() * end_days)


def _lags(created: pd.DataFrame, wins: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Team, days from creation to the win or to `as_of`, and whether won, of recent deals.

    A lost deal stays: it was followed to the as-of and not won, which is the risk set of the
    cumulative incidence where only the end of the following censors (Fine and Gray, 1999).
    """
    young = created[created["created_at"] >= as_of - CURVE_DAYS * DAY]
    won_at = wins.drop_duplicates("deal_id").set_index("deal_id")["closed_at"]
    closed_at = pd.Series(won_at.reindex(young["deal_id"]).to_numpy(), index=young.index)
    lag_days = days_of(closed_at.fillna(as_of) - young["created_at"])
    return pd.DataFrame(
        {
            "team": labels_of("team", young),
            "lag_days": np.maximum(lag_days, 0.0),
            "won": closed_at.notna(),
        }
    )


def _win_curves(lags: pd.DataFrame) -> dict[str, WinCurve]:
    """The company's curve, and one for each team with wins enough for its own."""
    wins = lags["team"][lags["won"]].value_counts()
    own = {str(team): lags[lags["team"] == team] for team in wins.index[wins >= TEAM_WINS]}
    return {name: _win_curve(rows) for name, rows in ({COMPANY: lags} | own).items()}


def _win_curve(lags: pd.DataFrame) -> WinCurve:
    one_group = np.zeros(len(lags), dtype=np.intp)
    limit = product_limit(
        one_group, lags["lag_days"].to_numpy(dtype=np.float64), lags["won"].to_numpy(dtype=np.intp)
    )
    lag_days, won = limit.curve()
    return WinCurve(lag_days=lag_days, won=won)


def _amounts_by_stratum(
    wins: pd.DataFrame, strata: Iterable[str]
) -> dict[str, NDArray[np.float64]]:
    """The won amounts to draw from; the company's where a team has too few with an amount."""
    amounts = wins["amount_company"].to_numpy(dtype=np.float64)
    pooled = amounts if len(amounts) else np.zeros(1)
    teams = labels_of("team", wins).to_numpy()
    own = {name: amounts[teams == name] for name in strata}
    return {name: found if len(found) >= TEAM_WINS else pooled for name, found in own.items()}
