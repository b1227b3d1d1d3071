"""What the quality benchmark asks of each data set, and Closecurve's answer by its own path.

The rows are made once, by an import with the example's settings, and every peer gets the same ones.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import ibis.expr.types as ir
import numpy as np
import pandas as pd

from closecurve.crm.demo import DemoCompany, simulate
from closecurve.features.subjects import DEAL, LEAD, Subject
from closecurve.features.tables import HistoryTables
from closecurve.models.held_back import CAUSES, Part, Question, days_between
from closecurve.models.panel import feature_kinds
from closecurve.models.training import TrainedCurve, train_curve
from closecurve.pipelines import fitting
from closecurve.pipelines.panels import ARRIVAL, Panel, arrivals, open_rows, panel_of
from closecurve.pipelines.steps import import_history
from closecurve.pipelines.workspace import CONFIG_NAME, Workspace

ROOT = Path(__file__).resolve().parents[1]
EVER = float("inf")
DEMO_DEALS, DEMO_SEED = 8_000, 23
"""Not the seed that anything was tuned with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Where a data set is cut.

    `cutoff`: what is known from it on is not learned. `learn_before`: peers learn from rows before
    it. `asked`: the (id, as_of) that are scored.
    """

    cutoff: pd.Timestamp
    learn_before: pd.Timestamp
    asked: ir.Table


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """One data set with its protocol; `goals` are bounds of figures by their name.

    `owned`: only rows with an owner are learned by peers and asked.
    """

    name: str
    subject: Subject
    horizons: tuple[float, ...]
    split: Callable[[HistoryTables], Split]
    goals: dict[str, float] = field(default_factory=dict)
    owned: bool = False

    def is_here(self) -> bool:
        """Whether its files and its example are on this machine."""
        return self.name == "demo" or (data_folder() / self.name).is_dir()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Case:
    """One data set as it is asked: the rows to learn from, those to answer, and what came."""

    data: DataSet
    cutoff: pd.Timestamp
    until: pd.Timestamp
    learned: Part
    asked: Part
    questions: list[Question]
    kinds: dict[str, str]
    fitted: fitting.Fitted
    workspace: Workspace
    fit_seconds: float
    train_seconds: float
    company: DemoCompany | None

    @property
    def by(self) -> str:
        """The column that the plain rates go by."""
        return "stage" if self.data.subject is DEAL else "source"


def data_folder() -> Path:
    """Where the public data sets lie."""
    return Path(os.environ.get("CLOSECURVE_DATA", ROOT.parent / "shared" / "data"))


def split_bpic2012(tables: HistoryTables) -> Split:
    """Cut in the fourth month of five and a half; asked every second day for a month."""
    as_ofs = pd.date_range("2012-01-11", "2012-02-12", freq="2D").as_unit("us")
    cutoff = pd.Timestamp("2012-01-10")
    return Split(
        cutoff=cutoff, learn_before=cutoff, asked=open_rows(tables, DEAL, as_ofs.to_list())
    )


def split_maven_crm(tables: HistoryTables) -> Split:
    """Cut at the half; asked weekly while the shortest horizon can be watched."""
    as_ofs = pd.date_range("2017-07-03", "2017-12-24", freq="7D").as_unit("us")
    cutoff = pd.Timestamp("2017-07-01")
    return Split(
        cutoff=cutoff, learn_before=cutoff, asked=open_rows(tables, DEAL, as_ofs.to_list())
    )


def split_demo(tables: HistoryTables) -> Split:
    """Cut a year before the end; asked every four weeks as long as 90 days can be watched."""
    as_ofs = pd.date_range("2025-02-03", "2025-11-10", freq="28D").as_unit("us")
    cutoff = pd.Timestamp("2025-02-01")
    return Split(
        cutoff=cutoff, learn_before=cutoff, asked=open_rows(tables, DEAL, as_ofs.to_list())
    )


def split_xeducation(tables: HistoryTables) -> Split:
    """The first floor(0.7 n) leads are learned from, the rest is asked at its arrival.

    A lead converts a day after its arrival, so the cutoff is a day after the first asked one: every
    conversion among the learned is known then, and none among the asked.
    """
    created = tables.leads.select("created_at").execute()["created_at"].sort_values()
    first = created.iloc[int(0.7 * len(created))]
    asked = arrivals(tables, first, created.iloc[-1] + pd.Timedelta(days=1))
    return Split(cutoff=first + pd.Timedelta(days=1), learn_before=first, asked=asked)


def split_marketstar(tables: HistoryTables) -> Split:
    """The year is learned from; the four months after it are asked at the arrival."""
    cutoff = pd.Timestamp("2022-01-01")
    asked = arrivals(tables, cutoff, pd.Timestamp("2022-05-01"))
    return Split(cutoff=cutoff, learn_before=cutoff, asked=asked)


DATA_SETS = (
    DataSet(
        name="bpic2012",
        subject=DEAL,
        horizons=(7.0, 14.0, 30.0),
        split=split_bpic2012,
        goals={"log_loss": 0.460, "integrated_brier": 0.130, "citl": 0.025},
    ),
    DataSet(
        name="xeducation",
        subject=LEAD,
        horizons=(EVER,),
        split=split_xeducation,
        goals={"log_loss": 0.421, "auc": 0.883, "calibration_error": 0.042},
    ),
    DataSet(
        name="marketstar",
        subject=LEAD,
        horizons=(EVER,),
        split=split_marketstar,
        goals={"nothing_predicts": 0.0},
        owned=True,
    ),
    DataSet(
        name="maven_crm", subject=DEAL, horizons=(7.0, 14.0, 30.0, 90.0), split=split_maven_crm
    ),
    DataSet(name="demo", subject=DEAL, horizons=(7.0, 14.0, 30.0, 90.0), split=split_demo),
)


@contextmanager
def opened(data: DataSet) -> Iterator[Case]:
    """The case of one data set, learned by the product's own path."""
    with imported(data.name) as (workspace, company):
        yield _case(data, workspace, company)


