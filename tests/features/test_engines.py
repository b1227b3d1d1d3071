"""DuckDB and PySpark give one answer to any history.

test_reference.py holds DuckDB to the plain-Python reference on histories of the same kind. Spark
takes seconds for each question whatever its size, so that one example has many records.
"""

import shutil
import warnings
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from closecurve.features.engines import spark_engine
from closecurve.features.records import plain, rows_of
from closecurve.features.tables import HistoryTables

Frames = dict[str, pd.DataFrame]
pytestmark = pytest.mark.xdist_group("spark")
SMALL = {
    "spark.master": "local[1]",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.shuffle.partitions": "1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.memory": "1g",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.constraintPropagation.enabled": "false",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.log.level": "ERROR",
}
"""A session for a few rows: planning and compiling well would take longer than reading them."""


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    """One Spark session, where PySpark and Java are there."""
    sql = pytest.importorskip("pyspark.sql", reason="PySpark is not installed: make spark")
    if shutil.which("java") is None:
        pytest.skip("Spark runs on Java, and there is none on this machine")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PySpark 4.3 warns of pandas 3 at every turn
        builder = sql.SparkSession.builder
        for name, value in SMALL.items():
            builder = builder.config(name, value)
        session = builder.getOrCreate()
        yield spark_engine(session)
        session.stop()


@settings(
    max_examples=1,
    deadline=None,
    phases=[Phase.generate],  # an example takes seconds: shrinking would take an hour
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(seed=st.integers(0, 2**32))
def test_spark_gives_the_snapshots_of_duckdb(
    spark: Any, engine: Any, queries: Any, random_history: Any, seed: int
) -> None:
    frames: Frames = random_history(seed, 12, 8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        far = HistoryTables.from_frames(frames, spark)
        for name in ("deals", "leads"):
            near = rows_of(queries.run(engine, name, engine.load(frames)))
            assert_same(near, rows_of(engine.run(far, queries.named[name])))


def assert_same(near: list[dict[str, Any]], far: list[dict[str, Any]]) -> None:
    """Row by row: numbers to the last bits, everything else exactly."""
    assert len(near) == len(far)
    far_rows = {_key(row): row for row in far}
    for row in near:
        other = far_rows[_key(row)]
        assert set(row) == set(other)
        for column, value in row.items():
            wanted = pytest.approx(value, rel=1e-12, abs=1e-12) if _is_number(value) else value
            assert plain(other[column]) == wanted, (_key(row), column)


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    return row.get("deal_id"), row.get("lead_id"), row["as_of"]


def _is_number(value: Any) -> bool:
    return isinstance(value, float)
