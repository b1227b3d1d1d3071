"""A history of any size in the shape of the demo company's, written column by column.

Six stage facts and ten activities for each deal, with pushes, hand-overs, late logging, leads and
three currencies. The demo simulates each deal by itself; this draws whole columns in DuckDB, so
that a million deals take a minute. It is for speed alone: nothing in it can be predicted.
"""

from pathlib import Path

import duckdb
import pandas as pd

from closecurve.crm.tables import HISTORY_TABLES, ColumnType
from closecurve.features.selected import Attribute, FeatureSelection, SubjectSelection

START = pd.Timestamp("2024-01-01")
WEEKS = 104
AS_OFS = [(START + pd.Timedelta(weeks=week)).as_unit("us") for week in range(1, WEEKS + 1)]

DEALS_PER_OWNER, DEALS_PER_ACCOUNT, DEALS_PER_LEAD = 1_000, 4, 3
FEWEST_OWNERS = 20

PRELUDE = f"""
CREATE MACRO draw(i, salt) AS (hash(i, salt) >> 11) / 9007199254740992.0;
CREATE MACRO days(x) AS to_microseconds(CAST(x * 86400e6 AS BIGINT));
CREATE MACRO pick(names, number) AS names[CAST(1 + number % len(names) AS BIGINT)];
CREATE MACRO late(i, salt) AS
    CASE WHEN draw(i, salt) < 0.1 THEN days(7 * draw(i, salt + 1)) ELSE days(0) END;
CREATE TABLE drawn AS SELECT
    i, 'D' || lpad(i::VARCHAR, 7, '0') AS deal_id,
    TIMESTAMP '{START}' + days({WEEKS * 7} * draw(i, 1)) AS created_at,
    -26 * ln(1 - draw(i, 2)) - 26 * ln(1 - draw(i, 3)) AS stay
FROM range($deals) AS r(i);
"""
"""A deal stays open for 52 days in the mean, so that seven weekly as-ofs see it."""

STAGE_NAMES = (
    "['Qualification', 'Needs analysis', 'Proposal', 'Negotiation', 'Contract', 'Closing']"
)

FACTS = {
    "stage": f"""SELECT i, deal_id, k AS seq,
        created_at + days(stay * least(1, k * (0.1 + draw(i * 8 + k, 4) / 6))) AS event_at,
        pick({STAGE_NAMES}, k) AS value FROM drawn, range(6) AS r(k)""",
    "amount": """SELECT i, deal_id, k, created_at + days(stay * k * draw(i, 5)),
        (100 * (1 + floor(900 * draw(i * 2 + k, 6))))::BIGINT::VARCHAR
        FROM drawn, range(2) AS r(k) WHERE k = 0 OR draw(i, 7) < 0.3""",
    "expected_close_date": """SELECT i, deal_id, k, created_at + days(stay * k / 3 * draw(i, 8)),
        CAST(created_at + days(30 + 30 * k + 40 * draw(i * 3 + k, 9)) AS DATE)::VARCHAR
        FROM drawn, range(3) AS r(k) WHERE k = 0 OR draw(i * 3 + k, 10) < 0.4""",
    "owner_id": """SELECT i, deal_id, k, created_at + days(stay * k * draw(i, 11)),
        'O' || lpad((hash(i * 2 + k, 12) % $owners)::VARCHAR, 4, '0')
        FROM drawn, range(2) AS r(k) WHERE k = 0 OR draw(i, 13) < 0.1""",
    "outcome": """SELECT i, deal_id, 0, created_at + days(stay),
        CASE WHEN draw(i, 14) < 0.3 THEN 'won' ELSE 'lost' END FROM drawn""",
}
"""The facts of each field: i, deal_id, seq, event_at, value."""

