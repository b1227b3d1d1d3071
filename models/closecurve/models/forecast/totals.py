"""The revenue forecast of periods, by company, team, owner, manager, region and product.

Total = booked + (open + new) x what past origins taught: the curves' sum is scaled to the
combination with the top-down rules, and shocks carry the error that the combination had. Every draw
holds all scopes and periods, so a roll-up adds up in each of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csc_array

from closecurve.crm.calendar import Period
from closecurve.crm.errors import UsageError
from closecurve.models.forecast.arrivals import arrivals
from closecurve.models.forecast.combination import Combination, combine
from closecurve.models.forecast.horizon import Horizon, one_period
from closecurve.models.forecast.inputs import ForecastInputs, known
from closecurve.models.forecast.rules import RULES, PastOrigins
from closecurve.models.forecast.shocks import Structure
from closecurve.models.forecast.simulation import Basis, few, no_shocks, simulate
from closecurve.models.forecast.targets import targets_for
from closecurve.models.product_limit import codes_of
from closecurve.models.scopes import SCOPE_COLUMNS, Scopes
from closecurve.models.weighted import category_amounts, weighted_pipeline

LEVELS = {"q05": 0.05, "q10": 0.1, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q90": 0.9, "q95": 0.95}

DATES = ("as_of", "period_kind", "period_name", "period_start", "period_end")

DRAWS = 4093
"""A prime; the q10 of so many draws is off by less than half a hundredth of probability."""

RATES = {
    "weighted_pipeline_fixed": "stage_rate_fixed",
    "weighted_pipeline_history": "stage_rate_history",
}
"""The weighted pipelines with the column of their rates."""

Floats = NDArray[np.float64]
Kind = TypeVar("Kind", bound=np.generic)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lessons:
    """What past origins taught beyond the weights of the rules.

    `scope_errors` by scope kind, see `shocks.scope_errors`; `cell_errors`, how far the first cell,
    and the second and all later ones, stray within their pivot.
    """

    scope_errors: Mapping[str, float] = field(default_factory=dict)
    cell_errors: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BottomUp:
    """What curves and arrivals alone give: `basis` has a scale of 1 and no shocks.

    `leaves` are the mixes of owner, team, region and product; `deal_ids` are in the order of the
    deals of the basis; `booked` is (periods, scopes), in the company's currency.
    """

    horizon: Horizon
    scopes: Scopes
    leaves: pd.DataFrame
    deal_ids: tuple[str, ...]
    basis: Basis
    booked: Floats

    @property
    def cell_rests(self) -> Floats:
        """(cells,) the company's expected amount in the rest of each cell."""
        expected = self.basis.open_expected() + self.basis.new_expected()
        return np.asarray(expected.sum(axis=0), dtype=np.float64)

    @property
    def pivot_rests(self) -> Floats:
        """(pivots,) the same of each pivot."""
        places = self.horizon.pivot_of_cell
        found = np.bincount(places, self.cell_rests, len(self.horizon.pivots))
        return np.asarray(found, dtype=np.float64)

    def membership(self) -> csc_array:
        """(scopes, leaves) which leaf adds to which scope."""
        return self.scopes.membership(self.leaves)


def bottom_up(
    inputs: ForecastInputs, horizon: Horizon, won_by: Floats, *, seed: int = 0
) -> BottomUp:
    """Curves and arrivals by leaf and cell.

    `won_by` (deals, cells + 1) is the cumulative incidence of winning at `horizon.bound_days`.
    """
    as_of = horizon.as_of
    new = arrivals(inputs, horizon.cells, as_of)
    leaf, leaves = codes_of(pd.concat([_keys(inputs.open_deals), _keys(new.leaves)]))
    of_deal, of_new = np.split(leaf, [len(inputs.open_deals)])
    order = np.argsort(of_deal, kind="stable")
    scopes = inputs.scopes(as_of)
    return BottomUp(
        horizon=horizon,
        scopes=scopes,
        leaves=leaves,
        deal_ids=tuple(inputs.open_deals["deal_id"].iloc[order]),
        basis=Basis(
            leaf=of_deal[order],
            amount=inputs.open_amounts(as_of)[order],
            ratios=few(np.asarray(inputs.amount_ratios, dtype=np.float64)),
            won_by=np.maximum.accumulate(won_by[order], axis=1),
            created_count=_spread(new.created_count, of_new, len(leaves)),
            expected_count=_spread(new.expected_count, of_new, len(leaves)),
            stratum=_spread(new.stratum, of_new, len(leaves)),
            amounts=tuple(few(each) for each in new.amounts),
            scale=np.ones(len(horizon.cells)),
            shocks=no_shocks(len(horizon.cells)),
            seed=seed,
        ),
        booked=np.array([_booked(inputs, scopes, each, as_of) for _, each in horizon.periods]),
    )


