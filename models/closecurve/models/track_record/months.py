"""A peer: won amounts by month, carried on by exponential smoothing on the log scale.

Of the models without and with a damped trend, without and with a season of the year, the one of
least corrected AIC is taken (Hyndman et al. 2002, "AutoETS"), as statsmodels fits them.
"""

import warnings
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.crm.calendar import FiscalCalendar, Period
from closecurve.models.forecast.inputs import known
from closecurve.models.forecast.series import LITTLE

Floats = NDArray[np.float64]

LEAST_MONTHS = 12
SEASON_MONTHS = 12
LEAST_SEASONS = 2
MICROSECOND = pd.Timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MonthlySmoothing:
    """Totals of a period by smoothed months; each scope is fitted once a month.

    A fit sees what was known when its month began, so it is honest at every origin in the month.
    """

    calendar: FiscalCalendar
    fits: dict[tuple[str, str, pd.Timestamp], Floats] = field(default_factory=dict)

    def rest(
        self, scope: tuple[str, str], wins: pd.DataFrame, period: Period, as_of: pd.Timestamp
    ) -> float:
        """What a running period still brings after `as_of`; NaN before a year of months is known.

        `scope` is (kind, name), `wins` are those of the scope.
        """
        months = self._months(as_of, period)
        key = (*scope, months[0].start_at)
        if key not in self.fits:
            self.fits[key] = self._fit(known(wins, months[0].start_at), months[0])
        first = months[0]
        left = (first.end_at - as_of) / (first.end_at - first.start_at)
        return float(self.fits[key][: len(months)] @ np.array([left, *[1.0] * (len(months) - 1)]))

    def _months(self, as_of: pd.Timestamp, period: Period) -> list[Period]:
        months = [self.calendar.period_at("month", as_of)]
        while months[-1].end_at < period.end_at:
            months.append(self.calendar.period_at("month", months[-1].end_at))
        return months

    def _fit(self, wins: pd.DataFrame, month: Period) -> Floats:
        """(3,) the months of a quarter from `month` on."""
        sums = self._sums(wins, month)
        if len(sums) < LEAST_MONTHS:
            return np.full(3, np.nan)
        little = LITTLE * max(float(wins["amount_company"].mean()), 1.0)
        return np.maximum(np.exp(_smoothed(np.log(sums + little))) - little, 0.0)

    def _sums(self, wins: pd.DataFrame, month: Period) -> Floats:
        """Won in each whole month before `month`, oldest first; the first win's month is none."""
        if wins.empty:
            return np.zeros(0)
        edges = [month.start_at]
        while edges[0] > wins["closed_at"].min():
            edges.insert(0, self.calendar.period_at("month", edges[0] - MICROSECOND).start_at)
        amount = wins["amount_company"].fillna(0.0)
        inside = [(wins["closed_at"] >= a) & (wins["closed_at"] < b) for a, b in pairwise(edges)]
        return np.array([amount[each].sum() for each in inside[1:]])


def _smoothed(logs: Floats) -> Floats:
    """(3,) the series carried on by the best model; a level series stays where it is."""
    # A second to import, which only a back-test needs to spend.
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel

    if np.ptp(logs) == 0:
        return np.full(3, logs[-1])
    seasons = [None, "add"] if len(logs) > LEAST_SEASONS * SEASON_MONTHS else [None]
    fits = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for trend in (None, "add"):
            for season in seasons:
                model = ETSModel(
                    logs,
                    trend=trend,
                    damped_trend=trend is not None,
                    seasonal=season,
                    seasonal_periods=SEASON_MONTHS if season else None,
                )
                fits.append(model.fit(disp=False))
        best = min(fits, key=lambda fit: fit.aicc if np.isfinite(fit.aicc) else np.inf)
        return np.asarray(best.forecast(3), dtype=np.float64)