ROWS = {
    "deals": """SELECT deal_id, created_at, created_at AS known_at, 'sales' AS process,
        pick(['USD', 'EUR', 'GBP'], hash(i, 20)) AS currency,
        'A' || lpad((hash(i, 21) % $accounts)::VARCHAR, 6, '0') AS account_id,
        CASE WHEN i % $per_lead = 0 THEN 'L' || lpad((i // $per_lead)::VARCHAR, 7, '0') END
            AS lead_id,
        floor(5000 * draw(i, 22)) AS employees,
        pick(['Alpha', 'Beta', 'Gamma'], hash(i, 23)) AS product
        FROM drawn ORDER BY i""",
    "deal_changes": " UNION ALL ".join(
        f"""SELECT i, deal_id, '{field}' AS field, event_at,
        event_at + late(i * 8 + seq, 30) AS known_at, seq::DOUBLE AS seq,
        NULL::VARCHAR AS old_value, value AS new_value
        FROM ({rows}) AS f(i, deal_id, seq, event_at, value)"""
        for field, rows in FACTS.items()
    ),
    "activities": """SELECT deal_id, NULL::VARCHAR AS lead_id,
        created_at + days(stay * draw(i * 16 + k, 40)) AS event_at,
        event_at + late(i * 16 + k, 41) AS known_at,
        pick(['call', 'mail', 'meeting'], hash(i * 16 + k, 42)) AS kind,
        pick(['inbound', 'outbound'], hash(i * 16 + k, 43)) AS direction, NULL::VARCHAR AS owner_id
        FROM drawn, range(10) AS r(k)
        UNION ALL
        SELECT NULL, 'L' || lpad((i // $per_lead)::VARCHAR, 7, '0'),
        created_at - days(6 * draw(i, 44)), created_at, 'mail', 'outbound', NULL
        FROM drawn WHERE i % $per_lead = 0
        ORDER BY deal_id""",
    "leads": """SELECT 'L' || lpad((i // $per_lead)::VARCHAR, 7, '0') AS lead_id,
        created_at - days(10) AS created_at, created_at - days(10) AS known_at,
        pick(['web', 'event', 'partner'], hash(i, 24)) AS source, NULL::VARCHAR AS account_id,
        'north' AS region FROM drawn WHERE i % $per_lead = 0""",
    "accounts": """SELECT 'A' || lpad(a::VARCHAR, 6, '0') AS account_id,
        'industry ' || (a % 12) AS industry FROM range($accounts) AS r(a)""",
    "owners": """SELECT 'O' || lpad(o::VARCHAR, 4, '0') AS owner_id, 'team ' || (o % 8) AS team,
        'region ' || (o % 3) AS region FROM range($owners) AS r(o)""",
    "fx_rates": f"""SELECT DATE '{START:%Y-%m-%d}' + CAST(7 * w AS INTEGER) AS date, currency,
        1 + draw(w, 50) / 4 AS rate
        FROM range(-1, {WEEKS}) AS r(w), (VALUES ('EUR'), ('GBP')) AS c(currency)""",
    "stages": f"""SELECT 'sales' AS process, pick({STAGE_NAMES}, k - 1) AS stage,
        k::DOUBLE AS stage_order, 'open' AS kind FROM range(1, 7) AS r(k)""",
}
"""The rows of each history table that has any; columns that are not named are null."""

SQL_TYPES = {
    ColumnType.TEXT: "VARCHAR",
    ColumnType.NUMBER: "DOUBLE",
    ColumnType.INSTANT: "TIMESTAMP",
    ColumnType.DAY: "DATE",
}


def write_history(folder: Path, deals: int) -> None:
    """Writes `<table>.parquet` for each history table; the same size gives the same rows."""
    folder.mkdir(parents=True, exist_ok=True)
    sizes = {
        "deals": deals,
        "owners": max(deals // DEALS_PER_OWNER, FEWEST_OWNERS),
        "accounts": max(deals // DEALS_PER_ACCOUNT, 1),
        "per_lead": DEALS_PER_LEAD,
    }
    with duckdb.connect() as engine:
        engine.execute("SET threads = 2; SET memory_limit = '4GB'")
        engine.execute(_filled(PRELUDE, sizes))
        for name in HISTORY_TABLES:
            engine.execute(
                f"COPY ({_query(name, sizes)}) TO '{folder / name}.parquet' (FORMAT parquet)"
            )


def _query(name: str, sizes: dict[str, int]) -> str:
    """All fixed columns of the table in order, then its attributes."""
    columns = {column.name: SQL_TYPES[column.type] for column in HISTORY_TABLES[name]}
    empty = ", ".join(f"NULL::{kind} AS {column}" for column, kind in columns.items())
    nothing = f"SELECT {empty} WHERE false"
    if name not in ROWS:
        return nothing
    order = " ORDER BY i" if name == "deal_changes" else ""
    rows = f"SELECT * FROM ({_filled(ROWS[name], sizes)}){order}"
    dropped = "SELECT * EXCLUDE (i)" if name == "deal_changes" else "SELECT *"
    return f"({nothing}) UNION ALL BY NAME ({dropped} FROM ({rows}))"


def _filled(query: str, sizes: dict[str, int]) -> str:
    for name, size in sizes.items():
        query = query.replace(f"${name}", str(size))
    return query


SELECTION = FeatureSelection(
    deals=SubjectSelection(
        kinds=("call", "mail", "meeting"),
        stages=(
            "Qualification",
            "Needs analysis",
            "Proposal",
            "Negotiation",
            "Contract",
            "Closing",
        ),
        attributes=(
            Attribute(name="employees", table="deals", kind="number"),
            Attribute(name="product", table="deals", kind="category"),
            Attribute(name="industry", table="accounts", kind="category"),
        ),
    ),
    company_currency="USD",
)
"""Everything that the history has."""
