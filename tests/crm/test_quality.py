"""The rules of rows: each breaks alone, and no row is ever lost."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closecurve.crm.history import history_tables
from closecurve.crm.quality import CheckedTables, check_tables
from closecurve.crm.review import FILE, LINE, RawPart, RawTable
from closecurve.crm.rules import RULES
from closecurve.crm.stages import DEFAULT_PROCESS, Process, Stage
from closecurve.crm.tables import CANONICAL
from closecurve.crm.values import ValueFormat

PAGE = Path(__file__).parents[2] / "docs" / "row_rules.md"
Row = dict[str, str | None]

GOOD: Mapping[str, Row] = {
    "deals": {
        "deal_id": "D1",
        "created_at": "2025-01-01T08:00:00Z",
        "closed_at": "2025-02-01",
        "outcome": "Won",
        "stage": "Proposal",
        "process": "default",
        "amount": "$1,000",
        "currency": "usd",
        "expected_close_date": "2025-03-01",
    },
    "deal_changes": {
        "deal_id": "D1",
        "field": "stage",
        "event_at": "2025-01-05",
        "new_value": "Proposal",
        "old_value": "Qualification",
    },
    "activities": {"deal_id": "D1", "event_at": "2025-01-06", "kind": "call"},
    "leads": {
        "lead_id": "L1",
        "created_at": "2024-12-01",
        "converted_at": "2024-12-20",
        "converted_deal_id": "D1",
    },
    "lead_changes": {
        "lead_id": "L1",
        "field": "owner_id",
        "event_at": "2024-12-02",
        "new_value": "O1",
    },
    "accounts": {"account_id": "A1"},
    "owners": {"owner_id": "O1", "hired_date": "2020-01-01"},
    "targets": {
        "scope_kind": "team",
        "scope": "North",
        "period_start": "2025-01-01",
        "period_end": "2025-03-31",
        "amount": "5000",
    },
    "fx_rates": {"date": "2025-01-01", "currency": "EUR", "rate": "1.1"},
}

BEGAN_AT = pd.Timestamp("2025-06-01")
MUTATIONS: list[tuple[str, Row, str, str]] = [
    ("deals", {"deal_id": None}, "value-missing", "deal_id"),
    ("deals", {"deal_id": "  "}, "value-missing", "deal_id"),
    ("deals", {"created_at": None}, "value-missing", "created_at"),
    ("deals", {"deal_id": "D\x00"}, "text-invalid", "deal_id"),
    ("deals", {"owner_id": "#REF!"}, "cell-error", "owner_id"),
    ("deals", {"created_at": "soon"}, "date-unreadable", "created_at"),
    ("deals", {"closed_at": "2025-02-30"}, "date-unreadable", "closed_at"),
    ("deals", {"expected_close_date": "31/31/2025"}, "date-unreadable", "expected_close_date"),
    ("deals", {"created_at": "1825-01-01"}, "date-range", "created_at"),
    ("deals", {"expected_close_date": "2925-01-01"}, "date-range", "expected_close_date"),
    ("deals", {"amount": "a lot"}, "number-unreadable", "amount"),
    ("deals", {"amount": "1,00,0"}, "number-unreadable", "amount"),
    ("deals", {"amount": "-1"}, "number-range", "amount"),
    ("deals", {"amount": "2e15"}, "number-range", "amount"),
    ("deals", {"amount": "inf"}, "number-range", "amount"),
    ("deals", {"amount": "1e999"}, "number-range", "amount"),
    ("deals", {"currency": "dollars"}, "currency-format", "currency"),
    ("deals", {"process": "renewals"}, "process-unknown", "process"),
    ("deals", {"stage": "Dreaming"}, "stage-unknown", "stage"),
    ("deals", {"outcome": "maybe"}, "outcome-unknown", "outcome"),
    ("deals", {"outcome": "lost", "stage": "Won"}, "outcome-against-stage", "outcome"),
    ("deals", {"closed_at": None}, "close-without-date", "closed_at"),
    (
        "deals",
        {"closed_at": None, "outcome": None, "stage": "Lost"},
        "close-without-date",
        "closed_at",
    ),
    ("deals", {"outcome": None}, "close-without-outcome", "outcome"),
    ("deals", {"outcome": "open"}, "close-without-outcome", "outcome"),
    ("deals", {"closed_at": "2024-12-31"}, "close-before-creation", "closed_at"),
    ("deals", {"closed_at": "2025-01-01T07:59:59Z"}, "close-before-creation", "closed_at"),
    ("deals", {"created_at": "2025-07-01"}, "date-future", "created_at"),
    ("deals", {"closed_at": "2052-02-01"}, "date-future", "closed_at"),
    ("deal_changes", {"event_at": "2025-06-02T00:00:01Z"}, "date-future", "event_at"),
    ("deal_changes", {"known_at": "2026-01-06"}, "date-future", "known_at"),
    ("leads", {"converted_at": "2026-01-01"}, "date-future", "converted_at"),
    ("activities", {"event_at": "2025-06-09"}, "activity-planned", "event_at"),
    ("activities", {"known_at": "2025-06-09"}, "date-future", "known_at"),
    ("deal_changes", {"deal_id": None}, "value-missing", "deal_id"),
    ("deal_changes", {"deal_id": "D9"}, "deal-unknown", "deal_id"),
    ("deal_changes", {"field": "Next Step"}, "field-untracked", "field"),
    ("deal_changes", {"field": "account_id"}, "field-untracked", "field"),
    ("deal_changes", {"field": "closed_at"}, "field-untracked", "field"),
    ("deal_changes", {"event_at": "0001-01-01"}, "date-range", "event_at"),
    ("deal_changes", {"new_value": "Dreaming"}, "stage-unknown", "new_value"),
    ("deal_changes", {"old_value": "Dreaming"}, "stage-unknown", "old_value"),
    ("deal_changes", {"field": "outcome", "new_value": "maybe"}, "outcome-unknown", "new_value"),
    (
        "deal_changes",
        {"field": "amount", "new_value": "x", "old_value": None},
        "number-unreadable",
        "new_value",
    ),
    (
        "deal_changes",
        {"field": "amount", "new_value": "5", "old_value": "-5"},
        "number-range",
        "old_value",
    ),
    (
        "deal_changes",
        {"field": "expected_close_date", "old_value": "x", "new_value": None},
        "date-unreadable",
        "old_value",
    ),
    (
        "deal_changes",
        {"field": "expected_close_date", "new_value": "3000-01-01", "old_value": None},
        "date-range",
        "new_value",
    ),
    ("deal_changes", {"known_at": "later"}, "date-unreadable", "known_at"),
    ("activities", {"deal_id": None}, "activity-without-subject", "deal_id"),
    ("activities", {"deal_id": "D9"}, "activity-unknown", "deal_id"),
    ("activities", {"deal_id": None, "lead_id": "L9"}, "activity-unknown", "lead_id"),
    ("activities", {"kind": ""}, "value-missing", "kind"),
    ("activities", {"event_at": "24:00"}, "date-unreadable", "event_at"),
    ("leads", {"lead_id": None}, "value-missing", "lead_id"),
    ("leads", {"converted_at": None}, "conversion-without-date", "converted_at"),
    ("leads", {"converted_at": "2024-11-30"}, "conversion-before-creation", "converted_at"),
    ("leads", {"disqualified_at": "2024-11-30"}, "conversion-before-creation", "disqualified_at"),
    ("leads", {"created_at": "2024-13-01"}, "date-unreadable", "created_at"),
    ("lead_changes", {"lead_id": "L9"}, "lead-unknown", "lead_id"),
    ("lead_changes", {"field": "region"}, "field-untracked", "field"),
    ("lead_changes", {"field": "outcome", "new_value": "won"}, "outcome-unknown", "new_value"),
    ("accounts", {"account_id": ""}, "value-missing", "account_id"),
    ("owners", {"left_date": "never"}, "date-unreadable", "left_date"),
    ("targets", {"scope_kind": "galaxy"}, "scope-unknown", "scope_kind"),
    ("targets", {"period_end": "2024-12-31"}, "period-order", "period_end"),
    ("targets", {"amount": "-5"}, "number-range", "amount"),
    ("targets", {"amount": None}, "value-missing", "amount"),
    ("fx_rates", {"rate": "0"}, "number-range", "rate"),
    ("fx_rates", {"currency": "€"}, "currency-format", "currency"),
]


def checked(rows: Mapping[str, list[Row]], **options: object) -> CheckedTables:
    processes = options.get("processes", [DEFAULT_PROCESS])
    raw = {name: RawTable(name=name, parts=(part_of(listed),)) for name, listed in rows.items()}
    return check_tables(raw, processes, began_at=BEGAN_AT)  # type: ignore[arg-type]


def part_of(rows: list[Row]) -> RawPart:
    names = list(dict.fromkeys(name for row in rows for name in row))
    frame = pd.DataFrame(rows, columns=names, dtype="str")
    frame[FILE], frame[LINE] = "x.csv", range(2, len(rows) + 2)
    return RawPart(frame=frame, written=ValueFormat())


def good_rows(**more: Row) -> dict[str, list[Row]]:
    return {
        name: [row, *([row | more[name]] if name in more else [])] for name, row in GOOD.items()
    }


def check_counts(result: CheckedTables, rows: Mapping[str, list[Row]]) -> None:
    for report in result.reports:
        rejected = result.rejected[result.rejected["table"] == report.table]
        assert report.read == len(rows.get(report.table, [])) == report.kept + report.set_aside
        assert report.kept == len(result.frames[report.table])
        assert report.set_aside == len(rejected) == rejected["line"].nunique()


def test_good_rows_are_kept_and_typed() -> None:
    result = checked(good_rows())
    assert result.rejected.empty
    check_counts(result, good_rows())
    deal = result.frames["deals"].iloc[0]
    assert (deal["amount"], deal["currency"], deal["outcome"]) == (1000.0, "USD", "won")
    assert deal["created_at"] == pd.Timestamp("2025-01-01 08:00")


@pytest.fixture(scope="module")
def mutated() -> CheckedTables:
    """All mutations at once, each as a row of its own after the good one of its table."""
    rows = {name: [row] for name, row in GOOD.items()}
    for table, change, _, _ in MUTATIONS:
        key = CANONICAL[table].key
        own = {key: f"{key} {len(rows[table])}"} if key else {}
        rows[table] += [GOOD[table] | own | change]
    result = checked(rows)
    check_counts(result, rows)
    return result


def line_of(index: int) -> int:
    """The line of a mutation's row in its table: after the header and the good row."""
    table = MUTATIONS[index][0]
    return 3 + sum(each[0] == table for each in MUTATIONS[:index])


