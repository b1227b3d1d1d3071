"""Seasonality: a normal swing of won revenue told from an abnormal fall, with its date and size.

Monthly revenue is a log-linear trend times the month of the year, with errors whose variance grows
with the mean (quasi-Poisson, McCullagh and Nelder, 1989; fitted by statsmodels). A fall is a
lasting step down within the last two years. Its date is not known, so the largest step statistic
over these dates is held against the largest that chance makes (Andrews, 1993): simulated with the
company's own months, and with errors that follow each other as much as its own do.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

Verdict = Literal["not-enough-history", "usual-swing", "fall"]
Floats = NDArray[np.float64]

LEAST_MONTHS = 36
"""Three years: each month of the year three times."""

MOST_MONTHS = 72
"""Beyond six years one trend and one season would have to hold for two different companies."""

LEVEL = 0.05
POWER = 0.8
DRAWS = 1_000
DRAWS_OF_ONE = 200
"""Draws for each persistence that is tried."""

LEAST_AFTER = 2
"""One month alone is no lasting fall; it stands outside its interval instead."""
LEAST_BEFORE = 12
MOST_MONTHS_AGO = 24
"""What began two years ago and more is how things are by now."""
STATED_MONTHS_AGO = 6
"""The detectable fall is stated for one that began so many months before the end."""

PERSISTENCES = np.linspace(0.0, 0.8, 9)
"""Errors that fade more slowly could not be told from a trend in so few years."""

MONTH_COLUMNS = slice(2, 13)
"""Where the months of the year but January stand in the design."""

Z_80 = 1.2815515655446004
"""Half the width of an 80 % interval in standard errors."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Season:
    """What monthly won revenue tells of swings and falls.

    `months` has month (its first day), won_amount, expected (null without enough history), low and
    high (80 % of usual months lie between), and season (the month of the year against an average
    month: 0.1 is 10 % more). A fall has its first month, its size as a share of what was to be
    expected, and the 95 % interval of that; `detectable_fall` is the smallest share that is found
    four times in five six months after it began.
    """

    verdict: Verdict
    months: pd.DataFrame
    p_value: float | None = None
    swing_p_value: float | None = None
    fall_month: pd.Timestamp | None = None
    fall: float | None = None
    fall_low: float | None = None
    fall_high: float | None = None
    monthly_loss: float | None = None
    growth_a_year: float | None = None
    detectable_fall: float | None = None


def season(months: pd.DataFrame, level: float = LEVEL) -> Season:
    """What the series tells: `months` has month (first days, without a gap, rising), won_amount.

    Whole months only. A fall is told where chance alone goes so far in less than `level` of such
    series: a caller with several of them shares out 5 %. With fewer than three years, or no revenue
    in them at all, the verdict is `not-enough-history`, and nothing else is said.
    """
    used = months.tail(MOST_MONTHS).reset_index(drop=True)
    if len(used) < LEAST_MONTHS or not (used["won_amount"] > 0).any():
        return Season(verdict="not-enough-history", months=_untold(months))
    swing = _Swing.of(used, np.zeros(len(used)))
    tested = _StepTest.of(swing, level)
    if tested.p_value > level:
        return _told(swing, tested, "usual-swing")
    return _fallen(used, tested)


def _fallen(months: pd.DataFrame, tested: "_StepTest") -> Season:
    start = int(tested.starts[tested.statistics.argmin()])
    step = (np.arange(len(months)) >= start).astype(np.float64)
    swing = _Swing.of(months, step)
    size, error = swing.step
    fall, low, high = (-float(np.expm1(size + z * error)) for z in (0.0, 1.96, -1.96))
    usual = swing.expected[start:] / (1 - fall)
    return replace(
        _told(swing, tested, "fall"),
        fall_month=months["month"].iloc[start],
        fall=fall,
        fall_low=low,
        fall_high=high,
        monthly_loss=float((usual - swing.expected[start:]).mean()),
    )