def _keys(rows: pd.DataFrame) -> pd.DataFrame:
    """The columns that make a leaf, null where the rows have none."""
    return rows.reindex(columns=[*SCOPE_COLUMNS.values()]).astype("str")


def _spread(values: NDArray[Kind], places: NDArray[np.intp], length: int) -> NDArray[Kind]:
    """Rows put at their places, zeros elsewhere."""
    made = np.zeros((length, *values.shape[1:]), dtype=values.dtype)
    made[places] = values
    return made


def _booked(inputs: ForecastInputs, scopes: Scopes, period: Period, as_of: pd.Timestamp) -> Floats:
    wins = known(_closed_in(inputs.wins, period), as_of)
    return scopes.sums(wins, _amounts(wins))


def taught(base: BottomUp, combined: Sequence[Combination], lessons: Lessons) -> Basis:
    """The basis with the scale of each pivot and with the shocks that past origins taught."""
    pivot, rests, cells = base.horizon.pivot_of_cell, base.pivot_rests, base.cell_rests
    scale = np.array(
        [each.rest / rest if rest > 0 else 1.0 for each, rest in zip(combined, rests, strict=True)]
    )
    error = np.array([each.error for each in combined])
    first, later = lessons.cell_errors
    cell = np.array([first, *[later] * (len(cells) - 1)])
    shares = np.divide(cells, rests[pivot], out=np.zeros_like(cells), where=rests[pivot] > 0)
    within = np.bincount(pivot, (shares * cell) ** 2, len(rests)).astype(np.float64)
    structure = Structure(leaves=base.leaves, weight=base.basis.leaf_expected())
    return replace(
        base.basis,
        scale=scale[pivot],
        shocks=structure.shocks(error[pivot], cell, within[pivot], lessons.scope_errors),
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
    """One row for each scope of one quarter, by `win_probability_period`: see `forecast_all`."""
    horizon = one_period(period, as_of)
    won = inputs.open_deals["win_probability_period"].to_numpy(dtype=np.float64)
    won_by = np.column_stack([np.zeros(len(won)), won])
    return forecast_all(inputs, horizon, won_by, [past], draws=draws, seed=seed).rows


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Forecast:
    """The rows of a forecast, and what they were drawn from: for asking what if."""

    rows: pd.DataFrame
    base: BottomUp
    basis: Basis


def forecast_all(
    inputs: ForecastInputs,
    horizon: Horizon,
    won_by: Floats,
    pasts: Sequence[PastOrigins],
    lessons: Lessons | None = None,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> Forecast:
    """Rows for each period and scope, company first: the columns of `forecast.parquet` and more.

    as_of, period_kind, period_name, period_start, period_end (dates, the end exclusive),
    scope_kind, scope, booked, open_mean, new_mean, mean (their sum), q05 … q95,
    weighted_pipeline_fixed and weighted_pipeline_history (open deals due, without booked), target,
    target_probability (of the target or more), actual (null where the period has not ended by
    `data_until`), carried_by, rule_weights (by rule, they sum to 1), commit_amount and
    best_case_amount (as the weighted pipelines).
    Owners who won their first deal after `as_of` have no row; the company's actual has their wins.
    The same inputs and seed give the same rows.

    `won_by` is that of `bottom_up`, `pasts` are the past origins of each pivot. Raises UsageError
    where these were made for another as-of or period, or for draws outside 1 to 46,340.
    """
    for pivot, past in zip(horizon.pivots, pasts, strict=True):
        _check(pivot, horizon.as_of, past)
    base = bottom_up(inputs, horizon, won_by, seed=seed)
    combined = [
        combine(past, float(rest)) for past, rest in zip(pasts, base.pivot_rests, strict=True)
    ]
    basis = taught(base, combined, lessons or Lessons())
    rest = simulate(basis, base.membership(), horizon.cells_of_period, draws)
    means = _means(base, basis)
    weights = _period_weights(base, basis, combined)
    rows = [
        _rows(inputs, base, place, rest[place], means[:, place], weights[place])
        for place in range(len(horizon.periods))
    ]
    return Forecast(rows=pd.concat(rows, ignore_index=True), base=base, basis=basis)


def _means(base: BottomUp, basis: Basis) -> Floats:
    """(2, periods, scopes) expected amounts: of open deals, of new ones."""
    members = base.membership()
    cells = base.horizon.cells_of_period.astype(np.float64)
    parts = (basis.open_expected(), basis.new_expected())
    return np.array([cells @ (members @ (part * basis.scale)).T for part in parts])


def _period_weights(
    base: BottomUp, basis: Basis, combined: Sequence[Combination]
) -> list[dict[str, float]]:
    """By period: the weight of each rule, that of its pivots by what each still brings."""
    rests = base.cell_rests * basis.scale
    of_cell = np.array([[c.weights[rule] for rule in RULES] for c in combined])
    of_cell = of_cell[base.horizon.pivot_of_cell]
    found = []
    for cells in base.horizon.cells_of_period:
        share = rests * cells if (rests * cells).sum() > 0 else cells.astype(np.float64)
        mixed = share @ of_cell / share.sum()
        found.append(dict(zip(RULES, mixed.tolist(), strict=True)))
    return found


def _rows(
    inputs: ForecastInputs,
    base: BottomUp,
    place: int,
    rest: Floats,
    means: Floats,
    weights: dict[str, float],
) -> pd.DataFrame:
    """The rows of one period: `rest` (scopes, draws), `means` (2, scopes)."""
    (kind, period), scopes = base.horizon.periods[place], base.scopes
    booked = base.booked[place]
    totals = booked[:, None] + rest
    target = targets_for(inputs.targets, scopes, period)
    columns = {"booked": booked, "open_mean": means[0], "new_mean": means[1]}
    columns |= {"mean": booked + means.sum(axis=0)} | _quantiles(totals)
    for name, rate in RATES.items():
        columns[name] = weighted_pipeline(inputs.open_deals, rate, scopes, period)
    columns |= {"target": target, "target_probability": reached(totals, booked, target)}
    columns |= {"actual": _actual(inputs, scopes, period)}
    columns |= category_amounts(inputs.open_deals, scopes, period)
    rows = scopes.frame().assign(**columns, carried_by=max(weights, key=lambda r: weights[r]))
    rows["rule_weights"] = pd.Series([weights] * len(rows), index=rows.index, dtype=object)
    return _dated(rows, kind, period, base.horizon.as_of)


def _quantiles(totals: Floats) -> dict[str, Floats]:
    found = np.quantile(totals, list(LEVELS.values()), axis=1)
    return dict(zip(LEVELS, found, strict=True))


def reached(totals: Floats, booked: Floats, target: Floats) -> Floats:
    """(scopes,) probability of the target or more; NaN without a target.

    The share of draws that reach it, half a draw added to either side: draws make nothing certain.
    What is booked is certain.
    """
    share = ((totals >= target[:, None]).sum(axis=1) + 0.5) / (totals.shape[1] + 1)
    return np.where(np.isnan(target), np.nan, np.where(booked >= target, 1.0, share))


def _actual(inputs: ForecastInputs, scopes: Scopes, period: Period) -> Floats:
    if inputs.data_until is None or inputs.data_until < period.end_at:
        return np.full(len(scopes), np.nan)
    wins = _closed_in(inputs.wins, period)
    return scopes.sums(wins, _amounts(wins))


def _closed_in(wins: pd.DataFrame, period: Period) -> pd.DataFrame:
    return wins[(wins["closed_at"] >= period.start_at) & (wins["closed_at"] < period.end_at)]


def _amounts(wins: pd.DataFrame) -> Floats:
    return wins["amount_company"].fillna(0.0).to_numpy(dtype=np.float64)


def _dated(rows: pd.DataFrame, kind: str, period: Period, as_of: pd.Timestamp) -> pd.DataFrame:
    dated = rows.assign(
        as_of=as_of,
        period_kind=kind,
        period_name=period.name,
        period_start=period.start_date,
        period_end=period.end_date,
    )
    return dated[[*DATES, *rows.columns]]


def _check(period: Period, as_of: pd.Timestamp, past: PastOrigins) -> None:
    if (past.as_of, past.period_end) != (as_of, period.end_at):
        raise UsageError(
            "forecast-origin",
            f"past origins are made for the forecast's as-of and period, {as_of} and"
            f" {period.end_at}, got {past.as_of} and {past.period_end}",
        )
