"""An import range by range gives the history that it gives in one piece, byte for byte."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.crm.exports import Canonical, export_of

from closecurve.crm.calendar import FiscalCalendar
from closecurve.crm.mapping import parse_mapping
from closecurve.crm.stages import DEFAULT_PROCESS
from closecurve.sources import cutting
from closecurve.sources.importing import ImportReport, run_import
from closecurve.stores.history import HistoryStore

DIRTY = {
    "deals": "D1,soon\nD1,2025-01-02\n,2025-01-01\n D7 ,2025-01-01\n",
    "deal_changes": "D1,stage,2025-01-05,soon\nZ,stage,2025-01-05,2025-01-05\n",
    "activities": ",2025-01-02,call\nZ,2025-01-02,call\nD1,2025-01-03,mail\n",
}
"""Further lines of the files: their first columns."""


def write(folder: Path, export: Canonical, *, dirty: bool) -> None:
    """The export as CSV files and a mapping; an activity in three is of a lead."""
    folder.mkdir()
    tables = dict(export)
    leads = [*export["leads"]["lead_id"], *export["deals"]["deal_id"]]
    acts = tables["activities"]
    of_lead = acts.iloc[::3].assign(deal_id=None, lead_id=(leads * len(acts))[: len(acts[::3])])
    tables["activities"] = pd.concat([acts.assign(lead_id=None), of_lead])
    tables["accounts"] = pd.DataFrame({"account_id": ["A", "B"], "size": ["1", None]})
    text = "[import]\nmost_bad_share = 0.9\n"
    for name, frame in tables.items():
        attributes = '\nattributes = ["sector"]' if name in ("deals", "leads") else ""
        text += f"[sources.{name}]\npath = '{name}.csv'\n[tables.{name}]{attributes}\n"
        first = [*({"deals": ["deal_id", "created_at"]}.get(name) or frame.columns[:4])]
        columns = [*first, *(each for each in frame if each not in first)]
        lines = frame[columns].to_csv(index=False)
        for line in DIRTY.get(name, "").splitlines() if dirty else ():
            lines += line + "," * (len(columns) - 1 - line.count(",")) + "\n"
        (folder / f"{name}.csv").write_text(lines)
    (folder / "closecurve.toml").write_text(text)


def imported(export: Path, home: Path) -> ImportReport:
    settings = tomllib.loads((export / "closecurve.toml").read_text())
    return run_import(
        parse_mapping(settings, export, {}),
        [DEFAULT_PROCESS],
        company="Test",
        currency="EUR",
        calendar=FiscalCalendar(),
        store=HistoryStore(home),
    )


@pytest.fixture
def in_ranges_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    return lambda cells: monkeypatch.setattr(cutting, "RANGE_CELLS", cells)


def said(report: ImportReport) -> tuple[object, ...]:
    rejected = report.rejected.astype("str").to_numpy().tolist()
    return report.history_id, report.is_new, report.tables, report.changes, rejected


def test_ranges_of_any_size_give_the_same_history(
    tmp_path: Path, in_ranges_of: Callable[[int], None]
) -> None:
    write(tmp_path / "first", export_of(1, 8), dirty=True)
    write(tmp_path / "second", export_of(11, 14), dirty=False)
    found: dict[int, list[Any]] = {}
    for cells in (700, 10_000_000):
        in_ranges_of(cells)
        home = tmp_path / f"home-{cells}"
        found[cells] = [said(imported(tmp_path / name, home)) for name in ("first", "second")]
    assert found[700] == found[10_000_000]
    rejected = found[700][0][-1]
    assert {row[-1] for row in rejected} >= {"id-duplicate", "deal-unknown", "activity-unknown"}
