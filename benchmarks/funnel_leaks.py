"""How often the leak diagnosis cries wolf, and how often it finds a leak that it says it can see.

    .venv/bin/python benchmarks/funnel_leaks.py --funnels 300

Simulates funnels of several sizes without a leak, asks each what drop it could see in a stage drawn
at random, and simulates it again with a leak of that size. Prints by size the share of false
alarms, of leaks found, and of found ones of which the right stage was named, and the middle of what
the funnels can see. Exits 1 where false alarms exceed 5 %, or under 80 % are found, by more than
luck.
"""

import argparse
import sys

import numpy as np
import pandas as pd
from funnel_simulated import AS_OF, SimulatedFunnel
from scipy.stats import binom

from closecurve.models.funnel.exits import exits_of
from closecurve.models.funnel.leaks import LEVEL, leaks
from closecurve.models.scopes import COMPANY
from closecurve.models.stage_rates import ALL_TIME_DAYS, entries

SIZES = (60.0, 150.0, 400.0, 1000.0)
LEAST_FOUND = 0.8
LUCK = 0.01
"""A bound is broken where chance alone would go so far in fewer than one run of a hundred."""


def diagnosis(funnel: SimulatedFunnel) -> pd.DataFrame:
    """What the diagnosis says of the whole funnel, by stage."""
    entered = entries(funnel.passages(), AS_OF, ALL_TIME_DAYS)
    return leaks(exits_of(entered), AS_OF, [COMPANY]).set_index("stage")


def trial(deals_a_quarter: float, seed: int) -> dict[str, float]:
    """One funnel without and with a leak; `found` is NaN where it could see none in that stage."""
    funnel = SimulatedFunnel.drawn(deals_a_quarter, seed)
    still = diagnosis(funnel)
    stage = int(np.random.default_rng(seed).integers(len(funnel.conversions)))
    name = f"stage {stage + 1}"
    size = still["detectable_drop"].get(name, np.nan)
    told = {"false_alarm": float(still["is_leak"].any()), "size": size}
    if np.isnan(size) or size > funnel.conversions[stage]:
        return told | {"found": np.nan, "named": np.nan}
    leaking = diagnosis(funnel.leaking(stage, size))
    found, named = leaking["is_leak"].any(), bool(leaking["is_leak"].get(name, False))
    return told | {"found": float(found), "named": float(named) if found else np.nan}


def measured(sizes: tuple[float, ...], funnels: int, seed: int) -> pd.DataFrame:
    """One row for each size: shares, and how many funnels they are of."""
    rows = []
    for deals in sizes:
        trials = pd.DataFrame([trial(deals, seed + 7919 * i) for i in range(funnels)])
        counts = {"funnels": funnels, "with_leak": int(trials["found"].notna().sum())}
        rows.append(
            {"deals_a_quarter": deals, **counts, **trials.mean(), "size": trials["size"].median()}
        )
    return pd.DataFrame(rows)


def is_kept(table: pd.DataFrame) -> bool:
    """Whether both bounds hold over all sizes, luck allowed for."""
    alarms = (table["false_alarm"] * table["funnels"]).sum()
    found = (table["found"] * table["with_leak"]).sum()
    often = binom.sf(alarms - 1, table["funnels"].sum(), LEVEL)
    rarely = binom.cdf(found, table["with_leak"].sum(), LEAST_FOUND)
    return bool(often > LUCK and rarely > LUCK)


def main() -> int:
    """Print the table; 1 where a bound is broken."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--funnels", type=int, default=300, help="funnels of each size")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    print(f"seeds {asked.seed} + 7919 x 0..{asked.funnels - 1}")
    table = measured(SIZES, asked.funnels, asked.seed)
    print(table.round(3).to_string(index=False))
    return 0 if is_kept(table) else 1


if __name__ == "__main__":
    sys.exit(main())
