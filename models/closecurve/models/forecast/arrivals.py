"""Deals not created yet: how many arrive, and how many of those are won inside a period.

Wins of new deals are a compound Poisson process: arrivals at the trailing rate, thinned by the
probability to be won in the time that is left, each win with the amount of a recent one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.crm.calendar import Period
from closecurve.models.forecast.inputs import ForecastInputs, recent_won, rest_days
from closecurve.models.product_limit import codes_of, product_limit
from closecurve.models.scopes import COMPANY, SCOPE_COLUMNS, labels_of

DAY = pd.Timedelta(days=1)
FAR_AHEAD = pd.Timestamp("2200-01-01")
Instants = NDArray[np.datetime64]

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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Arrivals:
    """New wins by leaf, a leaf being one mix of owner, team, region and product that gets deals.

    `leaves` holds the scope columns; `created_count` of the trailing window, the
    `expected_count` of wins (leaves, periods) and the place of each leaf's amounts in `amounts`,
    the won amounts to draw from, are aligned with it.
    """

    leaves: pd.DataFrame
    created_count: NDArray[np.float64]
    expected_count: NDArray[np.float64]
    stratum: NDArray[np.intp]
    amounts: tuple[NDArray[np.float64], ...]

    def expected(self) -> NDArray[np.float64]:
        """(leaves, periods) expected amount won."""
        means = np.array([float(amounts.mean()) for amounts in self.amounts])
        return np.asarray(self.expected_count * means[self.stratum, None], dtype=np.float64)


def arrivals(inputs: ForecastInputs, periods: Sequence[Period], as_of: pd.Timestamp) -> Arrivals:
    """What deals created from `as_of` on are expected to win in the rest of each period."""
    found = ArrivalHistory.of(inputs.created, inputs.wins).at(periods, as_of)
    got = found.created_count > 0
    return Arrivals(
        leaves=found.leaves[got].reset_index(drop=True),
        created_count=found.created_count[got],
        expected_count=found.expected_count[got],
        stratum=found.stratum[got],
        amounts=found.amounts,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ArrivalHistory:
    """Created deals and wins as arrays, to be read at any number of instants.

    `leaf` (created,) is a place in `leaves`, `leaf_team` (leaves,) one in `teams`; `closed_at` and
    `closed_known_at` (created,) are those of the deal's first known win, or far ahead.
    """

    leaves: pd.DataFrame
    leaf: NDArray[np.intp]
    leaf_team: NDArray[np.intp]
    teams: tuple[str, ...]
    created_at: Instants
    known_at: Instants
    closed_at: Instants
    closed_known_at: Instants
    wins: pd.DataFrame

    @classmethod
    def of(cls, created: pd.DataFrame, wins: pd.DataFrame) -> "ArrivalHistory":
        """From the frames of `ForecastInputs`; what is known when is asked later."""
        columns = [column for column in SCOPE_COLUMNS.values() if column in created]
        keys = created[columns] if columns else pd.DataFrame(index=created.index)
        leaf, leaves = codes_of(keys if columns else keys.assign(company=COMPANY))
        team, names = pd.factorize(labels_of("team", leaves))
        first = wins.sort_values("known_at", kind="stable").drop_duplicates("deal_id")
        won = first.set_index("deal_id").reindex(created["deal_id"])
        clock = "known_at" if "known_at" in created else "created_at"
        return cls(
            leaves=leaves,
            leaf=leaf,
            leaf_team=np.asarray(team, dtype=np.intp),
            teams=tuple(names),
            created_at=_instants(created["created_at"]),
            known_at=_instants(created[clock]),
            closed_at=_instants(won["closed_at"].fillna(FAR_AHEAD)),
            closed_known_at=_instants(won["known_at"].fillna(FAR_AHEAD)),
            wins=wins,
        )

    def at(self, periods: Sequence[Period], as_of: pd.Timestamp) -> Arrivals:
        """The arrivals as known strictly before an instant; every leaf, also those with no deal."""
        now = as_of.to_datetime64()
        seen = (self.known_at < now) & (self.created_at < now)
        ages = (now - self.created_at[seen]) / DAY.to_timedelta64()
        span = float(np.clip(ages.max(), 1.0, TRAILING_DAYS)) if len(ages) else 1.0
        recent = self.leaf[seen][ages <= span]
        counts = np.bincount(recent, minlength=len(self.leaves)).astype(np.float64)
        curves = self._curves(np.flatnonzero(seen)[ages <= CURVE_DAYS], now)
        ordered = np.sort(ages)
        seasons = np.array([season_ratio(ordered, period, as_of) for period in periods])
        rests = [rest_days(period, as_of) for period in periods]
        exposed = np.array([[curve.exposure(*rest) for rest in rests] for curve in curves.values()])
        stratum = self._strata([*curves])
        return Arrivals(
            leaves=self.leaves,
            created_count=counts,
            expected_count=(counts / span)[:, None] * seasons * exposed[stratum],
            stratum=stratum,
            amounts=_amounts_by_stratum(recent_won(self.wins, as_of), [*curves]),
        )

    def _strata(self, names: Sequence[str]) -> NDArray[np.intp]:
        """(leaves,) the place of each leaf's team among the curves; the company's else."""
        places = {name: place for place, name in enumerate(names)}
        by_team = [places.get(team, places[COMPANY]) for team in self.teams]
        return np.array(by_team, dtype=np.intp)[self.leaf_team]

    def _curves(self, young: NDArray[np.intp], now: np.datetime64) -> dict[str, "WinCurve"]:
        """The company's creation-to-win curve, and one for each team with wins enough.

        A lost deal stays: it was followed to the as-of and not won, which is the risk set of the
        cumulative incidence where only the end of the following censors (Fine and Gray, 1999).
        """
        won = self.closed_known_at[young] < now
        until = np.where(won, self.closed_at[young], now)
        lag_days = np.maximum((until - self.created_at[young]) / DAY.to_timedelta64(), 0.0)
        team = self.leaf_team[self.leaf[young]]
        wins = np.bincount(team, won, len(self.teams))
        own = {self.teams[place]: team == place for place in np.flatnonzero(wins >= TEAM_WINS)}
        parts = {COMPANY: np.ones(len(young), dtype=bool)} | own
        return {name: _win_curve(lag_days[part], won[part]) for name, part in parts.items()}


def _instants(values: pd.Series) -> Instants:
    return values.to_numpy(dtype="datetime64[us]")


def season_ratio(ages: NDArray[np.float64], period: Period, as_of: pd.Timestamp) -> float:
    """How many more deals arrive in the rest of the period than in the trailing window.

    Read from the same two windows of earlier years, up to three, from the ages in days of all
    created deals, in order; 1 below two years of history.
    """
    ahead_days = rest_days(period, as_of)[1]
    oldest = float(ages[-1]) if len(ages) else 0.0
    years = int(min((oldest - TRAILING_DAYS) // 365, SEASON_YEARS))
    back = 365.0 * np.arange(1, years + 1, dtype=np.float64)
    back = back[back >= ahead_days]
    if oldest < SEASON_HISTORY_DAYS or ahead_days <= 0 or not len(back):
        return 1.0
    trailing = _counts_between(ages, back, back + TRAILING_DAYS)
    ahead = _counts_between(ages, back - ahead_days, back)
    ahead_rate = (ahead + SEASON_PRIOR * ahead_days / TRAILING_DAYS) / ahead_days
    ratio = ahead_rate * TRAILING_DAYS / (trailing + SEASON_PRIOR)
    return float(np.clip(ratio, *SEASON_BOUNDS))


def _counts_between(
    ages: NDArray[np.float64], youngest: NDArray[np.float64], oldest: NDArray[np.float64]
) -> float:
    """Mean count, over windows, of ages from `youngest` (exclusive) to `oldest`."""
    found = np.searchsorted(ages, oldest, "right") - np.searchsorted(ages, youngest, "right")
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


def _win_curve(lag_days: NDArray[np.float64], won: NDArray[np.bool_]) -> WinCurve:
    limit = product_limit(np.zeros(len(won), dtype=np.intp), lag_days, won.astype(np.intp))
    found, by = limit.curve()
    return WinCurve(lag_days=found, won=by)


def _amounts_by_stratum(
    wins: pd.DataFrame, strata: Sequence[str]
) -> tuple[NDArray[np.float64], ...]:
    """The won amounts to draw from; the company's where a team has too few with an amount."""
    amounts = wins["amount_company"].to_numpy(dtype=np.float64)
    pooled = amounts if len(amounts) else np.zeros(1)
    teams = labels_of("team", wins).to_numpy()
    own = (amounts[teams == name] for name in strata)
    return tuple(found if len(found) >= TEAM_WINS else pooled for found in own)