@contextmanager
def imported(name: str, deals: int = DEMO_DEALS) -> Iterator[tuple[Workspace, DemoCompany | None]]:
    """A data set, or a demo company of so many deals, in a home of its own that goes at the end."""
    with TemporaryDirectory() as folder:
        company = _write_demo(Path(folder), deals) if name == "demo" else None
        config = ROOT / "examples" / name if company is None else Path(folder)
        workspace = Workspace.open(Path(folder) / "home", config / CONFIG_NAME).quiet()
        with patch.dict(os.environ, CLOSECURVE_DATA=str(data_folder())):
            import_history(workspace)
        yield workspace, company


def _write_demo(folder: Path, deals: int) -> DemoCompany:
    company = simulate(deals=deals, seed=DEMO_SEED)
    company.write_export(folder)
    return company


def _case(data: DataSet, workspace: Workspace, company: DemoCompany | None) -> Case:
    tables, until = workspace.history().tables(), workspace.history().data_until + ARRIVAL
    split = data.split(tables)
    fitted, fit_seconds, train_seconds = timed_fit(workspace, split.cutoff)
    learned = _learned(fitted.panels[data.subject.name], data, split)
    panel = panel_of(tables, data.subject, split.asked, until, fitted.selection)
    asked = _part(panel, _is_taken(panel.rows, data))
    return Case(
        data=data,
        cutoff=split.cutoff,
        until=until,
        learned=learned,
        asked=asked,
        questions=list(_questions(data, asked, until)),
        kinds=_kinds(learned.rows),
        fitted=fitted,
        workspace=workspace,
        fit_seconds=fit_seconds,
        train_seconds=train_seconds,
        company=company,
    )


def timed_fit(workspace: Workspace, cutoff: pd.Timestamp) -> tuple[fitting.Fitted, float, float]:
    """What the product learns before a cutoff, the seconds of a core for all of it, and those for
    training alone: choosing, judging and fitting on the finished panel. Where a company has deals
    and leads, the two are trained side by side and the second figure is the longer one's at most.
    """
    spent = []

    def timed(*given: Any, **options: Any) -> TrainedCurve:
        started = time.process_time()
        made = train_curve(*given, **options)
        spent.append(time.process_time() - started)
        return made

    started = time.process_time()
    with patch.object(fitting, "train_curve", timed):
        fitted = fitting.fit(workspace.history().tables(), cutoff, workspace.settings)
    return fitted, time.process_time() - started, max(spent)


def _kinds(rows: pd.DataFrame) -> dict[str, str]:
    """The features that hold anything: some peers fail on an empty column, and it says nothing."""
    return {name: kind for name, kind in feature_kinds(rows).items() if rows[name].notna().any()}


def _part(panel: Panel, kept: pd.Series) -> Part:
    return Part(
        rows=panel.rows[kept].reset_index(drop=True),
        labels=panel.labels[kept].reset_index(drop=True),
    )


def _is_taken(rows: pd.DataFrame, data: DataSet) -> pd.Series:
    return rows["owner_id"].notna() | (not data.owned)


def _learned(panel: Panel, data: DataSet, split: Split) -> Part:
    """The rows that peers learn from: every landmark of a deal, a lead once, at its arrival."""
    rows = panel.rows
    kept = _is_taken(rows, data) & (rows["as_of"] < split.learn_before)
    if data.subject is LEAD:
        kept &= rows["as_of"] == rows["created_at"] + ARRIVAL
    return _part(panel, kept)


def _questions(data: DataSet, asked: Part, until: pd.Timestamp) -> Iterator[Question]:
    """Won and lost within each horizon, of the rows that were watched to it; of leads only won."""
    labels, watched_days = asked.read, days_between(asked.rows["as_of"], until)
    for days in data.horizons:
        watched = watched_days >= days if np.isfinite(days) else np.full(len(asked), True)
        for cause, name in CAUSES if data.subject is DEAL else CAUSES[:1]:
            hit = (labels.event == cause) & (labels.duration_days <= days)
            yield Question(
                cause=cause,
                name=name,
                horizon_days=days,
                watched=watched,
                outcome=hit[watched].astype(np.float64),
            )
