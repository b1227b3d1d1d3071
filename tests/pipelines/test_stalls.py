"""Stalls through the flow: every open deal, sums that agree, nothing later looked at."""

from pathlib import Path

import pandas as pd
import pytest

from closecurve.cli.printing import summary_lines
from closecurve.features.facts import known_before
from closecurve.features.tables import HistoryTables
from closecurve.pipelines.publication import Published
from closecurve.pipelines.rates import StageFacts
from closecurve.pipelines.scoring import score_deals
from closecurve.pipelines.stall_scores import by_owner, score_stalls, stall_summary
from closecurve.pipelines.stalls import FOLDER, read_stalls
from closecurve.pipelines.training import the_champion
from closecurve.pipelines.workspace import Workspace

pytestmark = pytest.mark.xdist_group("pipelines")


def test_every_open_deal_stands_in_the_list_once(published: Published) -> None:
    stalls = published.publication.stalls
    assert sorted(stalls["deal_id"]) == sorted(published.publication.deal_scores["deal_id"])
    assert stalls["stall_probability"].between(0.01, 0.99).all()
    flagged = stalls[stalls["verdict"] == "flagged"]
    assert 0 < len(flagged) < len(stalls) / 2
    assert (flagged["stall_probability"] > flagged["usual_probability"]).all()
    assert (stalls["quiet_days"] <= stalls["still_days"] + 1e-9).all()


def test_owners_and_summary_add_up_to_the_list(published: Published) -> None:
    stalls, owners = published.publication.stalls, published.publication.stall_owners
    told = published.summary["stalls"]
    flagged = stalls["verdict"] == "flagged"
    assert owners["open_count"].sum() == told["open_count"] == len(stalls)
    assert owners["flagged_count"].sum() == told["flagged_count"] == flagged.sum()
    assert owners["flagged_amount"].sum() == pytest.approx(told["flagged_amount"])
    assert told["flagged_amount"] == pytest.approx(stalls["amount_company"][flagged].sum())
    for name in ("weekly_review", "follow_up", "decision"):
        assert owners[f"{name}_count"].sum() == (stalls["checkpoint"] == name).sum()


def test_the_command_tells_the_flags_and_the_money(published: Published) -> None:
    lines = "\n".join(summary_lines(published))
    assert f"Stalled: {published.summary['stalls']['flagged_count']} deals flagged, USD " in lines
    assert "of those flagged stalled" in lines


def test_a_stall_is_told_from_what_was_known_before_the_as_of(workspace: Workspace) -> None:
    champion = the_champion(workspace)
    assert champion is not None
    as_of = workspace.data_end() - pd.Timedelta(days=45)
    tables = workspace.history().tables()

    def scored(known: HistoryTables) -> pd.DataFrame:
        facts = StageFacts.of(known, as_of, workspace.settings)
        deals = score_deals(known, champion.bundle, facts, workspace.settings, as_of)
        made = score_stalls(known, champion.bundle.stalls, deals, facts.passages, as_of)
        return made.sort_values("deal_id", ignore_index=True)

    seen = scored(tables)
    assert len(seen)
    pd.testing.assert_frame_equal(seen, scored(known_before(tables, as_of)))


def test_a_bundle_of_an_earlier_release_has_no_stalls(workspace: Workspace, tmp_path: Path) -> None:
    champion = the_champion(workspace)
    assert champion is not None
    assert champion.bundle.stalls is not None
    assert read_stalls(tmp_path / FOLDER) is None
    as_of = workspace.data_end()
    tables = workspace.history().tables()
    facts = StageFacts.of(tables, as_of, workspace.settings)
    deals = score_deals(tables, champion.bundle, facts, workspace.settings, as_of)
    none = score_stalls(tables, None, deals, facts.passages, as_of)
    assert (len(none), len(by_owner(none)), stall_summary(None, none)) == (0, 0, {})
