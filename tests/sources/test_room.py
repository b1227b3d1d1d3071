"""What an import frees goes back to the system."""

import ctypes
import subprocess
import sys

import pytest

ALONE = """
import ctypes
from closecurve.sources.room import paged_memory

names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
Held = type("Held", (ctypes.Structure,), {"_fields_": [(n, ctypes.c_size_t) for n in names]})
system = ctypes.CDLL(None)
system.mallinfo2.restype = Held

def pages_of_its_own(size):
    before = system.mallinfo2().hblks
    piece = bytearray(size)
    return system.mallinfo2().hblks - before

bytearray(20 << 20)  # freed: from now on glibc keeps what is smaller
with paged_memory():
    during = pages_of_its_own(16 << 20)
print(during, pages_of_its_own(16 << 20))
"""
"""A process of its own: in one that has worked for long, free room of that size may be at hand."""


@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="glibc alone learns to keep what is freed"
)
def test_a_large_piece_has_pages_of_its_own_only_during_an_import() -> None:
    done = subprocess.run([sys.executable, "-c", ALONE], check=True, stdout=subprocess.PIPE)
    assert done.stdout.split() == [b"1", b"0"]
