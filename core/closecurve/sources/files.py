"""Files of an export: CSV and Parquet as Arrow tables, every row with its line in the file."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from closecurve.crm.errors import DataError, EnvironmentFailure
from closecurve.crm.mapping import LINE_COLUMN, Source
from closecurve.crm.review import FILE, LINE

MOST_COLUMNS = 2000
"""No export is wider; the types of all columns have to be given before the header is read."""

_BLOCK_BYTES = 16 << 20  # the longest record that can be read


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedFile:
    """A source's rows. CSV values are text, null where empty; LINE_COLUMN counts from 1.

    `shapeless` has the lines that do not fit the header: FILE, LINE, value. `digest` is the
    SHA-256 of the file.
    """

    name: str
    rows: pa.Table
    shapeless: pd.DataFrame
    digest: str


def load_file(source: Source) -> LoadedFile:
    """Reads a source.

    Raises DataError for a file that is missing, empty, cut off, in another encoding, or no CSV or
    Parquet at all; EnvironmentFailure where the machine does not let it be read.
    """
    try:
        with source.path.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        if source.path.name.lower().endswith(".parquet"):
            return _load_parquet(source, digest)
        return _load_csv(source, digest)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise _refused("file-missing", source.path, "is there", error) from error
    except PermissionError as error:
        raise EnvironmentFailure(
            "file-rights", f"a source can be read, got {error.strerror} for {source.path.name}"
        ) from error
    except (pa.ArrowException, OSError, UnicodeError) as error:
        raise _unreadable(source, error) from error


def _unreadable(source: Source, error: Exception) -> DataError:
    text = str(error)
    if "Truncated" in text:
        return _refused("file-cut-off", source.path, "ends where it was meant to", error)
    if isinstance(error, UnicodeError) or "invalid UTF8" in text:
        rule = f"is written in {source.encoding} (key `encoding`)"
        return _refused("file-encoding", source.path, rule, error)
    return _refused("file-unreadable", source.path, "is CSV or Parquet as its name says", error)


def _refused(code: str, path: Path, rule: str, got: object) -> DataError:
    return DataError(code, f"the file {path.name} {rule}, got {str(got).splitlines()[0]}")


def _load_parquet(source: Source, digest: str) -> LoadedFile:
    rows = pq.read_table(source.path)
    named = rows.rename_columns(_names(rows.column_names, source.path))
    lines = pa.array(np.arange(1, len(named) + 1))
    return LoadedFile(
        name=source.path.name,
        rows=named.append_column(LINE_COLUMN, lines),
        shapeless=_shapeless(source.path, [], np.array([], dtype=np.int64)),
        digest=digest,
    )


def _load_csv(source: Source, digest: str) -> LoadedFile:
    compression = "gzip" if source.path.name.lower().endswith(".gz") else None
    with pa.input_stream(str(source.path), compression=compression) as stream:
        content = stream.read_buffer()
    if not content.size:
        raise _refused("file-empty", source.path, "has a header", "an empty file")
    table, invalid = _parsed(content, source)
    _check_end(content, source.path, table, invalid)
    lines, invalid_lines = _line_numbers(table, invalid)
    header = [value or "" for (value,) in (column[:1].to_pylist() for column in table.columns)]
    named = table.rename_columns(_names(header, source.path))
    return LoadedFile(
        name=source.path.name,
        rows=_without_blank(named, lines).slice(1),
        shapeless=_shapeless(source.path, [row.text for row in invalid], invalid_lines),
        digest=digest,
    )


def _parsed(content: pa.Buffer, source: Source) -> tuple[pa.Table, list[pa_csv.InvalidRow]]:
    """All rows as text, the header among them, and the rows of another width."""
    invalid: list[pa_csv.InvalidRow] = []

    def skip(row: pa_csv.InvalidRow) -> str:
        invalid.append(row)
        return "skip"

    table = pa_csv.read_csv(
        pa.BufferReader(content),
        read_options=pa_csv.ReadOptions(
            use_threads=False,  # rows are only numbered in order
            encoding=source.encoding,
            autogenerate_column_names=True,
            block_size=_BLOCK_BYTES,
        ),
        parse_options=pa_csv.ParseOptions(
            delimiter=source.delimiter,
            newlines_in_values=True,
            ignore_empty_lines=False,  # an empty line counts as one
            invalid_row_handler=skip,
        ),
        convert_options=pa_csv.ConvertOptions(
            column_types={f"f{i}": pa.string() for i in range(MOST_COLUMNS)},
            strings_can_be_null=True,
            null_values=[""],
        ),
    )
    return table, invalid


def _check_end(
    content: pa.Buffer, path: Path, table: pa.Table, invalid: list[pa_csv.InvalidRow]
) -> None:
    """A file whose last record is short or still inside a quote was cut off on its way."""
    last = invalid[-1] if invalid and invalid[-1].number == len(table) + len(invalid) else None
    ends_line = content[-2:].to_pybytes().rstrip(b"\0").endswith((b"\n", b"\r"))
    quotes = int((np.frombuffer(content, np.uint8) == ord('"')).sum())
    short = last is not None and last.actual_columns < last.expected_columns
    tail = [last.text] if last else [each[-1].as_py() or "" for each in table.columns]
    open_quote = quotes % 2 == 1 and (last is not None or any("\n" in text for text in tail))
    if open_quote or (not ends_line and (short or quotes % 2 == 1)):
        raise _refused("file-cut-off", path, "ends with a whole record", tail[-1][:80])


def _line_numbers(
    table: pa.Table, invalid: list[pa_csv.InvalidRow]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The lines on which the rows and the invalid ones begin: a quoted value may span several."""
    count = len(table) + len(invalid)
    is_invalid = np.zeros(count, dtype=bool)
    is_invalid[[row.number - 1 for row in invalid]] = True
    breaks = np.zeros(count, dtype=np.int64)
    breaks[is_invalid] = [row.text.count("\n") for row in invalid]
    breaks[~is_invalid] = _line_breaks(table)
    lines = np.arange(1, count + 1) + np.cumsum(breaks) - breaks
    return lines[~is_invalid], lines[is_invalid]


def _line_breaks(table: pa.Table) -> NDArray[np.int64]:
    """How many line breaks the values of each row hold."""
    total = np.zeros(len(table), dtype=np.int64)
    for column in table.columns:
        found = pc.fill_null(pc.count_substring(column, "\n"), 0)
        total += found.to_numpy()
    return total


def _without_blank(table: pa.Table, lines: NDArray[np.int64]) -> pa.Table:
    """The table with its lines, without rows that have no value at all."""
    filled = np.zeros(len(table), dtype=bool)
    for column in table.columns:
        filled |= pc.is_valid(column).to_numpy()
    return table.append_column(LINE_COLUMN, pa.array(lines)).filter(pa.array(filled))


def _shapeless(path: Path, texts: Sequence[str], lines: NDArray[np.int64]) -> pd.DataFrame:
    return pd.DataFrame({FILE: path.name, LINE: lines, "value": pd.Series(texts, dtype="str")})


def _names(header: Sequence[str], path: Path) -> list[str]:
    """Column names, stripped; a column without one is named after its place."""
    if not any(name.strip() for name in header):
        raise _refused("file-header", path, "begins with the names of its columns", header)
    names = [name.strip() or f"column_{i}" for i, name in enumerate(header, 1)]
    folded = [name.casefold() for name in (*names, LINE_COLUMN)]
    doubled = [name for name in names if folded.count(name.casefold()) > 1]
    if doubled:
        raise _refused("file-header", path, "names each column once", doubled)
    return names