@pytest.mark.parametrize("index", range(len(MUTATIONS)), ids=lambda i: "-".join(MUTATIONS[i][::2]))
def test_a_broken_row_is_set_aside_by_its_rule(mutated: CheckedTables, index: int) -> None:
    table, change, rule, column = MUTATIONS[index]
    found = mutated.rejected.query("table == @table and line == @line_of(@index)")
    assert found[["file", "column", "rule"]].to_numpy().tolist() == [["x.csv", column, rule]]
    (value,) = found["value"]
    said = (GOOD[table] | change).get(column)
    assert value == said or (pd.isna(value) and not said)


def test_a_fact_up_to_a_day_ahead_of_the_clock_is_taken() -> None:
    ahead = "2025-06-02T00:00:00Z"
    result = checked({"deals": [GOOD["deals"] | {"closed_at": ahead}]})
    assert result.rejected.empty
    assert result.frames["deals"]["closed_at"].tolist() == [pd.Timestamp("2025-06-02")]


def test_an_expected_close_and_a_target_may_lie_ahead() -> None:
    rows: dict[str, list[Row]] = {
        "deals": [GOOD["deals"] | {"expected_close_date": "2027-01-01"}],
        "targets": [GOOD["targets"] | {"period_start": "2027-01-01", "period_end": "2027-03-31"}],
    }
    assert checked(rows).rejected.empty


