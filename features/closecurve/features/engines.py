"""The engines that answer: how one is opened, and the few places where they differ.

Everything else is one set of Ibis expressions (docs/adr/0002). An engine keeps its own temporary
tables and views; `plans` names them.
"""

from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir
from types import MappingProxyType
from typing import TYPE_CHECKING

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend as DuckDBBackend
from ibis.backends.sql import SQLBackend

from closecurve.crm.errors import UsageError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MEMORY_SHARE = "4GB"
"""What DuckDB holds in memory before it spills: half of what a run may use, pandas has the rest."""

SPARK_SETTINGS = MappingProxyType(
    {
        "spark.sql.session.timeZone": "UTC",  # an instant is naive in UTC
        "spark.sql.caseSensitive": "true",  # `Size` and `size` may be two attributes
        "spark.sql.ansi.enabled": "false",  # what cannot be read is null, not the end of the job
        # a view goes on to show the rows it was made over, as it does in DuckDB
        "spark.sql.legacy.storeAnalyzedPlanForView": "true",
    }
)
"""What Spark needs to give DuckDB's answers; `spark_engine` sets it on the session."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """Statements that make a table `{name}` of a `{query}` and, in reverse order, take it away."""

    make: str
    drop: tuple[str, ...]


VIEW = Form(make="CREATE TEMPORARY VIEW {name} AS {query}", drop=("DROP VIEW IF EXISTS {name}",))


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """How an engine works a table out once (`kept`) or looks through it (`seen`), and where both
    are then found."""

    name: str
    database: str | None
    kept: Form
    seen: Form = VIEW

    def find(self, backend: SQLBackend, name: str) -> ir.Table:
        """The temporary table or view of that name."""
        return backend.table(name, database=self.database)


ENGINES = MappingProxyType(
    {
        "duckdb": Engine(
            name="duckdb",
            database="temp.main",
            kept=Form(
                make="CREATE TEMPORARY TABLE {name} AS {query}",
                drop=("DROP TABLE IF EXISTS {name}",),
            ),
        ),
        "pyspark": Engine(
            name="pyspark",
            database=None,
            kept=Form(
                make="CACHE LAZY TABLE {name} AS {query}",
                drop=("DROP VIEW IF EXISTS {name}", "UNCACHE TABLE IF EXISTS {name}"),
            ),
        ),
    }
)
"""By the name that Ibis gives them."""


def engine_of(backend: SQLBackend) -> Engine:
    """The engine behind a backend. Raises UsageError for one that the features do not run on."""
    if backend.name not in ENGINES:
        raise UsageError("engine-unknown", f"an engine is one of {[*ENGINES]}, got {backend.name}")
    return ENGINES[backend.name]


def load_rows(backend: SQLBackend, name: str, rows: pa.Table) -> ir.Table:
    """A table of the engine that holds the rows, in place of one of that name.

    Spark gets a view for the session: its tables are folders that outlive it.
    """
    if engine_of(backend).name == "pyspark":
        return backend.create_view(name, ibis.memtable(rows), overwrite=True)
    # Ibis makes the same table by way of one more, in five times the time.
    given = f"given_{name}"
    with backend.con.cursor() as cursor:
        cursor.register(given, rows)
        cursor.execute(f"CREATE OR REPLACE TABLE {name} AS FROM {given}")
    return backend.table(name)


def duckdb_engine(
    *, memory: str = MEMORY_SHARE, threads: int | None = None, spill: Path | None = None
) -> DuckDBBackend:
    """An in-memory DuckDB that spills to disk beyond `memory`.

    `threads` None takes every core; `spill` is a folder, by default the system's temporary one.
    """
    place = spill or Path(gettempdir())
    settings: dict[str, object] = {"memory_limit": memory, "temp_directory": str(place)}
    return ibis.duckdb.connect(**settings, **({} if threads is None else {"threads": threads}))


def spark_engine(session: "SparkSession") -> SQLBackend:
    """Ibis on a Spark session, with `SPARK_SETTINGS` set on it."""
    for name, value in SPARK_SETTINGS.items():
        session.conf.set(name, value)
    return ibis.pyspark.connect(session)
