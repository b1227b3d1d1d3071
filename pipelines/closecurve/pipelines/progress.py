"""Progress of long work on stderr, for people."""

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")


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
        try:
            yield
        except BaseException:
            self._write("\n")
            raise
        spent = time.perf_counter() - started
        self.seconds[name] = self.seconds.get(name, 0.0) + spent
        self._write(f"\r  {name}: {spent:.1f} s\n")

    def note(self, text: str) -> None:
        """Say what a step is at."""
        self._write(f"\r    {text:<60}\n")

    def each(self, name: str, items: Sequence[T]) -> Iterable[T]:
        """The items one by one, saying how many are done and about how long the rest takes."""
        started = time.perf_counter()
        for done, item in enumerate(items):
            left = (time.perf_counter() - started) / max(done, 1) * (len(items) - done)
            about = f", about {left:.0f} s left" if done else ""
            self._write(f"\r  {name}: {done} of {len(items)}{about}   ")
            yield item
        seconds = time.perf_counter() - started
        self._write(f"\r  {name}: {len(items)} in {seconds:.1f} s" + " " * 24 + "\n")

    def _write(self, text: str) -> None:
        if self.shown:
            sys.stderr.write(text)
            sys.stderr.flush()
