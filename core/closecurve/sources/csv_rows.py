"""CSV as it is found: any delimiter, quotes and encoding, read in blocks of bounded size."""

import codecs
import threading
import weakref
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
from numpy.typing import NDArray

from closecurve.crm.mapping_sources import FileSource
from closecurve.sources.archives import Opened
from closecurve.sources.rows import Batch, column_names, refused, without_blank

MOST_COLUMNS = 2000
"""No export is wider; the types of all columns have to be given before the header is read."""

_BLOCK_BYTES = 2 << 20  # the longest record that can be read

_MOST_BLOCKS = 4
"""Blocks in memory at a time: Arrow works on two or three, and would read 32 ahead."""

_PATIENCE_SECONDS = 1.0
"""So long a block waits for one before it to be let go; then it is read all the same."""


def csv_batches(opened: Opened, source: FileSource) -> Iterator[Batch]:
    """The rows of a CSV file: every value is text, null where it is empty.

    Raises DataError for a file that is empty, has no header or is cut off; ArrowException for one
    that is no CSV, UnicodeError for one in another encoding.
    """
    watched = _Watched(opened.stream, source)
    if not watched.read_ahead():
        raise refused("file-empty", opened.name, "has a header", "an empty file")
    invalid: list[pa_csv.InvalidRow] = []
    lines = _Lines(source.header_row or 1)
    names: list[str] = []
    last: list[str] = []
    for block in _blocks(watched, opened.inner, source, invalid):
        table = pa.Table.from_batches([block])
        places, shapeless = lines.of(table, invalid)
        last = [each[-1].as_py() or "" for each in table.columns] if len(table) else last
        if not names and len(table):
            header = [each[0].as_py() or "" for each in table.columns]
            names = column_names(header, opened.name)
            table, places = table.slice(1), places[1:]
        if names:
            rows = without_blank(table.rename_columns(names), places)
            yield Batch(rows=rows, shapeless=shapeless)
    shortened = invalid[-1] if invalid else None
    yield Batch(rows=rows.slice(0, 0), shapeless=lines.rest(invalid))
    _check_end(watched, opened.name, last, shortened if lines.ends_with(shortened) else None)


