"""What a guess is made of: formats, meanings of names and values, order of stages, the file."""

import tomllib

import duckdb
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closecurve.crm.errors import DataError
from closecurve.crm.expressions import check_expression
from closecurve.crm.guess.attributes import guess_attributes
from closecurve.crm.guess.draft import Draft, Entry, Section, Value
from closecurve.crm.guess.formats import guess_formats
from closecurve.crm.guess.mapping import guess_mapping
from closecurve.crm.guess.moves import order_by_moves, rates_by_moves
from closecurve.crm.guess.names import concepts_of
from closecurve.crm.guess.outcome import guess_outcome, outcome_word
from closecurve.crm.guess.roles import guess_roles
from closecurve.crm.guess.seen import SeenTable, quoted
from closecurve.crm.guess.toml import toml_text, toml_value
from closecurve.crm.naming import attribute_name
from closecurve.crm.values import read_instants, read_numbers


def table(label: str = "deals.csv", **columns: list[str | None]) -> SeenTable:
    """A small table as it was seen."""
    rows = pd.DataFrame({name: pd.Series(values, dtype="str") for name, values in columns.items()})
    return SeenTable(name=label.split(".")[0], label=label, keys={"path": label}, rows=rows)


@pytest.mark.parametrize(
    ("written", "first", "sure"),
    [
        (["1/2/2025", "31/1/2025"], "2025-02-01", True),
        (["1/2/2025", "1/31/2025"], "2025-01-02", True),
        (["1/2/2025", "3/4/2025"], "2025-01-02", False),
        (["1-2-2025 8:00", "31-1-2025 9:30"], "2025-02-01 08:00", True),
        (["01.02.2025", "03.04.2025"], "2025-02-01", True),
        (["1/2/25 1:05 PM", "1/31/25 2:00 AM"], "2025-01-02 13:05", True),
        (["2025年2月1日", "2025年12月31日"], "2025-02-01", True),
        (["2025/2/1 8:00", "2025/12/31 9:00"], "2025-02-01 08:00", True),
        (["2025-02-01T08:00:00Z", "2025-12-31"], "2025-02-01 08:00", True),
        (["1-Feb-2025", "31-1-2025"], "2025-02-01", True),
    ],
)
def test_dates_are_read_in_the_order_that_the_whole_sample_shows(
    written: list[str], first: str, sure: bool
) -> None:
    guess = guess_formats(pd.DataFrame({"at": pd.Series(written, dtype="str")}))
    read = read_instants(pd.Series(written, dtype="str"), guess.written)
    assert read.notna().all()
    assert read[0] == pd.Timestamp(first)
    assert guess.dates_sure is sure
    assert sure or "unsure" in str(guess.date_note)


def test_another_column_decides_what_one_cannot() -> None:
    rows = pd.DataFrame({"a": ["1/2/2025", "3/4/2025"], "b": ["25/12/2024", None]}, dtype="str")
    guess = guess_formats(rows)
    assert guess.written.date_formats == ("%d/%m/%Y",)
    assert guess.dates_sure


def test_a_decimal_comma_makes_an_undecided_slash_the_european_one() -> None:
    rows = pd.DataFrame({"a": ["1/2/2025", "3/4/2025"], "b": ["1.234,50", "7,25"]}, dtype="str")
    guess = guess_formats(rows)
    assert guess.written.decimal == ","
    assert guess.written.date_formats == ("%d/%m/%Y",)
    assert not guess.dates_sure
    assert read_numbers(rows["b"], guess.written.decimal).tolist() == [1234.5, 7.25]


@pytest.mark.parametrize("numbers", [["1,234", "5,678"], ["1,234.50", "2"], ["$1.5", "2.25"]])
def test_numbers_with_points_or_thousands_keep_the_decimal_point(numbers: list[str]) -> None:
    guess = guess_formats(pd.DataFrame({"n": pd.Series(numbers, dtype="str")}))
    assert guess.written.decimal == "."


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("Closed Won (Sales Pipeline)", "won"),
        ("7. Verloren", "lost"),
        ("输单", "lost"),
        ("Won - Renewal", "won"),
        ("Wonderful demo", None),
        ("跟进中", "open"),
    ],
)
def test_the_name_of_a_stage_tells_how_it_ends(name: str, word: str | None) -> None:
    assert outcome_word(name) == word


def test_a_status_with_words_of_its_own_gets_a_value_map() -> None:
    seen = table(Status=["Gewonnen", "Verloren", "Offen", "Im Gespräch"])
    guess = guess_outcome(seen, {"outcome": "Status"})
    assert guess.values == {
        "Gewonnen": "won",
        "Verloren": "lost",
        "Offen": "open",
        "Im Gespräch": "open",
    }
    assert guess.entry is not None
    assert guess.entry.sure is False
    assert guess.said.tolist()[:2] == ["won", "lost"]


def test_a_table_without_any_outcome_says_so() -> None:
    guess = guess_outcome(table(stage=["A", "B"]), {"stage": "stage"})
    assert guess.closed is None
    assert guess.entry is not None
    assert (guess.entry.value, guess.entry.sure) == ("NULL", False)


def test_names_decide_between_columns_and_a_column_stands_for_one_concept() -> None:
    columns = ["ExpectedRevenue", "Amount", "Id", "OwnerId", "_ownerid_value", "Created Date"]
    found = concepts_of(columns, "deals")
    assert (found["amount"], found["id"], found["created"]) == ("Amount", "Id", "Created Date")
    assert len(set(found.values())) == len(found)


