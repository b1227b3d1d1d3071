"""Reading a parsed TOML table key by key, with one error for what cannot be followed."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from closecurve.crm.errors import UsageError
from closecurve.crm.expressions import check_expression

NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
"""Names of sources, of canonical columns and of attributes."""

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


class Section:
    """A TOML table that is read key by key; what was not asked for is an error at the end.

    `key` is the path to it from the top of the file.
    """

    def __init__(self, key: str, entry: object) -> None:
        if not isinstance(entry, Mapping):
            raise wrong(key, "is a table", entry)
        self.key = key
        self._left = dict(entry)

    def names(self) -> list[str]:
        """The keys that were not asked for yet, in the order of the file."""
        return list(self._left)

    def has_table(self, name: str) -> bool:
        """Whether the key holds a table."""
        return isinstance(self._left.get(name), Mapping)

    def table(self, name: str) -> "Section":
        """The table under a key, empty where there is none."""
        return Section(f"{self.key}.{name}", self._left.pop(name, {}))

    def text(self, name: str, default: str | None = None) -> str:
        """A text that is not empty; a key without a default must be there."""
        value = self._left.pop(name, default)
        if not isinstance(value, str) or not value:
            raise wrong(f"{self.key}.{name}", "is a text that is not empty", value)
        return value

    def optional(self, name: str) -> str | None:
        """A text, None where the key is not there."""
        return self.text(name) if name in self._left else None

    def count(self, name: str, default: int) -> int:
        """A whole number from 1 on."""
        value = self._left.pop(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise wrong(f"{self.key}.{name}", "is a whole number from 1 on", value)
        return value

    def number(self, name: str, default: float) -> float:
        """A number."""
        value = self._left.pop(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise wrong(f"{self.key}.{name}", "is a number", value)
        return float(value)

    def flag(self, name: str, default: bool) -> bool:
        """True or false."""
        value = self._left.pop(name, default)
        if not isinstance(value, bool):
            raise wrong(f"{self.key}.{name}", "is true or false", value)
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts; one text is a list of it, and no key an empty list."""
        value = self._left.pop(name, [])
        listed = [value] if isinstance(value, str) else value
        if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
            raise wrong(f"{self.key}.{name}", "is a text or a list of texts", value)
        return tuple(listed)

    def needed(self, name: str, meaning: str) -> str:
        """The expression under a key that must be there."""
        found = self.expression(name)
        if found is None:
            raise wrong(f"{self.key}.{name}", f"is {meaning}", self.names())
        return found

    def expression(self, name: str) -> str | None:
        """A checked SQL expression, None where the key is not there."""
        value = self._left.pop(name, None)
        return None if value is None else check_expression(value, f"{self.key}.{name}")

    def expressions(self, name: str) -> Mapping[str, str]:
        """Expressions by name; in a list each stands for itself."""
        if isinstance(self._left.get(name), list):
            self._left[name] = {each: each for each in self.texts(name)}
        return self.table(name).all_expressions()

    def all_expressions(self) -> Mapping[str, str]:
        """Every key of this table with its expression."""
        found = {
            each: check_expression(value, f"{self.key}.{each}")
            for each, value in self._left.items()
        }
        self._left.clear()
        return MappingProxyType(found)

    def all_texts(self) -> Mapping[str, str]:
        """Every key of this table with its text, which may be empty."""
        if not all(isinstance(each, str) for each in self._left.values()):
            raise wrong(self.key, "is a table of texts", self._left)
        found = dict(self._left)
        self._left.clear()
        return MappingProxyType(found)

    def named(self, name: str) -> Mapping[str, "Section"]:
        """The tables under a key by their own names, in the order of the file."""
        section = self.table(name)
        return {
            each: Section(f"{section.key}.{each}", entry) for each, entry in section._left.items()
        }

    def sections(self, name: str) -> list["Section"]:
        """The tables of a list."""
        value = self._left.pop(name, [])
        if not isinstance(value, list):
            raise wrong(f"{self.key}.{name}", "is a list of tables", value)
        return [Section(f"{self.key}.{name}", each) for each in value]

    def close(self) -> None:
        """Raises UsageError for keys that nobody asked for."""
        if self._left:
            raise wrong(self.key, "has documented keys only", sorted(self._left))


def filled(text: str, key: str, environ: Mapping[str, str]) -> str:
    """The text with its variables filled in. Raises UsageError for one that is not set."""

    def value(match: re.Match[str]) -> str:
        name, default = match.groups()
        found = environ.get(name) or default
        if found is None:
            raise wrong(key, f"uses variables that are set or have a default: ${name}", text)
        return found

    return _VARIABLE.sub(value, text)


def wrong(key: str, rule: str, got: object) -> UsageError:
    """The error of a key that breaks a rule."""
    return UsageError("mapping-key", f"{key} {rule}, got {got!r}")
