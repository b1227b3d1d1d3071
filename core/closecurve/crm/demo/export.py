"""The demo company as a CRM would export it: CSV files, some rows dirty, and closecurve.toml."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from closecurve.crm.demo.days import ZONE
from closecurve.crm.demo.dirt import spoiled
from closecurve.crm.demo.frames import COMPANY, TABLES
from closecurve.crm.demo.world import World
from closecurve.crm.stages import DEFAULT_PROCESS, Stage, StageKind

CHUNK = 250_000
"""Rows written at a time: an export of a million deals stays within a gigabyte."""

EXPECTED_DAYS = (14, 14, 18, 16, 12)
"""The company's own idea of the time in each stage."""


def write(world: World, seed: int, folder: Path) -> None:
    """Writes the files; each appears whole, in place of an older one."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(TABLES):
        rng = np.random.default_rng([seed, number])
        part = folder / f".{name}.csv.part"
        _write_csv(part, (spoiled(name, chunk, rng) for chunk in _chunks(world, name)))
        os.replace(part, folder / f"{name}.csv")
    part = folder / ".closecurve.toml.part"
    part.write_text(toml(), encoding="utf-8")
    os.replace(part, folder / "closecurve.toml")


def _chunks(world: World, name: str) -> Iterator[pa.Table]:
    """The table's rows as text, a stretch at a time; one empty stretch for an empty table."""
    start = 0
    while True:
        table = TABLES[name](world, slice(start, start + CHUNK))
        if start == 0 or table.num_rows:
            yield pa.table({c: _text(table[c]) for c in table.column_names})
        if table.num_rows < CHUNK:
            return
        start += CHUNK


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column as the CSV shows it: instants as ISO with the zone."""
    if pa.types.is_timestamp(column.type):
        day, clock = column.cast(pa.date32()), column.cast(pa.timestamp("s")).cast(pa.time32("s"))
        parts = [day.cast(pa.string()), "T", clock.cast(pa.string()), "Z", ""]
        return pc.binary_join_element_wise(*parts)
    return column.cast(pa.string())


def _write_csv(path: Path, chunks: Iterator[pa.Table]) -> None:
    first = next(chunks)
    with pa_csv.CSVWriter(path, first.schema) as writer:
        writer.write_table(first)
        for chunk in chunks:
            writer.write_table(chunk)


def toml() -> str:
    """The settings with which the normal import reads the files."""
    return "\n".join([_HEAD, _processes(), _IMPORT, *(_table(name) for name in TABLES)])


_HEAD = f"""\
[company]
name = "{COMPANY}"
currency = "USD"
time_zone = "{ZONE}"
fiscal_year_start_month = 1
week_start = "monday"
business_hours = ["09:00", "18:00"]
business_days = ["monday", "tuesday", "wednesday", "thursday", "friday"]
"""

_IMPORT = """\
[import]
folder = "."
most_bad_share = 0.05
"""


def _processes() -> str:
    days = iter(EXPECTED_DAYS)
    stages = [f"  {_stage(stage, days)},\n" for stage in DEFAULT_PROCESS.stages]
    return f'[[processes]]\nname = "{DEFAULT_PROCESS.name}"\nstages = [\n{"".join(stages)}]\n'


def _stage(stage: Stage, days: Iterator[int]) -> str:
    if stage.kind is not StageKind.OPEN:
        return f'{{ name = "{stage.name}", kind = "{stage.kind}" }}'
    rate = f"fixed_rate = {stage.fixed_rate}, expected_days = {next(days)}"
    return f'{{ name = "{stage.name}", {rate} }}'


def _table(name: str) -> str:
    lines = [f'[sources.{name}]\npath = "{name}.csv"\n\n[tables.{name}]\nfrom = "{name}"\n']
    attributes = ATTRIBUTES.get(name, ())
    if attributes:
        pairs = ", ".join(f'{column} = "{column}"' for column in attributes)
        lines.append(f"attributes = {{ {pairs} }}\n")
    return "".join(lines)


ATTRIBUTES = {
    "deals": (
        *("product", "source", "business", "competitor", "industry", "employees", "loss_reason"),
    ),
    "leads": ("industry", "employees", "title", "budget", "timing", "site_visits"),
    "accounts": ("name", "industry", "employees", "region"),
}
"""The columns beside the canonical ones."""
