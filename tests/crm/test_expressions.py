"""The first fence: a mapping expression is one scalar over a row."""

import pytest

from closecurve.crm.errors import UsageError
from closecurve.crm.expressions import check_expression, check_query


@pytest.mark.parametrize(
    "text",
    [
        "amount",
        "'it''s; -- text'",
        "products.price",
        "CASE WHEN stage IN ('Won', 'Lost') THEN lower(stage) END",
        "TRY_CAST(amount AS DOUBLE) * 1.1",
        "strptime(day, '%d/%m/%y')",
        "regexp_replace(phone, ';', '')",
        "a LIKE 'A\\_%' ESCAPE '\\' OR b IS NOT NULL",
        "TIMESTAMP '2021-01-01' + to_minutes(CAST(_line AS INTEGER))",
    ],
)
def test_a_scalar_is_taken_as_written(text: str) -> None:
    assert check_expression(text, "key") == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a; DROP TABLE x",
        "a;",
        "a, b",
        "a AS b",
        "a -- comment",
        "/* comment */ a",
        "1) FROM deals; COPY deals TO 'x'; SELECT (1",
        "(SELECT 1)",
        "(FROM 'deals.csv')",
        "a IN (SELECT b FROM read_csv('/etc/passwd'))",
        "EXISTS (SELECT 1)",
        "CASE WHEN (SELECT 1) = 1 THEN a END",
        "(WITH t AS (SELECT 1) SELECT * FROM t)",
        "(VALUES (1))",
        "COPY deals TO 'x.csv'",
        "ATTACH 'x.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "PRAGMA database_list",
        "count(*)",
        "max(amount)",
        "row_number() OVER ()",
        "unnest([1, 2])",
        "COLUMNS('.*')",
        "*",
        "deals.*",
        "?",
        "$1",
        "now()",
        "current_date",
        "random()",
        "uuid()",
        "current_setting('home_directory')",
        "getenv('HOME')",
        "write_log('x')",
    ],
)
def test_what_is_no_scalar_of_the_row_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"^tables\.deals\.columns\.amount .*, got ") as caught:
        check_expression(text, "tables.deals.columns.amount")
    assert caught.value.code == "mapping-expression"


def test_an_expression_is_text() -> None:
    with pytest.raises(UsageError, match="got 3"):
        check_expression(3, "key")


@pytest.mark.parametrize(
    ("text", "sources"),
    [
        ("SELECT * FROM deals", {"deals"}),
        ("FROM Deals", {"deals"}),
        ("WITH a AS (SELECT * FROM b) SELECT * FROM a JOIN c ON TRUE", {"b", "c"}),
        ("SELECT id FROM a WHERE EXISTS (SELECT 1 FROM b) UNION ALL SELECT id FROM c", set("abc")),
        ("SELECT sum(x) OVER (ORDER BY id), unnest([1]) FROM a", {"a"}),
    ],
)
def test_the_sources_of_a_query_are_found(text: str, sources: set[str]) -> None:
    assert set(check_query(text, "tables.deals.query")) == sources


@pytest.mark.parametrize(
    "text",
    [
        "",
        "id",
        "SELECT 1",
        "SELECT * FROM deals;",
        "SELECT * FROM deals; SELECT 2",
        "SELECT * FROM deals -- all",
        "SELECT * FROM read_csv('x')",
        "SELECT * FROM glob('*')",
        "SELECT * FROM duckdb_settings()",
        "SELECT * FROM query('SELECT 1')",
        "SELECT * FROM information_schema.tables",
        "SELECT * FROM deals USING SAMPLE 5",
        "SELECT * FROM deals ORDER BY random()",
        "SELECT now() FROM deals",
        "SELECT getenv('HOME') FROM deals",
        "SELECT $1 FROM deals",
        "SELECT * INTO copied FROM deals",
        "COPY deals TO 'x'",
        "DELETE FROM deals",
        "ATTACH 'x'",
        "SHOW TABLES",
    ],
)
def test_what_is_no_query_of_sources_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"^tables\.deals\.query .*, got ") as caught:
        check_query(text, "tables.deals.query")
    assert caught.value.code == "mapping-expression"


def test_a_query_is_text() -> None:
    with pytest.raises(UsageError, match="got 3"):
        check_query(3, "key")
