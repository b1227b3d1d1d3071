"""The Prefect flows: they wire the steps and hold no logic of their own.

Only input from outside systems is retried; running the same as-of again changes nothing.
"""

import pandas as pd
from prefect import flow, task

from closecurve.pipelines import steps
from closecurve.pipelines.publication import Published
from closecurve.pipelines.training import Trained
from closecurve.pipelines.workspace import Workspace
from closecurve.sources.importing import ImportReport

read_source = task(steps.import_history, name="import", persist_result=False)
fit = task(steps.train_models, name="train", persist_result=False)
publish = task(steps.publish_scores, name="score", persist_result=False)


@flow(name="ingest", validate_parameters=False, persist_result=False)
def ingest(workspace: Workspace) -> ImportReport:
    """Read the CRM's export and publish it as the new history."""
    return read_source(workspace)


@flow(name="train", validate_parameters=False, persist_result=False)
def train(workspace: Workspace, as_of: pd.Timestamp | None = None) -> Trained:
    """Train on what was known before the as-of, seal, register and promote by rule."""
    return fit(workspace, as_of)


@flow(name="score", validate_parameters=False, persist_result=False)
def score(workspace: Workspace, as_of: pd.Timestamp | None = None) -> Published:
    """Score with the champion, forecast, and publish."""
    return publish(workspace, as_of)


@flow(name="nightly", validate_parameters=False, persist_result=False)
def nightly(workspace: Workspace, as_of: pd.Timestamp | None = None) -> Published:
    """Import, train and score in order."""
    if workspace.settings.mapping is not None:
        read_source(workspace)
    fit(workspace, as_of)
    return publish(workspace, as_of)
