"""A look at a source before there is a mapping: the header and a sample of each table of a file,
a folder or a database. Nothing is written and nothing is changed."""

import os
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import python_calamine
from sqlalchemy import inspect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from closecurve.crm.errors import DataError, EnvironmentFailure, UsageError
from closecurve.crm.guess.names import named_role
from closecurve.crm.guess.roles import guess_roles, of_role
from closecurve.crm.guess.seen import SeenTable
from closecurve.crm.guess.states import DATED
from closecurve.crm.mapping_sources import (
    FILE_COLUMN,
    LINE_COLUMN,
    DatabaseSource,
    FileKind,
    FileSource,
    kind_of,
    parse_source,
)
from closecurve.sources.archives import opened
from closecurve.sources.databases import Database, open_database
from closecurve.sources.files import file_batches
from closecurve.sources.sniffing import LOOKED_AT, csv_shape

MOST_ROWS: Final = 50_000
"""Rows of a table that are looked at."""
MOST_TABLES: Final = 60
"""Tables of a database that are looked at, the most telling names first."""
URL_VARIABLE: Final = "CRM_URL"
"""The variable that stands for an address with a password, which no file should hold."""

_EMPTY = ("file-empty", "file-header")
_NUMBERS = re.compile(r"\d+(?:[-_.]\d+)*")
_ADDRESS = re.compile(r"[a-z][a-z0-9]*(?:\+[a-z0-9_]+)?://")


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """The tables that were seen; `folder` is where the files lie, None for a database.

    `needs_variable`: the mapping takes the address from URL_VARIABLE.
    """

    tables: tuple[SeenTable, ...]
    folder: Path | None
    needs_variable: bool = False


def look(place: str) -> Looked:
    """Looks at a file, at the files of a folder, or at the tables of a database.

    Raises UsageError for a place that is not there or holds nothing that can be read, DataError
    for a file that cannot be taken, EnvironmentFailure for a database that lets nobody in.
    """
    if _ADDRESS.match(place):
        return _look_at_database(place)
    path = Path(place)
    if not path.exists():
        raise UsageError("init-source", f"--from names a file, folder or address, got {place!r}")
    files = _files(path)
    if not files:
        raise UsageError(
            "init-source",
            f"--from names a folder with CSV, Excel, Parquet or JSON Lines files, got {place!r}",
        )
    folder = path if path.is_dir() else path.parent
    found = [table for file in files for table in _tables_of_file(file, len(files) == 1)]
    return Looked(tables=tuple(_named(_series_joined(found))), folder=folder)


def _files(path: Path) -> list[Path]:
    listed = sorted(path.iterdir()) if path.is_dir() else [path]
    if not path.is_dir() and not _is_export(path):
        raise UsageError(
            "init-source",
            f"--from names a CSV, Excel, Parquet or JSON Lines file, got {path.name!r}",
        )
    return [each for each in listed if _is_export(each)]


def _is_export(path: Path) -> bool:
    known = kind_of(path.name) is not None or path.suffix.lower() == ".zip"
    return known and path.is_file() and not path.name.startswith((".", "~$"))


def _tables_of_file(path: Path, is_alone: bool) -> Iterator[SeenTable]:
    """What a file holds. An empty sheet, or an empty file among others, is left alone."""
    for label, keys in _places(path):
        source = parse_source("looked_at", {**keys}, path.parent, {})
        if not isinstance(source, FileSource):
            continue
        try:
            rows, is_whole = _sample(batch.rows for batch in file_batches(path, source))
        except DataError as error:
            if error.code not in _EMPTY or (is_alone and "sheet" not in keys):
                raise
            continue
        yield _seen(label, keys, rows, is_whole)


