"""The mapping at work: sources in a locked DuckDB, canonical tables of text out of them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pandas as pd
import pyarrow as pa

from closecurve.crm.mapping import ImportMapping
from closecurve.crm.mapping_sources import DatabaseSource
from closecurve.crm.quality import Subjects
from closecurve.crm.ranges import CUTS, Cut
from closecurve.crm.values import is_among
from closecurve.sources.cutting import CutTables, KnownIds, cut_tables
from closecurve.sources.growing import quoted
from closecurve.sources.loading import LoadedSource, give, loaded_sources
from closecurve.sources.mapped import MappedTable
from closecurve.sources.parts import mapped_table
from closecurve.sources.relations import Relation
from closecurve.sources.shapes import derived
from closecurve.sources.state import SourceState


@dataclass(frozen=True, slots=True, kw_only=True)
class Extract:
    """Canonical tables of a connection by name, and the SHA-256 of every file by its name.

    `source_states` has, by source, the digest of the state that the history made of this has to
    remember for the next import. `folder` takes what does not fit into memory.
    """

    connection: duckdb.DuckDBPyConnection
    tables: Mapping[str, MappedTable]
    digests: Mapping[str, str]
    source_states: Mapping[str, str]
    folder: Path

    def cut(self, cut: Cut, known: KnownIds) -> CutTables:
        """The tables of a cut by their ranges (`cutting.cut_tables`)."""
        tables = cut_tables(self.connection, cut, self.tables, known, self.folder)
        self._let_go(cut)
        return tables

    def _let_go(self, cut: Cut) -> None:
        """Tables that were spread for their last cut are needed no longer."""
        later = {name for each in CUTS[CUTS.index(cut) + 1 :] for name in each.tables}
        for name in set(cut.tables) - later:
            if name in self.tables:
                self.tables[name].drop(self.connection)


class SubjectIds:
    """The ids of deals or leads that were seen and kept, on the connection of an extract."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, name: str) -> None:
        self._connection = connection
        self._table = quoted(f"_ids_of_{name}")
        connection.execute(f"CREATE TABLE {self._table} (id VARCHAR, kept BOOLEAN)")

    def add(self, subjects: Subjects) -> None:
        """Adds those of a range; an id is in one range only."""
        seen = subjects.seen.dropna().drop_duplicates()
        rows = pa.table(
            {
                "id": pa.array(seen, pa.string()),
                "kept": pa.array(is_among(seen, subjects.kept), pa.bool_()),
            }
        )
        self._connection.register("arrow_rows", rows)
        self._connection.execute(f"INSERT INTO {self._table} SELECT * FROM arrow_rows")
        self._connection.unregister("arrow_rows")

    def among(self, ids: pd.Series) -> Subjects:
        """Those of some ids."""
        asked = pa.table({"id": pa.array(ids.dropna().unique(), pa.string())})
        self._connection.register("arrow_rows", asked)
        found = self._connection.execute(
            f"SELECT id, kept FROM {self._table} SEMI JOIN arrow_rows USING (id)"
        )
        rows = found.to_arrow_table().to_pandas()
        self._connection.unregister("arrow_rows")
        return Subjects(kept=rows["id"][rows["kept"].astype(bool)], seen=rows["id"])


@contextmanager
def extracted(
    mapping: ImportMapping, company_zone: str = "UTC", *, state: SourceState | None = None
) -> Iterator[Extract]:
    """Reads the sources that the mapping uses and evaluates its expressions.

    `company_zone` is the zone of times that are written without one. `state` is what earlier
    imports read of databases; without it everything is read. Raises DataError for a file
    that cannot be taken, a required column that is missing, or an expression that fails;
    EnvironmentFailure where memory runs out.
    """
    sources = [mapping.sources[name] for name in mapping.used_sources]
    with (
        loaded_sources(sources, state, room=_needs_room(mapping)) as (connection, loaded),
        TemporaryDirectory(prefix="closecurve-import-") as folder,
    ):
        relations = {
            name: _relation(name, each, mapping, company_zone) for name, each in loaded.items()
        }
        relations |= derived(connection, mapping.used_changes, relations)
        tables = {
            name: mapped_table(connection, name, listed, relations)
            for name, listed in mapping.tables.items()
        }
        _drop_all_but(connection, {part.table for each in tables.values() for part in each.parts})
        widest = max(len(part.columns) for each in tables.values() for part in each.parts)
        give(connection, widest)
        states = {name: each.state for name, each in loaded.items() if each.state is not None}
        digests = {name: sha for each in loaded.values() for name, sha in each.digests.items()}
        yield Extract(
            connection=connection,
            tables=tables,
            digests=digests,
            source_states=states,
            folder=Path(folder),
        )


def _needs_room(mapping: ImportMapping) -> bool:
    """Whether rows are more than read and cut: joined, compared with each other, or sorted."""
    parts = [part for listed in mapping.tables.values() for part in listed]
    joined = any(part.joins or part.query or part.attributes_from for part in parts)
    sources = [mapping.sources[name] for name in mapping.used_sources]
    databases = any(isinstance(each, DatabaseSource) for each in sources)
    return joined or databases or bool(mapping.used_changes)


def _drop_all_but(connection: duckdb.DuckDBPyConnection, kept: set[str]) -> None:
    """Gives the room of the sources back, and that of what was made of them on the way."""
    for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall():
        if name not in kept:
            connection.execute(f"DROP TABLE {quoted(name)}")


def _relation(
    name: str, loaded: LoadedSource, mapping: ImportMapping, company_zone: str
) -> Relation:
    return Relation(
        name=name,
        file=loaded.name,
        columns=loaded.columns,
        count=loaded.row_count,
        written=mapping.sources[name].written(company_zone),
        shapeless=loaded.shapeless,
    )
