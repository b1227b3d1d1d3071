"""What closecurve.toml may say about a source."""

import re
import tomllib
from pathlib import Path

import pytest

from closecurve.crm.errors import UsageError
from closecurve.crm.mapping import ImportMapping, parse_mapping
from closecurve.crm.mapping_sources import FileSource

FOLDER = Path("/company")
ROOT = Path(__file__).parents[2]
DOCS, CRM = ROOT / "docs" / "mapping.md", ROOT / "core" / "closecurve" / "crm"
LEAST = '[sources.deals]\npath = "deals.csv"\n[tables.deals]\n'


def parsed(text: str, **environ: str) -> ImportMapping:
    return parse_mapping(tomllib.loads(text), FOLDER, environ)


def file_of(mapping: ImportMapping, name: str) -> Path:
    source = mapping.sources[name]
    assert isinstance(source, FileSource)
    return source.path


def test_the_least_mapping_takes_columns_of_the_canonical_names() -> None:
    mapping = parsed(LEAST)
    (part,) = mapping.tables["deals"]
    assert (part.source, part.where, dict(part.columns)) == ("deals", None, {})
    assert file_of(mapping, "deals") == FOLDER / "deals.csv"
    assert (mapping.most_bad_share, mapping.reopen) == (0.05, True)


def test_everything_that_may_be_said_is_read() -> None:
    mapping = parsed(
        """
        [import]
        folder = "export"
        most_bad_share = 0.1
        reopen = false
        [sources.crm]
        path = "Opportunities.CSV.gz"
        delimiter = ";"
        encoding = "cp1252"
        time_zone = "Europe/Berlin"
        date_format = ["%d.%m.%Y", "%d.%m.%Y %H:%M"]
        decimal = ","
        [sources.products]
        path = "products.parquet"
        [[tables.deals]]
        from = "crm"
        where = "kind = 'deal'"
        joins = [{ source = "products", on = "product = products.id" }]
        columns = { deal_id = "id", amount = "products.price" }
        attributes = ["region"]
        values.outcome = { Gewonnen = "won" }
        [[tables.deals]]
        from = "products"
        attributes = { sector = "upper(sector)" }
        """
    )
    first, second = mapping.tables["deals"]
    assert first.joins[0].source == "products"
    assert first.columns["amount"] == "products.price"
    assert first.attributes == {"region": "region"}
    assert first.values["outcome"] == {"Gewonnen": "won"}
    assert second.attributes == {"sector": "upper(sector)"}
    crm = mapping.sources["crm"]
    assert file_of(mapping, "crm") == FOLDER / "export" / "Opportunities.CSV.gz"
    assert crm.written("UTC").time_zone == "Europe/Berlin"
    assert crm.date_formats == ("%d.%m.%Y", "%d.%m.%Y %H:%M")
    assert mapping.sources["products"].written("Asia/Tokyo").time_zone == "Asia/Tokyo"
    assert (mapping.most_bad_share, mapping.reopen) == (0.1, False)


@pytest.mark.parametrize(
    ("written", "environ", "expected"),
    [
        ("${DATA}/x", {"DATA": "/mnt"}, Path("/mnt/x")),
        ("${DATA:-../data}/x", {}, FOLDER / "../data/x"),
        ("${DATA:-../data}/x", {"DATA": "/mnt"}, Path("/mnt/x")),
    ],
)
def test_variables_are_filled_in(written: str, environ: dict[str, str], expected: Path) -> None:
    mapping = parsed(f'[import]\nfolder = "{written}"\n{LEAST}', **environ)
    assert file_of(mapping, "deals") == expected / "deals.csv"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('[import]\nfolder = "${NOT_SET}"\n' + LEAST, "NOT_SET"),
        ("[import]\nmost_bad_share = 2\n" + LEAST, "import.most_bad_share"),
        ("[import]\nmost_bad_share = true\n" + LEAST, "import.most_bad_share"),
        ('[import]\nreopen = "no"\n' + LEAST, "import.reopen"),
        ("[import]\nmost = 1\n" + LEAST, "most"),
        ('[sources.deals]\npath = "deals.docx"\n[tables.deals]', "sources.deals.path"),
        ("[sources.deals]\n[tables.deals]", "sources.deals.path"),
        ('[sources."a b"]\npath = "deals.csv"\n[tables.deals]', "a b"),
        (LEAST.replace('csv"', 'csv"\ndelimiter = "||"'), "sources.deals.delimiter"),
        (LEAST.replace('csv"', 'csv"\nencoding = "base64"'), "sources.deals.encoding"),
        (LEAST.replace('csv"', 'csv"\ntime_zone = "Mars"'), "time_zone"),
        (LEAST.replace('csv"', 'csv"\nsheet = "1"'), "sheet"),
        (LEAST + 'from = "nowhere"', "nowhere"),
        (LEAST + 'columns = { colour = "x" }', "colour"),
        (LEAST + 'columns = { amount = "max(x)" }', "tables.deals.columns.amount"),
        (LEAST + "columns = { amount = 3 }", "tables.deals.columns.amount"),
        (LEAST + 'where = "a; b"', "tables.deals.where"),
        (LEAST + 'joins = [{ source = "deals" }]', "tables.deals.joins.on"),
        (LEAST + 'joins = [{ source = "other", on = "a = other.a" }]', "other"),
        (LEAST + 'attributes = { amount = "x" }', "amount"),
        (LEAST + 'attributes = { known_at = "x" }', "known_at"),
        (LEAST + 'attributes = { "Deal Size" = "x" }', "Deal Size"),
        (LEAST + 'values.colour = { a = "b" }', "colour"),
        (LEAST + "values.outcome = { a = 1 }", "tables.deals.values.outcome"),
        (LEAST + "with = 1", "with"),
        (LEAST + '[tables.orders]\nfrom = "deals"', "orders"),
        (LEAST + '[tables.targets]\nfrom = "deals"\nattributes = ["x"]', "targets"),
        ('[sources.owners]\npath = "owners.csv"\n[tables.owners]', "has deals or leads"),
        ("[tables]\ndeals = []", "tables.deals"),
        ("sources = 3", "sources"),
    ],
)
def test_what_cannot_be_followed_is_refused_by_its_key(text: str, named: str) -> None:
    with pytest.raises(UsageError, match="got ") as caught:
        parsed(text)
    assert named in str(caught.value)
    assert caught.value.code in ("mapping-key", "mapping-expression", "value-format")


def test_the_page_names_every_key() -> None:
    page = DOCS.read_text(encoding="utf-8")
    modules = (
        CRM / name for name in ("mapping.py", *(each.name for each in CRM.glob("mapping_*")))
    )
    code = "\n".join(module.read_text(encoding="utf-8") for module in modules)
    keys = set(re.findall(r"""(?:section|settings)(?:\.\w+\(|, )\s*"(\w+)\"""", code))
    assert {"most_bad_share", "path", "joins", "wide", "names", "sequence"} <= keys
    assert sorted(key for key in keys if f"`{key}`" not in page) == []


def test_the_example_of_the_page_is_a_mapping() -> None:
    blocks = DOCS.read_text(encoding="utf-8").split("```toml\n")[1:]
    examples = [block.split("```")[0] for block in blocks]
    assert examples
    for example in examples:
        assert parsed(example).tables["deals"]
