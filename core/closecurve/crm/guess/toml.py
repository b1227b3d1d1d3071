"""A draft as the text of a `closecurve.toml`, with its reasons as comments."""

import re
from collections.abc import Iterator, Mapping

from closecurve.crm.guess.draft import Draft, Entry, Section, Value

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_WIDTH = 100
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def toml_text(draft: Draft) -> str:
    """The file, in UTF-8 and without a trailing blank line; `tomllib` reads the values back."""
    blocks = ["\n".join(_comments(draft.remarks))] if draft.remarks else []
    blocks += ["\n".join(_section(section, "")) for section in draft.sections]
    return "\n\n".join(blocks) + "\n"


def toml_value(value: Value) -> str:
    """A value as TOML writes it, on one line.

    >>> toml_value({"name": 'a "b"', "order": 1, "阶段": [True, 0.5]})
    '{ name = \\'a "b"\\', order = 1, "阶段" = [true, 0.5] }'
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{toml_key(key)} = {toml_value(each)}" for key, each in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, list):
        return f"[{', '.join(toml_value(each) for each in value)}]"
    return repr(value)


def toml_key(key: str) -> str:
    """A key, quoted where TOML wants it."""
    return key if _BARE.fullmatch(key) else _basic(key)


def _string(text: str) -> str:
    """A literal string where that reads better than one with escapes."""
    has_control = any(ord(sign) < 32 or ord(sign) == 127 for sign in text)
    if ('"' in text or "\\" in text) and "'" not in text and not has_control:
        return f"'{text}'"
    return _basic(text)


def _basic(text: str) -> str:
    return '"' + "".join(_escaped(sign) for sign in text) + '"'


def _escaped(sign: str) -> str:
    control = ord(sign) < 32 or ord(sign) == 127
    return _ESCAPES.get(sign) or (f"\\u{ord(sign):04X}" if control else sign)


def _section(section: Section, prefix: str) -> Iterator[str]:
    name = f"{prefix}{section.name}"
    yield from _comments(section.remarks)
    yield f"[[{name}]]" if section.is_listed else f"[{name}]"
    for entry in section.entries:
        yield from _entry(entry)
    for part in section.parts:
        yield ""
        yield from _section(part, f"{name}.")


def _entry(entry: Entry) -> Iterator[str]:
    yield from _comments([entry.remark] if entry.remark else [])
    line = f"{toml_key(entry.key)} = {toml_value(entry.value)}"
    if isinstance(entry.value, list) and len(line) > _WIDTH:
        yield f"{toml_key(entry.key)} = ["
        yield from (f"  {toml_value(each)}," for each in entry.value)
        yield "]"
    else:
        yield line


def _comments(remarks: tuple[str, ...] | list[str]) -> Iterator[str]:
    """Comments on lines of their own; a control sign in a name of the source would end one."""
    for remark in remarks:
        yield "# " + re.sub(r"[\x00-\x1f\x7f\u0085\u2028\u2029]+", " ", remark)
