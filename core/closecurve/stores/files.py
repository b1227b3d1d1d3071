"""Files that appear whole or not at all, and survive a power cut once they are there."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from closecurve.crm.errors import EnvironmentFailure


@contextmanager
def durable_writing(what: str) -> Iterator[None]:
    """Turns what a full disk, missing rights or a broken device raise into EnvironmentFailure.

    Told by class: the messages of systems and libraries differ.
    """
    try:
        yield
    except (OSError, pa.ArrowException, duckdb.IOException) as error:
        raise EnvironmentFailure(
            "disk-write", f"{what} can be written, got {type(error).__name__}: {error}"
        ) from error


def write_text(path: Path, text: str) -> None:
    """Writes a file beside its place, syncs it, and moves it there. Raises EnvironmentFailure."""
    beside = path.with_name(f".{path.name}.writing")
    with durable_writing(str(path)):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text(text, encoding="utf-8")
            sync(beside)
            beside.replace(path)
            sync(path.parent)
        finally:
            beside.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Waits until a file or folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
