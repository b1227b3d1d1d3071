"""The forecast as a publication holds it: rows by period, and what they were drawn from."""

import pandas as pd

from closecurve.models.forecast.horizon import PIVOT, all_periods
from closecurve.models.forecast.published import PublishedBasis
from closecurve.models.forecast.totals import DRAWS, Forecast
from closecurve.models.scopes import SCOPE_COLUMNS, labels_of
from closecurve.pipelines.bundling import Bundle
from closecurve.pipelines.forecasting import forecast_over
from closecurve.pipelines.revenue import RevenueFacts
from closecurve.stores.results.columns import FORECASTS


def forecast_tables(
    facts: RevenueFacts, open_deals: pd.DataFrame, bundle: Bundle, as_of: pd.Timestamp
) -> dict[str, pd.DataFrame]:
    """The tables forecasts (quarters), period_forecasts (all others) and forecast_basis."""
    horizon = all_periods(facts.calendar, as_of)
    made = forecast_over(facts, horizon, open_deals, bundle.deal, bundle.held_back)
    rows = made.rows.assign(cutoff=pd.Timestamp(bundle.reports["deal"]["cutoff"]))
    rows = rows[list(FORECASTS.names)]
    is_quarter = rows["period_kind"] == PIVOT
    content = published_basis(made, facts).to_json()
    return {
        "forecasts": rows[is_quarter].reset_index(drop=True),
        "period_forecasts": rows[~is_quarter].reset_index(drop=True),
        "forecast_basis": pd.DataFrame({"part": ["all"], "content": [content]}),
    }


def published_basis(made: Forecast, facts: RevenueFacts) -> PublishedBasis:
    """The basis with the names of what is in it."""
    base = made.base
    horizon = base.horizon
    inside = zip(horizon.periods, horizon.cells_of_period, strict=True)
    return PublishedBasis(
        basis=made.basis,
        deal_ids=base.deal_ids,
        labels={kind: labels_of(kind, base.leaves).to_numpy(dtype=str) for kind in SCOPE_COLUMNS},
        chains=facts.chains,
        bound_days=horizon.bound_days,
        periods={period.name: tuple(cells.nonzero()[0].tolist()) for (_, period), cells in inside},
        win_rate_ratio=facts.win_rate_ratio,
        draws=DRAWS,
    )
