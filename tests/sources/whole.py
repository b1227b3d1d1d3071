"""A mapping's tables in memory, whole, as an import reads them range by range."""

from dataclasses import dataclass

from closecurve.crm.mapping import ImportMapping
from closecurve.crm.review import RawTable
from closecurve.sources.extract import extracted


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeExtract:
    """Every canonical table that is mapped, and the digests of the files."""

    tables: dict[str, RawTable]
    digests: dict[str, str]


def read_tables(mapping: ImportMapping, company_zone: str = "UTC") -> WholeExtract:
    """All rows at once."""
    with extracted(mapping, company_zone) as extract:
        tables = {name: each.raw(extract.connection) for name, each in extract.tables.items()}
        return WholeExtract(tables=tables, digests=dict(extract.digests))