def _places(path: Path) -> Iterator[tuple[str, Mapping[str, str | int]]]:
    """Each table of a file by its label, with the keys that find it."""
    name = path.name
    for member in _members(path):
        keys: dict[str, str | int] = {"path": name, **({"member": member} if member else {})}
        kind = kind_of(member or name)
        if kind is FileKind.CSV:
            with opened(path, member) as content:
                head = content.stream.read(LOOKED_AT)
            found = csv_shape(head).keys()
            if (member or name).lower().removesuffix(".gz").endswith(".tsv"):
                found = {key: value for key, value in found.items() if value != "\t"}
            yield member or name, {**keys, **found}
        elif kind is FileKind.EXCEL and name.lower().endswith((".xlsx", ".xls", ".ods")):
            yield from ((label, {**keys, **sheet}) for label, sheet in _sheets(path))
        elif kind is not None:
            yield member or name, keys


def _members(path: Path) -> list[str | None]:
    """The files inside a .zip; None where there is one, which needs no name."""
    if path.suffix.lower() != ".zip":
        return [None]
    try:
        with zipfile.ZipFile(path) as archive:
            names = [each for each in archive.namelist() if kind_of(each) is not None]
    except zipfile.BadZipFile as error:
        raise DataError("file-unreadable", f"{path.name} is a .zip file, got {error}") from error
    return [each for each in names if not each.startswith("__MACOSX/")]


