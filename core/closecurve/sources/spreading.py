"""Rows by the number of their range: a file for each in a temporary folder, read once."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

RANGE = "_range"
"""The column of a row's range."""

_WAITING_BYTES = 2 << 20
"""So much waits in memory until it is sorted by range and written: small pieces cost time."""


class RangeFiles:
    """The rows of a table; those of a range lie together.

    `name` begins the names of the files in `folder`. The rows of `schema` have RANGE among them.
    What a full disk raises is left to the caller (OSError).
    """

    def __init__(self, folder: Path, name: str, schema: pa.Schema) -> None:
        self._folder = folder
        self._name = name
        self._schema = schema
        self._waiting: list[pa.RecordBatch] = []

    def add(self, rows: pa.RecordBatch) -> None:
        """Adds rows of any ranges."""
        self._waiting.append(rows)
        if sum(each.nbytes for each in self._waiting) >= _WAITING_BYTES:
            self.flush()

    def flush(self) -> None:
        """Writes what waits; to be called once all rows were added."""
        table = pa.Table.from_batches(self._waiting, self._schema).combine_chunks()
        self._waiting = []
        rows = table.take(pc.sort_indices(table[RANGE]))
        numbers = rows[RANGE].to_numpy()
        starts = np.flatnonzero(np.diff(numbers, prepend=-1))
        for start, end in pairwise([*starts.tolist(), len(rows)]):
            self._append(int(numbers[start]), rows.slice(start, end - start))

    def take(self, number: int) -> pa.Table:
        """The rows of a range in the order in which they were added; its file is gone then."""
        path = self._path(number)
        if not path.exists():
            return self._schema.empty_table()
        with path.open("rb") as file, pa.ipc.open_stream(file) as rows:
            table = rows.read_all()
        path.unlink()
        return table

    def _append(self, number: int, rows: pa.Table) -> None:
        """A file is a stream of Arrow: its schema, then batches, each as it came."""
        with self._path(number).open("ab") as file:
            if not file.tell():
                file.write(self._schema.serialize())
            for batch in rows.to_batches():
                file.write(batch.serialize())

    def _path(self, number: int) -> Path:
        return self._folder / f"{self._name}-{number}"
