"""Files of an export: of every kind, packed or not, one or many, in batches with their lines."""

import hashlib
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa

from closecurve.crm.errors import DataError, EnvironmentFailure
from closecurve.crm.mapping_sources import FILE_COLUMN, FileKind, FileSource, kind_of
from closecurve.sources.archives import Opened, opened
from closecurve.sources.csv_rows import csv_batches
from closecurve.sources.excel_rows import excel_batches
from closecurve.sources.json_rows import json_batches
from closecurve.sources.parquet_rows import parquet_batches
from closecurve.sources.rows import Batch, refused

_READERS: dict[FileKind, Callable[[Opened, FileSource], Iterator[Batch]]] = {
    FileKind.CSV: csv_batches,
    FileKind.EXCEL: excel_batches,
    FileKind.JSON_LINES: json_batches,
    FileKind.PARQUET: parquet_batches,
}


def files_of(source: FileSource) -> list[Path]:
    """The files that a source names, in the order of their names.

    Raises DataError where there is none.
    """
    if source.path.is_dir():
        found = [each for each in source.path.iterdir() if _is_export(each)]
    elif source.is_pattern and not source.path.exists():
        found = [each for each in source.path.parent.glob(source.path.name) if _is_export(each)]
    else:
        found = [source.path]
    if not found:
        raise refused("file-missing", source.path.name, "stands for at least one file", "none")
    return sorted(found)


def digest_of(path: Path) -> str:
    """The SHA-256 of a file. Raises DataError or EnvironmentFailure where it cannot be read."""
    try:
        with path.open("rb") as plain:
            return hashlib.file_digest(plain, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(path, "", error) from error


def file_batches(path: Path, source: FileSource) -> Iterator[Batch]:
    """The rows of one file, with FILE_COLUMN and LINE_COLUMN.

    Raises DataError for a file that is missing, empty, cut off, in another encoding, or not of the
    kind that its name says; EnvironmentFailure where the machine does not let it be read.
    """
    try:
        with opened(path, source.member) as content:
            kind = kind_of(content.inner)
            if kind is None:
                raise refused("file-kind", path.name, "holds a file of a known kind", content.inner)
            for batch in _READERS[kind](content, source):
                yield _with_file(batch, path.name)
    except (
        pa.ArrowException,
        OSError,
        EOFError,
        UnicodeError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise _unreadable(path, source.encoding, error) from error


def _is_export(path: Path) -> bool:
    known = kind_of(path.name) is not None or path.suffix.lower() == ".zip"
    return known and path.is_file() and not path.name.startswith((".", "~$"))


def _with_file(batch: Batch, name: str) -> Batch:
    repeated = pa.DictionaryArray.from_arrays(
        pa.array([0] * len(batch.rows), pa.int8()), pa.array([name])
    )
    rows = batch.rows.append_column(FILE_COLUMN, repeated.cast(pa.string()))
    return Batch(rows=rows, shapeless=batch.shapeless)


def _unreadable(path: Path, encoding: str, error: Exception) -> DataError | EnvironmentFailure:
    text = str(error)
    if isinstance(error, FileNotFoundError | IsADirectoryError | NotADirectoryError):
        return refused("file-missing", path.name, "is there", error)
    if isinstance(error, PermissionError):
        return EnvironmentFailure(
            "file-rights", f"a source can be read, got {error.strerror} for {path.name}"
        )
    if isinstance(error, EOFError):
        return refused("file-cut-off", path.name, "ends where it was meant to", error)
    if isinstance(error, UnicodeError) or "invalid UTF8" in text:
        rule = f"is written in {encoding} (key `encoding`)"
        return refused("file-encoding", path.name, rule, error)
    if "Empty CSV" in text:
        return refused("file-header", path.name, "begins with the names of its columns", error)
    return refused("file-unreadable", path.name, "is what its name says", error)
