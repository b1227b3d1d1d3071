"""The steps that commands and flows are made of: import, train, score."""

from pathlib import Path

import pandas as pd

from closecurve.crm.errors import UsageError
from closecurve.features.data_quality import Finding, data_quality
from closecurve.pipelines.backtest_record import Record, run_track_record
from closecurve.pipelines.publication import Published, make_publication
from closecurve.pipelines.training import Trained, the_champion, train_at
from closecurve.pipelines.workspace import Workspace
from closecurve.sources.importing import ImportReport, run_import


def import_history(workspace: Workspace, *, afresh: bool = False) -> ImportReport:
    """Read what the settings name and put it on top of the history; `afresh` starts a new one.

    Raises UsageError where the settings name no source, DataError where the data are refused.
    """
    settings = workspace.settings
    if settings.mapping is None:
        raise UsageError(
            "import-settings",
            "an import needs [sources] and [tables] in the settings file (docs/mapping.md),"
            f" got {workspace.config or 'no settings file'}",
        )
    with workspace.progress.step("import"):
        return run_import(
            settings.mapping,
            settings.processes,
            company=settings.company.name,
            currency=settings.company.currency,
            calendar=settings.calendar,
            store=workspace.histories,
            began_at=_now(),
            afresh=afresh,
        )


def history_quality(workspace: Workspace) -> tuple[Finding, ...]:
    """How good the data of the current history are, at the end of what is known."""
    return data_quality(
        workspace.history().tables(),
        workspace.data_end(),
        company_currency=workspace.settings.company.currency,
        time_zone=workspace.settings.calendar.time_zone,
    )


def train_models(
    workspace: Workspace, as_of: pd.Timestamp | None = None, budget_seconds: float | None = None
) -> Trained:
    """Train on what was known before the as-of (default: all the history), register, promote.

    With a budget of seconds the settings are tuned first (`models.tuning`).
    """
    return train_at(workspace, as_of or workspace.data_end(), budget_seconds)


def publish_scores(workspace: Workspace, as_of: pd.Timestamp | None = None) -> Published:
    """Score with the champion, forecast, and publish in one transaction.

    Raises UsageError where nothing was trained yet, or where the champion was trained on what was
    known only at or after the as-of.
    """
    at = as_of or workspace.data_end()
    champion = the_champion(workspace)
    if champion is None:
        raise UsageError(
            "model-missing",
            f"a model is trained first (closecurve train), got none in {workspace.home}",
        )
    trained_at = pd.Timestamp(champion.bundle.reports["deal"]["cutoff"])
    if trained_at > at:
        raise UsageError(
            "model-later",
            f"a model is trained on what was known before the as-of, got one of {trained_at}"
            f" for {at}: train with the same --as-of first",
        )
    publication = make_publication(workspace, champion, at, _now())
    with workspace.progress.step("publish"):
        published_id = workspace.results.publish(publication)
    return Published(publication_id=published_id, publication=publication)


def track_record(workspace: Workspace, *, most: int, weeks_apart: int, out: Path) -> Record:
    """Ask at every past origin of the last `most` quarters and store how it came out."""
    return run_track_record(workspace, most=most, weeks_apart=weeks_apart, out=out, made_at=_now())


def _now() -> pd.Timestamp:
    """The instant now, naive in UTC."""
    return pd.Timestamp.now("UTC").tz_localize(None)
