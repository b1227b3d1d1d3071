"""How often a usual swing is called a fall, and how often a fall that can be seen is found.

    .venv/bin/python benchmarks/seasonality.py --companies 200

Simulates monthly revenue with a season, growth and so many wins a month, over three to six years;
months stand alone, or are tied: good and bad times last for some months. Each company is asked
which fall it could see six months after it began, and simulated again with that fall. Prints by
kind the share of false alarms, the middle of what can be seen, the share of falls found, and how
many months the date is off. Exits 1 where false alarms exceed 5 %, or under 80 % are found, by more
than luck.
"""

import argparse
import sys

import numpy as np
import pandas as pd
from scipy.stats import binom

from closecurve.models.seasonality import LEVEL, POWER, STATED_MONTHS_AGO, season

SEASON = np.array([0.90, 0.98, 1.08, 0.98, 1.00, 1.08, 0.90, 0.80, 1.08, 1.04, 1.06, 1.10])
GROWTH = 0.1
KINDS = [(36, 80.0, 0.0), (48, 20.0, 0.0), (48, 80.0, 0.0), (72, 400.0, 0.0)]
TIED = [(36, 80.0, 0.5), (48, 80.0, 0.5), (72, 400.0, 0.5), (72, 400.0, 0.7)]
"""Months, wins a month, and how much of a good or bad time is left in the next month."""
TIMES = 0.15
"""The spread of good and bad times on the log scale."""
LUCK = 0.01
"""A bound is broken where chance alone would go so far in fewer than one run of a hundred."""


def revenue(months: int, wins: float, tie: float, seed: int, fall: float = 0.0) -> pd.DataFrame:
    """The months of one company; its draws are those of its seed, with a fall and without."""
    random = np.random.default_rng(seed)
    days = pd.date_range("2020-01-01", periods=months, freq="MS").as_unit("us")
    order = np.arange(months)
    usual = wins * SEASON[days.month - 1] * (1 + GROWTH) ** (order / 12)
    usual = usual * np.exp(times(months, tie, random) if tie else np.zeros(months))
    counts = random.poisson(usual * np.where(order >= months - STATED_MONTHS_AGO, 1 - fall, 1.0))
    won = [random.lognormal(9.0, 0.8, count).sum() for count in counts]
    return pd.DataFrame({"month": days, "won_amount": won})


def times(months: int, tie: float, random: np.random.Generator) -> np.ndarray:
    """Good and bad times that fade (AR(1)), (months,)."""
    made = np.empty(months)
    made[0] = random.standard_normal()
    for month in range(1, months):
        made[month] = tie * made[month - 1] + np.sqrt(1 - tie**2) * random.standard_normal()
    return TIMES * made


def trial(months: int, wins: float, tie: float, seed: int) -> dict[str, float]:
    """One company without and with a fall; `found` is NaN where it could see none."""
    told = season(revenue(months, wins, tie, seed))
    size = np.nan if told.detectable_fall is None else told.detectable_fall
    said = {"false_alarm": float(told.verdict == "fall"), "size": size}
    if np.isnan(size):
        return said | {"found": np.nan, "months_off": np.nan}
    fallen = season(revenue(months, wins, tie, seed, fall=size))
    off = np.nan
    if fallen.fall_month is not None:
        off = abs(
            months_between(fallen.fall_month, fallen.months["month"].iloc[-STATED_MONTHS_AGO])
        )
    return said | {"found": float(fallen.verdict == "fall"), "months_off": off}


def months_between(first: pd.Timestamp, second: pd.Timestamp) -> float:
    """Whole months from one month to another."""
    return float((second.year - first.year) * 12 + second.month - first.month)


def measured(companies: int, seed: int) -> pd.DataFrame:
    """One row for each kind of company: shares, and how many companies they are of."""
    rows = []
    for months, wins, tie in (*KINDS, *TIED):
        seeds = range(seed, seed + 7919 * companies, 7919)
        trials = pd.DataFrame([trial(months, wins, tie, each) for each in seeds])
        counts = {"companies": companies, "with_fall": int(trials["found"].notna().sum())}
        middle = {"size": trials["size"].median()}
        kind = {"months": months, "wins": wins, "tie": tie}
        rows.append(kind | counts | dict(trials.mean()) | middle)
    return pd.DataFrame(rows)


def is_kept(table: pd.DataFrame) -> bool:
    """Whether both bounds hold over all kinds, luck allowed for."""
    alarms = (table["false_alarm"] * table["companies"]).sum()
    found = (table["found"] * table["with_fall"]).sum()
    often = binom.sf(alarms - 1, table["companies"].sum(), LEVEL)
    rarely = binom.cdf(found, table["with_fall"].sum(), POWER)
    return bool(often > LUCK and rarely > LUCK)


def main() -> int:
    """Print the table; 1 where a bound is broken."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--companies", type=int, default=200, help="companies of each kind")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    print(f"seeds {asked.seed} + 7919 x 0..{asked.companies - 1}")
    table = measured(asked.companies, asked.seed)
    print(table.round(3).to_string(index=False))
    return 0 if is_kept(table) else 1


if __name__ == "__main__":
    sys.exit(main())
