"""Whether the intervals of win probabilities hold what they say, after 20, 100, 500, 3,000 closes.

    .venv/bin/python benchmarks/intervals.py --seed 9

The demo company as old as it takes for so many closes is trained on; the deals open after the
cutoff are asked. An interval is of the share at which deals that look the same to the CRM are won:
the mean of the true probabilities of such deals, which a regression of the truth on the features
tells (of other deals than those asked). Beside it stands how often the interval holds the deal's
own truth, which knows what no record shows (its hidden quality, customers gone silent unnoticed).
Exits 1 where fewer than 70 or more than 95 of 100 intervals hold the share.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
from learning_companies import Company
from learning_curve import with_closes

from closecurve.crm.demo import simulate
from closecurve.crm.tables import HISTORY_TABLES
from closecurve.features.selected import FeatureSelection
from closecurve.features.selection import choose
from closecurve.features.subjects import DEAL
from closecurve.features.tables import HistoryTables
from closecurve.models.encoding import learn_encoding
from closecurve.models.intervals import LEVEL, learn_uncertainty
from closecurve.models.panel import feature_kinds
from closecurve.models.training import train_curve
from closecurve.pipelines.fitting import free_cores
from closecurve.pipelines.panels import open_rows, snapshots, training_panel
from closecurve.pipelines.steps import import_history
from closecurve.pipelines.workspace import CONFIG_NAME, Workspace

SIZES = (20, 100, 500, 3_000)
CUTOFF = pd.Timestamp("2025-02-01")
AS_OFS = pd.date_range("2025-02-03", "2025-11-10", freq="28D").as_unit("us")
EARLIER = pd.date_range("2023-02-06", "2025-01-06", freq="28D").as_unit("us")
"""Further as-ofs, from which the regression of the truth learns too."""
FOLDS = 4
LEAST, MOST = 0.70, 0.95
REGRESSION = {
    "objective": "cross_entropy",
    "num_leaves": 15,
    "learning_rate": 0.05,
    "min_data_in_leaf": 60,
    "feature_fraction": 0.5,
    "lambda_l2": 5.0,
    "cat_smooth": 50.0,
    "num_threads": 1,
    "verbosity": -1,
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Asked:
    """The company, the deals asked after the cutoff, and what is true of each."""

    company: Company
    selection: FeatureSelection
    rows: pd.DataFrame
    own: np.ndarray
    share: np.ndarray


def asked_of(deals: int, seed: int) -> Asked:
    """The demo company of a seed with the truth about the deals that are asked."""
    simulated = simulate(deals=deals, seed=seed)
    with TemporaryDirectory() as folder:
        simulated.write_export(Path(folder))
        workspace = Workspace.open(Path(folder) / "home", Path(folder) / CONFIG_NAME).quiet()
        import_history(workspace)
        company = _company(workspace)
    tables = HistoryTables.from_frames(company.frames)
    selection = choose(tables, CUTOFF, company_currency=company.currency)
    grain = open_rows(tables, DEAL, sorted({*AS_OFS, *EARLIER}))
    rows = snapshots(tables, DEAL, grain, selection)
    own = simulated.true_win_probability(rows["deal_id"].tolist(), rows["as_of"])
    is_asked = (rows["as_of"] >= CUTOFF).to_numpy()
    return Asked(
        company=company,
        selection=selection,
        rows=rows[is_asked],
        own=own[is_asked],
        share=_of_such_deals(rows, own)[is_asked],
    )


def _company(workspace: Workspace) -> Company:
    tables, settings = workspace.history().tables(), workspace.settings
    wanted = set(HISTORY_TABLES) - {"leads", "lead_changes"}
    return Company(
        frames={name: tables.table(name).execute() for name in sorted(wanted)},
        processes=settings.processes,
        calendar=settings.calendar,
        currency=settings.company.currency,
        cutoff=CUTOFF,
        until=CUTOFF,
        as_ofs=tuple(AS_OFS),
        horizons=(30.0, 90.0),
    )


def _of_such_deals(rows: pd.DataFrame, own: np.ndarray) -> np.ndarray:
    """The mean truth of deals with the same features, learned from other deals fold by fold."""
    encoding = learn_encoding(rows, feature_kinds(rows), rarest=50)
    features, categories = encoding.matrix(rows), list(encoding.places("category"))
    fold = pd.factorize(rows["deal_id"])[0] % FOLDS
    share = np.empty(len(rows))
    for place in range(FOLDS):
        others = fold != place
        data = lgb.Dataset(features[others], label=own[others], categorical_feature=categories)
        booster = lgb.train(REGRESSION, data, num_boost_round=300)
        share[~others] = booster.predict(features[~others], num_threads=1)
    return share


def figures_of(asked: Asked, sizes: tuple[int, ...]) -> Iterator[dict[str, Any]]:
    """One row for each size that the company reaches."""
    for closes in sizes:
        cut = with_closes(asked.company, closes)
        if cut is not None:
            yield {"closes": closes, **_held(cut, asked)}


def _held(cut: Company, asked: Asked) -> dict[str, float]:
    tables = HistoryTables.from_frames(cut.frames)
    panel = training_panel(tables, DEAL, CUTOFF, asked.selection)
    trained = train_curve(
        panel.rows,
        panel.labels,
        CUTOFF,
        calendar=cut.calendar,
        processes=cut.processes,
        num_threads=free_cores(),
    )
    model = trained.model
    uncertainty = learn_uncertainty(
        model, trained.held_back_model, panel.rows, panel.labels, trained.report
    )
    said = model.predict_cumulative_incidence(asked.rows, [np.inf])[:, 1, 0]
    low, high = uncertainty.bounds(said, model.rows(asked.rows))
    return {
        "holds_share": float(((low <= asked.share) & (asked.share <= high)).mean()),
        "holds_own_truth": float(((low <= asked.own) & (asked.own <= high)).mean()),
        "mean_width": float((high - low).mean()),
        "error": float(np.sqrt(np.square(said - asked.share).mean())),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deals", type=int, default=7_000)
    parser.add_argument("--seed", type=int, default=9)
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="closes, by comma")
    given = parser.parse_args()
    sizes = tuple(int(size) for size in given.sizes.split(","))
    found = pd.DataFrame(figures_of(asked_of(given.deals, given.seed), sizes))
    print(f"intervals of {LEVEL:.0%}\n{found.round(3).to_string(index=False)}")
    return int(not found["holds_share"].between(LEAST, MOST).all())


if __name__ == "__main__":
    sys.exit(main())
