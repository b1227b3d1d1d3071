"""Calibration against the known truth of the demo company, at held-back as-ofs.

    .venv/bin/python benchmarks/calibration.py --deals 20000

Trains on what was known before a cutoff, predicts the eventual win of every deal open at as-ofs
after it, and prints by decile of the prediction the mean predicted and the mean true probability.
Exits 1 where a decile is off by more than the bound.
"""

import argparse
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from closecurve.crm.demo import simulate
from closecurve.features.subjects import DEAL
from closecurve.pipelines.fitting import fit
from closecurve.pipelines.panels import open_rows, snapshots
from closecurve.pipelines.steps import import_history
from closecurve.pipelines.workspace import CONFIG_NAME, Workspace

BOUND = 0.03
CUTOFF = pd.Timestamp("2025-02-01")
AS_OFS = pd.date_range("2025-02-03", "2025-12-01", freq="28D").as_unit("us")


def deciles(deals: int, seed: int) -> pd.DataFrame:
    """By decile of the prediction: count, mean predicted, mean true, gap."""
    company = simulate(deals=deals, seed=seed)
    with TemporaryDirectory() as folder:
        company.write_export(Path(folder))
        workspace = Workspace.open(Path(folder) / "home", Path(folder) / CONFIG_NAME)
        import_history(workspace)
        tables = workspace.history().tables()
        fitted = fit(tables, CUTOFF, workspace.settings)
        rows = snapshots(tables, DEAL, open_rows(tables, DEAL, list(AS_OFS)), fitted.selection)
    print(fitted.deal.report["finding"])
    said = fitted.deal.model.predict_cumulative_incidence(rows, [np.inf])[:, 1, 0]
    truth = company.true_win_probability(rows["deal_id"].tolist(), rows["as_of"])
    table = pd.DataFrame({"predicted": said, "true": truth})
    groups = pd.qcut(table["predicted"], 10, labels=False, duplicates="drop")
    found = table.groupby(groups).agg(
        count=("true", "size"), predicted=("predicted", "mean"), true=("true", "mean")
    )
    return found.assign(gap=found["predicted"] - found["true"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deals", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    started = time.perf_counter()
    found = deciles(arguments.deals, arguments.seed)
    print(found.round(3).to_string())
    worst = found["gap"].abs().max()
    print(f"largest gap {worst:.3f}, bound {BOUND}, {time.perf_counter() - started:.0f} s")
    return int(worst > BOUND)


if __name__ == "__main__":
    sys.exit(main())
