"""The revenue forecast of a period, by company, team, owner, region and product.

Total = booked + (open + new) x what past origins taught: the curves' sum is scaled to the
combination with the top-down rules, and one shock, common to all deals, carries the error that the
combination had. Every draw holds all scopes, so a roll-up adds up in each of them.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.crm.calendar import Period
from closecurve.crm.errors import UsageError
from closecurve.models.forecast.arrivals import Arrivals, arrivals
from closecurve.models.forecast.combination import Combination, combine
from closecurve.models.forecast.draws import open_draws
from closecurve.models.forecast.inputs import ForecastInputs, known
from closecurve.models.forecast.rules import PastOrigins
from closecurve.models.forecast.targets import targets_for
from closecurve.models.scopes import Scopes
from closecurve.models.weighted import weighted_pipeline

LEVELS = {"q05": 0.05, "q10": 0.1, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q90": 0.9, "q95": 0.95}

DATES = ("as_of", "period_name", "period_start", "period_end")

DRAWS = 4000
"""The q10 of 4,000 draws is off by half a hundredth of probability."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BottomUp:
    """What curves and arrivals alone give for the rest of the period: booked, open and new.

    `booked`, `open_mean`, `new_mean` are (scopes,), in the company's currency.
    """

    scopes: Scopes
    arrivals: Arrivals
    booked: NDArray[np.float64]
    open_mean: NDArray[np.float64]
    new_mean: NDArray[np.float64]

    @property
    def rest(self) -> float:
        """The company's expected amount in the rest of the period."""
        return float(self.open_mean[0] + self.new_mean[0])


def expected_rest(inputs: ForecastInputs, period: Period, as_of: pd.Timestamp) -> float:
    """`BottomUp.rest` alone, which is all that a past origin is asked for."""
    new = arrivals(inputs, period, as_of).expected()
    return float(inputs.open_expected(as_of).sum() + new.sum())


def bottom_up(inputs: ForecastInputs, period: Period, as_of: pd.Timestamp) -> BottomUp:
    """The sum of curves and arrivals by scope, without draws."""
    scopes = inputs.scopes(as_of)
    new = arrivals(inputs, period, as_of)
    booked = known(_closed_in(inputs.wins, period), as_of)
    return BottomUp(
        scopes=scopes,
        arrivals=new,
        booked=scopes.sums(booked, _amounts(booked)),
        open_mean=scopes.sums(inputs.open_deals, inputs.open_expected(as_of)),
        new_mean=scopes.sums(new.leaves, new.expected()),
    )


