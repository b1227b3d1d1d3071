"""Frames of an import on their way, in a temporary folder: a file per range and table."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pyarrow import feather

from closecurve.crm.ranges import IdRange
from closecurve.sources.room import fitting


class Spool:
    """Frames by range and table, each written once and read again as it was."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, step: str, ids: IdRange, frames: Mapping[str, pd.DataFrame]) -> None:
        """Keeps frames of a step. Raises EnvironmentFailure where the temporary folder is full."""
        with fitting(OSError, pa.ArrowException):
            for name, frame in frames.items():
                rows = pa.Table.from_pandas(frame, preserve_index=False)
                feather.write_feather(rows, self._path(step, ids, name), compression="lz4")

    def read(self, step: str, ids: IdRange, name: str) -> pd.DataFrame:
        """A frame that was written."""
        frame: pd.DataFrame = feather.read_table(self._path(step, ids, name)).to_pandas()
        return frame

    def has(self, step: str, ids: IdRange, name: str) -> bool:
        """Whether a frame was written."""
        return self._path(step, ids, name).exists()

    def _path(self, step: str, ids: IdRange, name: str) -> Path:
        return self._folder / f"{step}-{ids.cut.name}-{ids.number}-{name}"


@contextmanager
def spooling() -> Iterator[Spool]:
    """A spool that goes with the block."""
    with tempfile.TemporaryDirectory(prefix="closecurve-import-") as folder:
        yield Spool(Path(folder))
