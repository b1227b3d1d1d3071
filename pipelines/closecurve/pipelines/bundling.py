"""The sealed bundle of one training: written here, opened by scoring and by the service.

Folders `deal_curve`, `lead_curve` (where there are leads), `held_back_curve` and `stall` hold
models with their golden predictions; files beside them the selection, the cohorts, the settings and
the report.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.features.selected import FeatureSelection
from closecurve.features.subjects import DEAL, LEAD, Subject
from closecurve.models.close_curve import CloseCurve
from closecurve.models.close_curve.files import calendar_to_json, read_json, write_json
from closecurve.models.close_curve.rows import CurveRows
from closecurve.models.explanation.cohort import Cohort, learn_cohort, read_cohort, write_cohort
from closecurve.models.intervals import (
    Uncertainty,
    learn_uncertainty,
    read_uncertainty,
    write_uncertainty,
)
from closecurve.models.report.drift import (
    Reference,
    read_reference,
    reference_of,
    write_reference,
)
from closecurve.models.training import TrainedCurve
from closecurve.pipelines.fitting import Fitted, free_cores
from closecurve.pipelines.forecasting import HeldBack
from closecurve.pipelines.lead_grades import observed_conversion
from closecurve.pipelines.leakage import as_markdown
from closecurve.pipelines.stalls import FOLDER, Stalls, golden_stalls, read_stalls, write_stalls
from closecurve.settings import Settings
from closecurve.stores.bundle import open_sealed, seal
from closecurve.stores.golden import verifying_child, write_golden

Floats = NDArray[np.float64]

GRADES = "grades.json"
"""What became of each grade of leads on held-back time."""

GOLDEN_ROWS = 20
GOLDEN_DAYS = (1.0, 7.0, 30.0, 90.0, np.inf)

PREDICT = "closecurve.pipelines.bundling:golden_answers"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bundle:
    """A bundle that was opened: what scoring needs of a training."""

    deal: CloseCurve
    lead: CloseCurve | None
    held_back: HeldBack | None
    selection: FeatureSelection
    cohorts: dict[str, Cohort]
    reports: dict[str, Any]
    uncertainties: dict[str, Uncertainty]
    grade_conversion: dict[str, Any] | None
    stalls: Stalls | None
    references: dict[str, Reference]

    def model(self, subject: Subject) -> CloseCurve | None:
        """The curve of deals or of leads."""
        return self.deal if subject is DEAL else self.lead

    def interval(
        self, subject: Subject, probability: Floats, rows: CurveRows
    ) -> tuple[Floats, Floats]:
        """The interval of each eventual probability (n,); NaN in a bundle that learned none."""
        known = self.uncertainties.get(subject.name)
        if known is None:
            return np.full(len(rows), np.nan), np.full(len(rows), np.nan)
        return known.bounds(probability, rows)


def golden_answers(folder: Path, rows: pd.DataFrame) -> Any:
    """What the model in a folder answers for its golden rows: (n, 3, n_times), of stalls (n,)."""
    if folder.name == FOLDER:
        return golden_stalls(folder, rows)
    return CloseCurve.load(folder).predict_cumulative_incidence(rows, GOLDEN_DAYS)


def seal_bundle(fitted: Fitted, stalls: Stalls, settings: Settings, bundles_dir: Path) -> str:
    """Seal what was fitted and prove it in a child process; return its digest.

    Raises EnvironmentFailure where the disk refuses or the child does not repeat the answers.
    """
    with verifying_child(PREDICT) as verify:
        digest = seal(lambda folder: _write(folder, fitted, stalls, settings), bundles_dir)
        verify(open_sealed(bundles_dir, digest))
    return digest


def open_bundle(bundles_dir: Path, digest: str) -> Bundle:
    """Check every hash, then load. Raises EnvironmentFailure for a damaged bundle."""
    folder = open_sealed(bundles_dir, digest)
    selection = FeatureSelection.from_json((folder / "selection.json").read_text("utf-8"))
    reports = json.loads((folder / "report.json").read_text("utf-8"))
    lead, held = (folder / f"{name}_curve" for name in (LEAD.name, "held_back"))
    return Bundle(
        deal=_load(folder / f"{DEAL.name}_curve"),
        lead=_load(lead) if lead.is_dir() else None,
        held_back=_held_back(held, selection, reports) if held.is_dir() else None,
        selection=selection,
        cohorts={
            subject.name: read_cohort(path)
            for subject in (DEAL, LEAD)
            if (path := folder / f"cohort_{subject.name}s.json").is_file()
        },
        reports=reports,
        grade_conversion=read_grades(folder),
        uncertainties={
            subject.name: found
            for subject in (DEAL, LEAD)
            if (found := read_uncertainty(folder / f"intervals_{subject.name}s.json")) is not None
        },
        stalls=read_stalls(folder / FOLDER),
        references={
            subject.name: read_reference(folder / f"reference_{subject.name}s.json")
            for subject in (DEAL, LEAD)
        },
    )


def read_grades(folder: Path) -> dict[str, Any] | None:
    """What became of each grade, from a bundle whose seal was checked; None where it says none."""
    return read_json(folder / GRADES) if (folder / GRADES).is_file() else None


def _load(folder: Path) -> CloseCurve:
    return CloseCurve.load(folder, num_threads=free_cores())


def _held_back(folder: Path, selection: FeatureSelection, reports: dict[str, Any]) -> HeldBack:
    start = pd.Timestamp(reports[DEAL.name]["held_back_start"])
    return HeldBack(curve=_load(folder), start=start, selection=selection)


def _write(folder: Path, fitted: Fitted, stalls: Stalls, settings: Settings) -> None:
    write_stalls(folder / FOLDER, stalls, fitted.panels[DEAL.name].rows)
    for subject in (DEAL, LEAD):
        trained = fitted.curve(subject)
        if trained is not None:
            panel, model = fitted.panels[subject.name], trained.model
            _write_model(folder / f"{subject.name}_curve", model, panel.rows)
            cohort = learn_cohort(panel.rows, panel.labels, model.encoding_.kinds, by=model.by)
            write_cohort(folder / f"cohort_{subject.name}s.json", cohort)
            reference = reference_of(panel.rows, model.encoding_.kinds)
            write_reference(folder / f"reference_{subject.name}s.json", reference)
            uncertainty = learn_uncertainty(
                model, trained.held_back_model, panel.rows, panel.labels, trained.report
            )
            write_uncertainty(folder / f"intervals_{subject.name}s.json", uncertainty)
    if fitted.deal.held_back_model is not None:
        rows = fitted.panels[DEAL.name].rows
        _write_model(folder / "held_back_curve", fitted.deal.held_back_model, rows)
    if fitted.lead is not None:
        _write_grades(folder / GRADES, fitted, fitted.lead, settings)
    documents = {
        "selection.json": fitted.selection.to_json(),
        "leakage.md": as_markdown(fitted.columns),
        "context.json": json.dumps(_context(settings), ensure_ascii=False, indent=1),
        "report.json": json.dumps(fitted.reports(), ensure_ascii=False, indent=1, sort_keys=True),
    }
    for name, text in documents.items():
        (folder / name).write_text(text, encoding="utf-8")


def _write_grades(path: Path, fitted: Fitted, lead: TrainedCurve, settings: Settings) -> None:
    found = observed_conversion(
        lead, fitted.panels[LEAD.name], fitted.cutoff, settings.grades, settings.calendar
    )
    if found is not None:
        write_json(path, found)


def _write_model(folder: Path, model: CloseCurve, rows: pd.DataFrame) -> None:
    model.save(folder)
    golden = rows.tail(GOLDEN_ROWS)
    if len(golden):
        write_golden(folder, golden, model.predict_cumulative_incidence(golden, GOLDEN_DAYS))


def _context(settings: Settings) -> dict[str, Any]:
    """The settings that live scoring shares with the night."""
    return {
        "calendar": calendar_to_json(settings.calendar),
        "processes": [asdict(process) for process in settings.processes],
        "grades": asdict(settings.grades),
    }
