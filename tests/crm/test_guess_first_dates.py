"""When a record was made, where no name of a column tells."""

from collections.abc import Sequence

import pandas as pd
import pytest

from closecurve.crm.guess.first_dates import first_date
from closecurve.crm.guess.formats import is_date
from closecurve.crm.guess.roles import guess_roles, lacking
from closecurve.crm.guess.seen import SeenTable

DAYS = ["2025-01-01 10:00", "2025-01-02 11:00", "2025-01-03 12:00"]


def table(label: str = "deals.csv", **columns: Sequence[str | None]) -> SeenTable:
    """A small table as it was seen."""
    rows = pd.DataFrame(
        {name: pd.Series([*values], dtype="str") for name, values in columns.items()}
    )
    return SeenTable(name="seen", label=label, keys={"path": label}, rows=rows)


def test_it_is_the_date_that_is_always_there_and_never_after_another() -> None:
    later = ["2025-01-01", None, "2025-02-03"]
    seen = table(id=["1", "2", "3"], ended=later, begun=[*DAYS])
    assert first_date(seen, ["id"]) == "begun"
    assert first_date(seen, ["id", "begun"]) is None


@pytest.mark.parametrize(
    "other",
    [["2025-01-01", "2025-01-01", "2025-02-03"], [*DAYS]],
    ids=["one row is before it", "two alike"],
)
def test_where_dates_do_not_agree_on_an_order_none_is_taken(other: list[str | None]) -> None:
    assert first_date(table(begun=[*DAYS], other=other), []) is None


def test_a_planned_day_may_lie_before_it() -> None:
    seen = table(begun=[*DAYS], planned=["2024-12-01", "2025-03-01", "2025-03-01"])
    assert first_date(seen, [], ["planned"]) == "begun"
    assert first_date(seen, []) is None


def test_a_table_named_for_its_role_finds_its_time_by_its_values() -> None:
    columns: dict[str, Sequence[str | None]] = {
        "Opportunity ID": ["1", "2", "3"],
        "Enquiry": [*DAYS],
        "Amount": ["1", "2", "3"],
    }
    (found,) = guess_roles([table("opportunities.csv", **columns)])
    assert (found.role, found.columns["created"]) == ("deals", "Enquiry")
    calls: dict[str, Sequence[str | None]] = {
        "Opportunity ID": ["1", "1", "2"],
        "Took place": [*DAYS],
    }
    (found,) = guess_roles([table("calls.csv", **calls)])
    assert (found.role, found.columns["at"]) == ("activities", "Took place")


def test_a_table_says_what_its_name_promises_and_its_columns_lack() -> None:
    assert lacking(table("calls.csv", dealid=["1"], note=["x"])) == (
        "activities need at or done_at or created"
    )
    assert lacking(table("opportunities.csv", id=["1"], createddate=DAYS[:1], stage=["A"])) is None
    assert lacking(table("weather.csv", day=["1"])) is None


@pytest.mark.parametrize("text", ["2025-13-01", "2025-00-10", "2025-01-32", "2025/13/01"])
def test_a_day_that_no_calendar_has_is_no_date(text: str) -> None:
    assert not is_date(text)
    assert is_date(text.replace("13", "12").replace("00", "01").replace("32", "31"))
