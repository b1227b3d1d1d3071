"""The report of the leakage guard: in words, and through training, bundle and page."""

from collections.abc import Mapping
from typing import Any

import pytest

from closecurve.cli.printing import leakage_lines
from closecurve.features.guard import ColumnReport
from closecurve.features.subjects import DEAL, LEAD
from closecurve.pipelines.fitting import fit
from closecurve.pipelines.leakage import as_markdown, columns_of
from closecurve.pipelines.training import the_champion
from closecurve.pipelines.workspace import Workspace
from closecurve.settings.settings import FeatureSettings

pytestmark = pytest.mark.xdist_group("pipelines")


def column(name: str, **said: Any) -> ColumnReport:
    table, _, own = name.partition(".")
    plain: Mapping[str, Any] = {
        "is_used": True,
        "is_overruled": False,
        "reason": "nothing speaks against it",
        "filled_on_open": 1.0,
        "filled_on_closed": 0.5,
        "auc": None,
        "examples": (),
    }
    return ColumnReport(table=table, column=own, **{**plain, **said})


def test_the_table_shows_what_is_set_aside_first_and_no_value_breaks_it() -> None:
    leak = column(
        "deals.a|b", is_used=False, reason="said so", auc=0.987, examples=("x\n| <b> (5 closed)",)
    )
    rows = as_markdown([column("deals.size"), leak]).splitlines()[-2:]
    assert rows[0] == (
        "| deals.a\\|b | no | said so | 100% | 50% | 0.99 | x \\| &lt;b> (5 closed) |"
    )
    assert rows[1].startswith("| deals.size | yes | nothing speaks against it | 100% | 50% |  |")


def test_each_model_is_told_of_its_own_columns() -> None:
    reports = [column(f"{table}.x") for table in ("accounts", "deals", "deal_changes", "leads")]
    assert [each.table for each in columns_of(reports, LEAD)] == ["accounts", "leads"]
    assert [each.table for each in columns_of(reports, DEAL)] == [
        "accounts",
        "deals",
        "deal_changes",
    ]


def test_training_prints_what_is_set_aside_and_what_is_overruled() -> None:
    rows = [
        column("deals.size"),
        column("deals.reason", is_used=False, reason="it is a leak"),
        column("deals.kept", is_overruled=True, reason="kept by name"),
    ]
    lines = leakage_lines({"deal": {"columns": [row.to_json() for row in rows]}})
    assert lines == [
        "Set aside: deals.reason: it is a leak.",
        "Used: deals.kept: kept by name.",
        "To overrule: [features] keep and set_aside in closecurve.toml.",
    ]


def test_the_bundle_and_the_publication_hold_the_report(workspace: Workspace) -> None:
    champion = the_champion(workspace)
    assert champion is not None
    columns = {row["name"]: row for row in champion.bundle.reports["deal"]["columns"]}
    assert not columns["deals.loss_reason"]["is_used"]
    assert columns["deals.lead_id"]["is_used"]
    table = workspace.bundles_dir / champion.digest / "leakage.md"
    assert "| deals.loss_reason | no | " in table.read_text("utf-8")


def test_a_column_kept_by_name_is_learned_from(
    workspace: Workspace,
) -> None:
    tables, cutoff = workspace.history().tables(), workspace.data_end()
    chosen = FeatureSettings(keep=("deals.loss_reason",), set_aside=("leads.source",))
    fitted = fit(tables, cutoff, workspace.settings.model_copy(update={"features": chosen}))
    assert "attribute_loss_reason" in fitted.selection.columns("deal")
    assert "source" not in fitted.selection.columns("lead")
    said = {row["name"]: row for row in fitted.reports()["deal"]["columns"]}
    assert said["deals.loss_reason"]["reason"].startswith("kept by name in closecurve.toml")
