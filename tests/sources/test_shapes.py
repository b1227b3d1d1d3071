"""Shapes of exports: the examples of docs/mapping.md, and what they do with untidy rows."""

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from tests.sources.whole import read_tables

from closecurve.crm.errors import DataError
from closecurve.crm.history import history_tables
from closecurve.crm.mapping import parse_mapping
from closecurve.crm.mapping_changes import RecordChanges
from closecurve.crm.quality import CheckedTables, check_tables
from closecurve.crm.stages import DEFAULT_PROCESS
from closecurve.crm.values import ValueFormat
from closecurve.sources.relations import Relation
from closecurve.sources.shapes import derived

PAGE = Path(__file__).parents[2] / "docs" / "mapping.md"
_FILE = re.compile(r"`(\S+)`\n```csv\n(.*?)```", re.DOTALL)
_RESULT = re.compile(r"In `(\w+)`:\n\n((?:\|.*\n)+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A shape of the page: its files, its mapping, and the rows it says come out."""

    title: str
    files: dict[str, str]
    mapping: str
    results: dict[str, list[list[str]]]


def examples() -> Iterator[Example]:
    section = PAGE.read_text(encoding="utf-8").split("\n## Shapes\n")[1].split("\n## ")[0]
    for text in section.split("\n### ")[1:]:
        yield Example(
            title=text.split("\n")[0],
            files=dict(_FILE.findall(text)),
            mapping=text.split("```toml\n")[1].split("```")[0],
            results={name: cells(table) for name, table in _RESULT.findall(text)},
        )


def cells(table: str) -> list[list[str]]:
    """The header of a Markdown table and its rows."""
    rows = [[each.strip() for each in line.strip("|").split("|")] for line in table.splitlines()]
    return [rows[0], *rows[2:]]


def checked(folder: Path, files: dict[str, str], mapping: str) -> CheckedTables:
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")
    parsed = parse_mapping(tomllib.loads(mapping), folder, {})
    return check_tables(read_tables(parsed).tables, [DEFAULT_PROCESS])


def history(folder: Path, files: dict[str, str], mapping: str) -> dict[str, pd.DataFrame]:
    taken = checked(folder, files, mapping)
    assert taken.rejected.empty
    return history_tables(taken.frames, [DEFAULT_PROCESS])


def shown(frame: pd.DataFrame, columns: list[str]) -> list[list[str]]:
    return [[as_text(row[name]) for name in columns] for _, row in frame.iterrows()]


def as_text(value: str | float | pd.Timestamp | None) -> str:
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d %H:%M}"
    return "" if pd.isna(value) else f"{value:g}" if isinstance(value, float) else str(value)


@pytest.mark.parametrize("example", [*examples()], ids=lambda each: each.title)
def test_the_page_says_what_comes_out(example: Example, tmp_path: Path) -> None:
    assert example.files
    assert example.results
    tables = history(tmp_path, example.files, example.mapping)
    for name, (columns, *rows) in example.results.items():
        assert shown(tables[name], columns) == rows


def test_every_shape_has_an_example() -> None:
    assert len(list(examples())) >= 11


VERSIONS = """
[sources.audit]
path = "audit.csv"
[changes.audit]
key = "id"
at = "written"
columns = ["stage", "amount"]
{more}
[tables.deals]
from = "audit_last"
columns = {{ deal_id = "id", created_at = "'2025-01-01'" }}
[tables.deal_changes]
from = "audit_changes"
columns = {{ deal_id = "key" }}
"""
HEAD = "id,written,stage,amount\n"


def versions(folder: Path, rows: str, more: str = "") -> CheckedTables:
    return checked(folder, {"audit.csv": HEAD + rows}, VERSIONS.format(more=more))


def test_rows_without_key_or_time_are_set_aside_with_their_line(tmp_path: Path) -> None:
    rows = "D1,2025-01-01,Proposal,1\n,2025-01-02,Proposal,1\nD1,,Closing,1\nD1,soon,Closing,1\n"
    taken = versions(tmp_path, f"{rows}D1,1066-01-01,Closing,1\nD1,2025-01-09,Closing,1\n")
    aside = taken.rejected[taken.rejected["table"] == "deal_changes"]
    assert shown(aside, ["file", "line", "column", "value", "rule"]) == [
        ["audit.csv", "6", "written", "1066-01-01", "date-range"],
        ["audit.csv", "5", "written", "soon", "date-unreadable"],
        ["audit.csv", "3", "id", "", "value-missing"],
        ["audit.csv", "4", "written", "", "value-missing"],
    ]
    assert taken.frames["deal_changes"]["new_value"].tolist() == ["Closing"]
    report = {each.table: each for each in taken.reports}["deal_changes"]
    assert (report.read, report.kept, report.set_aside) == (5, 1, 4)


