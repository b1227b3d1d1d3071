"""The whole model report: the sealed champion, its training panel again, and what is open now.

What a training logs beside its version is made without a refit (`report_pages`); this adds what
costs some: a learning curve, a split at random, the champion before, drift and feature groups.
"""

from dataclasses import dataclass
from typing import Any

import ibis
import numpy as np
import pandas as pd
from sklearn.base import clone

from closecurve.crm.errors import EnvironmentFailure, UsageError
from closecurve.features.subjects import DEAL, SUBJECTS, Subject
from closecurve.features.tables import HistoryTables
from closecurve.models.close_curve import CloseCurve
from closecurve.models.explanation.cohort import feature_groups
from closecurve.models.explanation.explainer import Explainer
from closecurve.models.held_back import (
    Part,
    answers,
    gap_of,
    known_before,
    landmarks_from,
    questions,
)
from closecurve.models.panel import AS_OF
from closecurve.models.report.drift import drifts, reference_of
from closecurve.models.report.evidence import Asked, ask, learning_curve, split_gap
from closecurve.models.report.limits import known_limits
from closecurve.pipelines.bundling import Bundle, open_bundle
from closecurve.pipelines.panels import snapshots, training_panel
from closecurve.pipelines.publication import Champion
from closecurve.pipelines.report_pages import (
    Document,
    asked_horizons,
    beside,
    compared,
    document,
    seen,
)
from closecurve.pipelines.scoring import cohort
from closecurve.pipelines.steps import history_quality
from closecurve.pipelines.training import MODEL_NAME, the_champion
from closecurve.pipelines.workspace import Workspace
from closecurve.stores.registry import FALLBACK, fetch

