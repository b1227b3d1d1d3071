"""CSV in blocks: little of a file is in memory at a time, however far Arrow would read ahead."""

import io
import time
from pathlib import Path

import pytest

from closecurve.crm.mapping_sources import FileSource
from closecurve.sources import csv_rows
from closecurve.sources.archives import Opened
from closecurve.sources.csv_rows import csv_batches

BLOCK = 4096
SOURCE = FileSource(name="deals", path=Path("deals.csv"))


class _Counted(io.BytesIO):
    """A file that counts how often it was read."""

    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        return super().read(size)


@pytest.fixture
def content(monkeypatch: pytest.MonkeyPatch) -> _Counted:
    """A file of some forty blocks."""
    monkeypatch.setattr(csv_rows, "_BLOCK_BYTES", BLOCK)
    return _Counted(b"id,name\n" + b"17,a name of twenty or so\n" * (40 * BLOCK // 26))


def opened(content: _Counted) -> Opened:
    return Opened(stream=content, name="deals.csv", inner="deals.csv")


def test_few_blocks_are_read_ahead(content: _Counted) -> None:
    for count, _ in enumerate(csv_batches(opened(content), SOURCE), 1):
        time.sleep(0.002)  # time to read on, while the rows are worked on
        assert content.reads <= count + csv_rows._MOST_BLOCKS
    assert content.reads > 40


def test_a_block_that_is_held_for_long_stops_nothing(
    content: _Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_rows, "_MOST_BLOCKS", 0)
    monkeypatch.setattr(csv_rows, "_PATIENCE_SECONDS", 0.01)
    rows = sum(len(batch.rows) for batch in csv_batches(opened(content), SOURCE))
    assert rows == 40 * BLOCK // 26
