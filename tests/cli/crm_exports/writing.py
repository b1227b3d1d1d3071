"""How the exports write rows and instants."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import pandas as pd


def save(folder: Path, name: str, rows: Sequence[Mapping[str, object]], **how: object) -> None:
    pd.DataFrame(rows).to_csv(folder / name, index=False, **how)  # type: ignore[call-overload]


def iso(at: datetime | None) -> str | None:
    """As an interface writes an instant in UTC."""
    return None if at is None else at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def day(at: datetime | None, written: str = "%Y-%m-%d") -> str | None:
    return None if at is None else at.strftime(written)


def shown(at: datetime | None) -> str | None:
    """As Pipedrive and Odoo write an instant."""
    return day(at, "%Y-%m-%d %H:%M:%S")
