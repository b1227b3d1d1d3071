"""Small exports in a folder, and their import."""

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from closecurve.crm.calendar import FiscalCalendar
from closecurve.crm.mapping import ImportMapping, parse_mapping
from closecurve.crm.stages import DEFAULT_PROCESS
from closecurve.sources.importing import ImportReport, run_import
from closecurve.stores.history import HistoryStore


@pytest.fixture
def mapped(tmp_path: Path) -> Callable[[str], ImportMapping]:
    """A mapping whose files lie in the test's folder."""
    return lambda text: parse_mapping(tomllib.loads(text), tmp_path, {})


@pytest.fixture
def imported(tmp_path: Path) -> Callable[..., ImportReport]:
    """Writes files, imports them into the test's home and gives the report; settings pass on."""

    def run(files: Mapping[str, str | bytes], mapping: str, **settings: Any) -> ImportReport:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            (tmp_path / name).write_bytes(data)
        return run_import(
            parse_mapping(tomllib.loads(mapping), tmp_path, {}),
            [DEFAULT_PROCESS],
            company="Test",
            currency="EUR",
            calendar=FiscalCalendar(),
            store=HistoryStore(tmp_path / "home"),
            **settings,
        )

    return run
