"""The back-test's files and scores, on the demo company."""

import json
from pathlib import Path

import pandas as pd
import pytest

from closecurve.crm.errors import UsageError
from closecurve.pipelines.backtest import (
    DEAL_COLUMNS,
    FORECAST_COLUMNS,
    LEAD_COLUMNS,
    run_backtest,
)
from closecurve.pipelines.workspace import Workspace

pytestmark = pytest.mark.xdist_group("pipelines")

CUTOFF = pd.Timestamp("2025-08-01")


def test_the_files_hold_what_the_commands_page_says(workspace: Workspace, tmp_path: Path) -> None:
    metrics = run_backtest(workspace, cutoffs=[CUTOFF], score_at=None, horizons=[30], out=tmp_path)
    frames = {
        name: pd.read_parquet(tmp_path / f"{name}.parquet")
        for name in ("deals", "leads", "forecast")
    }
    for name, columns in (
        ("deals", DEAL_COLUMNS),
        ("leads", LEAD_COLUMNS),
        ("forecast", FORECAST_COLUMNS),
    ):
        assert tuple(frames[name].columns) == columns
        assert len(frames[name])
    deals, leads = frames["deals"], frames["leads"]
    assert set(deals["horizon_days"].dropna()) == {30.0}
    assert deals["horizon_days"].isna().sum() * 2 == len(deals)
    assert (deals["win_probability"] + deals["loss_probability"] <= 1 + 1e-9).all()
    arrivals = leads[leads["as_of"] > CUTOFF]
    created = workspace.history().tables().leads.execute().set_index("lead_id")["created_at"]
    assert len(arrivals)
    assert (arrivals["as_of"].to_numpy() == created[arrivals["lead_id"]].to_numpy()).all()
    ended = frames["forecast"][frames["forecast"]["period_end"].astype(str) <= "2026-01-01"]
    assert ended["actual"].notna().all()
    assert json.loads((tmp_path / "metrics.json").read_text()) == json.loads(json.dumps(metrics))
    assert set(metrics["deals"]["horizons"]["30"]["won"]) == {
        *("close_curve", "fixed_stage_rate", "historical_stage_rate", "stage_curves")
    }


def test_dates_outside_the_history_are_refused(workspace: Workspace, tmp_path: Path) -> None:
    for cutoffs, score_at in (
        ([pd.Timestamp("2150-01-01")], None),
        ([pd.Timestamp("1950-01-01")], None),
        ([CUTOFF], [CUTOFF - pd.Timedelta(days=1)]),
    ):
        with pytest.raises(UsageError) as caught:
            run_backtest(workspace, cutoffs=cutoffs, score_at=score_at, horizons=[7], out=tmp_path)
        assert caught.value.code == "backtest-dates"
