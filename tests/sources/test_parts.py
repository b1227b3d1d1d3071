"""Wide histories, queries of one's own, and columns written in their own way."""

import tomllib
from pathlib import Path

import pandas as pd
import pytest
from tests.sources.whole import read_tables

from closecurve.crm.errors import DataError, UsageError
from closecurve.crm.mapping import parse_mapping
from closecurve.crm.quality import CheckedTables, check_tables
from closecurve.crm.review import RawTable
from closecurve.crm.stages import DEFAULT_PROCESS

DEALS = """deal_id,created_at,team,qualified_at,proposal_at
D1,2025-01-01,north,2025-01-03,2025-01-03
D2,2025-01-02,south,soon,2025-01-09
,2025-01-03,south,2025-01-03,
D4,2025-01-04,south, ,
"""
SOURCE = '[sources.deals]\npath = "deals.csv"\n[tables.deals]\n'
WIDE = (
    SOURCE
    + """
    [tables.deal_changes]
    from = "deals"
    wide.stage = { Qualification = "qualified_at", Proposal = "proposal_at" }
    """
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Path:
    (tmp_path / "deals.csv").write_text(DEALS)
    return tmp_path


def read(folder: Path, mapping: str) -> dict[str, RawTable]:
    return dict(read_tables(parse_mapping(tomllib.loads(mapping), folder, {})).tables)


def checked(folder: Path, mapping: str) -> CheckedTables:
    return check_tables(read(folder, mapping), [DEFAULT_PROCESS])


def test_a_wide_history_gives_a_row_for_every_time_that_is_filled(folder: Path) -> None:
    frame = read(folder, WIDE)["deal_changes"].parts[0].frame
    columns = ["deal_id", "new_value", "event_at", "_line"]
    assert frame[columns].fillna({"deal_id": ""}).to_numpy().tolist() == [
        ["D1", "Qualification", "2025-01-03", 2],
        ["D1", "Proposal", "2025-01-03", 2],
        ["D2", "Qualification", "soon", 3],
        ["D2", "Proposal", "2025-01-09", 3],
        ["", "Qualification", "2025-01-03", 4],
    ]


def test_of_two_stages_of_one_time_the_later_in_the_list_comes_later(folder: Path) -> None:
    turned = WIDE.replace(
        'Qualification = "qualified_at", Proposal = "proposal_at"',
        'Proposal = "proposal_at", Qualification = "qualified_at"',
    )
    changes = checked(folder, turned).frames["deal_changes"]
    assert changes["new_value"].tolist() == ["Proposal", "Qualification", "Proposal"]


def test_times_of_a_wide_history_that_cannot_be_read_are_set_aside(folder: Path) -> None:
    rejected = checked(folder, WIDE).rejected
    rows = rejected[rejected["table"] == "deal_changes"]
    assert rows[["file", "line", "column", "rule"]].to_numpy().tolist() == [
        ["deals.csv", 4, "deal_id", "value-missing"],
        ["deals.csv", 3, "event_at", "date-unreadable"],
    ]


def test_a_wide_history_may_be_joined_and_leave_rows_out(folder: Path) -> None:
    (folder / "dates.csv").write_text("deal,at,signed\nD1,x,2025-02-01\nD2,x,2025-02-02\n")
    frame_of = read(
        folder,
        WIDE.replace("{ Qual", '{ Won = "dates.signed", Qual')
        + """
        where = "deal_id <> 'D2'"
        joins = [{ source = "dates", on = "deal_id = dates.deal" }]
        [sources.dates]
        path = "dates.csv"
        """,
    )["deal_changes"].parts[0]
    assert frame_of.left_out == 2
    assert frame_of.frame["new_value"].tolist() == ["Won", "Qualification", "Proposal"]


QUERY = """
[sources.deals]
path = "deals.csv"
[sources.lines]
path = "lines.csv"
[tables.deals]
query = '''{query}'''
"""


@pytest.mark.parametrize("rows", ["a,5\nb,6\n", "b,6\na,5\n"])
def test_rows_of_a_query_are_numbered_in_one_order(folder: Path, rows: str) -> None:
    (folder / "lines.csv").write_text(f"name,price\n{rows}")
    query = "SELECT name AS deal_id, '2025-01-01' AS created_at, price FROM lines"
    frame = (
        read(folder, QUERY.format(query=query) + "attributes = ['price']")["deals"].parts[0].frame
    )
    assert frame[["deal_id", "price", "_file", "_line"]].to_numpy().tolist() == [
        ["a", "5", "the query of tables.deals", 1],
        ["b", "6", "the query of tables.deals", 2],
    ]


def test_a_query_may_do_what_a_select_does(folder: Path) -> None:
    (folder / "lines.csv").write_text("deal,price\nD1,5\nD1,6\nD2,\nD2,short,row\n")
    query = """
    WITH priced AS (SELECT deal, max(TRY_CAST(price AS DOUBLE)) AS most FROM lines GROUP BY deal)
    SELECT deals.*, priced.most, row_number() OVER (ORDER BY deal_id) AS place
    FROM deals LEFT JOIN priced ON priced.deal = deals.deal_id WHERE deal_id IS NOT NULL
    """
    more = "columns = { amount = 'most' }\nattributes = ['place']\nwhere = \"deal_id <> 'D4'\""
    table = read(folder, QUERY.format(query=query) + more)["deals"]
    (part,) = table.parts
    assert part.frame["amount"].tolist()[:1] == ["6.0"]
    assert (set(table.numbers), part.left_out, len(part.frame)) == ({"place"}, 1, 2)
    assert part.shapeless["value"].tolist() == ["D2,short,row"]


def test_a_query_is_one_of_several_parts(folder: Path) -> None:
    (folder / "lines.csv").write_text("deal,price\nX1,5\n")
    mapping = QUERY.replace("[tables.deals]", "[[tables.deals]]\nfrom = 'deals'\n[[tables.deals]]")
    query = "SELECT deal AS deal_id, '2025-01-01' AS created_at FROM lines"
    table = read(folder, mapping.format(query=query))["deals"]
    assert [len(part.frame) for part in table.parts] == [4, 1]


def test_a_query_that_fails_is_named(folder: Path) -> None:
    (folder / "lines.csv").write_text("deal,price\nX1,5\n")
    with pytest.raises(DataError, match=r"tables\.deals\.query .* deals.*nowhere") as caught:
        read(folder, QUERY.format(query="SELECT nowhere FROM deals"))
    assert caught.value.code == "mapping-failed"


@pytest.mark.parametrize(
    "query",
    [
        "SELECT content AS deal_id FROM read_text('{secret}')",
        "SELECT * FROM '{secret}'",
        "SELECT * FROM deals; COPY deals TO '{secret}.out'",
        "SELECT *, now() AS at FROM deals",
        "SELECT * FROM deals USING SAMPLE 1",
        "SELECT * FROM duckdb_settings()",
        "SELECT 1 AS deal_id",
    ],
)
def test_a_query_reads_sources_and_nothing_else(folder: Path, query: str) -> None:
    secret = folder / "secret.csv"
    secret.write_text("password\nhunter2\n")
    with pytest.raises(UsageError) as caught:
        read(folder, QUERY.format(query=query.format(secret=secret)))
    assert caught.value.code in ("mapping-expression", "mapping-key")
    assert "hunter2" not in str(caught.value)


def test_no_file_is_reached_from_within_a_query(folder: Path) -> None:
    secret = folder / "secret.csv"
    secret.write_text("password\nhunter2\n")
    (folder / "lines.csv").write_text("deal\nX1\n")
    query = f"SELECT read_text('{secret}') AS deal_id FROM lines"
    with pytest.raises(DataError) as caught:
        read(folder, QUERY.format(query=query))
    assert "hunter2" not in str(caught.value)


def test_fields_of_changes_and_attributes_have_formats_of_their_own(folder: Path) -> None:
    (folder / "deals.csv").write_text("deal_id,created_at,seats\nD1,2025-01-01,5\n")
    (folder / "log.csv").write_text(
        "deal_id,field,event_at,new_value\n"
        'D1,amount,2025-01-02 01:00,"1.000,5"\n'
        "D1,expected_close_date,2025-01-02 01:00,3.2.2025\n"
    )
    mapping = (
        SOURCE.replace("[tables.deals]", '[sources.log]\npath = "log.csv"\n[tables.deals]')
        + """
        [tables.deal_changes]
        from = "log"
        formats.amount = { decimal = "," }
        formats.expected_close_date = { date_format = "%m.%d.%Y" }
        formats.event_at = { time_zone = "Asia/Tokyo" }
        """
    )
    changes = checked(folder, mapping).frames["deal_changes"]
    assert changes["new_value"].tolist() == ["1000.5", "2025-03-02"]
    assert changes["event_at"].unique().tolist() == [pd.Timestamp("2025-01-01 16:00")]
