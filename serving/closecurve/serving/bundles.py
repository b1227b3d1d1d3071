"""The sealed model that a publication was scored with, opened to score a posted record.

A bundle holds `deal_curve/`, `lead_curve/` and `stall/` (each may be absent), `selection.json`,
`cohort_deals.json` and `cohort_leads.json` (what is typical, which reasons compare with), and
`context.json`:

- `calendar`: as `closecurve.models.close_curve.files.calendar_to_json` writes it;
- `processes`: a list of {name, stages: [{name, kind, fixed_rate, expected_days}]};
- `grades`: the fields of `GradePolicy`.

Importing this module imports the models; `closecurve.serving.live` does so at the first posted
record, so that the service starts without them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from closecurve.crm.calendar import FiscalCalendar
from closecurve.crm.errors import ClosecurveError, EnvironmentFailure
from closecurve.crm.stages import Process, Stage, StageKind
from closecurve.features.selected import FeatureSelection
from closecurve.models.close_curve import CloseCurve
from closecurve.models.close_curve.files import calendar_from_json
from closecurve.models.explanation.cohort import read_cohort
from closecurve.models.explanation.explainer import Explainer
from closecurve.models.intervals import Uncertainty, read_uncertainty
from closecurve.models.lead_quality.judging import policy_from_json
from closecurve.models.lead_quality.policy import GradePolicy
from closecurve.models.stall.estimator import StallModel
from closecurve.stores.bundle import open_sealed

SUBJECTS = ("deal", "lead")
STALL = "stall"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SubjectModel:
    """A model of deals or of leads, what explains its answers, and how sure they are.

    `uncertainty` is None in a bundle of a release that did not learn it.
    """

    curve: CloseCurve
    explainer: Explainer
    uncertainty: Uncertainty | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bundle:
    """An opened bundle; `models` are by subject (deal, lead), `stalls` is of deals."""

    models: Mapping[str, SubjectModel]
    stalls: StallModel | None
    selection: FeatureSelection
    calendar: FiscalCalendar
    processes: tuple[Process, ...]
    grades: GradePolicy

    @property
    def stages(self) -> list[dict[str, Any]]:
        """The stages as rows of the history table `stages`."""
        return [
            {
                "process": process.name,
                "stage": stage.name,
                "stage_order": float(order),
                "kind": stage.kind.value,
            }
            for process in self.processes
            for order, stage in enumerate(process.stages, 1)
        ]


def open_bundle(bundles_dir: Path, digest: str) -> Bundle:
    """Check every hash of a bundle, then load it.

    Raises EnvironmentFailure `model-unavailable` where it is missing, damaged or of another format.
    """
    try:
        folder = open_sealed(bundles_dir, digest)
        return _read(folder)
    except (ClosecurveError, OSError, ValueError, KeyError, TypeError) as error:
        raise EnvironmentFailure(
            "model-unavailable", f"a publication's bundle can be opened, got {digest!r}: {error}"
        ) from error


def _read(folder: Path) -> Bundle:
    context = json.loads((folder / "context.json").read_text(encoding="utf-8"))
    calendar = calendar_from_json(context["calendar"])
    return Bundle(
        models={
            subject: _model(folder, subject)
            for subject in SUBJECTS
            if (folder / f"{subject}_curve").is_dir()
        },
        stalls=StallModel.load(folder / STALL) if (folder / STALL).is_dir() else None,
        selection=FeatureSelection.from_json((folder / "selection.json").read_text("utf-8")),
        calendar=FiscalCalendar() if calendar is None else calendar,
        processes=tuple(_process(entry) for entry in context["processes"]),
        grades=policy_from_json(context["grades"]),
    )


def _model(folder: Path, subject: str) -> SubjectModel:
    curve = CloseCurve.load(folder / f"{subject}_curve", num_threads=1)
    cohort = read_cohort(folder / f"cohort_{subject}s.json")
    return SubjectModel(
        curve=curve,
        explainer=Explainer(curve, cohort),
        uncertainty=read_uncertainty(folder / f"intervals_{subject}s.json"),
    )


def _process(entry: Mapping[str, Any]) -> Process:
    stages = [
        Stage(**(dict(stage) | {"kind": StageKind(stage["kind"])})) for stage in entry["stages"]
    ]
    return Process(name=entry["name"], stages=tuple(stages))
