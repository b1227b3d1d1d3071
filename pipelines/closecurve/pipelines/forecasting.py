"""The forecast of every period, put together from curves and history."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.crm.calendar import FiscalCalendar, Period
from closecurve.features.selected import FeatureSelection
from closecurve.features.subjects import DEAL
from closecurve.models.forecast.amounts import AmountChanges
from closecurve.models.forecast.combination import combine, prior_of
from closecurve.models.forecast.horizon import Horizon, near_quarters
from closecurve.models.forecast.inputs import ForecastInputs, rest_days, win_probability_between
from closecurve.models.forecast.past_sums import COLUMNS as PAST_COLUMNS
from closecurve.models.forecast.past_sums import PastSums, company_rests
from closecurve.models.forecast.rules import PastOrigins, origins, past_origins, period_at
from closecurve.models.forecast.series import series_forecasts
from closecurve.models.forecast.shocks import scope_errors
from closecurve.models.forecast.totals import Forecast, Lessons, forecast_all
from closecurve.models.held_back import Curves
from closecurve.models.scopes import SCOPE_COLUMNS, present_kinds
from closecurve.pipelines.fitting import Fitted
from closecurve.pipelines.panels import open_rows, snapshots
from closecurve.pipelines.revenue import RevenueFacts, with_product

__all__ = ["HeldBack", "RevenueFacts", "forecast_over", "forecast_quarters", "quarters"]

DEAL_COLUMNS = (
    *("deal_id", "owner_id", "team", "region", "stage", "amount_company", "expected_close_date"),
    *("forecast_category", "stage_rate_fixed", "stage_rate_history"),
)
"""What the forecast reads of an open deal, as far as the snapshot has it."""


def quarters(calendar: FiscalCalendar, as_of: pd.Timestamp) -> tuple[Period, Period]:
    """The running quarter and the next."""
    running = calendar.quarter_at(as_of)
    return running, calendar.quarter_after(running)


def forecast_quarters(
    facts: RevenueFacts,
    open_deals: pd.DataFrame,
    curve: Curves,
    held_back: "HeldBack | None",
    as_of: pd.Timestamp,
    *,
    seed: int = 0,
) -> pd.DataFrame:
    """The rows of the running and the next quarter for every scope: `forecast_over` them."""
    horizon = near_quarters(facts.calendar, as_of)
    return forecast_over(facts, horizon, open_deals, curve, held_back, seed=seed).rows


def forecast_over(
    facts: RevenueFacts,
    horizon: Horizon,
    open_deals: pd.DataFrame,
    curve: Curves,
    held_back: "HeldBack | None",
    *,
    seed: int = 0,
) -> Forecast:
    """The forecast of every period of a horizon, for every scope.

    `open_deals` are snapshots of the cohort with both stage rates. Without held-back curves (too
    little history) the past says nothing of the curves, and their error is the prior's: wider.
    """
    as_of = horizon.as_of
    past = None if held_back is None else PastDeals.of(facts, horizon, held_back)
    changes = AmountChanges() if past is None else AmountChanges.of(past.deals, facts.wins, as_of)
    sums = {} if past is None else past.sums(facts, float(changes.ratios.mean()))
    told = Told(facts=facts, as_of=as_of, sums=sums, series=series_forecasts(facts.wins, as_of))
    pasts = [told.past_origins(pivot) for pivot in horizon.pivots]
    inputs = _inputs(facts, _with_facts(open_deals, facts), changes)
    won_by = _won_by(curve, open_deals, horizon.bound_days)
    lessons = told.lessons(horizon, pasts)
    return forecast_all(inputs, horizon, won_by, pasts, lessons, seed=seed)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeldBack:
    """A curve that was trained on what was known before `start`: honest at any later origin."""

    curve: Curves
    start: pd.Timestamp
    selection: FeatureSelection

    @classmethod
    def of(cls, fitted: Fitted) -> "HeldBack | None":
        """The held-back curve of a training; None where held-back time was too short."""
        model, start = fitted.deal.held_back_model, fitted.deal.held_back_start
        if model is None or start is None:
            return None
        return cls(curve=model, start=start, selection=fitted.selection)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PastDeals:
    """What was open at past origins since the held-back start: snapshots in order of their as_of.

    `windows` are the periods that past origins can tell of, the first two pivots and cells;
    `won` (deals, windows) is the probability of a win in the rest of the like of each. Past origins
    are moved by whole weeks, so these lie equally many days ahead at each.
    """

    as_of: pd.Timestamp
    windows: tuple[Period, ...]
    deals: pd.DataFrame
    won: NDArray[np.float64]

    @classmethod
    def of(cls, facts: RevenueFacts, horizon: Horizon, held_back: HeldBack) -> "PastDeals":
        """The snapshots, with what the held-back curve says of them."""
        told = {each.name: each for each in (*horizon.pivots[:2], *horizon.cells[:2])}
        windows, as_of = tuple(told.values()), horizon.as_of
        grids = [origins(each, as_of, facts.calendar).iloc[1:] for each in windows]
        as_ofs = sorted({at for grid in grids for at in grid["as_of"] if at >= held_back.start})
        asked = open_rows(facts.tables, DEAL, as_ofs)
        rows = snapshots(facts.tables, DEAL, asked, held_back.selection)
        days = [rest_days(each, as_of) for each in windows]
        by_day = _won_by(held_back.curve, rows, np.ravel(days)).reshape(len(rows), len(windows), 2)
        won = [win_probability_between(by_day[:, place]) for place in range(len(windows))]
        return cls(
            as_of=as_of,
            windows=windows,
            deals=with_product(rows, facts.products),
            won=np.column_stack(won),
        )

    def sums(self, facts: RevenueFacts, ratio: float) -> Mapping[str, pd.DataFrame]:
        """By the window's name: `PastSums.at` every past origin that it has.

        `ratio` is the mean of the amount at the win over that before.
        """
        sums = PastSums.of(self.deals, facts.wins, facts.created, self.as_of)
        grids = [origins(each, self.as_of, facts.calendar) for each in self.windows]
        found: dict[str, list[pd.DataFrame]] = {each.name: [] for each in self.windows}
        for at, rows in self._origins():
            places = [_place(grid, at) for grid in grids]
            told = [window for window, place in enumerate(places) if place]
            moved = [period_at(grids[w], places[w], facts.calendar) for w in told]
            made = sums.at(rows, self.won[rows][:, told], moved, at, ratio)
            for window, part in zip(told, made, strict=True):
                found[self.windows[window].name].append(part)
        return {name: pd.concat(parts) for name, parts in found.items() if parts}

    def _origins(self) -> Iterator[tuple[pd.Timestamp, slice]]:
        """Every as-of with its rows."""
        if self.deals.empty:
            return
        at = self.deals["as_of"]
        starts = np.flatnonzero(at.ne(at.shift()).to_numpy())
        for start, stop in zip(starts, [*starts[1:], len(at)], strict=True):
            yield pd.Timestamp(at.iloc[start]), slice(int(start), int(stop))


def _place(grid: pd.DataFrame, at: pd.Timestamp) -> int:
    """The place of a past origin in a grid, 0 where it is none of it."""
    found = np.flatnonzero((grid["as_of"] == at).to_numpy())
    return int(found[0]) if len(found) else 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Told:
    """What the past tells as of an instant: `sums` of `PastDeals`, `series` of won amounts."""

    facts: RevenueFacts
    as_of: pd.Timestamp
    sums: Mapping[str, pd.DataFrame]
    series: pd.DataFrame

    def past_origins(self, period: Period) -> PastOrigins:
        """What every rule said of the likes of a period."""
        sums = self.sums.get(period.name)
        rests = None if sums is None else company_rests(sums)
        facts = self.facts
        return past_origins(facts.wins, period, self.as_of, facts.calendar, rests, self.series)

    def lessons(self, horizon: Horizon, pasts: Sequence[PastOrigins]) -> Lessons:
        """The errors of scopes, from the running quarter's past origins, and of the first cells."""
        sums = self.sums.get(horizon.pivots[0].name, pd.DataFrame(columns=PAST_COLUMNS))
        kinds = present_kinds([self.facts.wins])
        return Lessons(
            scope_errors=scope_errors(sums, kinds, prior_of(pasts[0])),
            cell_errors=self._cell_errors(horizon, pasts),
        )

    def _cell_errors(self, horizon: Horizon, pasts: Sequence[PastOrigins]) -> tuple[float, float]:
        """What the error of the first two cells is beyond that of their pivots; 0 where cells are
        pivots."""
        found = []
        for cell, pivot in zip(horizon.cells[:2], horizon.pivot_of_cell[:2], strict=True):
            own = self.past_origins(cell)
            error, whole = (combine(past, np.nan).error for past in (own, pasts[pivot]))
            found.append(float(np.sqrt(max(error**2 - whole**2, 0.0))))
        return found[0], found[-1]


