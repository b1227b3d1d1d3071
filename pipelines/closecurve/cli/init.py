"""`closecurve init --from PLACE`: looks at a source and writes the settings that import it."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from closecurve.cli.saying import say
from closecurve.crm.errors import UsageError

if TYPE_CHECKING:
    from closecurve.crm.guess.draft import Draft
    from closecurve.sources.looking import Looked

MOST_UNSURE = 12
"""Unsure guesses that are listed; the file has them all."""


def init(
    place: Annotated[
        str, typer.Option("--from", help="File or folder of an export, or a database address.")
    ],
    config: Annotated[Path, typer.Option(help="The settings file to write.")] = Path(
        "closecurve.toml"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Look at an export or a database, guess how it is read, and write closecurve.toml."""
    if config.exists():
        raise UsageError(
            "init-exists", f"init writes a new file and changes none, got {str(config)!r}"
        )
    from closecurve.crm.guess.mapping import guess_mapping
    from closecurve.crm.guess.toml import toml_text
    from closecurve.sources.looking import look
    from closecurve.stores.files import write_text

    looked = look(place)
    draft = guess_mapping(looked.tables, _folder(looked, config))
    write_text(config, toml_text(draft))
    say(as_json, _document(draft, config), _lines(draft, looked, config))


def _folder(looked: "Looked", config: Path) -> str | None:
    """Where the files lie: relative to the settings where they are beneath them."""
    if looked.folder is None:
        return None
    folder, beside = looked.folder.absolute(), config.absolute().parent
    if folder.is_relative_to(beside):
        return folder.relative_to(beside).as_posix()
    return Path(os.path.normpath(folder)).as_posix()


def _document(draft: "Draft", config: Path) -> dict[str, Any]:
    return {
        "config": str(config),
        "tables": dict(draft.roles),
        "unsure": [{"key": each.key, "why": each.why} for each in draft.unsure()],
        "next": _next(config),
    }


def _next(config: Path) -> str:
    named = "" if config == Path("closecurve.toml") else f" --config {config}"
    return f"closecurve import{named}"


def _lines(draft: "Draft", looked: "Looked", config: Path) -> list[str]:
    from closecurve.sources.looking import URL_VARIABLE

    rows = {table.label: len(table.rows) for table in looked.tables}
    noun = "table" if len(rows) == 1 else "tables"
    lines = [f"Looked at {len(rows):,} {noun}."]
    for label, role in draft.roles.items():
        lines.append(f"  {label:<32} {rows[label]:>7,} rows looked at  -> {role}")
    unsure = draft.unsure()
    lines.append(f"Wrote {config}, with {len(unsure)} unsure guesses:")
    lines += [f"  {each.key}: {each.why}" for each in unsure[:MOST_UNSURE]]
    if looked.needs_variable:
        lines.append(f"The address has a password: set it as {URL_VARIABLE} in the environment.")
    return [*lines, f"Next: look at the file, then {_next(config)}"]
