"""The files of a history: written part by part, read by ranges of ids."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from closecurve.crm.continuing_facts import STATED
from closecurve.crm.errors import DataError
from closecurve.crm.ranges import Cut, IdRange, row_cells
from closecurve.crm.tables import HISTORY_TABLES
from closecurve.features.tables import arrow_table
from closecurve.stores.files import sync

ROW_GROUP = 20_000
"""Rows of a row group: what a reader of a range of ids reads at the least."""

STATED_TABLE = "stated"
"""The file of what the tables of records stated otherwise (`crm.continuing`)."""

FILES = (*HISTORY_TABLES, STATED_TABLE)
"""Every Parquet file of a history."""

Part = Mapping[str, pd.DataFrame | pa.Table | None]
"""Some rows of some tables, by the name of their file."""


class GrowingFile:
    """A Parquet file whose bytes depend on its rows alone, not on the parts they come in."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.row_count = 0
        self._waiting: list[pa.Table] = []
        self._writer: pq.ParquetWriter | None = None

    @property
    def is_begun(self) -> bool:
        """Whether its columns are known."""
        return self._writer is not None

    def add(self, rows: pa.Table) -> None:
        """Adds rows under the columns of the first part; they are written a row group at a time."""
        if self._writer is None:
            self._writer = pq.ParquetWriter(self.path, rows.schema, compression="zstd")
        self._waiting.append(rows)
        self.row_count += len(rows)
        while sum(map(len, self._waiting)) >= ROW_GROUP:
            together = pa.concat_tables(self._waiting)
            self._write(together.slice(0, ROW_GROUP))
            self._waiting = [together.slice(ROW_GROUP)]

    def finish(self) -> str:
        """Writes what is left, waits until it is on the disk, gives the SHA-256 of the file."""
        if self._waiting:
            self._write(pa.concat_tables(self._waiting))
        self.close()
        sync(self.path)
        return digest(self.path)

    def close(self) -> None:
        """Leaves the file as it is."""
        if self._writer is not None:
            self._writer.close()

    def _write(self, rows: pa.Table) -> None:
        if self._writer is not None and (len(rows) or self.row_count == 0):
            self._writer.write_table(rows.combine_chunks(), row_group_size=ROW_GROUP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What was written: row counts by history table, digests by file, the last known instant."""

    row_counts: Mapping[str, int]
    digests: Mapping[str, str]
    data_until: str


class HistoryFiles:
    """The files of a history folder on their way to the disk."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._files = {name: GrowingFile(folder / f"{name}.parquet") for name in FILES}
        self._latest: datetime | None = None

    def add(self, part: Part) -> None:
        """Adds the rows of some tables. All parts of a table have the same columns."""
        for name, rows in part.items():
            table = _as_arrow(name, rows)
            self._files[name].add(table)
            if "known_at" in table.column_names:
                latest = [self._latest, pc.max(table["known_at"]).as_py()]
                self._latest = max((each for each in latest if each is not None), default=None)

    def finish(self) -> Written:
        """Ends and syncs all files; a table that no part had is empty.

        Raises DataError where no fact was among the parts.
        """
        if self._latest is None:
            raise DataError("history-empty", "a history has at least one fact, got none")
        for name, each in self._files.items():
            if not each.is_begun:
                each.add(_as_arrow(name, None))
        return Written(
            digests={name: each.finish() for name, each in self._files.items()},
            row_counts={name: self._files[name].row_count for name in HISTORY_TABLES},
            data_until=self._latest.isoformat(),
        )

    def close(self) -> None:
        """Lets go of files that were not finished."""
        for each in self._files.values():
            each.close()


def read_rows(
    folder: Path, name: str, ids: IdRange | None = None, columns: list[str] | None = None
) -> pd.DataFrame:
    """The rows of a file, or those of a range of ids; days as midnights.

    `columns` None are all. Raises OSError or ArrowException for a file that is missing or damaged.
    """
    path = folder / f"{name}.parquet"
    wanted = None if ids is None or ids.cut.key is None else _condition(name, ids)
    table = ds.dataset(path).to_table(columns=columns, filter=wanted, use_threads=False)
    days = [(i, f) for i, f in enumerate(table.schema) if pa.types.is_date(f.type)]
    for place, day in days:
        table = table.set_column(place, day.name, table[day.name].cast(pa.timestamp("us")))
    frame: pd.DataFrame = table.to_pandas()
    return frame


def ids_in(folder: Path, name: str, cut: Cut) -> Iterator[pa.Table]:
    """How many cells each id of a cut has in a file: `id` and `cells`, batch by batch.

    An id may be in several batches. Raises as `read_rows`.
    """
    columns = [each for each in (cut.key, cut.unless) if each is not None]
    with pq.ParquetFile(folder / f"{name}.parquet") as opened:
        for batch in opened.iter_batches(columns=columns):
            ids = batch.column(cut.key)
            if cut.unless is not None:
                ids = ids.filter(pc.is_null(batch.column(cut.unless)))
            counted = pc.value_counts(ids.drop_null())
            cells = pc.multiply(counted.field("counts"), row_cells(len(opened.schema_arrow)))
            yield pa.table({"id": counted.field("values"), "cells": cells})


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _condition(name: str, ids: IdRange) -> ds.Expression:
    """What the rows of a range keep: only the row groups are read that have some of them."""
    cut = ids.cut
    key = ds.field("id" if name == STATED_TABLE else cut.key)
    wanted = key.is_valid()
    if name == STATED_TABLE:
        wanted &= ds.field("table") == cut.tables[0]
    elif cut.unless is not None:
        wanted &= ds.field(cut.unless).is_null()
    if ids.first is not None:
        wanted &= key >= ids.first
    if ids.end is not None:
        wanted &= key < ids.end
    return wanted


def _as_arrow(name: str, rows: pd.DataFrame | pa.Table | None) -> pa.Table:
    if isinstance(rows, pa.Table):
        return rows
    if name == STATED_TABLE:
        said = pd.DataFrame(columns=list(STATED)) if rows is None else rows
        return pa.table({each: pa.array(said[each].astype("str"), pa.string()) for each in STATED})
    return arrow_table(name, rows)
