"""Memory and temporary room of an import: what the machine refuses, and what is given back."""

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

from closecurve.crm.errors import EnvironmentFailure


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
