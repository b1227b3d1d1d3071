"""The child of the kill test, run as `python -m tests.sources.killing FOLDER`.

Imports `first`, then `second` on copies of that home, each killed one durable step later, and says
as JSON lines which history was current after each, and whether its files were whole. Homes killed
around the switch are imported again, all the way. It forks for every import and never reads a table
itself: a process that has started the threads of a library must not fork.
"""

import hashlib
import json
import os
import shutil
import signal
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from closecurve.crm.calendar import FiscalCalendar
from closecurve.crm.mapping import parse_mapping
from closecurve.crm.stages import DEFAULT_PROCESS
from closecurve.sources.importing import run_import
from closecurve.stores import files, history, history_files
from closecurve.stores.history import HistoryStore

NEVER = 0


def import_export(export: Path, home: Path, dies_at: int) -> None:
    """One import, killed before its durable step of that number."""
    done = 0

    def counted(step: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **named: Any) -> Any:
            nonlocal done
            done += 1
            if done == dies_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return step(*args, **named)

        return run

    steps = counted(files.sync)
    for module in (files, history, history_files):
        vars(module)["sync"] = steps
    vars(shutil)["rmtree"] = counted(shutil.rmtree)
    mapping = parse_mapping(tomllib.loads((export / "closecurve.toml").read_text()), export, {})
    run_import(
        mapping,
        [DEFAULT_PROCESS],
        company="Test",
        currency="EUR",
        calendar=FiscalCalendar(),
        store=HistoryStore(home),
    )
    (export.parent / "steps").write_text(str(done))


def forked(export: Path, home: Path, dies_at: int = NEVER) -> bool:
    """Whether the import in a process of its own ran through."""
    child = os.fork()
    if child == 0:
        try:
            import_export(export, home, dies_at)
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return False
    assert os.WEXITSTATUS(status) == 0, "the import failed"
    return True


def say(home: Path, dies_at: int, done: bool) -> None:
    current = (home / "history/CURRENT").read_text().strip()
    folder = home / "history" / current
    digests = json.loads((folder / "history.json").read_text())["digests"]
    whole = all(
        hashlib.sha256((folder / f"{name}.parquet").read_bytes()).hexdigest() == digest
        for name, digest in digests.items()
    )
    print(json.dumps({"step": dies_at, "done": done, "current": current, "whole": whole}))


def main(folder: Path) -> None:
    first, second, fresh = folder / "first", folder / "second", folder / "fresh"
    forked(first, fresh)
    shutil.copytree(fresh, folder / "smooth")
    forked(second, folder / "smooth")
    say(folder / "smooth", 0, True)
    last = int((folder / "steps").read_text())
    for step in (1, 7, *range(last - 7, last + 1)):  # the tables are written one like the other
        home = folder / f"killed-{step}"
        shutil.copytree(fresh, home)
        say(home, step, forked(second, home, step))
        if step > last - 4:
            say(home, step, forked(second, home))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