def test_times_of_versions_are_read_as_the_source_writes_them(tmp_path: Path) -> None:
    written = 'time_zone = "Europe/Berlin"\ndate_format = "%d.%m.%Y %H:%M"\n'
    mapping = VERSIONS.format(more="").replace("[changes", f"{written}[changes")
    rows = "D1,01.02.2025 00:30,Proposal,1\nD1,31.01.2025 12:00,Qualification,1\n"
    changes = checked(tmp_path, {"audit.csv": HEAD + rows}, mapping).frames["deal_changes"]
    assert changes["event_at"].tolist() == [pd.Timestamp("2025-01-31 23:30")]
    assert changes["new_value"].tolist() == ["Proposal"]


def test_without_columns_all_that_no_other_key_uses_are_compared(tmp_path: Path) -> None:
    mapping = VERSIONS.format(more="").replace('columns = ["stage", "amount"]\n', "")
    rows = "D1,2025-01-01,Proposal,1\nD1,2025-01-02,Closing,2\n"
    changes = checked(tmp_path, {"audit.csv": HEAD + rows}, mapping).frames["deal_changes"]
    assert changes["field"].tolist() == ["stage", "amount"]


def test_a_deal_that_comes_back_is_as_it_was_before(tmp_path: Path) -> None:
    rows = [
        ("D1", 1, "Proposal"), ("D2", 1, "Proposal"), ("D3", 1, "Proposal"),
        ("D1", 2, "Won"), ("D2", 2, "Proposal"), ("D3", 2, "Proposal"),
        ("D3", 3, "Proposal"),
        ("D1", 4, "Won"), ("D2", 4, "Closing"), ("D3", 4, "Proposal"),
    ]  # fmt: skip
    content = "".join(f"{key},2025-01-0{day},{stage},1\n" for key, day, stage in rows)
    mapping = VERSIONS.format(more="full = true")
    facts = history(tmp_path, {"audit.csv": HEAD + content}, mapping)["deal_changes"]
    outcomes = facts[facts["field"] == "outcome"]
    told = zip(outcomes["deal_id"], outcomes["event_at"].dt.day, outcomes["new_value"], strict=True)
    assert list(told) == [
        ("D1", 2, "won"),
        ("D1", 3, "deleted"),
        ("D1", 4, "won"),
        ("D2", 3, "deleted"),
        ("D2", 4, "open"),
    ]


def test_a_close_that_only_the_table_tells_survives_the_deletion(tmp_path: Path) -> None:
    rows = "D1,2025-01-05,Proposal,1\nD2,2025-01-05,Proposal,1\nD2,2025-01-06,Proposal,1\n"
    mapping = VERSIONS.format(more="full = true").replace(
        'created_at = "', 'closed_at = "\'2025-01-03\'", outcome = "\'lost\'", created_at = "'
    )
    facts = history(tmp_path, {"audit.csv": HEAD + rows}, mapping)["deal_changes"]
    outcomes = facts[(facts["field"] == "outcome") & (facts["deal_id"] == "D1")]
    assert outcomes["new_value"].tolist() == ["lost", "deleted"]
    assert outcomes["event_at"].dt.day.tolist() == [3, 6]


def test_the_first_close_stays_the_last_where_deals_never_reopen(tmp_path: Path) -> None:
    days = {1: "Proposal", 2: "Won", 3: "Proposal", 5: "Proposal"}
    rows = "".join(f"D1,2025-01-0{day},{stage},1\n" for day, stage in days.items())
    others = "".join(f"D2,2025-01-0{day},Proposal,1\n" for day in range(1, 6))
    taken = versions(tmp_path, rows + others, "full = true")
    facts = history_tables(taken.frames, [DEFAULT_PROCESS], reopen=False)["deal_changes"]
    outcomes = facts[facts["field"] == "outcome"]
    assert outcomes["new_value"].tolist() == ["won", "deleted", "won"]


def test_a_lead_that_is_deleted_keeps_how_it_ended_before(tmp_path: Path) -> None:
    rows = "L1,2025-01-01,,1\nL2,2025-01-01,,1\nL2,2025-01-05,,1\nL1,2025-01-09,,1\n"
    mapping = (
        VERSIONS.format(more="full = true")
        .replace("deal", "lead")
        .replace("created_at =", "converted_at = \"'2025-01-03'\", created_at =")
    )
    facts = history(tmp_path, {"audit.csv": HEAD + rows}, mapping)["lead_changes"]
    outcomes = facts[(facts["field"] == "outcome") & (facts["lead_id"] == "L1")]
    assert outcomes["new_value"].tolist() == ["converted", "deleted", "converted"]
    assert outcomes["event_at"].dt.day.tolist() == [3, 5, 9]


@pytest.mark.parametrize(("left", "refused"), [(6, True), (7, False)])
def test_a_full_export_that_lacks_most_records_is_refused(
    tmp_path: Path, left: int, refused: bool
) -> None:
    days = {1: range(20), 2: range(left)}
    rows = "".join(f"D{i},2025-01-0{day},Proposal,1\n" for day in days for i in days[day])
    more = "full = true\nmost_vanished = 0.65"
    if not refused:
        taken = versions(tmp_path, rows, more)
        assert (taken.frames["deal_changes"]["new_value"] == "deleted").sum() == 20 - left
        return
    with pytest.raises(DataError, match=r"14 of 20 missing at 2025-01-02") as caught:
        versions(tmp_path, rows, more)
    assert caught.value.code == "export-incomplete"


