"""A close curve as files: LightGBM text and JSON, never a pickle.

`model.json` holds the numbers, `encoding.json` the code tables of the categories, `trees_0.txt` and
so on the boosters, `coarse_trees_0.txt` and so on those of the coarse grid. A category value stands
in clear in the code tables only, where it can be erased, but for processes and stages (of leads:
sources), by which `model.json` names its curves.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import time
from pathlib import Path
from typing import Any

import lightgbm as lgb

from closecurve.crm.calendar import FiscalCalendar
from closecurve.crm.errors import EnvironmentFailure

FORMAT = 3
"""Counts up when a change makes older files unreadable."""

MODEL, ENCODING = "model.json", "encoding.json"
FINE, COARSE = "trees", "coarse_trees"
"""How the files of the boosters begin."""


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON file; the same value gives the same bytes."""
    path.write_text(json.dumps(value, ensure_ascii=False, allow_nan=False), encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file. Raises EnvironmentFailure where there is none."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EnvironmentFailure("model-file", f"a model is JSON files, got {path.name}") from error
    if not isinstance(value, dict):
        raise EnvironmentFailure("model-file", f"a model file is an object, got {path.name}")
    return value


def read_model(folder: Path) -> dict[str, Any]:
    """The content of `model.json`, of a format this version knows."""
    value = read_json(folder / MODEL)
    if value.get("format") != FORMAT:
        raise EnvironmentFailure(
            "model-format", f"a model file has format {FORMAT}, got {value.get('format')!r}"
        )
    return value


def write_trees(folder: Path, boosters: Sequence[lgb.Booster], name: str = FINE) -> None:
    """Write each booster as text."""
    for seed, booster in enumerate(boosters):
        text = booster.model_to_string()
        (folder / f"{name}_{seed}.txt").write_text(text, encoding="utf-8")


def read_trees(folder: Path, count: int, name: str = FINE) -> list[lgb.Booster]:
    """The boosters, from a folder whose seal was checked: a damaged text can end the process."""
    return [
        lgb.Booster(model_str=(folder / f"{name}_{seed}.txt").read_text(encoding="utf-8"))
        for seed in range(count)
    ]


def calendar_to_json(calendar: FiscalCalendar | None) -> dict[str, Any] | None:
    """A calendar for JSON; hours as ISO times."""
    if calendar is None:
        return None
    hours = [hour.isoformat() for hour in calendar.business_hours]
    return asdict(calendar) | {"business_hours": hours}


def calendar_from_json(value: Mapping[str, Any] | None) -> FiscalCalendar | None:
    """The calendar that `calendar_to_json` wrote."""
    if value is None:
        return None
    opens, closes = (time.fromisoformat(hour) for hour in value["business_hours"])
    fields = dict(value) | {
        "business_hours": (opens, closes),
        "business_days": tuple(value["business_days"]),
    }
    return FiscalCalendar(**fields)