def test_a_history_is_told_from_deals_by_its_repeated_ids() -> None:
    at: list[str | None] = ["2025-01-01", "2025-01-02", "2025-01-03"]
    stage: list[str | None] = ["New", "Old", "New"]
    history = table("report.csv", OpportunityId=["1", "1", "2"], CreatedDate=at, StageName=stage)
    deals = table("report.csv", OpportunityId=["1", "2", "3"], CreatedDate=at, StageName=stage)
    assert [guess.role for guess in guess_roles([history])] == ["changes"]
    assert guess_roles([deals])[0].role == "deals"


def test_nothing_that_could_be_deals_is_told_with_what_was_seen() -> None:
    with pytest.raises(DataError, match=r"creation date .* got a\.csv with x, y") as raised:
        guess_mapping([table("a.csv", x=["1"], y=["2"])], None)
    assert raised.value.code == "init-no-deals"


def moves(*rows: tuple[str, str, int]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["deal_id", "stage", "day"])
    return frame.assign(at=pd.Timestamp("2025-01-01") + pd.to_timedelta(frame.pop("day"), "D"))


def test_stages_are_ordered_as_most_deals_pass_them() -> None:
    usual = [(f"d{n}", stage, day) for n in range(12) for day, stage in enumerate("cab")]
    back = [("x", "b", 0), ("x", "a", 1), ("x", "c", 2)]
    assert order_by_moves(moves(*usual, *back), ["a", "b", "c"]) == ["c", "a", "b"]
    assert order_by_moves(moves(*back), ["a", "b", "c"]) is None


def test_rates_are_the_share_won_of_closed_deals_that_were_there() -> None:
    visits = moves(*((f"d{n}", "a", 0) for n in range(40)), *((f"d{n}", "b", 1) for n in range(20)))
    said = pd.Series(["won"] * 10 + ["lost"] * 20 + [None] * 10, [f"d{n}" for n in range(40)])
    rates = rates_by_moves(visits, said, ["a", "b"])
    assert rates is not None
    assert rates["a"] == pytest.approx(1 / 3)
    assert rates["b"] == pytest.approx(1 / 2)
    assert rates_by_moves(visits[:15], said, ["a"]) is None


def test_attributes_leave_out_live_fields_names_ids_dates_and_constants() -> None:
    count = 60
    seen = table(
        Segment=["A", "B", "C"] * 20,
        Seats=[str(n % 17) for n in range(count)],
        Probability=[str(n) for n in range(count)],
        Next_Step=[f"call {n}" for n in range(count)],
        Ref=[f"X-{n:05d}" for n in range(count)],
        Seen_On=["2025-01-01", "2025-01-02"] * 30,
        Same=["yes"] * count,
        客户级别=["A", "B"] * 30,
        Loss=["Price", "Timing"] * 10 + [None] * 40,
    )
    ended = pd.Series([True] * 20 + [False] * 40)
    guess = guess_attributes(seen, "deals", set(), ended)
    assert {e.key: e.value for e in guess.entries} == {
        "segment": "Segment",
        "seats": "TRY_CAST(Seats AS DOUBLE)",
        attribute_name("客户级别"): '"客户级别"',
        "loss": "Loss",
    }
    assert [entry.key for entry in guess.entries if entry.sure is False] == ["loss"]
    text = "; ".join(guess.left_out)
    for name in ("Probability", "Next_Step", "Ref", "Seen_On", "Same"):
        assert repr(name) in text


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
values = st.recursive(
    texts | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False, width=32),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(value=values)
def test_every_value_is_read_back_from_the_file(value: Value) -> None:
    assert tomllib.loads(f"key = {toml_value(value)}") == {"key": value}


@given(key=texts.filter(bool), why=texts, value=texts)
def test_every_key_and_reason_is_read_back(key: str, why: str, value: str) -> None:
    entry = Entry(key=key, value=value, why=why, sure=False)
    draft = Draft(sections=(Section(name="tables", entries=(entry,), remarks=(why,)),))
    assert tomllib.loads(toml_text(draft)) == {"tables": {key: value}}


@given(name=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1))
def test_every_column_name_is_one_expression(name: str) -> None:
    assert check_expression(quoted(name), "key") == quoted(name)


def test_a_column_named_like_a_keyword_is_read() -> None:
    connection = duckdb.connect()
    listed = connection.execute("SELECT keyword_name FROM duckdb_keywords()").fetchall()
    names = [*(name for (name,) in listed), "if", "grant", "connect_by_root", "current_date"]
    for name in names:
        expression = check_expression(quoted(name), "key")
        found = connection.execute(f'SELECT {expression} FROM (SELECT 7 AS "{name}")').fetchall()
        assert found == [(7,)], name


def test_tables_with_the_canonical_columns_are_taken_as_they_are() -> None:
    day: list[str | None] = ["2025-01-01", "2025-01-02", "2025-01-03"]
    deals = table(
        deal_id=["1", "2", "3"],
        created_at=day,
        closed_at=["2025-02-01", None, None],
        outcome=["won", None, None],
        stage=["Won", "New", "New"],
    )
    changes = table(
        "lead_changes.csv", lead_id=["a"], field=["x"], event_at=day[:1], new_value=["1"]
    )
    rates = table("fx_rates.csv", date=day, currency=["EUR"] * 3, rate=["1.1"] * 3)
    read = tomllib.loads(toml_text(guess_mapping([deals, changes, rates], "export")))
    assert read["import"] == {"folder": "export"}
    assert {name: part["from"] for name, part in read["tables"].items()} == {
        "deals": "deals",
        "lead_changes": "lead_changes",
        "fx_rates": "fx_rates",
    }
    columns = ("deal_id", "created_at", "outcome", "closed_at", "stage")
    assert read["tables"]["deals"]["columns"] == {name: name for name in columns}
    assert "attributes" not in read["tables"]["deals"]