def test_numbers_of_an_expression_are_read_where_the_decimal_sign_is_a_comma(
    tmp_path: Path,
) -> None:
    mapping = VERSIONS.format(more="").replace("[changes", 'decimal = ","\n[changes')
    mapping = mapping.replace('["stage", "amount"]', '{ amount = "CAST(amount AS INTEGER) / 8" }')
    rows = "D1,2025-01-01,Proposal,1\nD1,2025-01-02,Closing,2\n"
    changes = checked(tmp_path, {"audit.csv": HEAD + rows}, mapping).frames["deal_changes"]
    assert changes[["old_value", "new_value"]].to_numpy().tolist() == [["0.125", "0.25"]]


def test_only_rows_that_the_condition_takes_are_compared(tmp_path: Path) -> None:
    rows = "D1,2025-01-01,Proposal,1\nD1,2025-01-02,Closing,0\nD1,2025-01-03,Proposal,2\n"
    changes = versions(tmp_path, rows, "where = \"amount <> '0'\"").frames["deal_changes"]
    assert changes["field"].tolist() == ["amount"]


def test_an_expression_of_a_shape_that_fails_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"changes\.audit .*audit\.csv.*nowhere") as caught:
        versions(tmp_path, "D1,2025-01-01,Proposal,1\n", 'sequence = "nowhere"')
    assert caught.value.code == "mapping-failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of a source that repeats its records, for the reference."""

    key: str
    day: int
    sequence: int
    deleted: bool
    values: tuple[str | None, str | None]


Change = tuple[str, str, int, str | None, str | None]


VALUES = (None, "x", "y")


def expected_changes(rows: Sequence[Row], full: bool) -> list[Change]:
    """The reference: each record is followed day by day."""
    days = sorted({row.day for row in rows})
    return [
        change
        for key in sorted({row.key for row in rows})
        for change in followed([row for row in rows if row.key == key], days, full)
    ]


def followed(rows: Sequence[Row], days: Sequence[int], full: bool) -> Iterator[Change]:
    values, is_there, key = None, False, rows[0].key
    for day in days:
        today = sorted((row for row in rows if row.day == day), key=lambda row: row.sequence)
        if full and is_there and not today:
            is_there = False
            yield (key, "outcome", day, None, "deleted")
        for row in today:
            if row.deleted:
                if is_there:
                    yield (key, "outcome", day, None, "deleted")
                is_there = False
                continue
            is_back = values is not None and not is_there
            if is_back:
                yield (key, "outcome", day, "deleted", "open")
            for name, old, new in zip("ab", values or row.values, row.values, strict=True):
                if old != new:
                    yield (key, name, day, old, new)
            values, is_there = row.values, True


def random_rows(seed: int) -> list[Row]:
    rng = np.random.default_rng(seed)
    return [
        Row(
            key=f"D{rng.integers(0, 40):02}",
            day=int(rng.integers(1, 7)),
            sequence=int(rng.integers(1, 12)),
            deleted=bool(rng.random() < 0.2),
            values=(VALUES[rng.integers(0, 3)], VALUES[rng.integers(0, 3)]),
        )
        for _ in range(160)
    ]


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_changes_are_those_of_following_each_record(seed: int, full: bool) -> None:
    rows = random_rows(seed)
    shape = RecordChanges(
        name="deals",
        source="deals",
        key="key",
        at='"at"',
        sequence="sequence",
        deleted="deleted",
        columns={"a": "a", "b": "b"},
        full=full,
        most_vanished=1,
    )
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone='UTC'")
        changes = derived(connection, [shape], {"deals": loaded(connection, rows)})["deals_changes"]
        found = connection.execute(
            'SELECT key, "field", day(event_at), old_value, new_value FROM deals_changes'
            f" ORDER BY {', '.join(map(changes.sql, changes.order))}"
        ).fetchall()
    expected = expected_changes(rows, full)
    assert {"deleted", "open"} <= {change[4] for change in expected}
    assert found == expected


def loaded(connection: duckdb.DuckDBPyConnection, rows: Sequence[Row]) -> Relation:
    connection.execute(
        'CREATE TABLE deals (key VARCHAR, "at" VARCHAR, sequence VARCHAR, deleted BOOLEAN,'
        " a VARCHAR, b VARCHAR, _file VARCHAR, _line BIGINT)"
    )
    connection.executemany(
        "INSERT INTO deals VALUES (?, ?, ?, ?, ?, ?, 'deals.csv', ?)",
        [
            (row.key, f"2025-01-0{row.day}", str(row.sequence), row.deleted, *row.values, line)
            for line, row in enumerate(rows, 2)
        ],
    )
    return Relation(
        name="deals",
        file="deals.csv",
        columns=("key", "at", "sequence", "deleted", "a", "b"),
        count=len(rows),
        written=ValueFormat(),
        shapeless=pd.DataFrame(),
    )