def test_a_planned_activity_is_set_aside_without_counting_as_a_fault() -> None:
    rows = {
        "deals": [GOOD["deals"]],
        "activities": [GOOD["activities"] | {"event_at": "2025-08-01"}],
    }
    (report,) = [each for each in checked(rows).reports if each.table == "activities"]
    assert (report.set_aside, report.at_fault) == (1, 0)


def test_the_ids_seen_are_those_of_all_rows_kept_or_not() -> None:
    rows = {"deals": [GOOD["deals"], GOOD["deals"] | {"deal_id": " D2 ", "amount": "x"}]}
    result = checked(rows)
    assert {name: ids.tolist() for name, ids in result.seen.items()} == {"deals": ["D1", "D2"]}


def test_nothing_but_the_mutations_is_set_aside(mutated: CheckedTables) -> None:
    assert len(mutated.rejected) == len(MUTATIONS) >= 60


def test_every_rule_of_a_row_has_a_mutation() -> None:
    elsewhere = {"row-shape", "id-duplicate", "deal-set-aside", "lead-set-aside"}
    assert {rule for _, _, rule, _ in MUTATIONS} | elsewhere == set(RULES)


@pytest.mark.parametrize("table", ["deals", "leads", "accounts", "owners"])
def test_of_rows_with_one_id_the_first_is_kept(table: str) -> None:
    rows = good_rows(**{table: {}})
    result = checked(rows)
    check_counts(result, rows)
    assert result.rejected[["rule", "line"]].to_numpy().tolist() == [["id-duplicate", 3]]