def _told(swing: "_Swing", tested: "_StepTest", verdict: Verdict) -> Season:
    """The season without what is said of a fall."""
    spread = Z_80 * np.sqrt(swing.dispersion * swing.expected)
    told = swing.months.assign(
        expected=swing.expected,
        low=np.maximum(swing.expected - spread, 0.0),
        high=swing.expected + spread,
        season=swing.season,
    )
    return Season(
        verdict=verdict,
        months=told,
        p_value=tested.p_value,
        swing_p_value=swing.p_value,
        growth_a_year=swing.growth_a_year,
        detectable_fall=tested.detectable_fall,
    )


def _untold(months: pd.DataFrame) -> pd.DataFrame:
    return months.assign(expected=np.nan, low=np.nan, high=np.nan, season=np.nan)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Swing:
    """The fitted trend and season, and a step where one was asked for."""

    months: pd.DataFrame
    design: Floats
    result: Any

    @classmethod
    def of(cls, months: pd.DataFrame, step: Floats) -> "_Swing":
        """Fitted to the series; `step` (n,) is left out where it is 0 throughout."""
        # statsmodels takes a second to import, and only the nightly run asks for it.
        from statsmodels.genmod.families import Poisson
        from statsmodels.genmod.generalized_linear_model import GLM

        columns = [_design(months["month"])] + ([step[:, None]] if step.any() else [])
        design = np.column_stack(columns)
        revenue = months["won_amount"].to_numpy(dtype=np.float64)
        # In units of the mean, so that the fit begins well whatever the currency.
        fitted = GLM(revenue / revenue.mean(), design, family=Poisson()).fit(scale="X2")
        return cls(months=months, design=design, result=fitted)

    @property
    def unit(self) -> float:
        """The mean month."""
        return float(self.months["won_amount"].mean())

    @property
    def expected(self) -> Floats:
        """(n,) the mean of each month."""
        return np.asarray(self.result.fittedvalues * self.unit, dtype=np.float64)

    @property
    def dispersion(self) -> float:
        """Variance over mean."""
        return float(self.result.scale * self.unit)

    @property
    def season(self) -> Floats:
        """(n,) each month of the year against the mean of the twelve."""
        effects = np.array([0.0, *self.result.params[MONTH_COLUMNS]])
        factors = np.exp(effects) / np.exp(effects).mean()
        return np.asarray(factors[self.months["month"].dt.month - 1] - 1.0, dtype=np.float64)

    @property
    def p_value(self) -> float:
        """Of the months of the year being alike (Wald, F distribution)."""
        alike = np.eye(self.design.shape[1])[MONTH_COLUMNS]
        return float(self.result.wald_test(alike, use_f=True, scalar=True).pvalue)

    @property
    def growth_a_year(self) -> float:
        """The trend: 0.1 is 10 % more every year."""
        return float(np.expm1(12 * self.result.params[1]))

    @property
    def step(self) -> tuple[float, float]:
        """The step on the log scale, with its standard error."""
        return float(self.result.params[-1]), float(self.result.bse[-1])


