"""One run at a time in a home: a lock of the operating system, free the moment its holder dies."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from closecurve.crm.errors import EnvironmentFailure, LockedError


@contextmanager
def home_lock(home: Path, purpose: str) -> Iterator[None]:
    """Hold the home for as long as the block runs; `purpose` is what a second run is told.

    The file `lock` in the home stays behind and says nothing by itself: only the lock counts, so
    that a killed holder leaves nothing to clean up. A child made by fork holds it too.
    Raises LockedError, naming the holder, where another run (or another block of this one) holds
    it, and EnvironmentFailure where the home cannot be written.
    """
    path = home / "lock"
    try:
        home.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise _unwritable(home, error) from error
    try:
        _take(descriptor, path, purpose)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, path: Path, purpose: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise LockedError(
            "home-locked",
            f"one run at a time holds a home, got {path.parent} held by {_holder(path)}",
        ) from error
    holder = json.dumps({"pid": os.getpid(), "purpose": purpose})
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, holder.encode(), 0)
    except OSError as error:
        raise _unwritable(path.parent, error) from error


def _holder(path: Path) -> str:
    """Who wrote the lock file, and when: its time of change is when the holder came."""
    since = pd.Timestamp(path.stat().st_mtime_ns, unit="ns").floor("s")
    try:
        holder = json.loads(path.read_text())
        return f"process {holder['pid']} ({holder['purpose']}) since {since} UTC"
    except (OSError, ValueError, KeyError, TypeError):
        # The holder has taken the lock and not yet written its name.
        return f"a run that began at {since} UTC"


def _unwritable(home: Path, error: OSError) -> EnvironmentFailure:
    return EnvironmentFailure("home-unwritable", f"a home can be written, got {home}: {error}")
