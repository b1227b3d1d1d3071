"""The catalog knows every feature column, and docs/features.md is made of it."""

from pathlib import Path
from typing import Any

import pytest

from closecurve.crm.errors import UsageError
from closecurve.features.catalog import catalog_page, feature_columns, spec_of
from closecurve.features.catalog_specs import GROUPS, FeatureSpec
from closecurve.features.selected import FeatureSelection


def test_the_page_holds_the_catalog(project_root: Path) -> None:
    assert (project_root / "docs/features.md").read_text().endswith(catalog_page())


@pytest.mark.parametrize("subject", ["deal", "lead"])
def test_every_selected_column_has_a_spec(subject: str, selection: FeatureSelection) -> None:
    columns = selection.columns(subject)
    assert feature_columns(columns) == list(columns)
    assert len(set(columns)) == len(columns)


@pytest.mark.parametrize("subject", ["deal", "lead"])
def test_a_snapshot_has_the_selected_columns(
    subject: str, selection: FeatureSelection, engine: Any, queries: Any, random_history: Any
) -> None:
    rows = queries.run(engine, f"{subject}s", engine.load(random_history(1, 3, 3)))
    assert set(selection.columns(subject)) <= set(rows.columns)


@pytest.mark.parametrize(
    ("column", "kind", "group"),
    [
        ("days_since_stage_Ä 1", "clock", "stage"),
        ("days_since_activity", "clock", "engagement"),
        ("days_since_电话", "clock", "engagement"),
        ("activity_count_90_call", "number", "engagement"),
        ("days_to_expected_close", "countdown", "expected close"),
        ("attribute_account_size", "category", "account"),
        ("attribute_product", "category", "product"),
    ],
)
def test_a_family_is_known_by_its_longest_beginning(column: str, kind: str, group: str) -> None:
    spec = spec_of(column)
    assert spec is not None
    assert (spec.name, spec.kind, spec.group) == (column, kind, group)


@pytest.mark.parametrize("column", ["deal_id", "as_of", "created_at", "team", "amount"])
def test_what_is_carried_is_no_feature(column: str) -> None:
    assert spec_of(column) is None


def test_a_spec_checks_its_group_and_kind() -> None:
    row = {"name": "x", "unit": "", "meaning": "", "absent": ""}
    with pytest.raises(UsageError, match="got 'mood'"):
        FeatureSpec(group="mood", kind="number", **row)
    with pytest.raises(UsageError, match="got 'date'"):
        FeatureSpec(group=GROUPS[0], kind="date", **row)
