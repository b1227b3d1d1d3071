"""The demo: a made-up company taken the whole way, by the same steps as any other."""

from pathlib import Path

import pandas as pd

from closecurve.crm.demo import simulate
from closecurve.pipelines.prefect_home import run_nightly
from closecurve.pipelines.publication import Published
from closecurve.pipelines.steps import import_history, publish_scores, train_models
from closecurve.pipelines.workspace import CONFIG_NAME, Workspace

EARLIER_WEEKS = (4, 3, 2, 1)
"""Weeks before the end at which the demo scores too, so that every deal has a score history."""


def run_demo(home: Path, *, deals: int, seed: int) -> tuple[Workspace, Published]:
    """Make the company's export, import it, train a month ago, score weekly since, then tonight."""
    company, folder = simulate(deals=deals, seed=seed), home / "export"
    company.write_export(folder)
    workspace = Workspace.open(home, folder / CONFIG_NAME)
    with workspace.locked("demo"):
        import_history(workspace)
        weeks = [company.until - pd.Timedelta(weeks=weeks) for weeks in EARLIER_WEEKS]
        train_models(workspace, weeks[0])
        for as_of in weeks:
            publish_scores(workspace, as_of)
        return workspace, run_nightly(workspace, company.until)