def forecast(
    inputs: ForecastInputs,
    period: Period,
    as_of: pd.Timestamp,
    past: PastOrigins,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> pd.DataFrame:
    """One row for each scope, company first: the columns of `forecast.parquet` and carried_by.

    as_of, period_name, period_start, period_end (dates, the end exclusive), scope_kind, scope,
    booked, open_mean, new_mean, mean (their sum), q05 … q95, weighted_pipeline_fixed and
    weighted_pipeline_history (open deals due, without booked), target, target_probability (of the
    target or more), actual (null where the period has not ended by `data_until`), carried_by.
    Owners who won their first deal after `as_of` have no row; the company's actual has their wins.
    The same inputs and seed give the same frame. Raises UsageError where `past` was made for
    another as-of or period, or `draws` is below 1.
    """
    _check(period, as_of, past, draws)
    base = bottom_up(inputs, period, as_of)
    combined = combine(past, base.rest)
    totals = simulate(inputs, base, combined, as_of, draws=draws, seed=seed)
    target = targets_for(inputs.targets, base.scopes, period)
    columns = _means(base, combined) | _quantiles(totals)
    columns |= {
        name: weighted_pipeline(inputs.open_deals, rate, base.scopes, period)
        for name, rate in (
            ("weighted_pipeline_fixed", "stage_rate_fixed"),
            ("weighted_pipeline_history", "stage_rate_history"),
        )
    }
    columns |= {"target": target, "target_probability": reached(totals, base.booked, target)}
    columns["actual"] = _actual(inputs, base.scopes, period)
    rows = base.scopes.frame().assign(**columns, carried_by=combined.carried_by)
    return _dated(rows, period, as_of)


def simulate(
    inputs: ForecastInputs,
    base: BottomUp,
    combined: Combination,
    as_of: pd.Timestamp,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> NDArray[np.float64]:
    """(scopes, draws) totals of the period, aligned with `base.scopes`.

    The shock is one for all scopes of a draw, lognormal with mean 1.
    """
    rng = np.random.default_rng(seed)
    rest = open_draws(
        inputs.open_deals["win_probability_period"].to_numpy(dtype=np.float64),
        inputs.open_amounts(as_of),
        np.asarray(inputs.amount_ratios, dtype=np.float64),
        base.scopes.membership(inputs.open_deals),
        draws,
        rng,
    )
    rest += base.arrivals.draws(base.scopes.membership(base.arrivals.leaves), draws, rng)
    shock = np.exp(combined.error * rng.standard_normal(draws) - combined.error**2 / 2)
    return np.asarray(base.booked[:, None] + rest * (_scale(base, combined) * shock))


def _scale(base: BottomUp, combined: Combination) -> float:
    """What the rest is multiplied by; where the curves give nothing there is nothing to scale."""
    return combined.rest / base.rest if base.rest > 0 else 1.0


def _means(base: BottomUp, combined: Combination) -> dict[str, NDArray[np.float64]]:
    scale = _scale(base, combined)
    parts = {
        "booked": base.booked,
        "open_mean": base.open_mean * scale,
        "new_mean": base.new_mean * scale,
    }
    return parts | {"mean": np.sum(list(parts.values()), axis=0)}


def _quantiles(totals: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    found = np.quantile(totals, list(LEVELS.values()), axis=1)
    return dict(zip(LEVELS, found, strict=True))


def reached(
    totals: NDArray[np.float64], booked: NDArray[np.float64], target: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(scopes,) probability of the target or more; NaN without a target.

    The share of draws that reach it, half a draw added to either side: draws make nothing certain.
    What is booked is certain.
    """
    share = ((totals >= target[:, None]).sum(axis=1) + 0.5) / (totals.shape[1] + 1)
    return np.where(np.isnan(target), np.nan, np.where(booked >= target, 1.0, share))


def _actual(inputs: ForecastInputs, scopes: Scopes, period: Period) -> NDArray[np.float64]:
    if inputs.data_until is None or inputs.data_until < period.end_at:
        return np.full(len(scopes), np.nan)
    wins = _closed_in(inputs.wins, period)
    return scopes.sums(wins, _amounts(wins))


def _closed_in(wins: pd.DataFrame, period: Period) -> pd.DataFrame:
    return wins[(wins["closed_at"] >= period.start_at) & (wins["closed_at"] < period.end_at)]


def _amounts(wins: pd.DataFrame) -> NDArray[np.float64]:
    return wins["amount_company"].fillna(0.0).to_numpy(dtype=np.float64)


def _dated(rows: pd.DataFrame, period: Period, as_of: pd.Timestamp) -> pd.DataFrame:
    dated = rows.assign(
        as_of=as_of,
        period_name=period.name,
        period_start=period.start_date,
        period_end=period.end_date,
    )
    return dated[[*DATES, *rows.columns]]


def _check(period: Period, as_of: pd.Timestamp, past: PastOrigins, draws: int) -> None:
    if (past.as_of, past.period_end) != (as_of, period.end_at):
        raise UsageError(
            "forecast-origin",
            f"past origins are made for the forecast's as-of and period, {as_of} and"
            f" {period.end_at}, got {past.as_of} and {past.period_end}",
        )
    if draws < 1:
        raise UsageError("forecast-draws", f"draws are 1 or more, got {draws!r}")