def _sheets(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Each sheet with a name of its own; the only one needs no key."""
    try:
        names = python_calamine.CalamineWorkbook.from_path(path).sheet_names
    except (python_calamine.CalamineError, OSError) as error:
        raise DataError("file-unreadable", f"{path.name} is an Excel file, got {error}") from error
    if len(names) == 1:
        yield path.name, {}
    else:
        yield from ((name, {"sheet": name}) for name in names)


def _look_at_database(url: str) -> Looked:
    """The tables of a database that may be those of a CRM, each with a sample."""
    try:
        needs_variable = make_url(url).password is not None
    except (ArgumentError, ValueError):
        raise UsageError(
            "init-source",
            "--from names an address such as sqlite:///crm.db, got another, not shown",
        ) from None
    shown = f"${{{URL_VARIABLE}}}" if needs_variable else url
    with open_database(_source_of(url, "looked_at")) as database:
        wanted = _telling(_columns(database))
        found = [
            _seen(
                name,
                {"url": shown, "table": name},
                *_sample(database.batches(_source_of(url, name))),
            )
            for name in wanted
        ]
    if not found:
        raise UsageError("init-source", f"a database has tables of deals, got {database.shown}")
    return Looked(tables=tuple(_named(found)), folder=None, needs_variable=needs_variable)


def _source_of(url: str, table: str) -> DatabaseSource:
    source = parse_source("looked_at", {"url": url, "table": table}, Path.cwd(), {**os.environ})
    assert isinstance(source, DatabaseSource)
    return source


def _columns(database: Database) -> dict[str, list[str]]:
    """The columns of every table and view of the database's own schema."""
    try:
        inspector = inspect(database.connection)
        names = [*inspector.get_table_names(), *inspector.get_view_names()]
        return {n: [str(each["name"]) for each in inspector.get_columns(n)] for n in names}
    except SQLAlchemyError as error:
        kind = type(error).__name__
        raise EnvironmentFailure(
            "database-unreachable", f"{database.shown} lists its tables, got {kind}"
        ) from None


def _telling(columns: Mapping[str, Sequence[str]]) -> list[str]:
    """The tables that have a role by their names, the most telling first; all the others after
    them where none is deals, as an event log may tell of them."""
    headers = [
        SeenTable(name=name, label=name, keys={}, rows=pd.DataFrame({c: [] for c in listed}))
        for name, listed in columns.items()
    ]
    roles = guess_roles([_as_text(each) for each in headers])
    guessed = [guess.table.name for guess in roles]
    if not of_role(roles, "deals"):
        guessed += [name for name in columns if name not in guessed]
    return guessed[:MOST_TABLES]


def _as_text(table: SeenTable) -> SeenTable:
    return replace(table, rows=table.rows.astype("str"))


def _sample(batches: Iterator[pa.Table]) -> tuple[pa.Table, bool]:
    """The first rows, and whether they are all."""
    taken: list[pa.Table] = []
    count = 0
    for rows in batches:
        taken.append(rows)
        count += len(rows)
        if count > MOST_ROWS:
            break
    rows = pa.concat_tables(taken, promote_options="permissive")
    return rows.slice(0, MOST_ROWS), count <= MOST_ROWS


def _seen(label: str, keys: Mapping[str, str | int], rows: pa.Table, is_whole: bool) -> SeenTable:
    texts: dict[str, pd.Series] = {}
    typed = set()
    for name in rows.column_names:
        column = rows[name]
        if name in (FILE_COLUMN, LINE_COLUMN) or pa.types.is_nested(column.type):
            continue
        if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
            typed.add(name)
            column = pc.cast(column, pa.string())
        text = pd.Series(column.to_pandas(), dtype="str")
        texts[name] = text.mask(text.str.strip() == "")
    return SeenTable(
        name="looked_at",
        label=label,
        keys=keys,
        rows=pd.DataFrame(texts),
        typed=frozenset(typed),
        is_whole=is_whole,
    )


def _series_joined(tables: Sequence[SeenTable]) -> list[SeenTable]:
    """Files whose names differ by their numbers alone, as one source of all of them.

    Only where they have the same columns. Where records stand in several of them, their names must
    hold a day each, and FILE_COLUMN says by row which: full exports of several days.
    """
    series: dict[tuple[str, ...], list[SeenTable]] = {}
    for table in tables:
        series.setdefault((_NUMBERS.sub("*", table.label), *table.columns), []).append(table)
    return [each for group in series.values() for each in _one_of_series(group)]


def _one_of_series(group: Sequence[SeenTable]) -> Sequence[SeenTable]:
    first = group[0]
    others = {tuple(sorted((k, v) for k, v in t.keys.items() if k != "path")) for t in group}
    if len(group) == 1 or first.keys.get("path") != first.label or len(others) > 1:
        return group
    rows = pd.concat([table.rows for table in group], ignore_index=True)
    keys = [name for name in first.columns if all(table.is_key(name) for table in group)]
    if not keys:
        return group
    if not rows[keys[0]].is_unique:
        if not _are_dated([table.label for table in group]):
            return group
        lengths = [len(table.rows) for table in group]
        rows[FILE_COLUMN] = np.repeat([table.label for table in group], lengths)
    pattern = _NUMBERS.sub("*", first.label)
    is_whole = all(table.is_whole for table in group)
    return [
        replace(
            first, label=pattern, keys={**first.keys, "path": pattern}, rows=rows, is_whole=is_whole
        )
    ]


def _are_dated(labels: Sequence[str]) -> bool:
    """Whether the names of files are alike but for a day."""
    days = [DATED.search(label) for label in labels]
    return all(days) and len({DATED.sub(r"*\g<sign>", label) for label in labels}) == 1


def _named(tables: Sequence[SeenTable]) -> list[SeenTable]:
    """The tables, each under a name of its own that no column has: a join would confuse them."""
    taken = {column.casefold() for table in tables for column in table.columns}
    named = []
    for table in tables:
        name = _plain_name(table.label)
        while name in taken:
            name = f"{name}_rows"
        taken.add(name)
        named.append(replace(table, name=name))
    return named


def _plain_name(label: str) -> str:
    """A name for `[sources.NAME]`; what is written in other letters is named after its role."""
    stem = re.sub(r"(\.\w{2,7})?(\.gz|\.zip)?$", "", label.rsplit("/", 1)[-1])
    snake = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", stem).lower()
    name = re.sub(r"[^a-z0-9]+", "_", snake).strip("_")
    if not name or not stem.isascii():
        name = named_role(label) or "source"
    return f"source_{name}"[:50] if not name[0].isalpha() else name[:50]
