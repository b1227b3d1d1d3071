"""A question is compiled once for its form, and leaves nothing behind."""

import gc
from typing import Any

import ibis
import pandas as pd
import pytest

from closecurve.crm.errors import UsageError
from closecurve.features import plans
from closecurve.features.engines import duckdb_engine, engine_of
from closecurve.features.selected import FeatureSelection
from closecurve.features.snapshot import deal_snapshots, open_deals
from closecurve.features.tables import HistoryTables

FEW = ("stage", "push_count", "activity_count_30")


@pytest.fixture
def tables(random_history: Any) -> HistoryTables:
    return HistoryTables.from_frames(random_history(5, 12, 8), duckdb_engine(threads=1))


def temporary(tables: HistoryTables) -> int:
    """Tables and views beyond those of the history."""
    found = tables.deals.get_backend().raw_sql(
        "SELECT count(*) FROM (FROM duckdb_tables() SELECT table_name UNION ALL"
        " FROM duckdb_views() SELECT view_name WHERE NOT internal)"
        " WHERE starts_with(table_name, 'closecurve_')"
    )
    return int(found.fetchone()[0])


def test_other_as_ofs_and_other_rows_are_not_compiled_again(
    tables: HistoryTables, random_history: Any, as_ofs: list[pd.Timestamp]
) -> None:
    open_deals(tables, as_ofs[:1]).execute()
    before = plans._compiled.cache_info().misses
    open_deals(tables, as_ofs).execute()
    again = HistoryTables.from_frames(random_history(6, 4, 4))
    open_deals(again, as_ofs).execute()
    assert plans._compiled.cache_info().misses == before


def test_an_answer_stays_while_it_is_held_and_is_dropped_after(
    tables: HistoryTables, as_ofs: list[pd.Timestamp], selection: FeatureSelection
) -> None:
    rows = deal_snapshots(tables, open_deals(tables, as_ofs), selection, columns=FEW)
    gc.collect()
    counts = [len(rows.execute()), int(rows.count().execute())]
    assert counts[0] == counts[1] > 0
    assert temporary(tables) > 0
    del rows
    gc.collect()
    assert temporary(tables) == 0


def test_a_question_that_fails_leaves_nothing(tables: HistoryTables) -> None:
    def asked(planned: plans.PlannedTables) -> Any:
        kept = planned.once("kept", lambda: planned.deals.select("deal_id"))
        return planned.step("bad", kept.mutate(n=ibis.literal("x").cast("int64")), is_kept=True)

    with pytest.raises(Exception, match="x"):
        plans.answer(asked, tables, {})
    assert temporary(tables) == 0


def test_few_columns_are_those_of_the_whole_snapshot(
    tables: HistoryTables, as_ofs: list[pd.Timestamp], selection: FeatureSelection
) -> None:
    grain = open_deals(tables, as_ofs)
    keys = ["deal_id", "as_of"]
    whole = deal_snapshots(tables, grain, selection).execute().sort_values(keys, ignore_index=True)
    few = deal_snapshots(tables, grain, selection, columns=FEW).execute()
    wanted = whole[[*keys, *FEW]]
    assert set(few.columns) == set(wanted.columns)
    made = few.sort_values(keys, ignore_index=True)[list(wanted.columns)]
    pd.testing.assert_frame_equal(made, wanted, check_exact=True)


def test_a_column_that_is_none_of_the_snapshots_is_refused(
    tables: HistoryTables, as_ofs: list[pd.Timestamp], selection: FeatureSelection
) -> None:
    with pytest.raises(UsageError, match=r"got \['score'\]"):
        deal_snapshots(tables, open_deals(tables, as_ofs), selection, columns=["score"])


def test_another_engine_is_refused() -> None:
    class Other:
        name = "sqlite"

    with pytest.raises(UsageError, match="got sqlite"):
        engine_of(Other())


def test_duckdb_is_given_its_bounds(tmp_path: Any) -> None:
    engine = duckdb_engine(memory="512MiB", threads=1, spill=tmp_path)
    limit, place = engine.raw_sql(
        "SELECT current_setting('memory_limit'), current_setting('temp_directory')"
    ).fetchone()
    assert (limit, place) == ("512.0 MiB", str(tmp_path))