def test_the_facts_of_a_deal_that_was_set_aside_go_with_it_without_counting_as_faults() -> None:
    rows = {name: [row] for name, row in GOOD.items()}
    rows["deals"] = [GOOD["deals"] | {"amount": "x"}]
    rows["leads"] = [GOOD["leads"] | {"created_at": "x"}]
    result = checked(rows)
    check_counts(result, rows)
    rules = dict(zip(result.rejected["table"], result.rejected["rule"], strict=True))
    assert rules["deal_changes"] == rules["activities"] == "deal-set-aside"
    assert rules["lead_changes"] == "lead-set-aside"
    shares = {report.table: report.bad_share for report in result.reports}
    assert (shares["deals"], shares["deal_changes"], shares["activities"]) == (1.0, 0.0, 0.0)


def test_a_close_that_the_changes_tell_needs_no_date_in_the_deals() -> None:
    rows = good_rows()
    rows["deals"] = [GOOD["deals"] | {"closed_at": None, "outcome": None, "stage": "Won"}]
    rows["deal_changes"] = [GOOD["deal_changes"] | {"new_value": "Won"}]
    assert checked(rows).rejected.empty


def test_an_outcome_that_is_not_given_is_that_of_the_stage() -> None:
    rows = {"deals": [GOOD["deals"] | {"outcome": None, "stage": "Lost"}]}
    assert checked(rows).frames["deals"]["outcome"].tolist() == ["lost"]


def test_a_close_on_the_day_of_creation_is_no_earlier_than_it() -> None:
    result = checked({"deals": [GOOD["deals"] | {"closed_at": "2025-01-01"}]})
    assert result.rejected.empty
    assert result.frames["deals"]["closed_at"].tolist() == [pd.Timestamp("2025-01-01 08:00")]


def test_a_stage_is_one_of_the_deals_own_process() -> None:
    other = Process(name="renewals", stages=(Stage(name="Renewing"),))
    rows: dict[str, list[Row]] = {
        "deals": [
            {"deal_id": "A", "created_at": "2025-01-01", "stage": "Renewing", "process": None},
            {"deal_id": "B", "created_at": "2025-01-01", "stage": "Renewing", "process": "default"},
            {"deal_id": "C", "created_at": "2025-01-01", "stage": None, "process": "renewals"},
        ],
        "deal_changes": [GOOD["deal_changes"] | {"deal_id": "C"}],
    }
    result = checked(rows, processes=[DEFAULT_PROCESS, other])
    assert result.frames["deals"]["process"].tolist() == ["renewals", "renewals"]
    assert result.rejected["rule"].tolist() == ["stage-unknown", "stage-unknown"]


def test_one_known_subject_is_enough_for_an_activity() -> None:
    rows = good_rows()
    rows["activities"] = [GOOD["activities"] | {"lead_id": "L9"}]
    assert checked(rows).rejected.empty


def test_lines_that_do_not_fit_the_header_are_counted() -> None:
    shapeless = pd.DataFrame({FILE: ["x.csv"], LINE: [7], "value": ["a,b,c"]})
    part = part_of([GOOD["deals"]])
    part = RawPart(frame=part.frame, written=part.written, shapeless=shapeless, left_out=4)
    result = check_tables({"deals": RawTable(name="deals", parts=(part,))}, [DEFAULT_PROCESS])
    (report, *_) = result.reports
    assert (report.read, report.kept, report.set_aside, report.left_out) == (2, 1, 1, 4)
    assert result.rejected[["line", "rule"]].to_numpy().tolist() == [[7, "row-shape"]]


def test_parts_keep_their_own_formats() -> None:
    berlin = RawPart(
        frame=part_of([{"deal_id": "A", "created_at": "02/01/2025"}]).frame,
        written=ValueFormat(time_zone="Europe/Berlin", date_formats=("%d/%m/%Y",)),
    )
    utc = part_of([{"deal_id": "B", "created_at": "02/01/2025"}])
    result = check_tables({"deals": RawTable(name="deals", parts=(berlin, utc))}, [DEFAULT_PROCESS])
    assert result.frames["deals"]["created_at"].tolist() == [
        pd.Timestamp("2025-01-01 23:00"),
        pd.Timestamp("2025-02-01"),
    ]


