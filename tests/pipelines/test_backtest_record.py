"""The track record of a small company: its origins, what is stored, and that nothing leaks."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from closecurve.crm.calendar import FiscalCalendar
from closecurve.crm.errors import UsageError
from closecurve.models.training import TrainedCurve
from closecurve.pipelines import backtest_record
from closecurve.pipelines.backtest_record import origins_of, past_quarters, run_track_record
from closecurve.pipelines.fitting import Fitted
from closecurve.pipelines.steps import import_history
from closecurve.pipelines.training import the_champion
from closecurve.pipelines.workspace import Workspace

pytestmark = pytest.mark.xdist_group("pipelines")

MADE_AT = pd.Timestamp("2026-02-01 03:00")


def test_origins_are_midnights_of_the_company_across_a_change_of_the_clocks() -> None:
    calendar = FiscalCalendar(time_zone="Europe/Berlin")
    quarter = calendar.quarter_at(pd.Timestamp("2025-02-01"))
    found = origins_of(quarter, calendar, 1)
    assert (found[0], len(found)) == (quarter.start_at, 13)
    assert {calendar.local(at).hour for at in found} == {0}
    assert found[-1] < quarter.end_at
    assert [calendar.local(at).day for at in origins_of(quarter, calendar, 5)] == [1, 5, 12]


@pytest.fixture
def cutoffs(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> list[pd.Timestamp]:
    """The cutoffs that a training was asked for; the champion stands in for what it makes."""
    champion = the_champion(workspace)
    assert champion is not None
    bundle, asked = champion.bundle, []

    def fitted(_tables: object, cutoff: pd.Timestamp, _settings: object) -> Fitted:
        asked.append(cutoff)
        deal = TrainedCurve(
            model=bundle.deal, report={}, held_back_model=None, held_back_start=None
        )
        return Fitted(
            cutoff=cutoff, selection=bundle.selection, deal=deal, lead=None, panels={}, columns=[]
        )

    monkeypatch.setattr(backtest_record, "fit", fitted)
    return asked


def test_a_quarter_is_stored_with_its_scores_and_its_peers(
    workspace: Workspace, cutoffs: list[pd.Timestamp], tmp_path: Path
) -> None:
    record = run_track_record(workspace, most=1, weeks_apart=10, out=tmp_path, made_at=MADE_AT)
    head = workspace.results.backtests.newest()
    assert head is not None
    assert (head.backtest_id, head.made_at) == (record.backtest_id, MADE_AT)
    rows = pd.DataFrame(workspace.results.backtests.rows(head.backtest_id))
    assert set(rows["scope_kind"]) <= {"company", "region", "team", "owner"}
    assert rows["as_of"].nunique() == 2
    assert cutoffs == list(head.cutoffs) == [rows["as_of"].min()]
    assert (rows["cutoff"] == cutoffs[0]).all()
    came = rows["booked"] + rows["open_actual"] + rows["new_actual"]
    assert np.allclose(came, rows["actual"])
    assert _company(record.metrics)["origin_count"] == 2
    assert set(_company(record.metrics)["peers"]) >= {"weighted_fixed", "run_rate", "last_quarter"}
    assert len(pd.read_parquet(tmp_path / "track_record.parquet")) == len(rows)


def _company(metrics: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = metrics["scores"][0]
    return found


def test_every_ended_quarter_with_a_quarter_of_wins_before_it_is_asked(
    workspace: Workspace,
) -> None:
    found = past_quarters(workspace, 16)
    assert found == sorted(found, key=lambda quarter: quarter.start_at)
    assert found[-1].end_at <= workspace.data_end()
    assert workspace.settings.calendar.quarter_after(found[-1]).end_at > workspace.data_end()
    assert past_quarters(workspace, 2) == found[-2:]


def test_without_wins_there_is_nothing_to_ask(exported: Any) -> None:
    deals = pd.DataFrame({"deal_id": ["a", "b"], "created_at": ["2025-01-01", "2025-03-01"]})
    company = exported(deals=deals)
    import_history(company)
    with pytest.raises(UsageError) as refused:
        past_quarters(company, 16)
    assert refused.value.code == "backtest-quarters"
