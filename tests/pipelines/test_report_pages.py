"""The pages that a training logs: one for deals, one for leads, from what the training holds."""

from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from tests.models.conftest import CUTOFF, simulate

from closecurve.features.subjects import DEAL, LEAD
from closecurve.models.baselines import StageCurves
from closecurve.pipelines.panels import Panel
from closecurve.pipelines.report_pages import (
    asked_horizons,
    beside,
    compared,
    document,
    seen,
    training_pages,
)

START = pd.Timestamp("2024-07-01")
REPORT: dict[str, Any] = {
    "is_better": True, "finding": "It is better.", "rows": 900, "ids": 150, "closed": 700,
    "cutoff": "2025-01-01", "held_back_start": "2024-07-01", "held_back_rows": 400,
    "log_loss": {"historical_stage_rate": 0.5, "model": 0.4}, "reliability": [],
    "gaps": {"historical_stage_rate": {"gap": 0.1, "standard_error": 0.01}},
    "scores": {"model": [{"horizon_days": days} for days in (30.0, 7.0, 30.0)]},
}  # fmt: skip
STALLS: dict[str, Any] = {
    "is_better": True, "horizon_days": 30.0, "held_back_rows": 400, "reliability": [],
    "scores": {"model": {"log_loss": 0.6, "auc": 0.7}},
    "flags": {"flagged_stalled_rate": None, "other_stalled_rate": None},
}  # fmt: skip
GRADES: dict[str, Any] = {"within_days": 90, "since": "2024-07-01T00:00:00", "items": []}
SETTINGS: Any = SimpleNamespace(company=SimpleNamespace(name="Möller & Söhne"))


@pytest.fixture(scope="module")
def fitted() -> Any:
    """What a training leaves, as far as pages read it: leads were too few to hold any back."""
    made = simulate(800, seed=3)
    model = StageCurves().fit(made.rows, made.labels)
    deal = SimpleNamespace(report=REPORT, held_back_model=model, held_back_start=START)
    lead = SimpleNamespace(report=REPORT, held_back_model=None, held_back_start=None)
    return SimpleNamespace(
        cutoff=CUTOFF,
        curve={DEAL: deal, LEAD: lead}.__getitem__,
        panels={"deal": Panel(rows=made.rows, labels=made.labels)},
        reports=lambda: {"deal": REPORT, "lead": REPORT | {"scores": None}},
    )


def test_deals_are_told_with_stalls_and_leads_with_grades(fitted: Any) -> None:
    pages = training_pages(fitted, STALLS, GRADES, SETTINGS, "h-1")
    assert set(pages) == {"report_deal", "report_lead"}
    heads = {
        name: [part.split("<")[0] for part in page.split("<h2>")[1:]]
        for name, page in pages.items()
    }
    assert heads["report_deal"] == [
        "Calibration by segment", "Discrimination over time", "Beside every baseline", "Stalls",
        "Known limits", "Data used",
    ]  # fmt: skip
    assert heads["report_lead"] == [
        "Beside every baseline", "Conversion by grade", "Known limits", "Data used",
    ]  # fmt: skip
    assert "Möller &amp; Söhne" in pages["report_deal"]


def test_a_company_without_leads_has_one_page(fitted: Any) -> None:
    alone: Any = SimpleNamespace(**vars(fitted) | {"reports": lambda: {"deal": REPORT}})
    assert set(training_pages(alone, {}, None, SETTINGS, "h-1")) == {"report_deal"}


def test_the_best_stands_first_and_each_other_with_how_much_worse_it_is() -> None:
    assert compared(REPORT) == [
        {"name": "model", "rows": 400, "log_loss": 0.4},
        {
            "name": "historical stage rate", "rows": 400, "log_loss": 0.5,
            "gap": 0.1, "standard_error": 0.01,
        },
    ]  # fmt: skip


def test_the_document_names_the_data_used() -> None:
    told = document(LEAD, REPORT, "Möller", "h-1")
    assert told["data"]["leads"] == 150
    assert told["data"]["history"] == "h-1"
    assert told["data"]["first landmark"] is None


def test_what_held_back_time_was_too_short_for_is_left_out() -> None:
    assert seen(None) == {}
    assert beside(DEAL, {"rows": 3}, GRADES) == {}
    assert beside(DEAL, None, GRADES) == {}
    assert beside(LEAD, STALLS, None) == {}
    assert asked_horizons(REPORT) == [7.0, 30.0]
    assert asked_horizons({"scores": None}) == []