def _inputs(
    facts: RevenueFacts, open_deals: pd.DataFrame, changes: AmountChanges
) -> ForecastInputs:
    columns = [*DEAL_COLUMNS, *SCOPE_COLUMNS.values()]
    kept = open_deals[[name for name in dict.fromkeys(columns) if name in open_deals]]
    return ForecastInputs(
        open_deals=kept.assign(
            win_probability_period=0.0, amount_factor=changes.factors(open_deals)
        ),
        wins=facts.wins,
        created=facts.created,
        targets=facts.targets,
        amount_ratios=changes.ratios,
        chains=facts.chains,
        data_until=facts.data_until,
    )


def _with_facts(open_deals: pd.DataFrame, facts: RevenueFacts) -> pd.DataFrame:
    """The deals with their product and forecast category, where the company keeps such."""
    deals = with_product(open_deals, facts.products)
    if facts.categories.empty:
        return deals
    return deals.assign(forecast_category=deals["deal_id"].map(facts.categories))


def _won_by(curve: Curves, rows: pd.DataFrame, days: NDArray[np.float64]) -> NDArray[np.float64]:
    """(rows, days) the probability of a win by each day from the as-of."""
    if rows.empty:
        return np.zeros((0, len(days)))
    found = curve.predict_cumulative_incidence(rows, days)[:, 1]
    return np.asarray(found, dtype=np.float64)
