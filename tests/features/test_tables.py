"""The history tables: all of them always exist, typed as docs/history.md says."""

import pandas as pd
import pytest

from closecurve.crm.errors import DataError
from closecurve.crm.tables import HISTORY_TABLES
from closecurve.features.tables import HistoryTables


def test_missing_tables_are_empty_and_typed() -> None:
    tables = HistoryTables.from_frames({})
    for name, columns in HISTORY_TABLES.items():
        table = tables.table(name)
        assert table.columns == tuple(column.name for column in columns)
        assert table.count().execute() == 0
    assert str(tables.deals.schema()["created_at"]) == "timestamp(6)"


def test_instants_are_taken_to_utc() -> None:
    created_at = pd.Series([pd.Timestamp("2026-01-01T01:00:00.000001+01:00")])
    tables = HistoryTables.from_frames(
        {"deals": pd.DataFrame({"deal_id": [7], "created_at": created_at})}
    )
    row = tables.deals.to_pyarrow().to_pylist()[0]
    assert row["created_at"] == pd.Timestamp("2026-01-01T00:00:00.000001")
    assert row["deal_id"] == "7"


def test_further_columns_are_attributes_by_their_type() -> None:
    frame = pd.DataFrame({"deal_id": ["a"], "seats": [3], "is_new": [True], "产品": ["x"]})
    tables = HistoryTables.from_frames({"deals": frame})
    assert tables.attributes("deals") == ("seats", "is_new", "产品")
    schema = tables.deals.schema()
    assert [str(schema[name]) for name in ("seats", "is_new", "产品")] == [
        "float64",
        "string",
        "string",
    ]


def test_an_unknown_table_is_refused() -> None:
    with pytest.raises(DataError, match=r"got \['deal'\]") as caught:
        HistoryTables.from_frames({"deal": pd.DataFrame()})
    assert caught.value.code == "history-table"


def test_a_value_of_another_type_is_refused_by_name() -> None:
    frame = pd.DataFrame({"date": ["2026-01-01"], "currency": ["EUR"], "rate": ["high"]})
    with pytest.raises(DataError, match=r"fx_rates\.rate holds number values"):
        HistoryTables.from_frames({"fx_rates": frame})


def test_a_table_without_its_fixed_columns_is_refused() -> None:
    tables = HistoryTables.from_frames({})
    with pytest.raises(DataError, match=r"got none for \['known_at'\]"):
        HistoryTables(
            **{name: tables.table(name) for name in HISTORY_TABLES}
            | {"deals": tables.deals.drop("known_at")}
        )
