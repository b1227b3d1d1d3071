"""Attributes that lie in rows of another source."""

import tomllib
from pathlib import Path

import pandas as pd
import pytest
from tests.sources.whole import read_tables

from closecurve.crm.mapping import parse_mapping
from closecurve.crm.quality import check_tables
from closecurve.crm.review import RawTable
from closecurve.crm.stages import DEFAULT_PROCESS

MAPPING = """
[sources.deals]
path = "deals.csv"
[sources.said]
path = "said.csv"
[tables.deals]
{own}
attributes_from = [{{ source = "said", key = "deal", {rule} }}]
"""
FIELDS = 'name = "what", value = "text"'
TAGS = 'value = "what", as = "tag"'


def read(folder: Path, rows: str, rule: str, own: str = "") -> RawTable:
    (folder / "deals.csv").write_text("deal_id,created_at\n D1 ,2025-01-01\nD2,2025-01-02\n")
    (folder / "said.csv").write_text(f"deal,what,text\n{rows}", encoding="utf-8")
    mapping = tomllib.loads(MAPPING.format(rule=rule, own=own))
    return read_tables(parse_mapping(mapping, folder, {})).tables["deals"]


def values(table: RawTable) -> dict[str, list[object]]:
    frame = table.parts[0].frame
    return {
        each: [None if pd.isna(value) else value for value in frame[each]]
        for each in table.attributes
    }


def test_each_field_becomes_an_attribute_of_the_record(tmp_path: Path) -> None:
    table = read(tmp_path, "D1,Size,3\nD2,Size,x\nD2,Seats,7\nD1,Seats,\nD9,Size,1\n", FIELDS)
    assert values(table) == {"size": ["3", "x"], "seats": [None, "7"]}
    assert table.numbers == {"seats"}


def test_the_later_row_of_a_field_holds_and_spellings_are_one(tmp_path: Path) -> None:
    table = read(tmp_path, "D1,Deal Size,3\nD1,deal-size,4\nD2,Deal Size,5\n", FIELDS)
    assert values(table) == {"deal_size": ["4", "5"]}


def test_the_most_frequent_fields_are_taken(tmp_path: Path) -> None:
    rows = "D1,rare,1\nD1,b,1\nD2,b,1\nD2,b,2\nD1,a,1\nD2,a,1\n"
    assert list(values(read(tmp_path, rows, f"{FIELDS}, most = 2"))) == ["a", "b"]


@pytest.mark.parametrize(
    ("names", "attributes"),
    [
        ('["客户级别"]', ["field_26eab1c9"]),
        ('{ level = "客户级别", none = "nothing" }', ["level", "none"]),
    ],
)
def test_fields_are_chosen_by_name(tmp_path: Path, names: str, attributes: list[str]) -> None:
    table = read(tmp_path, "D1,客户级别,重点\nD2,other,1\n", f"{FIELDS}, names = {names}")
    assert [*table.attributes] == attributes
    assert values(table)[attributes[0]] == ["重点", None]


def test_a_field_named_as_a_column_has_the_sources_name_before_it(tmp_path: Path) -> None:
    table = read(tmp_path, "D1,Stage,3\nD1,Industry,steel\n", FIELDS)
    assert sorted(table.attributes) == ["industry", "said_stage"]


def test_an_attribute_of_the_mapping_comes_before_one_that_is_found(tmp_path: Path) -> None:
    own = "attributes = { size = \"'mine'\" }"
    assert values(read(tmp_path, "D1,size,3\n", FIELDS, own)) == {"size": ["mine", "mine"]}


def test_many_values_are_counted_and_marked(tmp_path: Path) -> None:
    table = read(tmp_path, "D1,hot,\nD1,hot,\nD1,Trade fair,\nD1,,\n", TAGS)
    assert values(table) == {
        "tag_hot": ["1", "0"],
        "tag_trade_fair": ["1", "0"],
        "tag_count": ["2", "0"],
    }
    assert table.numbers == {"tag_hot", "tag_trade_fair", "tag_count"}


def test_a_row_without_an_id_is_set_aside_with_its_line(tmp_path: Path) -> None:
    table = read(tmp_path, "D1,size,3\n ,size,4\n", FIELDS)
    taken = check_tables({"deals": table}, [DEFAULT_PROCESS])
    assert taken.rejected[["file", "line", "column", "rule"]].to_numpy().tolist() == [
        ["said.csv", 3, "deal", "value-missing"]
    ]
    assert taken.frames["deals"]["size"].tolist()[0] == 3.0


def test_only_rows_that_the_condition_takes_are_fields(tmp_path: Path) -> None:
    rule = f"{FIELDS}, where = \"text <> '3'\""
    assert values(read(tmp_path, "D1,size,3\nD2,seats,4\n", rule)) == {"seats": [None, "4"]}


def test_the_sources_text_is_no_sql(tmp_path: Path) -> None:
    table = read(tmp_path, 'D1,it\'s "x"); DROP,a\n', FIELDS)
    assert values(table) == {"it_s_x_drop": ["a", None]}


def test_numbers_of_an_expression_are_read_as_the_deals_are_written(tmp_path: Path) -> None:
    rule = 'name = "what", value = "CAST(text AS DOUBLE)"'
    mapping = MAPPING.format(rule=rule, own="").replace('s.csv"', 's.csv"\ndecimal = ","')
    (tmp_path / "deals.csv").write_text("deal_id,created_at\nD1,2025-01-01\n")
    (tmp_path / "said.csv").write_text("deal,what,text\nD1,share,0.5\n")
    tables = read_tables(parse_mapping(tomllib.loads(mapping), tmp_path, {})).tables
    assert values(tables["deals"]) == {"share": ["0,5"]}
