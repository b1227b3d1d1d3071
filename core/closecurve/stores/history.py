"""The history of a home: Parquet files in a folder named after their content, and one pointer.

`history/<history_id>/` holds a file per history table, one of what the tables of records stated
otherwise (`crm.continuing`), and history.json; `history/CURRENT` names the folder that readers
use. The pointer is replaced in one step, so readers see the old history or the new one, never a
mix. One writer at a time (the lock of the home).
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import time
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
from ibis.backends.duckdb import Backend as DuckDBBackend

from closecurve.crm.calendar import FiscalCalendar, utc
from closecurve.crm.continuing_facts import STATED
from closecurve.crm.errors import EnvironmentFailure, UsageError
from closecurve.crm.ranges import Cut, IdRange
from closecurve.crm.tables import HISTORY_TABLES
from closecurve.features.engines import duckdb_engine
from closecurve.features.money import ConstantRates
from closecurve.features.tables import HistoryTables
from closecurve.stores.files import durable_writing, sync, write_text
from closecurve.stores.history_files import (
    STATED_TABLE,
    HistoryFiles,
    Part,
    Written,
    digest,
    ids_in,
    read_rows,
)

SCHEMA = 1
"""The form of a history folder that this release writes and reads."""

KEPT = 3
"""How many histories stay: the current one and those that a running reader may still hold."""

_WRITING = ".writing"


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryMeta:
    """Whose history it is, and what it was made of.

    `files` has the SHA-256 of every file that was read, `source_states` the digest of what was
    read of each database so far, `mapping` that of the mapping and the stages.
    """

    company: str
    currency: str
    calendar: FiscalCalendar = field(default_factory=FiscalCalendar)
    files: Mapping[str, str] = field(default_factory=dict)
    source_states: Mapping[str, str] = field(default_factory=dict)
    mapping: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What a publication did; `is_new` is false where the same history was current already."""

    history_id: str
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryHandle:
    """One published history; it stays the same whatever is published later.

    `data_until` is the last instant at which anything became known. With `rates` its tables hold
    these in place of their own.
    """

    history_id: str
    folder: Path
    meta: HistoryMeta
    data_until: pd.Timestamp
    row_counts: Mapping[str, int]
    rates: ConstantRates | None = None

    def tables(self, connection: DuckDBBackend | None = None) -> HistoryTables:
        """The history as views over its files, by default on an in-memory DuckDB of its own.

        Raises EnvironmentFailure for a file that is missing or damaged.
        """
        engine = connection or duckdb_engine()
        try:
            made = HistoryTables(
                **{
                    name: engine.read_parquet(str(self.folder / f"{name}.parquet"), table_name=name)
                    for name in HISTORY_TABLES
                }
            )
            return made if self.rates is None else self.rates.over(made)
        except duckdb.Error as error:
            raise _damaged(self.folder.name, error) from error

    def frames(self) -> dict[str, pd.DataFrame]:
        """Every table in memory, days as midnights.

        Raises EnvironmentFailure for a file that is missing or damaged.
        """
        return {name: self.frame(name) for name in HISTORY_TABLES}

    def frame(
        self, name: str, ids: IdRange | None = None, columns: list[str] | None = None
    ) -> pd.DataFrame:
        """A table in memory, or its rows of a range of ids; `columns` None are all.

        Raises as `frames`.
        """
        with _undamaged(self.folder.name):
            return read_rows(self.folder, name, ids, columns)

    def ids(self, name: str, cut: Cut) -> Iterator[pa.Table]:
        """How many cells each id of a cut has in a table (`history_files.ids_in`).

        Raises as `frames`.
        """
        with _undamaged(self.folder.name):
            yield from ids_in(self.folder, name, cut)

    def stated(self, ids: IdRange | None = None) -> pd.DataFrame:
        """The rows of `crm.continuing_facts.STATED`; none in a history that has no such file."""
        if not (self.folder / f"{STATED_TABLE}.parquet").exists():
            return pd.DataFrame(columns=list(STATED), dtype="str")
        return self.frame(STATED_TABLE, ids)


