"""Real exports go the whole way: import, back-test, train, score, serve."""

import asyncio
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from closecurve.cli.printing import summary_lines, training_lines
from closecurve.models.training import TrainedCurve
from closecurve.pipelines import backtest, training
from closecurve.pipelines.backtest import run_backtest
from closecurve.pipelines.fitting import Fitted, Fitting, fit
from closecurve.pipelines.steps import import_history, publish_scores, train_models
from closecurve.pipelines.workspace import Workspace
from closecurve.serving.app import create_app


@pytest.fixture(autouse=True)
def fitted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The training takes the curves that the back-test fitted at the same cutoff: they are equal,
    as `test_steps` shows, and to fit them again takes half a minute."""
    known: dict[pd.Timestamp, Fitted] = {}

    def remembered(tables: Any, cutoff: pd.Timestamp, settings: Any) -> Fitted:
        known[cutoff] = fit(tables, cutoff, settings)
        return known[cutoff]

    def taken(_pool: Executor, _tables: Any, cutoff: pd.Timestamp, *_: object) -> Fitting:
        fitted = known[cutoff]
        return Fitting(
            cutoff=cutoff,
            selection=fitted.selection,
            panels=fitted.panels,
            columns=fitted.columns,
            deal=done(fitted.deal),
            lead=None if fitted.lead is None else done(fitted.lead),
        )

    monkeypatch.setattr(backtest, "fit", remembered)
    monkeypatch.setattr(training, "begin_fit", taken)


def done(curve: TrainedCurve) -> Future[TrainedCurve]:
    """A training that is over."""
    made: Future[TrainedCurve] = Future()
    made.set_result(curve)
    return made


@pytest.mark.parametrize(
    ("name", "cutoff", "score_at"),
    [
        ("bpic2012", "2012-01-10", ["2012-01-15", "2012-02-04"]),
        ("maven_crm", "2017-09-01", ["2017-09-01", "2017-11-01"]),
    ],
)
def test_a_real_export_goes_the_whole_way(
    name: str,
    cutoff: str,
    score_at: list[str],
    project_root: Path,
    shared_data: Path,
    tmp_path: Path,
) -> None:
    assert (shared_data / name).is_dir()
    config = project_root / "examples" / name / "closecurve.toml"
    workspace = Workspace.open(tmp_path / "home", config).quiet()
    import_history(workspace)
    metrics = run_backtest(
        workspace,
        cutoffs=[pd.Timestamp(cutoff)],
        score_at=[pd.Timestamp(day) for day in score_at],
        horizons=[7, 30],
        out=tmp_path / "out",
    )
    losses = metrics["deals"]["mean_log_loss"]
    assert losses["close_curve"] < losses["stage_curves"] < losses["historical_stage_rate"]
    train_models(workspace, pd.Timestamp(cutoff))
    published = publish_scores(workspace, pd.Timestamp(score_at[-1])).publication
    app = create_app(results=workspace.results, bundles_dir=workspace.bundles_dir)
    deal = served(app, f"/v1/deals/{published.deal_scores['deal_id'].iloc[0]}")
    said = published.deal_scores["win_probability_eventual"].iloc[0]
    assert np.isclose(deal["win_probability_eventual"], said)


def test_leads_without_deals_go_the_whole_way(
    project_root: Path, shared_data: Path, tmp_path: Path
) -> None:
    assert (shared_data / "xeducation").is_dir()
    cutoff = pd.Timestamp("2024-01-03 05:47")
    config = project_root / "examples/xeducation/closecurve.toml"
    workspace = Workspace.open(tmp_path / "home", config).quiet()
    import_history(workspace)
    metrics = run_backtest(
        workspace, cutoffs=[cutoff], score_at=None, horizons=[1], out=tmp_path / "out"
    )
    assert metrics["deals"] == {}
    scores = metrics["leads"]["horizons"]["1"]["won"]["close_curve"]
    assert scores["auc"] > 0.85
    later = pd.read_parquet(tmp_path / "out/leads.parquet").query("as_of > cutoff")
    assert later["lead_id"].nunique() == later["as_of"].nunique() == 4611 - 3227 - 1
    trained = train_models(workspace, cutoff)
    assert training_lines(trained.report)[0].startswith("Leads: 3,227 known")
    published = publish_scores(workspace, cutoff)
    assert "No deals: leads only." in summary_lines(published)
    app = create_app(results=workspace.results, bundles_dir=workspace.bundles_dir)
    first = published.publication.lead_scores.iloc[0]
    lead = served(app, f"/v1/leads/{first['lead_id']}")
    said = first["conversion_probability_eventual"]
    assert np.isclose(lead["conversion_probability_eventual"], said)


def served(app: object, path: str) -> dict[str, float]:
    """The answer of the application to one request."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get(path)

    answer = asyncio.run(ask())
    assert answer.status_code == 200, answer.text
    found: dict[str, float] = answer.json()
    return found