EXPLAINED = 500
"""Open records whose contributions say what a group is worth; more do not move a mean."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """A model with the landmarks of its training: learned from, and held back from `start` on."""

    subject: Subject
    bundle: Bundle
    model: CloseCurve
    report: dict[str, Any]
    cutoff: pd.Timestamp
    whole: Part

    @property
    def start(self) -> pd.Timestamp | None:
        """Where held-back time begins; None where it was too short to judge."""
        said = self.report.get("held_back_start")
        return None if said is None else pd.Timestamp(said)

    def held_back_model(self, start: pd.Timestamp) -> CloseCurve:
        """The curve that learned only what was known before the start."""
        if self.subject is DEAL and self.bundle.held_back is not None:
            kept = self.bundle.held_back.curve
            if isinstance(kept, CloseCurve):
                return kept
        learned = known_before(self.whole, start)
        refit: CloseCurve = clone(self.model).fit(learned.rows, learned.labels)
        return refit


def report_document(workspace: Workspace, subject_name: str) -> Document:
    """The report of the champion's deals or leads, JSON-able.

    Raises UsageError `model-missing` where there is no such model.
    """
    champion, step = the_champion(workspace), workspace.progress.step
    subject = SUBJECTS[subject_name]
    model = None if champion is None else champion.bundle.model(subject)
    if champion is None or model is None:
        raise UsageError(
            "model-missing",
            f"a model of {subject_name}s is trained first (closecurve train), got none in"
            f" {workspace.home}",
        )
    history = workspace.history()
    tables = history.tables()
    with step("training panel"):
        judged = _judged(tables, champion, subject, model)
    told = document(subject, judged.report, workspace.settings.company.name, history.history_id)
    told["data"] |= {"model version": champion.version, "bundle": champion.digest}
    stalls = champion.bundle.stalls
    said = None if stalls is None else stalls.report
    told |= beside(subject, said, champion.bundle.grade_conversion)
    told["limits"] = known_limits(
        judged.report, [finding.sentence for finding in history_quality(workspace)]
    )
    with step("refits"):
        told |= _refitted(workspace, tables, judged)
    with step("what is open now"):
        now = cohort(tables, champion.bundle, subject, workspace.data_end())
        told |= {"drift": _drift(judged, now), "groups": _groups(judged, now)}
    return told


def _judged(
    tables: HistoryTables, champion: Champion, subject: Subject, model: CloseCurve
) -> Judged:
    report = champion.bundle.reports[subject.name]
    cutoff = pd.Timestamp(report["cutoff"])
    panel = training_panel(tables, subject, cutoff, champion.bundle.selection)
    return Judged(
        subject=subject,
        bundle=champion.bundle,
        model=model,
        report=report,
        cutoff=cutoff,
        whole=Part(rows=panel.rows, labels=panel.labels),
    )


def _refitted(workspace: Workspace, tables: HistoryTables, judged: Judged) -> Document:
    """What needs curves that learned nothing of held-back time; nothing where there is none."""
    start, horizons = judged.start, asked_horizons(judged.report)
    if start is None or not horizons:
        return {}
    held = landmarks_from(judged.whole, start)
    model = judged.held_back_model(start)
    asked = ask(model, held, judged.cutoff, horizons)
    if asked is None:
        return {}
    told = seen(asked) | {
        "learning_curve": _learning(judged, held, start, asked),
        "split_gap": split_gap(judged.model, judged.whole, judged.cutoff, asked),
    }
    before = _champion_before(workspace, tables, judged, model, held)
    if before is not None:
        told["comparison"] = [*compared(judged.report), before]
    return told


def _learning(
    judged: Judged, held: Part, start: pd.Timestamp, asked: Asked
) -> list[dict[str, Any]]:
    learned = known_before(judged.whole, start)
    won = [q for q in questions(held, judged.cutoff, [asked.horizon_days]) if q.name == "won"]
    baselines = {"stage_curves": judged.model.stage_curves_}
    return learning_curve(judged.model, learned, held, won[0], baselines)


def _champion_before(
    workspace: Workspace, tables: HistoryTables, judged: Judged, model: CloseCurve, held: Part
) -> Document | None:
    """The champion before on the held-back landmarks that it was not trained on; None without.

    One that this release cannot open, or that is damaged, is named with the reason.
    """
    try:
        earlier = _bundle_before(workspace)
    except EnvironmentFailure as error:
        return {"name": f"champion before (not opened: {error})", "rows": None, "log_loss": None}
    if earlier is None or (curve := earlier.model(judged.subject)) is None:
        return None
    trained_at = pd.Timestamp(earlier.reports[judged.subject.name]["cutoff"])
    fresh = held.where((held.rows[AS_OF] >= trained_at).to_numpy())
    horizons = asked_horizons(judged.report)
    asked = questions(fresh, judged.cutoff, horizons)
    if not asked:
        return None
    keys = [judged.subject.id_column, AS_OF]
    rows = snapshots(tables, judged.subject, ibis.memtable(fresh.rows[keys]), earlier.selection)
    aligned = fresh.rows[keys].merge(rows, on=keys, how="left", validate="one_to_one")
    ours, theirs = (
        answers(asked, curves.predict_cumulative_incidence(X, horizons), horizons)
        for curves, X in ((model, fresh.rows), (curve, aligned))
    )
    gap = gap_of(fresh, asked, theirs, ours)
    return {
        "name": f"champion before (trained {trained_at.date()})",
        "rows": len(fresh),
        "log_loss": theirs.log_loss,
        "gap": gap.gap,
        "standard_error": gap.standard_error,
    }


def _bundle_before(workspace: Workspace) -> Bundle | None:
    try:
        kept = fetch(workspace.home, MODEL_NAME, FALLBACK)
    except UsageError:
        return None
    return open_bundle(kept.parent, kept.name)


def _drift(judged: Judged, now: pd.DataFrame) -> list[Document]:
    then = judged.whole.rows
    reference = reference_of(then, judged.model.encoding_.kinds)
    return [row.to_json() for row in drifts(reference, now, then)]


def _groups(judged: Judged, now: pd.DataFrame) -> list[Document]:
    """How far each group moves the probabilities of what is open, on average, the most first."""
    explainer = Explainer(judged.model, judged.bundle.cohorts[judged.subject.name])
    explained = explainer.explain(now.head(EXPLAINED).reset_index(drop=True))
    effects = pd.DataFrame([each.contributions for each in explained if each is not None])
    columns = feature_groups(judged.model.encoding_.kinds)
    found = [
        {
            "group": str(group),
            "mean_effect": float(np.abs(effects[group]).mean()),
            "features": len(columns.get(str(group), ())),
        }
        for group in effects
    ]
    return sorted(found, key=lambda row: -float(row["mean_effect"]))
