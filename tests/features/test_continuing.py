"""A second import changes no snapshot of the time that was known before it."""

from collections.abc import Mapping
from typing import Any

import ibis.expr.types as ir
import pandas as pd
import pytest
from tests.crm.exports import at, export_of, exported, imported, known

from closecurve.crm.continuing import continued
from closecurve.features.facts import closes, funnel_facts
from closecurve.features.selected import Attribute, FeatureSelection, SubjectSelection
from closecurve.features.snapshot import deal_snapshots, lead_snapshots, open_deals, open_leads
from closecurve.features.tables import HistoryTables


def selection_of(frames: Mapping[str, pd.DataFrame]) -> FeatureSelection:
    """The attribute of the exports as the first history holds it: a column, or facts."""

    def attribute(subject: str) -> Attribute:
        has_column = "sector" in frames[f"{subject}s"]
        table = f"{subject}s" if has_column else f"{subject}_changes"
        return Attribute(name="sector", table=table, kind="category")

    stages = ("Proposal", "Closing")
    return FeatureSelection(
        deals=SubjectSelection(attributes=(attribute("deal"),), kinds=("call",), stages=stages),
        leads=SubjectSelection(attributes=(attribute("lead"),)),
    )


def answers(
    frames: Mapping[str, pd.DataFrame], selection: FeatureSelection, until: pd.Timestamp
) -> dict[str, pd.DataFrame]:
    """Everything that is read as of instants up to `until`, in a fixed order."""
    tables = HistoryTables.from_frames(dict(frames))
    instants = [at(3), at(7), at(9.5), until]
    deals, leads = open_deals(tables, instants), open_leads(tables, instants)
    asked: dict[str, ir.Table] = {
        "deals": deal_snapshots(tables, deals, selection),
        "leads": lead_snapshots(tables, leads, selection),
        "closes": closes(tables, until),
        "funnel": funnel_facts(tables, until),
    }
    return {name: ordered(query.execute()) for name, query in asked.items()}


def ordered(frame: pd.DataFrame) -> pd.DataFrame:
    made: pd.DataFrame = frame.sort_values(
        list(frame.columns), key=lambda column: column.astype(str), ignore_index=True
    )
    return made


@pytest.mark.parametrize(("seed", "other"), [(1, 2), (3, 5)])
def test_no_snapshot_of_the_known_past_changes(seed: int, other: int) -> None:
    first = known(imported(export_of(seed, 12)))
    second = continued(first, exported(export_of(other, 14)))
    selection = selection_of(first.tables)
    before = answers(first.tables, selection, first.data_until)
    after = answers(second.tables, selection, first.data_until)
    assert all(len(frame) > 5 for frame in before.values())
    for name, frame in before.items():
        pd.testing.assert_frame_equal(frame, after[name], check_exact=True)


def test_what_the_second_import_brought_is_seen_after_it() -> None:
    first = known(imported(export_of(1, 12)))
    second = continued(first, exported(export_of(2, 14)))
    later = first.data_until + pd.Timedelta(days=9)
    counts: dict[str, Any] = {
        name: len(open_deals(HistoryTables.from_frames(dict(tables)), [later]).execute())
        for name, tables in (("before", first.tables), ("after", second.tables))
    }
    assert counts["before"] != counts["after"]
