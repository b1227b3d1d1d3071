"""Who carries which part of a target."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closecurve.crm.calendar import FiscalCalendar
from closecurve.models.scopes import NOBODY
from closecurve.models.targets.split import (
    BASES,
    PastSplit,
    Staff,
    bases_of,
    split,
    weights_of,
)

QUARTER = FiscalCalendar().quarter_at(pd.Timestamp("2026-05-01"))
AS_OF = QUARTER.start_at
EVEN = dict.fromkeys(BASES, 1 / 3)

OWNERS = pd.DataFrame(
    {
        "owner_id": ["ann", "bob", "cem", "dan"],
        "team": ["North", "North", "South", "South"],
        "region": ["EU", "US", "EU", "EU"],
        "hired_date": [None, "2026-05-16", None, None],
        "left_date": [None, None, "2026-02-01", None],
    }
)
STAFF = Staff(owners=OWNERS, ramp_days=46.0)


def won(**amounts: float) -> pd.DataFrame:
    at = pd.Timestamp("2026-01-15")
    rows = {"owner_id": list(amounts), "amount_company": list(amounts.values())}
    return pd.DataFrame(rows).assign(closed_at=at, known_at=at)


def open_deals(**amounts: float) -> pd.DataFrame:
    return pd.DataFrame({"owner_id": list(amounts), "amount_company": list(amounts.values())})


def test_the_bases_are_shares_of_the_company() -> None:
    found = bases_of(STAFF, won(ann=30, cem=70), open_deals(bob=10, dan=30), QUARTER, AS_OF)
    assert found["history"].to_dict() == {"ann": 0.3, "bob": 0.0, "cem": 0.7, "dan": 0.0}
    assert found["pipeline"].to_dict() == {"ann": 0.0, "bob": 0.25, "cem": 0.0, "dan": 0.75}
    # bob works 46 of 91 days and rises over all of them: worth 23.
    days = {"ann": 91.0, "bob": 23.0, "cem": 0.0, "dan": 91.0}
    assert found["capacity"].to_dict() == pytest.approx(
        {name: value / 205 for name, value in days.items()}
    )
    assert found["is_working"].to_dict() == {"ann": True, "bob": True, "cem": False, "dan": True}


def test_wins_older_than_a_year_or_known_later_are_no_history() -> None:
    rows = won(ann=1, bob=1, dan=1)
    rows.loc[1, "closed_at"] = pd.Timestamp("2025-03-01")
    rows.loc[2, "known_at"] = AS_OF
    found = bases_of(STAFF, rows, open_deals(), QUARTER, AS_OF)
    assert found["history"].to_dict() == {"ann": 1.0, "bob": 0.0, "cem": 0.0, "dan": 0.0}


def test_what_an_owner_leaves_behind_stays_with_the_team() -> None:
    bases = bases_of(STAFF, won(ann=30, cem=70), open_deals(ann=1), QUARTER, AS_OF)
    found = split(STAFF, bases, {"history": 1.0, "pipeline": 0.0, "capacity": 0.0})
    share = found.set_index(["scope_kind", "scope"])["share"]
    assert share["team"].to_dict() == pytest.approx({"North": 0.3, "South": 0.7})
    assert share["owner"].to_dict() == pytest.approx({"ann": 0.3, "bob": 0.0, "dan": 0.7})
    assert share["region"].to_dict() == pytest.approx({"EU": 1.0, "US": 0.0})


def test_a_team_in_which_nobody_works_keeps_its_share() -> None:
    staff = Staff(owners=OWNERS[OWNERS["owner_id"] != "dan"], ramp_days=0.0)
    bases = bases_of(staff, won(ann=30, cem=70), open_deals(), QUARTER, AS_OF)
    found = split(staff, bases, {"history": 1.0, "pipeline": 0.0, "capacity": 0.0})
    share = found.set_index(["scope_kind", "scope"])["share"]
    assert share["team", "South"] == pytest.approx(0.7)
    assert share["owner", NOBODY] == pytest.approx(0.7)


@settings(max_examples=40)
@given(st.lists(st.tuples(*[st.floats(0, 1e6)] * 2), min_size=4, max_size=4), st.floats(0, 400))
def test_the_shares_of_every_kind_sum_to_one(
    amounts: list[tuple[float, float]], ramp_days: float
) -> None:
    names = OWNERS["owner_id"].tolist()
    history, pipeline = (
        dict(zip(names, (pair[i] for pair in amounts), strict=True)) for i in (0, 1)
    )
    staff = Staff(owners=OWNERS, ramp_days=ramp_days)
    bases = bases_of(staff, won(**history), open_deals(**pipeline), QUARTER, AS_OF)
    found = split(staff, bases, EVEN)
    for column in ("share", *(f"share_{name}" for name in BASES if bases[name].sum() > 0)):
        sums = found.groupby("scope_kind")[column].sum()
        whole = sums["company"]
        assert sums.to_dict() == pytest.approx(dict.fromkeys(sums.index, whole))
    assert found["share"].min() >= 0


def test_the_basis_that_split_earlier_periods_best_weighs_most() -> None:
    bases = pd.DataFrame(
        {"history": [0.9, 0.1], "pipeline": [0.5, 0.5], "capacity": [0.1, 0.9]},
        index=["ann", "dan"],
    )
    staff = Staff(owners=OWNERS[OWNERS["owner_id"].isin(["ann", "dan"])], ramp_days=0.0)
    past = [PastSplit(bases=bases, won=pd.Series({"ann": 9.0, "dan": 1.0}))] * 4
    weights = weights_of(past, staff)
    assert weights["history"] > weights["pipeline"] > weights["capacity"]
    assert sum(weights.values()) == pytest.approx(1.0)
    assert weights_of([], staff) == pytest.approx(EVEN)


def test_a_company_without_owners_has_no_split() -> None:
    staff = Staff(owners=OWNERS.iloc[:0], ramp_days=30.0)
    assert split(staff, bases_of(staff, won(), open_deals(), QUARTER, AS_OF), EVEN).empty
