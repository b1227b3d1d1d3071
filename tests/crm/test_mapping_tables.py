"""What [tables.*] may say beside the plain mapping of columns."""

import tomllib
from pathlib import Path

import pytest

from closecurve.crm.errors import UsageError
from closecurve.crm.mapping import ImportMapping, parse_mapping
from closecurve.crm.mapping_tables import AttributesFrom, ColumnFormat, TablePart
from closecurve.crm.values import ValueFormat

SOURCES = """
[sources.deals]
path = "deals.csv"
[sources.fields]
path = "fields.csv"
[tables.deals]
"""
CHANGES = SOURCES + '[tables.deal_changes]\nfrom = "deals"\n'


def parsed(text: str) -> ImportMapping:
    return parse_mapping(tomllib.loads(text), Path("/company"), {})


def deals(text: str) -> TablePart:
    return parsed(SOURCES + text).tables["deals"][0]


def test_a_wide_history_keeps_the_order_of_its_list() -> None:
    part = parsed(CHANGES + 'wide.stage = { Proposal = "b", Qualification = "a" }')
    (wide,) = part.tables["deal_changes"]
    assert {name: [*each.items()] for name, each in wide.wide.items()} == {
        "stage": [("Proposal", "b"), ("Qualification", "a")]
    }


def test_the_sources_of_a_query_are_read_and_the_first_says_how_it_is_written() -> None:
    part = deals('query = "SELECT * FROM Fields JOIN deals USING (id)"')
    assert (part.source, part.sources) == ("fields", ("fields", "deals"))
    assert deals('query = "SELECT * FROM fields"\nfrom = "deals"').source == "deals"


def test_only_what_is_read_is_loaded() -> None:
    assert parsed(SOURCES).used_sources == ["deals"]
    rule = '[{ source = "fields", key = "id", name = "a", value = "b" }]'
    assert parsed(f"{SOURCES}attributes_from = {rule}").used_sources == ["deals", "fields"]


def test_attributes_of_fields_and_of_many_values_are_told_apart() -> None:
    fields, tags = deals(
        """
        [[tables.deals.attributes_from]]
        source = "fields"
        key = "id"
        name = "a"
        value = "b"
        names = ["Deal Size", "Stage"]
        where = "b <> ''"
        [[tables.deals.attributes_from]]
        source = "fields"
        key = "id"
        value = "b"
        as = "tag"
        names = { is_hot = "Hot" }
        most = 3
        """
    ).attributes_from
    chosen = {"deal_size": "Deal Size", "fields_stage": "Stage"}
    assert (fields.name, fields.prefix, fields.most) == ("a", None, 50)
    assert (fields.where, fields.chosen) == ("b <> ''", chosen)
    assert (tags.name, tags.prefix, tags.most, tags.chosen) == (None, "tag", 3, {"is_hot": "Hot"})


@pytest.mark.parametrize(
    ("prefix", "said", "attribute"),
    [
        (None, "Deal Size", "deal_size"),
        (None, "Amount", "fields_amount"),
        (None, "Known At", "fields_known_at"),
        ("custom", "Amount", "custom_amount"),
    ],
)
def test_a_field_never_takes_the_name_of_a_column(
    prefix: str | None, said: str, attribute: str
) -> None:
    rule = AttributesFrom(source="fields", key="id", value="b", name="a", prefix=prefix)
    assert rule.attribute_of(said, "deals") == attribute


def test_a_format_of_a_column_is_laid_over_that_of_the_source() -> None:
    own = deals('formats.amount = { decimal = "," }').formats["amount"]
    source = ValueFormat(time_zone="Asia/Tokyo", date_formats=("%d.%m.%Y",))
    assert own.over(source) == ValueFormat(
        time_zone="Asia/Tokyo", date_formats=("%d.%m.%Y",), decimal=","
    )
    whole = ColumnFormat(time_zone="UTC", date_formats=("%Y",), decimal=",")
    assert whole.over(source) == ValueFormat(date_formats=("%Y",), decimal=",")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (SOURCES + 'wide.stage = { Won = "signed" }', "tables.deals.wide"),
        (CHANGES + "wide.stage = {}", "tables.deal_changes.wide"),
        (CHANGES + 'wide."Deal Stage" = { Won = "signed" }', "Deal Stage"),
        (CHANGES + 'wide.stage = { Won = "max(x)" }', "tables.deal_changes.wide.stage.Won"),
        (CHANGES + 'wide.stage = { Won = "a" }\ncolumns = { field = "b" }', "field"),
        (SOURCES + 'query = "DELETE FROM deals"', "tables.deals.query"),
        (SOURCES + 'query = "SELECT * FROM nowhere"', "nowhere"),
        (SOURCES + "query = 'SELECT * FROM \"/etc/passwd\"'", "/etc/passwd"),
        (SOURCES + 'formats.colour = { decimal = "," }', "colour"),
        (SOURCES + 'formats.amount = { decimal = ";" }', "';'"),
        (SOURCES + 'formats.amount = { time_zone = "Mars" }', "Mars"),
        (SOURCES + "formats.amount = { sign = 1 }", "sign"),
        (SOURCES + 'attributes_from = [{ source = "fields", key = "a", value = "b" }]', "`as`"),
        (SOURCES + 'attributes_from = [{ source = "x", name = "n", value = "v" }]', "key"),
        (
            SOURCES + 'attributes_from = [{ source = "x", key = "k", name = "n", value = "v" }]',
            "reads one of the sources",
        ),
        (
            SOURCES
            + 'attributes_from = [{source="x", key="k", value="v", as="t", names={stage="S"}}]',
            "stage",
        ),
        (
            SOURCES + 'attributes_from = [{ source="fields", key="k", value="v", as="t", most=0 }]',
            "most",
        ),
        (
            CHANGES + 'attributes_from = [{ source="fields", key="k", value="v", as="t" }]',
            "deal_changes",
        ),
    ],
)
def test_what_cannot_be_followed_is_refused_by_its_key(text: str, named: str) -> None:
    with pytest.raises(UsageError, match="got ") as caught:
        parsed(text)
    assert named in str(caught.value)
