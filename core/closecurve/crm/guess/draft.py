"""A guessed `closecurve.toml` as values: every entry with how sure it is and why."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

Scalar: TypeAlias = str | int | float | bool
Value: TypeAlias = "Scalar | list[Value] | Mapping[str, Value]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A key of the file with its value; `sure` None: nothing was guessed, `why` is a remark."""

    key: str
    value: Value
    why: str = ""
    sure: bool | None = True

    @property
    def remark(self) -> str:
        """The comment above the entry, without its sign; empty where there is none."""
        word = {True: "sure: ", False: "unsure: ", None: ""}[self.sure]
        return f"{word}{self.why}" if self.why else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A table of the file; `is_listed`: one of several of the name, in double brackets.

    `remarks` stand above it. `parts` are tables within it (`columns`, `attributes`), whose names
    it prefixes.
    """

    name: str
    entries: tuple[Entry, ...] = ()
    remarks: tuple[str, ...] = ()
    parts: tuple["Section", ...] = ()
    is_listed: bool = False

    def all_entries(self) -> Iterator[Entry]:
        """Its entries and those of its parts."""
        yield from self.entries
        for part in self.parts:
            yield from part.all_entries()


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The whole file: `roles` says for the summary which table of the source became what."""

    sections: tuple[Section, ...]
    roles: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    def unsure(self) -> list[Entry]:
        """The guesses that a person should look at."""
        entries = (entry for section in self.sections for entry in section.all_entries())
        return [entry for entry in entries if entry.sure is False]
