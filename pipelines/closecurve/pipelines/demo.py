"""The demo: a made-up company taken the whole way, by the same steps as any other."""

from pathlib import Path

import pandas as pd

from closecurve.crm.demo import simulate
from closecurve.pipelines.prefect_home import run_nightly
from closecurve.pipelines.publication import Published
from closecurve.pipelines.steps import publish_scores
from closecurve.pipelines.workspace import CONFIG_NAME, Workspace

SCORED_WEEKS_AGO = (2, 0)
"""The demo trains two weeks before its last day and scores then and now: so there is something that
changed. A third scoring would make the first look take longer than two minutes."""


def run_demo(
    home: Path, *, deals: int, seed: int, server: str | None
) -> tuple[Workspace, Published]:
    """Make a company that ends today; import, train and score two weeks ago; score again now.

    In a home that this process has locked; `server` as of `run_nightly`.
    """
    today = pd.Timestamp.now("UTC").tz_localize(None).normalize()
    company, folder = simulate(deals=deals, seed=seed, until=today), home / "export"
    company.write_export(folder)
    workspace = Workspace.open(home, folder / CONFIG_NAME)
    first, *later = (company.until - pd.Timedelta(weeks=ago) for ago in SCORED_WEEKS_AGO)
    # every demo is another company: it is no later state of the one before
    published = run_nightly(workspace, first, server=server, afresh=True)
    for as_of in later:
        published = publish_scores(workspace, as_of)
    return workspace, published