def test_the_page_and_the_rules_are_the_same() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    written = [line for line in lines if line.startswith("| `")]
    assert written == [f"| `{r.code}` | {r.meaning} | {r.mend} |" for r in RULES.values()]


NAMED: Mapping[str, str | None] = {
    "null": None,
    "empty": "",
    "blank": "   ",
    "no-break space": "\u00a0",
    "zero-width": "\u200b",
    "NUL": "\x00",
    "NUL inside": "a\x00b",
    "line break": "a\nb",
    "tab": "a\tb",
    "quote": '"',
    "comma": "a,b",
    "backslash": "\\",
    "formula": "=1+1",
    "script": "<script>alert(1)</script>",
    "statement": "'; DROP TABLE deals; --",
    "template": "{{ 7 * 7 }}",
    "path": "../../etc/passwd",
    "long": "x" * 10_000,
    "Chinese": "商机已赢单",
    "Arabic": "صفقة",
    "German": "Größe Übermaß",
    "emoji": "👩‍💼",
    "combining": "e\u0301",
    "right to left": "\u202egnp.exe",
    "replacement": "\ufffd",
    "NULL": "NULL",
    "None": "None",
    "nan": "nan",
    "NaT": "NaT",
    "N/A": "#N/A",
    "true": "true",
    "zero": "0",
    "minus zero": "-0",
    "minus one": "-1",
    "minus sign": "\u22125",
    "infinite": "inf",
    "too large": "1e400",
    "large": "9" * 30,
    "small": "1e-320",
    "hexadecimal": "0x1F",
    "leading zeros": "007",
    "decimal comma": "1,5",
    "thousands": "1.234.567,89",
    "Swiss": "CHF 1'000.50",
    "rupees": "₹1,00,000",
    "brackets": "(500)",
    "percent": "5%",
    "full width": "１２３",
    "far past": "0001-01-01",
    "far future": "9999-12-31",
    "year 10000": "10000-01-01",
    "February 30": "2025-02-30",
    "month 13": "2025-13-01",
    "hour 25": "2025-01-01T25:00:00",
    "leap second": "2016-12-31T23:59:60Z",
    "far zone": "2025-01-01T00:00:00+14:00",
    "broken zone": "2025-01-01T00:00:00+99:00",
    "skipped hour": "2025-03-30T02:30:00",
    "Excel day": "45000",
    "epoch": "1735689600000",
}


def test_sixty_named_values_in_every_column_of_every_table_lose_no_row() -> None:
    assert len(NAMED) == 60
    rows = {name: [row] for name, row in GOOD.items()}
    for table, good in GOOD.items():
        key = CANONICAL[table].key
        for column in CANONICAL[table].names:
            for value in NAMED.values():
                own: Row = {key: f"{key} {len(rows[table])}"} if key else {}
                rows[table].append(good | own | {column: value})
    result = checked(rows)
    check_counts(result, rows)
    assert result.rejected["rule"].isin(list(RULES)).all()
    assert result.rejected[["file", "line", "column"]].notna().all(axis=None)
    made = history_tables(result.frames, [DEFAULT_PROCESS])
    assert len(made["deals"]) == len(result.frames["deals"]) > 1


NASTY = st.sampled_from(
    [
        *(None, "", " ", "\x00", "nan", "NULL", "inf", "-1", "1e400", "0", "9" * 30, "=1+1", "😀"),
        *("D1", "L1", "won", "open", "stage", "amount", "outcome", "sector", "Won", "Proposal"),
        *("2025-01-01", "2025-01-05T08:00:00+14:00", "1/2/2025", "99999-01-01", "0001-01-01"),
    ]
)


@st.composite
def any_rows(draw: st.DrawFn) -> dict[str, list[Row]]:
    """Good rows of every table, some cells of which are anything."""
    rows: dict[str, list[Row]] = {}
    for name, good in GOOD.items():
        cells = st.dictionaries(st.sampled_from(CANONICAL[name].names), NASTY, max_size=3)
        rows[name] = [good | change for change in draw(st.lists(cells, min_size=3, max_size=12))]
    return rows


@settings(deadline=None, max_examples=6)
@given(rows=any_rows())
def test_no_row_is_lost_and_what_is_kept_makes_a_history(rows: dict[str, list[Row]]) -> None:
    result = checked(rows)
    check_counts(result, rows)
    tables = history_tables(result.frames, [DEFAULT_PROCESS])
    assert len(tables["deals"]) == len(result.frames["deals"])
    for name in ("deal_changes", "lead_changes", "activities"):
        assert (tables[name]["known_at"] >= tables[name]["event_at"]).all()
