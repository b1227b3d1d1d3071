"""The whole report of the champion: its parts, and a fair word on the champion before."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from closecurve.crm.errors import EnvironmentFailure, UsageError
from closecurve.models.close_curve import CloseCurve
from closecurve.models.report import evidence
from closecurve.models.report.page import report_page
from closecurve.pipelines import report
from closecurve.pipelines.bundling import Bundle
from closecurve.pipelines.publication import Champion
from closecurve.pipelines.report import report_document
from closecurve.pipelines.training import the_champion
from closecurve.pipelines.workspace import Workspace

pytestmark = pytest.mark.xdist_group("pipelines")


@pytest.fixture(scope="module")
def champion(trained_home: Path) -> Champion:
    found = the_champion(opened(trained_home))
    assert found is not None
    return found


@pytest.fixture(scope="module")
def told(trained_home: Path, champion: Champion) -> dict[str, Any]:
    """The report of deals, with one step of the learning curve and, as the champion before, the
    very model that answers for held-back time: it can be neither better nor worse."""
    bundle = champion.bundle
    assert bundle.held_back is not None
    curve = bundle.held_back.curve
    assert isinstance(curve, CloseCurve)
    start = bundle.reports["deal"]["held_back_start"]
    earlier: Bundle = replace(
        bundle,
        deal=curve,
        reports={"deal": bundle.reports["deal"] | {"cutoff": start}},
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evidence, "LEARNED_SHARES", (1.0,))
        patch.setattr(report, "_bundle_before", lambda workspace: earlier)
        return report_document(opened(trained_home), "deal")


def opened(home: Path) -> Workspace:
    return Workspace.open(home, home / "export/closecurve.toml").quiet()


def test_the_report_holds_all_its_parts_and_is_json(told: dict[str, Any]) -> None:
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    page = report_page(told)
    heads = [part.split("</h2>")[0] for part in page.split("<h2>")[1:]]
    assert {"Calibration", "Learning curve", "Drift", "Stalls", "Data used"} <= set(heads)


def test_the_model_and_its_bundle_are_named(told: dict[str, Any], champion: Champion) -> None:
    assert told["data"]["bundle"] == champion.digest
    assert told["data"]["model version"] == champion.version
    assert pd.Timestamp(told["data"]["held back from"]) < pd.Timestamp(told["data"]["cutoff"])


def test_the_learning_curve_ends_at_the_loss_of_the_reported_horizon(told: dict[str, Any]) -> None:
    (whole,) = told["learning_curve"]
    assert whole["share"] == 1.0
    assert 0 < whole["model"] < 1
    assert told["split_gap"]["horizon_days"] == told["horizon_days"]


def test_the_champion_before_is_asked_the_same_questions_of_the_same_rows(
    told: dict[str, Any],
) -> None:
    before = told["comparison"][-1]
    assert before["name"].startswith("champion before (trained ")
    assert before["rows"] > 50
    assert before["gap"] == pytest.approx(0, abs=1e-12)


def test_a_champion_before_of_another_release_is_named_and_not_compared(
    trained_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise EnvironmentFailure("model-format", "a model file has format 2, got 1")

    monkeypatch.setattr(report, "fetch", lambda *_: trained_home / "bundles/old")
    monkeypatch.setattr(report, "open_bundle", refuse)
    monkeypatch.setattr(report, "split_gap", lambda *_: None)
    monkeypatch.setattr(report, "learning_curve", lambda *_: [])
    told = report_document(opened(trained_home), "deal")
    before = told["comparison"][-1]
    assert before["name"] == "champion before (not opened: a model file has format 2, got 1)"
    assert "not opened" in report_page(told)


def test_groups_come_by_size_and_drift_by_index(told: dict[str, Any]) -> None:
    effects = [row["mean_effect"] for row in told["groups"]]
    assert effects == sorted(effects, reverse=True)
    assert effects[0] > 0
    indices = [row["stability_index"] for row in told["drift"]]
    assert indices == sorted(indices, reverse=True)


def test_without_a_model_the_report_says_what_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "the_champion", lambda workspace: None)
    with pytest.raises(UsageError) as caught:
        report_document(Workspace.open(tmp_path, None).quiet(), "lead")
    assert caught.value.code == "model-missing"
