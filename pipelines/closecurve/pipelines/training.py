"""Training as a step: fit, seal, register, promote by rule."""

import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from closecurve.features.subjects import DEAL, LEAD, Subject
from closecurve.models.tuning import Budget
from closecurve.pipelines.bundling import open_bundle, read_grades, seal_bundle
from closecurve.pipelines.figures import training_figures
from closecurve.pipelines.fitting import Fitted, begin_fit
from closecurve.pipelines.logged import logged_params, logged_report
from closecurve.pipelines.publication import Champion
from closecurve.pipelines.report_pages import training_pages
from closecurve.pipelines.stalls import Stalls, fit_stalls
from closecurve.pipelines.workspace import Workspace
from closecurve.stores.bundle import MANIFEST, open_sealed, seal
from closecurve.stores.registry import ModelVersion, champion, fetch, log_training, promote

MODEL_NAME = "closecurve"
"""The registered model: one version holds the curves of deals and of leads of one training."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """The version that a training registered, and its report by subject."""

    version: ModelVersion
    report: dict[str, Any]

    @property
    def is_better(self) -> bool:
        """Whether every curve beat its stage rates on held-back time."""
        return all(report["is_better"] for report in self.report.values())


def train_at(
    workspace: Workspace, cutoff: pd.Timestamp, budget_seconds: float | None = None
) -> Trained:
    """Fit at a cutoff, seal the bundle, log and register it, and make it the champion.

    With a budget the settings of the curves are tuned first, as long as it lasts.

    A curve that did not beat the stage rates is replaced by the curves by stage and age before it
    is sealed: what serves is never worse than what history shows, and the report says so.
    """
    history, step = workspace.history(), workspace.progress.step
    budgets = None if budget_seconds is None else _budgets(workspace, budget_seconds)
    with ThreadPoolExecutor() as pool:
        with step("features"):
            fitting = begin_fit(pool, history.tables(), cutoff, workspace.settings, budgets)
        with step("stall model"):
            stalls = fit_stalls(history.tables(), fitting.panels[DEAL.name], cutoff)
        with step("close curves"):
            fitted = fitting.fitted()
    with step("seal and verify"):
        digest = seal_bundle(fitted, stalls, workspace.settings, workspace.bundles_dir)
    with step("register"):
        version = _register(workspace, fitted, stalls, digest, history.history_id)
    return Trained(version=version, report=fitted.reports())


def _budgets(workspace: Workspace, seconds: float) -> dict[str, Budget]:
    """One for each subject, both from now on: they are trained side by side."""
    ends_at = time.monotonic() + seconds

    def tell(subject: Subject, text: str) -> None:
        workspace.progress.note(f"{subject.name}s: {text}")

    return {
        subject.name: Budget(
            seconds=seconds, ends_at=ends_at, clock=time.monotonic, tell=partial(tell, subject)
        )
        for subject in (DEAL, LEAD)
    }


def the_champion(workspace: Workspace) -> Champion | None:
    """The version that serves, opened; None before the first training.

    Raises EnvironmentFailure for a bundle that is damaged in the home and in the registry.
    """
    version = champion(workspace.home, MODEL_NAME)
    if version is None:
        return None
    digest = version.bundle_digest
    if not (workspace.bundles_dir / digest).is_dir():
        _bring_back(workspace, version)
    return Champion(
        version=version.version,
        digest=digest,
        bundle=open_bundle(workspace.bundles_dir, digest),
    )


def _bring_back(workspace: Workspace, version: ModelVersion) -> None:
    """Seal the registry's copy again where the home has lost its own."""
    kept = fetch(workspace.home, MODEL_NAME, version.version)

    def copied(folder: Path) -> None:
        shutil.copytree(kept, folder, dirs_exist_ok=True)
        (folder / MANIFEST).unlink()

    seal(copied, workspace.bundles_dir)


def _register(
    workspace: Workspace, fitted: Fitted, stalls: Stalls, digest: str, history_id: str
) -> ModelVersion:
    folder = open_sealed(workspace.bundles_dir, digest)
    grades = read_grades(folder)
    version = log_training(
        workspace.home,
        MODEL_NAME,
        folder,
        logged_report(fitted.reports(), stalls.report, grades),
        training_figures(fitted),
        logged_params(fitted),
        {"cutoff": fitted.cutoff.isoformat(), "history_id": history_id},
        training_pages(fitted, stalls.report, grades, workspace.settings, history_id),
    )
    return promote(workspace.home, MODEL_NAME, version.version)