def _design(months: "pd.Series[pd.Timestamp]") -> Floats:
    """(n, 13): one, the running month, and the months of the year but January."""
    order = np.arange(len(months), dtype=np.float64)
    of_year = (months.dt.month.to_numpy()[:, None] == np.arange(2, 13)).astype(np.float64)
    return np.column_stack([np.ones(len(months)), order - order.mean(), of_year])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _StepTest:
    """Score statistics of a step at each date of `starts`, and what chance makes of them.

    `errors` (dates,) is each step's standard error on the log scale, `by_chance` (draws, dates).
    """

    starts: NDArray[np.intp]
    statistics: Floats
    errors: Floats
    by_chance: Floats
    level: float

    @classmethod
    def of(cls, swing: _Swing, level: float) -> "_StepTest":
        """The test of a fitted swing without a step; seeded."""
        count = len(swing.months)
        first = max(LEAST_BEFORE, count - MOST_MONTHS_AGO)
        starts = np.arange(first, count - LEAST_AFTER + 1)
        weight = np.sqrt(swing.expected / swing.unit)
        basis = np.linalg.qr(swing.design * weight[:, None])[0]
        steps = (np.arange(count) >= starts[:, None]) * weight
        steps = steps - (steps @ basis) @ basis.T
        residuals = np.asarray(swing.result.resid_pearson, dtype=np.float64)
        statistics = _statistics(residuals[None], steps, basis.shape[1])[0]
        made = _noise(count, _persistence(residuals, basis, steps))
        made = made - (made @ basis) @ basis.T
        return cls(
            starts=starts,
            statistics=statistics,
            errors=np.sqrt(swing.result.scale) / np.linalg.norm(steps, axis=1),
            by_chance=_statistics(made, steps, basis.shape[1]),
            level=level,
        )

    @property
    def p_value(self) -> float:
        """The chance of a step statistic as low as the lowest one, at any date."""
        lowest = self.by_chance.min(axis=1)
        return float((lowest <= self.statistics.min()).sum() + 1) / (len(lowest) + 1)

    @property
    def detectable_fall(self) -> float | None:
        """The share that is found with probability `POWER`, if it began six months ago; None where
        not even the end of all revenue would be."""
        place = len(self.starts) - 1 - (STATED_MONTHS_AGO - LEAST_AFTER)
        needed = -np.quantile(self.by_chance.min(axis=1), self.level)
        beyond = needed + norm.ppf(POWER) * self.by_chance[:, place].std()
        share = float(beyond * self.errors[place])
        return share if share < 1 else None


def _statistics(residuals: Floats, steps: Floats, used: int) -> Floats:
    """(draws, dates) each step's t statistic, as if its date had been known."""
    free = residuals.shape[1] - used - 1
    directions = steps / np.linalg.norm(steps, axis=1)[:, None]
    scores = residuals @ directions.T
    left = (residuals**2).sum(axis=1)[:, None] - scores**2
    return np.asarray(scores / np.sqrt(left / free), dtype=np.float64)


def _persistence(residuals: Floats, basis: Floats, steps: Floats) -> Floats:
    """(draws,) how much of an error is left in the next month, within `PERSISTENCES`.

    The likeliest step is taken out first: a fall is no persistence. With it, and with the many
    columns of the fit, goes some of how errors follow each other, so that persistence is sought
    which leaves what is found (a median-unbiased estimate by simulation, Andrews 1993). A few years
    of months do not settle it: the draws are spread as what is left is by chance.
    """
    found = _autocorrelations(residuals[None], basis, steps)
    tried = _noise(len(residuals), np.repeat(PERSISTENCES, DRAWS_OF_ONE))
    left = _autocorrelations(tried - (tried @ basis) @ basis.T, basis, steps)
    left = left.reshape(len(PERSISTENCES), DRAWS_OF_ONE)
    drawn = found + left.std(axis=1).mean() * np.random.default_rng(1).standard_normal(DRAWS)
    means = np.maximum.accumulate(left.mean(axis=1))
    return np.asarray(np.interp(drawn, means, PERSISTENCES), dtype=np.float64)


def _autocorrelations(residuals: Floats, basis: Floats, steps: Floats) -> Floats:
    """(draws,) how residuals (draws, n) follow each other without their likeliest step."""
    lowest = steps[_statistics(residuals, steps, basis.shape[1]).argmin(axis=1)]
    lowest = lowest / np.linalg.norm(lowest, axis=1)[:, None]
    rest = residuals - (residuals * lowest).sum(axis=1)[:, None] * lowest
    return np.asarray((rest[:, 1:] * rest[:, :-1]).sum(axis=1) / (rest**2).sum(axis=1))


def _noise(count: int, persistence: Floats) -> Floats:
    """(draws, count) errors of unit variance that follow each other (AR(1)); seeded."""
    random = np.random.default_rng(0).standard_normal((len(persistence), count))
    made = np.empty_like(random)
    made[:, 0] = random[:, 0]
    for month in range(1, count):
        kept = persistence * made[:, month - 1]
        made[:, month] = kept + np.sqrt(1 - persistence**2) * random[:, month]
    return made
