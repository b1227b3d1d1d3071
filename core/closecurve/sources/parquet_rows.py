"""Parquet: every column as it is, read in batches."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from closecurve.crm.mapping_sources import LINE_COLUMN, FileSource
from closecurve.sources.archives import Opened, seekable
from closecurve.sources.rows import Batch, column_names, refused

_MARK = b"PAR1"
_ROWS = 100_000


def parquet_batches(opened: Opened, _source: FileSource) -> Iterator[Batch]:
    """The rows of a Parquet file, each with its number.

    Raises DataError for a file that is cut off or names a column twice; ArrowException or OSError
    for one that is damaged.
    """
    stream = seekable(opened)
    begins = stream.read(len(_MARK)) == _MARK
    stream.seek(-min(len(_MARK), stream.seek(0, 2)), 2)
    if begins and stream.read() != _MARK:
        raise refused("file-cut-off", opened.name, "ends where it was meant to", "no footer")
    stream.seek(0)
    file = pq.ParquetFile(stream)
    schema = file.schema_arrow
    names = column_names(schema.names, opened.name)
    yield Batch(rows=_with_lines(pa.table(schema.empty_table().columns, names=names), 0))
    count = 0
    for batch in file.iter_batches(_ROWS):
        table = pa.Table.from_batches([batch]).rename_columns(names)
        yield Batch(rows=_with_lines(table, count))
        count += len(table)


def _with_lines(table: pa.Table, before: int) -> pa.Table:
    lines = np.arange(before + 1, before + len(table) + 1, dtype=np.int64)
    return table.append_column(LINE_COLUMN, pa.array(lines))