def _blocks(
    stream: "_Watched", name: str, source: FileSource, invalid: list[pa_csv.InvalidRow]
) -> Iterator[pa.RecordBatch]:
    """All rows as text, the header among them; rows of another width go to `invalid`."""

    def skip(row: pa_csv.InvalidRow) -> str:
        invalid.append(row)
        return "skip"

    tabs = name.lower().endswith(".tsv")
    yield from pa_csv.open_csv(
        stream,
        read_options=pa_csv.ReadOptions(
            use_threads=False,  # rows are only numbered in order
            encoding=source.encoding,
            autogenerate_column_names=True,
            block_size=_BLOCK_BYTES,
            skip_rows=(source.header_row or 1) - 1,
        ),
        parse_options=pa_csv.ParseOptions(
            delimiter=source.delimiter or ("\t" if tabs else ","),
            quote_char=source.quote,
            escape_char=source.escape or False,
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


class _Watched:
    """A stream that counts quotes and remembers its end, to tell a file that was cut off.

    It is read in another thread, ahead of what is worked on, and waits while Arrow still holds
    `_MOST_BLOCKS` of its blocks.
    """

    closed = False

    def __init__(self, stream: BinaryIO, source: FileSource) -> None:
        is_utf8 = codecs.lookup(source.encoding).name in ("utf-8", "utf-8-sig")
        decoder = codecs.getincrementaldecoder(source.encoding)
        self._decoder = None if is_utf8 else decoder("replace")
        self._stream = stream
        self._quote = source.quote.encode()
        self._escape = (source.escape or "").encode()
        self._ahead = b""
        self._end = b""
        self._quote_count = 0
        self._room = threading.Semaphore(_MOST_BLOCKS)

    def readable(self) -> bool:
        return True

    def read_ahead(self) -> bool:
        """Whether there is anything."""
        self._ahead = self._stream.read(_BLOCK_BYTES)
        return bool(self._ahead)

    def read(self, size: int = -1) -> memoryview:
        """The next bytes, which count as held until Arrow lets go of them."""
        self._room.acquire(timeout=_PATIENCE_SECONDS)
        block = memoryview(self._next(size))
        weakref.finalize(block, self._room.release)
        return block

    def _next(self, size: int) -> bytes:
        content = self._ahead[:size] if self._ahead else self._stream.read(size)
        self._ahead = self._ahead[len(content) :] if self._ahead else b""
        # In UTF-8 no sign of ASCII is ever part of another one; in UTF-16 a quote may be.
        self._watch(content if self._decoder is None else self._decoder.decode(content).encode())
        return content

    def _watch(self, text: bytes) -> None:
        if not text:
            return
        self._quote_count += text.count(self._quote)
        if self._escape:
            text = self._end + text  # an escape may be the last of what was read before
            text = text.replace(self._escape * 2, b"")
            self._quote_count -= text.count(self._escape + self._quote)
        self._end = text[-1:]

    @property
    def ends_line(self) -> bool:
        """Whether the last line is ended."""
        return self._end in (b"\n", b"\r")

    @property
    def has_odd_quotes(self) -> bool:
        """Whether a quote was opened and never closed, or stands alone inside a value."""
        return self._quote_count % 2 == 1


class _Lines:
    """On which line each record begins: a quoted value may span several."""

    def __init__(self, first: int) -> None:
        self._record = 1
        self._line = first

    def of(
        self, table: pa.Table, invalid: list[pa_csv.InvalidRow]
    ) -> tuple[NDArray[np.int64], list[tuple[int, str]]]:
        """The lines of a block's rows, and the invalid ones before its last row with theirs."""
        among = 0
        following = [row for row in invalid if row.number >= self._record]
        while among < len(following) and following[among].number < self._record + (
            len(table) + among
        ):
            among += 1
        return self._placed(table, following[:among])

    def rest(self, invalid: list[pa_csv.InvalidRow]) -> list[tuple[int, str]]:
        """The invalid rows after the last row, with their lines."""
        following = [row for row in invalid if row.number >= self._record]
        return self._placed(pa.table({}), following)[1]

    def ends_with(self, row: pa_csv.InvalidRow | None) -> bool:
        """Whether the row is the last of all."""
        return row is not None and row.number == self._record - 1

    def _placed(
        self, table: pa.Table, among: list[pa_csv.InvalidRow]
    ) -> tuple[NDArray[np.int64], list[tuple[int, str]]]:
        count = len(table) + len(among)
        is_invalid = np.zeros(count, dtype=bool)
        is_invalid[[row.number - self._record for row in among]] = True
        breaks = np.zeros(count, dtype=np.int64)
        breaks[is_invalid] = [row.text.count("\n") for row in among]
        breaks[~is_invalid] = _line_breaks(table)
        lines = self._line + np.arange(count) + np.cumsum(breaks) - breaks
        self._record += count
        self._line += count + int(breaks.sum())
        texts = [row.text for row in among]
        return lines[~is_invalid], list(zip(lines[is_invalid].tolist(), texts, strict=True))


def _line_breaks(table: pa.Table) -> NDArray[np.int64]:
    """How many line breaks the values of each row hold."""
    total = np.zeros(len(table), dtype=np.int64)
    for column in table.columns:
        total += pc.fill_null(pc.count_substring(column, "\n"), 0).to_numpy()
    return total


def _check_end(
    watched: _Watched, name: str, last: list[str], shortened: pa_csv.InvalidRow | None
) -> None:
    """A file whose last record is short or still inside a quote was cut off on its way."""
    short = shortened is not None and shortened.actual_columns < shortened.expected_columns
    tail = [shortened.text] if shortened is not None else last
    odd = watched.has_odd_quotes
    open_quote = odd and (shortened is not None or any("\n" in text for text in tail))
    if open_quote or (not watched.ends_line and (short or odd)):
        raise refused("file-cut-off", name, "ends with a whole record", tail[-1][:80])
