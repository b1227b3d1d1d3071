"""The mapping at work: sources in a locked DuckDB, canonical tables out of it as text."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from closecurve.crm.mapping import ImportMapping
from closecurve.crm.review import RawTable
from closecurve.sources.loading import LoadedSource, loaded_sources
from closecurve.sources.parts import raw_table
from closecurve.sources.relations import Relation
from closecurve.sources.shapes import derived
from closecurve.sources.state import SourceState


@dataclass(frozen=True, slots=True, kw_only=True)
class Extract:
    """Raw canonical tables by name, and the SHA-256 of every file by its name.

    `source_states` has, by source, the digest of the state that the history made of this has to
    remember for the next import.
    """

    tables: Mapping[str, RawTable]
    digests: Mapping[str, str]
    source_states: Mapping[str, str] = field(default_factory=dict)


def read_tables(
    mapping: ImportMapping, company_zone: str = "UTC", *, state: SourceState | None = None
) -> Extract:
    """Reads the sources that the mapping uses and evaluates its expressions.

    `company_zone` is the zone of times that are written without one. `state` is what earlier
    imports read of databases; without it everything is read. Raises DataError for a file
    that cannot be taken, a required column that is missing, or an expression that fails;
    EnvironmentFailure where memory runs out.
    """
    sources = [mapping.sources[name] for name in mapping.used_sources]
    with loaded_sources(sources, state) as (connection, loaded):
        relations = {
            name: _relation(name, each, mapping, company_zone) for name, each in loaded.items()
        }
        relations |= derived(connection, mapping.used_changes, relations)
        tables = {
            name: raw_table(connection, name, listed, relations)
            for name, listed in mapping.tables.items()
        }
    states = {name: each.state for name, each in loaded.items() if each.state is not None}
    digests = {name: digest for each in loaded.values() for name, digest in each.digests.items()}
    return Extract(tables=tables, digests=digests, source_states=states)


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
