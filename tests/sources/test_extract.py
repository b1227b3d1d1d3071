"""The mapping at work, and the second fence: the locked connection."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from tests.sources.whole import read_tables

from closecurve.crm.errors import DataError
from closecurve.crm.mapping import ImportMapping
from closecurve.crm.mapping_sources import FileSource
from closecurve.sources.loading import loaded_sources

DEALS = """deal_id,created_at,closed_at,outcome,stage,amount,industry
D1,2025-01-01,2025-02-01,won,Proposal,100,steel
D2,2025-01-02,,,Proposal,200,wood
D3,2025-01-03,2025-02-03,lost,Closing,300,
"""
Mapped = Callable[[str], ImportMapping]
DEAL_SOURCE = '[sources.deals]\npath = "deals.csv"\n'


@pytest.fixture(autouse=True)
def deals_file(tmp_path: Path) -> Path:
    path = tmp_path / "deals.csv"
    path.write_text(DEALS)
    return path


def deal_frame(mapping: ImportMapping) -> pd.DataFrame:
    return read_tables(mapping).tables["deals"].parts[0].frame


def test_expressions_joins_where_and_values_make_a_table(mapped: Mapped, tmp_path: Path) -> None:
    (tmp_path / "sectors.csv").write_text("industry,code\nsteel,S\nwood,W\n")
    mapping = mapped(
        DEAL_SOURCE
        + """
        [sources.sectors]
        path = "sectors.csv"
        [tables.deals]
        where = "amount < '300'"
        joins = [{ source = "sectors", on = "industry = sectors.industry" }]
        columns = { amount = "TRY_CAST(amount AS DOUBLE) * 2" }
        attributes = { code = "sectors.code", line = "_line", seats = "TRY_CAST('x' AS INTEGER)" }
        values.stage = { Proposal = "Closing" }
        values.outcome = { won = "" }
        """
    )
    extract = read_tables(mapping)
    table = extract.tables["deals"]
    frame = table.parts[0].frame
    assert frame["amount"].tolist() == ["200.0", "400.0"]
    assert frame["code"].tolist() == ["S", "W"]
    assert frame["stage"].tolist() == ["Closing", "Closing"]
    assert frame["outcome"].iloc[0] == ""
    assert table.numbers == {"line", "seats"}
    assert table.parts[0].left_out == 1
    assert sorted(extract.digests) == ["deals.csv", "sectors.csv"]


def test_values_of_a_field_are_mapped_in_changes(mapped: Mapped) -> None:
    mapping = mapped(
        DEAL_SOURCE
        + """
        [tables.deals]
        [[tables.deal_changes]]
        from = "deals"
        columns = { field = "'stage'", event_at = "created_at", new_value = "stage" }
        values.stage = { Proposal = "Closing" }
        """
    )
    frame = read_tables(mapping).tables["deal_changes"].parts[0].frame
    assert frame["new_value"].tolist() == ["Closing", "Closing", "Closing"]


def test_codes_are_text_and_numbers_are_numbers(mapped: Mapped, deals_file: Path) -> None:
    deals_file.write_text("deal_id,created_at,zip,seats\n1,2025-01-01,012,5\n2,2025-01-01,99,\n")
    table = read_tables(mapped(DEAL_SOURCE + '[tables.deals]\nattributes = ["zip", "seats"]'))
    assert table.tables["deals"].numbers == {"seats"}


def test_types_of_a_parquet_file_are_read_through_text(mapped: Mapped, tmp_path: Path) -> None:
    created = pd.to_datetime(["2025-01-01T10:00:00.000001Z", "2025-01-02T00:00:00.000000Z"])
    frame = pd.DataFrame({"deal_id": [1, 2], "created_at": created, "amount": [0.1, None]})
    frame.to_parquet(tmp_path / "deals.parquet")
    text = deal_frame(mapped('[sources.deals]\npath = "deals.parquet"\n[tables.deals]'))
    assert text["deal_id"].tolist() == ["1", "2"]
    assert text["created_at"].tolist() == [
        "2025-01-01 10:00:00.000001+00",
        "2025-01-02 00:00:00+00",
    ]
    assert text["amount"].tolist()[0] == "0.1"
    assert text["amount"].isna().tolist() == [False, True]


def test_a_number_is_written_with_the_decimal_sign_of_its_source(
    mapped: Mapped, deals_file: Path
) -> None:
    deals_file.write_text('deal_id,created_at,amount\n1,2025-01-01,"1.234,5"\n')
    table = '[tables.deals]\ncolumns = { amount = "TRY_CAST(deal_id AS DOUBLE) / 2" }'
    assert deal_frame(mapped(f'{DEAL_SOURCE}decimal = ","\n{table}'))["amount"].tolist() == ["0,5"]


@pytest.mark.parametrize(
    ("table", "code", "named"),
    [
        ("columns = { amount = 'price' }", "mapping-failed", "price"),
        ("columns = { amount = 'CAST(stage AS DOUBLE)' }", "mapping-failed", "TRY_CAST"),
        ("where = 'nothing = 1'", "mapping-failed", "nothing"),
        ("joins = [{ source = 'deals', on = 'TRUE' }]", "join-multiplies", "9 rows"),
    ],
)
def test_an_expression_that_fails_is_named(
    mapped: Mapped, table: str, code: str, named: str
) -> None:
    with pytest.raises(DataError, match=r"deals\.csv") as caught:
        read_tables(mapped(f"{DEAL_SOURCE}[tables.deals]\n{table}"))
    assert caught.value.code == code
    assert named in str(caught.value)


def test_a_required_column_that_is_missing_is_named(mapped: Mapped, deals_file: Path) -> None:
    deals_file.write_text("deal_id,amount\n1,2\n")
    with pytest.raises(
        DataError, match=r"needs created_at .*deals\.csv.*'deal_id', 'amount'"
    ) as caught:
        read_tables(mapped(DEAL_SOURCE + "[tables.deals]"))
    assert caught.value.code == "column-missing"


SCALAR_ATTACKS = [
    "read_text('{secret}')",
    "read_blob('{secret}')",
    "glob('{folder}/*')",
    "read_csv('{secret}')",
    "query('COPY deals TO ''{folder}/out.csv''')",
    "pg_read_file('{secret}')",
    "json_execute_serialized_sql('x')",
]
SQL_ATTACKS = [
    "SELECT (SELECT content FROM read_text('{secret}'))",
    "SELECT (FROM '{secret}')",
    "SELECT (SELECT count(*) FROM read_csv('{secret}'))",
    "SELECT (SELECT file FROM glob('{folder}/*') LIMIT 1)",
    "COPY deals TO '{folder}/out.csv'",
    "COPY (SELECT 1) TO '{folder}/out.parquet'",
    "EXPORT DATABASE '{folder}/out'",
    "ATTACH '{folder}/out.db'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "SET lock_configuration = false",
    "SET temp_directory = '{folder}'",
    "SELECT getenv('HOME')",
    "SELECT * FROM frame_of_this_process",
]


@pytest.mark.parametrize("attack", SCALAR_ATTACKS)
def test_an_expression_reaches_no_file(mapped: Mapped, tmp_path: Path, attack: str) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("password\nhunter2\n")
    before = sorted(tmp_path.iterdir())
    text = attack.format(secret=secret, folder=tmp_path)
    with pytest.raises(DataError) as caught:
        read_tables(mapped(f'{DEAL_SOURCE}[tables.deals]\ncolumns = {{ amount = "{text}" }}'))
    assert "hunter2" not in str(caught.value)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("attack", SQL_ATTACKS)
def test_the_connection_reaches_nothing_whatever_is_said(
    tmp_path: Path, deals_file: Path, attack: str
) -> None:
    frame_of_this_process = pd.DataFrame({"a": [1]})
    assert len(frame_of_this_process)
    secret = tmp_path / "secret.csv"
    secret.write_text("password\nhunter2\n")
    before = sorted(tmp_path.iterdir())
    source = FileSource(name="deals", path=deals_file)
    with loaded_sources([source]) as (connection, _), pytest.raises(duckdb.Error):
        connection.execute(attack.format(secret=secret, folder=tmp_path)).fetchall()
    assert sorted(tmp_path.iterdir()) == before
