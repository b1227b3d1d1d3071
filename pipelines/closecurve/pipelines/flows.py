"""The Prefect flows: they wire the steps and hold no logic of their own.

Running the same as-of again changes nothing, so a run that was killed is simply run again.
"""

import pandas as pd
from prefect import flow, task

from closecurve.pipelines import steps
from closecurve.pipelines.publication import Published
from closecurve.pipelines.training import Trained
from closecurve.pipelines.workspace import Workspace
from closecurve.sources.importing import ImportReport


@task(name="import", persist_result=False)
def read_source(workspace: Workspace, afresh: bool = False) -> ImportReport:
    """See `steps.import_history`."""
    return steps.import_history(workspace, afresh=afresh)


@task(name="train", persist_result=False)
def fit_models(workspace: Workspace, as_of: pd.Timestamp | None) -> Trained:
    """See `steps.train_models`."""
    return steps.train_models(workspace, as_of)


@task(name="score", persist_result=False)
def publish(workspace: Workspace, as_of: pd.Timestamp | None) -> Published:
    """See `steps.publish_scores`."""
    return steps.publish_scores(workspace, as_of)


@flow(name="ingest", validate_parameters=False, persist_result=False)
def ingest(workspace: Workspace) -> ImportReport:
    """Read the CRM's export and put it on top of the history."""
    return read_source(workspace)


@flow(name="train", validate_parameters=False, persist_result=False)
def train(workspace: Workspace, as_of: pd.Timestamp | None = None) -> Trained:
    """Train on what was known before the as-of, seal, register and promote by rule."""
    return fit_models(workspace, as_of)


@flow(name="score", validate_parameters=False, persist_result=False)
def score(workspace: Workspace, as_of: pd.Timestamp | None = None) -> Published:
    """Score with the champion, forecast, and publish."""
    return publish(workspace, as_of)


@flow(name="nightly", validate_parameters=False, persist_result=False)
def nightly(
    workspace: Workspace, as_of: pd.Timestamp | None = None, afresh: bool = False
) -> Published:
    """Import, train and score in order."""
    if workspace.settings.mapping is not None:
        read_source(workspace, afresh)
    fit_models(workspace, as_of)
    return publish(workspace, as_of)
