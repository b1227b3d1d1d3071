"""Progress of long work on stderr, for people."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class Progress:
    """Prints each step with the seconds it took, and keeps them."""

    shown: bool = True
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time one step."""
        started = time.perf_counter()
        self._write(f"  {name} …")
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started
        self._write(f"\r  {name}: {self.seconds[name]:.1f} s\n")

    def count(self, name: str, done: int, of: int, started: float) -> None:
        """Say how many of how many are done, and about how long the rest takes."""
        left = (time.perf_counter() - started) / max(done, 1) * (of - done)
        self._write(f"\r  {name}: {done} of {of}, about {left:.0f} s left " + "\n" * (done == of))

    def _write(self, text: str) -> None:
        if self.shown:
            sys.stderr.write(text)
            sys.stderr.flush()
