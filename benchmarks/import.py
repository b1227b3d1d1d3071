"""An import of the demo company's export at one size and at ten times that: rows per processor
second, and the peak memory of the process.

    .venv/bin/python benchmarks/import.py --deals 20000

Each size is simulated, read and imported in processes of its own: `reading` is the sources as
tables of the locked DuckDB, `import` the whole way into the history, `again` the same export once
more on top of it. The processes have the environment that the command gives itself.
`--most-growth` bounds how many times the memory of an import, the first or the same again, may
grow for ten times the rows: exit 1 where it grows more.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from closecurve.cli import ENVIRONMENT
from closecurve.crm.demo import simulate
from closecurve.pipelines.steps import import_history
from closecurve.pipelines.workspace import CONFIG_NAME, Workspace
from closecurve.sources.loading import loaded_sources
from closecurve.sources.room import paged_memory

PHASES = ("reading", "import", "again")
TIMES = 10
MOST_GROWTH = 1.1
"""The memory is to be the same at ten times the rows; two runs of one size differ by 3 %."""


def export(folder: Path, deals: int) -> None:
    """The demo company's export."""
    simulate(deals=deals, seed=7).write_export(folder)


def read_sources(folder: Path) -> None:
    """Every source as a table, and no more."""
    mapping = Workspace.open(folder / "home", folder / CONFIG_NAME).settings.mapping
    sources = mapping.sources.values() if mapping is not None else ()
    with paged_memory(), loaded_sources(sources) as (_, loaded):
        assert all(each.row_count for each in loaded.values())


def import_all(folder: Path) -> None:
    """The export as a history."""
    import_history(Workspace.open(folder / "home", folder / CONFIG_NAME))


def measure(phase: str, folder: Path) -> dict[str, float]:
    """Seconds and peak memory in MB of this process; `base_mb` is what it had before it began.

    `cpu_seconds` are those of all processors: on a busy machine they say more than the clock.
    """
    before, began = _peak(), (time.perf_counter(), time.process_time())
    (read_sources if phase == "reading" else import_all)(folder)
    return {
        "seconds": time.perf_counter() - began[0],
        "cpu_seconds": time.process_time() - began[1],
        "base_mb": before,
        "peak_mb": _peak(),
    }


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def in_own_process(phase: str, folder: Path, deals: int) -> dict[str, float]:
    """What the phase says of itself, run by another interpreter."""
    command = [sys.executable, __file__, "--phase", phase, "--folder", str(folder)]
    done = subprocess.run(
        [*command, "--deals", str(deals)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={**ENVIRONMENT, **os.environ},
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def table(deals: int) -> pd.DataFrame:
    """One row per phase and size."""
    rows = []
    for size in (deals, deals * TIMES):
        with TemporaryDirectory() as name:
            folder = Path(name)
            in_own_process("export", folder, size)
            written = sum(_row_count(path) for path in folder.glob("*.csv"))
            for phase in PHASES:
                found = in_own_process(phase, folder, size)
                rows.append({"phase": phase, "deals": size, "rows": written, **found})
    measured = pd.DataFrame(rows)
    measured["rows_per_second"] = measured["rows"] / measured["cpu_seconds"]
    return measured


def _row_count(path: Path) -> int:
    with path.open("rb") as opened:
        return sum(block.count(b"\n") for block in iter(lambda: opened.read(1 << 20), b"")) - 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deals", type=int, default=20_000, help="of the smaller size")
    parser.add_argument("--most-growth", type=float, default=MOST_GROWTH)
    parser.add_argument("--phase", choices=("export", *PHASES), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.phase == "export":
        export(arguments.folder, arguments.deals)
        print("{}")
        return 0
    if arguments.phase:
        print(json.dumps(measure(arguments.phase, arguments.folder)))
        return 0
    found = table(arguments.deals)
    print(found.round(1).to_string(index=False))
    growth = {phase: _growth(found, phase) for phase in ("import", "again")}
    for phase, times in growth.items():
        print(f"{phase}: {TIMES} times the rows take {times:.2f} times the memory")
    first, again = (found[found["phase"] == name]["cpu_seconds"] for name in ("import", "again"))
    ratios = ", ".join(f"{ratio:.2f}" for ratio in again.to_numpy() / first.to_numpy())
    print(f"importing the same again takes {ratios} times the first")
    return int(max(growth.values()) > arguments.most_growth)


def _growth(found: pd.DataFrame, phase: str) -> float:
    """How many times the memory of the smaller size a phase takes at the larger one."""
    smaller, larger = found.loc[found["phase"] == phase, "peak_mb"]
    return float(larger / smaller)


if __name__ == "__main__":
    sys.exit(main())
