"""Boosted trees over the cells: how a cell's hazards differ from those of its interval."""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST_HAZARD = 1e-6
"""The smallest hazard whose logarithm is a start for the trees."""

ONE_THREAD = 1
"""Each booster has one thread, and the boosters run beside each other: LightGBM's own threads wait
busily for a core that something else uses, and a run then takes ten times as long."""

ERRORS_ONLY = -1
"""LightGBM's verbosity, said at each call: one without it brings the warnings back."""

BINS = 127
"""Cuts per column: half of LightGBM's own number, at the same accuracy and less memory."""

BINNED_ROWS = 50_000
"""Cells from which the cuts are chosen: more change no loss and take twice as long."""

CATEGORY_CELLS = 1000
CATEGORY_DEALS = 40
"""Cells that a category value needs before trees split on it: those of some 40 deals, as a deal is
in the data with every landmark and interval. An owner seen less often tells nothing that lasts."""

LEAF_DEALS = 20
"""Deals whose cells make a leaf, where that is fewer than the rows asked for: leads that are
answered within a day have a cell or two each, and 300 of them would be a tenth of a year's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeSettings:
    """How the trees are grown: few, small, held down; one booster for each of `seeds`."""

    rounds: int
    leaves: int
    learning_rate: float
    min_rows: int
    column_share: float
    l2: float
    seeds: int
    random_state: int
    category_rows: int = CATEGORY_CELLS

    def for_density(self, cells_per_deal: float) -> "TreeSettings":
        """The same where a deal has so many cells: leaves and categories need deals, not cells."""
        return replace(
            self,
            min_rows=min(self.min_rows, max(math.ceil(LEAF_DEALS * cells_per_deal), 1)),
            category_rows=min(
                self.category_rows, max(math.ceil(CATEGORY_DEALS * cells_per_deal), 1)
            ),
        )

    def parameters(self, seed: int) -> dict[str, Any]:
        """LightGBM's parameters for one of the seeds."""
        return {
            "objective": "multiclass",
            "num_class": 3,
            "num_leaves": self.leaves,
            "learning_rate": self.learning_rate,
            "min_data_in_leaf": self.min_rows,
            "feature_fraction": self.column_share,
            "lambda_l2": self.l2,
            "cat_smooth": self.category_rows,
            "cat_l2": self.category_rows,
            "min_data_per_group": self.category_rows,
            "seed": self.random_state,
            "data_random_seed": self.random_state,
            "feature_fraction_seed": self.random_state + seed,
            "max_bin": BINS,
            "deterministic": True,
            "force_col_wise": True,
            "bin_construct_sample_cnt": BINNED_ROWS,
            "verbosity": ERRORS_ONLY,
            "num_threads": ONE_THREAD,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeRows:
    """What trees are grown on, a row per cell; `start` (n_cells, 3) are scores to start from."""

    matrix: NDArray[np.float32]
    outcome: NDArray[np.int64]
    weight: Floats
    start: Floats
    categories: Sequence[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Boosters to grow, one per seed: seed after seed takes the next of the samples, and the first
    again after the last."""

    samples: Sequence[TreeRows]
    settings: TreeSettings


def grow(plans: Sequence[Plan], num_threads: int) -> list[list[lgb.Booster]]:
    """The boosters of each plan, as they read back from their text: what is saved is what was
    tried."""
    with ThreadPoolExecutor(num_threads) as pool:
        made = [
            [pool.submit(_dataset, rows, plan.settings) for rows in plan.samples] for plan in plans
        ]
        data = [[each.result() for each in of_plan] for of_plan in made]
        grown = [
            [
                pool.submit(_grown, plan.settings, seed, of_plan[seed % len(of_plan)])
                for seed in range(plan.settings.seeds)
            ]
            for plan, of_plan in zip(plans, data, strict=True)
        ]
        return [[each.result() for each in of_plan] for of_plan in grown]


def _grown(settings: TreeSettings, seed: int, data: lgb.Dataset) -> lgb.Booster:
    # Made in its own thread: LightGBM keeps its verbosity by thread.
    booster = lgb.Booster(settings.parameters(seed), data)
    for _ in range(settings.rounds):
        booster.update()
    return lgb.Booster(model_str=booster.model_to_string())


def _dataset(rows: TreeRows, settings: TreeSettings) -> lgb.Dataset:
    """Columns are named by place only, so that a model file names no attribute of a company."""
    data = lgb.Dataset(
        rows.matrix,
        label=rows.outcome,
        weight=rows.weight,
        init_score=rows.start,
        feature_name=[f"column_{place}" for place in range(rows.matrix.shape[1])],
        categorical_feature=list(rows.categories),
        params=settings.parameters(0),
    )
    return data.construct()


def first_rounds(booster: lgb.Booster, rounds: int) -> lgb.Booster:
    """The booster as it was after so many rounds."""
    return lgb.Booster(model_str=booster.model_to_string(num_iteration=rounds))


def scores(hazards: Floats) -> Floats:
    """The scores from which the trees start: logarithms of hazards."""
    result: Floats = np.log(np.maximum(hazards, LEAST_HAZARD))
    return result


def mean_hazards(
    boosters: Sequence[lgb.Booster], matrix: NDArray[np.float32], start: Floats, num_threads: int
) -> Floats:
    """Hazards (n_cells, 3): the mean over the boosters of the softmax of start plus trees.

    Without boosters, those of the start.
    """
    if not boosters:
        return softmax(start)

    def hazards(booster: lgb.Booster) -> Floats:
        trees = booster.predict(
            matrix, raw_score=True, num_threads=ONE_THREAD, verbosity=ERRORS_ONLY
        )
        return softmax(start + trees)

    if num_threads == 1:
        return sum(map(hazards, boosters), np.zeros_like(start)) / len(boosters)
    with ThreadPoolExecutor(num_threads) as pool:
        return sum(pool.map(hazards, boosters), np.zeros_like(start)) / len(boosters)


def softmax(values: Floats) -> Floats:
    """Probabilities over the last axis."""
    raised = np.exp(values - values.max(axis=-1, keepdims=True))
    result: Floats = raised / raised.sum(axis=-1, keepdims=True)
    return result
