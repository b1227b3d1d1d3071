"""Memory and temporary room of an import: what the machine refuses, and what is given back."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import pyarrow as pa

from closecurve.crm.errors import EnvironmentFailure

NO_ROOM = (duckdb.OutOfMemoryException, duckdb.IOException, duckdb.TransactionException)
"""What DuckDB raises where memory or the disk is full; the last of them where a commit is refused,
for which a database with one user has no other reason."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Their numbers in glibc's malloc.h."""

_PAGED_BYTES = 128 << 10
"""What is larger has pages of its own, which go back at once: glibc's own first threshold."""

_MOST_PAGED_BYTES = 32 << 20
"""Where glibc's threshold ends in a process that works with large arrays: it grows by itself."""


@contextmanager
def paged_memory() -> Iterator[None]:
    """Large pieces of memory go back to the system as soon as they are freed.

    glibc learns to keep them: it then cuts later ones out of what is free, small lasting pieces
    come to lie in between, and an import ten times as long takes a hundred MB more. Elsewhere
    (macOS, musl) nothing changes.
    """
    _set_threshold(_PAGED_BYTES)
    try:
        yield
    finally:
        _set_threshold(_MOST_PAGED_BYTES)


def _set_threshold(size: int) -> None:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, size)
        mallopt(_M_TRIM_THRESHOLD, 2 * size)  # as glibc sets them together


@contextmanager
def fitting(*refusals: type[Exception]) -> Iterator[None]:
    """Turns what a machine without room raises into EnvironmentFailure."""
    try:
        yield
    except refusals as error:
        raise EnvironmentFailure(
            "memory", f"an import fits into memory and the temporary folder, got {error}"
        ) from error


def give_back() -> None:
    """Returns the memory of freed tables to the system.

    Arrow's pool keeps it otherwise: an import goes through many tables, one after another.
    """
    pa.default_memory_pool().release_unused()
