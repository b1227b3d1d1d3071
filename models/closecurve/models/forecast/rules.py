"""Top-down forecasts of what a period still brings, from won amounts alone, at any past origin.

An origin is an as-of with its period. Past origins are today's moved back by whole weeks together
with its period and the last period's end, so that windows have equal length and stand equally to
each other; what each rule said then is compared with what came.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.crm.calendar import FiscalCalendar, Period
from closecurve.crm.errors import UsageError
from closecurve.models.forecast.inputs import known
from closecurve.models.forecast.series import rest_of
from closecurve.models.spans import days_of

DAY = pd.Timedelta(days=1)
WEEK = pd.Timedelta(days=7)

BOTTOM_UP = "bottom_up"
TOP_DOWN = ("run_rate", "same_days", "last_quarter", "last_year")
THETA = "theta"
RULES = (BOTTOM_UP, *TOP_DOWN, THETA)
"""The rules that are combined: the curves added up, and five readings of won amounts.

- `run_rate`: the daily won amount of the trailing 90 days, for every day that is left;
- `same_days`: what the last period brought in as many days before its end;
- `last_quarter`: the last period's total less what is won so far (in a running period only: before
  it begins that is `same_days`);
- `last_year`: what came in as many days before the end of the period a year ago; of a period more
  than a year ahead, of the last such period that is over;
