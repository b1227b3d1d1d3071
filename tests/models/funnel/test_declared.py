"""The declarations of the metrics, and the page that is made of them."""

from dataclasses import replace
from pathlib import Path

import pytest

from closecurve.crm.errors import UsageError
from closecurve.models.funnel.declared import GROUPS, METRICS, metrics_page
from closecurve.models.funnel.stages import COLUMNS

MADE_OF = "docs/metrics.md ends with what metrics_page() gives"


def test_the_page_holds_every_metric(project_root: Path) -> None:
    page = (project_root / "docs/metrics.md").read_text("utf-8")
    assert page.endswith(metrics_page()), MADE_OF


def test_a_metric_of_a_stage_is_a_column_of_the_funnel() -> None:
    stages = {metric.name for metric in METRICS.values() if metric.of == "stage"}
    assert stages <= set(COLUMNS)


def test_every_rate_and_quantile_has_an_interval_and_every_group_a_metric() -> None:
    for metric in METRICS.values():
        if metric.unit in ("share", "days"):
            assert metric.interval, metric.name
    assert {metric.group for metric in METRICS.values()} == set(GROUPS)


def test_a_metric_has_a_name_that_code_can_use() -> None:
    with pytest.raises(UsageError, match="got 'win rate'"):
        replace(METRICS["win_rate_closed"], name="win rate")