class HistoryStore:
    """The histories of a home."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home / "history"

    def publish(
        self,
        tables: Part,
        meta: HistoryMeta,
        before: Callable[[str], object] | None = None,
        *,
        stated: pd.DataFrame | None = None,
    ) -> Published:
        """Makes the tables the current history, whole or not at all.

        `stated` are the rows of `crm.continuing_facts.STATED`; for the rest see `publish_parts`.
        """
        return self.publish_parts([{**tables, STATED_TABLE: stated}], meta, before)

    def publish_parts(
        self,
        parts: Iterable[Part],
        meta: HistoryMeta,
        before: Callable[[str], object] | None = None,
    ) -> Published:
        """Makes the parts together the current history, whole or not at all.

        The parts of a table have the same columns and come in the order of its rows. `before` is
        called with the history_id when everything is on the disk and nothing is visible yet. The
        same content again changes nothing, whatever parts it comes in. Raises EnvironmentFailure
        where the disk refuses, DataError for parts without any fact, and what the parts raise; the
        earlier history then stays current and no stray file is left.
        """
        self._clean()
        writing = self.folder / f"{_WRITING}-{os.getpid()}"
        with durable_writing(str(self.folder)):
            try:
                history_id = _write(writing, parts, meta)
                if before is not None:
                    before(history_id)
                return self._switch(writing, history_id)
            finally:
                shutil.rmtree(writing, ignore_errors=True)

    def current(self) -> HistoryHandle:
        """The history that is current.

        Raises UsageError where nothing was imported yet, EnvironmentFailure for a folder that is
        damaged or of another release.
        """
        handle = self.current_or_none()
        if handle is None:
            raise UsageError(
                "history-missing", f"a history is imported first, got none in {self.home}"
            )
        return handle

    def current_or_none(self) -> HistoryHandle | None:
        """The history that is current, None where nothing was imported yet. Raises as `current`."""
        history_id = self._current_id()
        return None if history_id is None else _open(self.folder / history_id)

    def _current_id(self) -> str | None:
        try:
            return (self.folder / "CURRENT").read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None

    def _switch(self, writing: Path, history_id: str) -> Published:
        before = self._current_id()
        place = self.folder / history_id
        if _is_whole(place):
            os.utime(place)  # young again: it is not the next to be pruned
        else:
            shutil.rmtree(place, ignore_errors=True)
            writing.rename(place)
            sync(self.folder)
        if before != history_id:
            write_text(self.folder / "CURRENT", f"{history_id}\n")
        self._prune(history_id)
        self._prune_states()
        return Published(history_id=history_id, is_new=before != history_id)

    def _prune(self, current: str) -> None:
        others = [p for p in self.folder.iterdir() if p.is_dir() and p.name != current]
        others.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
        for path in others[KEPT - 1 :]:
            shutil.rmtree(path, ignore_errors=True)

    def _prune_states(self) -> None:
        """Removes what was read of databases for histories that are no longer kept."""
        folder = self.home / "sources"
        if not folder.is_dir():
            return
        try:
            metas = [_open(p).meta for p in self.folder.iterdir() if p.is_dir()]
        except EnvironmentFailure:
            return  # a damaged older history cannot say what it needs: all stays
        kept = {
            f"{name}-{digest}.parquet" for m in metas for name, digest in m.source_states.items()
        }
        for path in folder.glob("*.parquet"):
            if path.name not in kept:
                path.unlink(missing_ok=True)

    def _clean(self) -> None:
        """Removes what a killed publication left behind."""
        for path in self.folder.glob(f"{_WRITING}-*"):
            shutil.rmtree(path, ignore_errors=True)
        (self.folder / ".CURRENT.writing").unlink(missing_ok=True)


def _write(folder: Path, parts: Iterable[Part], meta: HistoryMeta) -> str:
    """Writes a history folder and syncs it; gives the digest of its content."""
    written = _write_files(folder, parts)
    company = {
        "company": meta.company,
        "currency": meta.currency,
        "calendar": _calendar_json(meta.calendar),
    }
    digests = dict(written.digests)
    content = json.dumps([SCHEMA, company, meta.mapping, digests], sort_keys=True).encode()
    document = {
        "schema": SCHEMA,
        "history_id": hashlib.sha256(content).hexdigest()[:16],
        "data_until": written.data_until,
        **company,
        "row_counts": dict(written.row_counts),
        "digests": digests,
        "files": dict(meta.files),
        "source_states": dict(meta.source_states),
        "mapping": meta.mapping,
    }
    write_text(folder / "history.json", json.dumps(document, indent=1))
    return str(document["history_id"])


def _write_files(folder: Path, parts: Iterable[Part]) -> Written:
    files = HistoryFiles(folder)
    try:
        for part in parts:
            files.add(part)
        return files.finish()
    finally:
        files.close()


def _is_whole(folder: Path) -> bool:
    """Whether a history folder is there and its files are what it says they are."""
    try:
        digests = json.loads((folder / "history.json").read_text(encoding="utf-8"))["digests"]
        return all(digest(folder / f"{name}.parquet") == told for name, told in digests.items())
    except (OSError, ValueError, KeyError):
        return False


@contextmanager
def _undamaged(name: str) -> Iterator[None]:
    """Turns what a damaged file raises into EnvironmentFailure."""
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise _damaged(name, error) from error


def _open(folder: Path) -> HistoryHandle:
    try:
        document = json.loads((folder / "history.json").read_text(encoding="utf-8"))
        if document["schema"] != SCHEMA:
            raise _unknown(folder.name, document["schema"])
        return HistoryHandle(
            history_id=folder.name,
            folder=folder,
            meta=_meta_of(document),
            data_until=utc(document["data_until"]),
            row_counts=document["row_counts"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(folder.name, error) from error


def _unknown(name: str, schema: object) -> EnvironmentFailure:
    return EnvironmentFailure(
        "history-unknown",
        f"a history has schema {SCHEMA} (import again with --afresh), got {schema!r} in {name}",
    )


def _damaged(name: str, error: Exception) -> EnvironmentFailure:
    return EnvironmentFailure(
        "history-damaged",
        "a history is whole (import again with --afresh), got"
        f" {type(error).__name__} in {name}: {error}",
    )


def _meta_of(document: Mapping[str, Any]) -> HistoryMeta:
    return HistoryMeta(
        company=document["company"],
        currency=document["currency"],
        calendar=_calendar_of(document["calendar"]),
        files=document["files"],
        source_states=document.get("source_states", {}),
        mapping=document.get("mapping", ""),
    )


def _calendar_json(calendar: FiscalCalendar) -> dict[str, Any]:
    hours = [each.isoformat() for each in calendar.business_hours]
    return asdict(calendar) | {"business_hours": hours, "business_days": [*calendar.business_days]}


def _calendar_of(entry: Mapping[str, Any]) -> FiscalCalendar:
    opens, closes = (time.fromisoformat(each) for each in entry["business_hours"])
    return FiscalCalendar(
        **{
            **entry,
            "business_hours": (opens, closes),
            "business_days": tuple(entry["business_days"]),
        }
    )