- `theta`: sums of four weeks carried on by the Theta method (`closecurve.models.forecast.series`).
"""

RUN_RATE_DAYS = 90
LEAST_RUN_DAYS = 28
"""A run rate stands on four whole weeks or more."""

FAR_AHEAD = pd.Timestamp("2200-01-01")

MOST_ORIGINS = 52
"""A year of weekly origins: older ones speak of another company."""


def origins(
    period: Period, as_of: pd.Timestamp, calendar: FiscalCalendar, most: int = MOST_ORIGINS
) -> pd.DataFrame:
    """Today's origin, then up to `most` past ones, latest first, whose period ended by `as_of`.

    Columns: as_of, period_start, period_end, last_end (end of the last period that is over),
    year_end (the period's end in the last year that has seen it); all UTC instants. A past origin's
    curves are to be held back: nothing known at or after its as_of.
    """
    running = period if as_of >= period.start_at else calendar.quarter_at(as_of)
    today = {
        "as_of": as_of,
        "period_start": period.start_at,
        "period_end": period.end_at,
        "last_end": min(running.start_at, period.start_at),
        "year_end": _year_end(period, as_of),
    }
    ahead_weeks = max(int(np.ceil((period.end_at - as_of) / WEEK)), 1)
    weeks = np.concatenate([[0], ahead_weeks + np.arange(most)])
    moved = pd.to_timedelta(7 * weeks, unit="D").to_numpy()
    return pd.DataFrame(
        {name: pd.Timestamp(at).to_datetime64() - moved for name, at in today.items()}
    )


def _year_end(period: Period, as_of: pd.Timestamp) -> pd.Timestamp:
    """The period's end moved back by whole years, one at least, until it is over."""
    years = 1
    while period.end_at - pd.DateOffset(years=years) > as_of:
        years += 1
    return period.end_at - pd.DateOffset(years=years)


def period_at(grid: pd.DataFrame, place: int, calendar: FiscalCalendar) -> Period:
    """The period of one origin, counted from 0: a past one need not be a fiscal quarter."""
    start_at, end_at = (grid[name].iloc[place] for name in ("period_start", "period_end"))
    noon = pd.Timedelta(hours=12)
    first, last = (calendar.local(at + noon).date() for at in (start_at, end_at))
    return Period(
        start_at=start_at, end_at=end_at, start_date=first, end_date=last, name=f"from {first}"
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WonAmounts:
    """Wins in order of their close: sums of any window as known at any instant."""

    closed_at: NDArray[np.datetime64]
    known_at: NDArray[np.datetime64]
    amount: NDArray[np.float64]

    @classmethod
    def of(cls, wins: pd.DataFrame) -> "WonAmounts":
        """From a frame with closed_at, known_at, amount_company; a null amount counts 0."""
        ordered = wins.sort_values("closed_at", kind="stable")
        return cls(
            closed_at=ordered["closed_at"].to_numpy(dtype="datetime64[us]"),
            known_at=ordered["known_at"].to_numpy(dtype="datetime64[us]"),
            amount=ordered["amount_company"].fillna(0.0).to_numpy(dtype=np.float64),
        )

    def between(
        self, start: pd.Series, end: pd.Series, known_before: pd.Series, power: int = 1
    ) -> NDArray[np.float64]:
        """(origins,) sum of amount**power closed in [start, end), known before `known_before`."""
        low, high = (np.searchsorted(self.closed_at, at.to_numpy()) for at in (start, end))
        windows = zip(low, high, known_before.to_numpy(), strict=True)
        return np.array([self._sum(*window, power) for window in windows])

    def _sum(self, low: int, high: int, known_before: np.datetime64, power: int) -> float:
        seen = self.known_at[low:high] < known_before
        return float((self.amount[low:high][seen] ** power).sum())

    def rules(self, grid: pd.DataFrame) -> pd.DataFrame:
        """What each top-down rule gives for the rest of each origin's period; columns `TOP_DOWN`.

        NaN where a rule looks back before the first win, or is not defined.
        """
        as_of, end = grid["as_of"], grid["period_end"]
        rest = end - _rest_start(grid)
        length = end - grid["period_start"]
        values = {
            "run_rate": self._run_rate(grid, rest),
            "same_days": self._window(grid["last_end"] - rest, grid["last_end"], as_of),
            "last_quarter": self._last_quarter(grid, length),
            "last_year": self._window(grid["year_end"] - rest, grid["year_end"], as_of),
        }
        return pd.DataFrame(values, index=grid.index)

    def _run_rate(self, grid: pd.DataFrame, rest: pd.Series) -> NDArray[np.float64]:
        as_of = grid["as_of"]
        start = (as_of - RUN_RATE_DAYS * DAY).clip(
            lower=pd.Series(self.first_close_at, index=grid.index)
        )
        days = days_of(as_of - start)
        won = self.between(start, as_of, as_of)
        rate = np.divide(won, days, out=np.full(len(grid), np.nan), where=days >= LEAST_RUN_DAYS)
        return np.asarray(rate * days_of(rest), dtype=np.float64)

    def _last_quarter(self, grid: pd.DataFrame, length: pd.Series) -> NDArray[np.float64]:
        total = self._window(grid["last_end"] - length, grid["last_end"], grid["as_of"])
        left = np.maximum(total - self.booked(grid), 0.0)
        return np.where(grid["as_of"] > grid["period_start"], left, np.nan)

    def _window(self, start: pd.Series, end: pd.Series, as_of: pd.Series) -> NDArray[np.float64]:
        whole = (start >= self.first_close_at).to_numpy()
        return np.where(whole, self.between(start, end, as_of), np.nan)

    def booked(self, grid: pd.DataFrame) -> NDArray[np.float64]:
        """(origins,) won in the period and known before the as-of."""
        return self.between(grid["period_start"], grid["period_end"], grid["as_of"])

    @property
    def first_close_at(self) -> pd.Timestamp:
        """Where the history of won amounts begins; far ahead if there is none."""
        return pd.Timestamp(self.closed_at[0]) if len(self.closed_at) else FAR_AHEAD


def _rest_start(grid: pd.DataFrame) -> pd.Series:
    return grid["as_of"].clip(lower=grid["period_start"], upper=grid["period_end"])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PastOrigins:
    """What each rule says of the rest of today's period, and said at past origins.

    - `today`: the rules' values now, `bottom_up` aside; NaN for a rule that has no history yet;
    - `past`: one row for each past origin, latest first: as_of, period_start, period_end, `actual`
      (won in the rest of the period), `squares` (the sum of its squared amounts, the variance that
      counting alone gives it), and the rules.
    - `usual_amount`: the mean won amount, the yardstick of what is negligible.
    """

    as_of: pd.Timestamp
    period_end: pd.Timestamp
    today: pd.Series
    past: pd.DataFrame
    usual_amount: float


def past_origins(
    wins: pd.DataFrame,
    period: Period,
    as_of: pd.Timestamp,
    calendar: FiscalCalendar,
    bottom_up: pd.DataFrame | None = None,
    series: pd.DataFrame | None = None,
) -> PastOrigins:
    """The rules at today's and at the past origins, and what came, from wins known by `as_of`.

    `bottom_up` (as_of, rest) has the mean that held-back curves gave for the rest of the period at
    any of the past `origins`, in the company's currency; `series` is `series_forecasts` as of the
    instant. Raises UsageError for an as_of of `bottom_up` that is no origin.
    """
    seen = known(wins, as_of)
    won, grid = WonAmounts.of(seen), origins(period, as_of, calendar)
    rules = won.rules(grid)
    past = grid.iloc[1:].join(rules).join(_actuals(won, grid.iloc[1:], as_of))
    past[BOTTOM_UP] = _bottom_up_at(past["as_of"], bottom_up)
    theta = _theta_at(grid, series)
    past[THETA] = theta.iloc[1:]
    mean = seen["amount_company"].mean()
    return PastOrigins(
        as_of=as_of,
        period_end=period.end_at,
        today=pd.concat([rules.iloc[0], pd.Series({THETA: theta.iloc[0]})]),
        past=past[past["as_of"] > won.first_close_at],
        usual_amount=float(mean) if mean > 0 else 1.0,
    )


def _actuals(won: WonAmounts, grid: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    now = pd.Series(as_of, index=grid.index)
    total = won.between(grid["period_start"], grid["period_end"], now)
    start = _rest_start(grid)
    squares = won.between(start, grid["period_end"], now, power=2)
    return pd.DataFrame({"actual": total - won.booked(grid), "squares": squares}, index=grid.index)


def _bottom_up_at(as_of: pd.Series, bottom_up: pd.DataFrame | None) -> pd.Series:
    if bottom_up is None:
        return pd.Series(np.nan, index=as_of.index)
    strange = bottom_up["as_of"][~bottom_up["as_of"].isin(as_of)]
    if len(strange):
        raise UsageError(
            "forecast-origin", f"a past origin is one of origins(…), got as_of {strange.iloc[0]}"
        )
    return as_of.map(bottom_up.set_index("as_of")["rest"]).astype("float64")


def _theta_at(grid: pd.DataFrame, series: pd.DataFrame | None) -> pd.Series:
    """What the series gives for the rest of each origin's period; NaN where it was not asked."""
    if series is None or series.empty:
        return pd.Series(np.nan, index=grid.index)
    today = grid.iloc[0]
    ahead = [(today[name] - today["as_of"]) / DAY for name in ("period_start", "period_end")]
    rests = rest_of(series, max(ahead[0], 0.0), max(ahead[1], 0.0))
    return grid["as_of"].map(rests).astype("float64")
