"""The funnel and the historical stage rates: by hand, by scope, and at the edges."""

import numpy as np
import pandas as pd
import pytest

from closecurve.crm.errors import UsageError
from closecurve.crm.stages import Process, Stage, StageKind
from closecurve.models.funnel.stages import COLUMNS, funnel, wilson
from closecurve.models.stage_rates import PRIOR_DEALS, historical_stage_rates

AS_OF = pd.Timestamp("2025-06-01")
PROCESS = Process(
    name="default",
    stages=(
        Stage(name="First", fixed_rate=0.1),
        Stage(name="Second", fixed_rate=0.5),
        Stage(name="Third"),
        Stage(name="Won", kind=StageKind.WON),
    ),
)
ORDER = {"First": 1, "Second": 2, "Third": 3}


def passages(*rows: tuple[str, str, str, str | None, str | None, str | None]) -> pd.DataFrame:
    """deal, stage, entered, left, next, owner."""
    columns = ["deal_id", "stage", "entered_at", "left_at", "next", "owner_id"]
    frame = pd.DataFrame(rows, columns=columns).assign(process="default", amount_company=100.0)
    for column in ("entered_at", "left_at"):
        frame[column] = pd.to_datetime(frame[column]).astype("datetime64[us]")
    return frame.assign(stage_order=frame["stage"].map(ORDER))


def open_deals(*rows: tuple[str, float | None, str | None]) -> pd.DataFrame:
    """stage, amount, owner."""
    frame = pd.DataFrame(rows, columns=["stage", "amount_company", "owner_id"])
    frame = frame.astype({"amount_company": float})
    return frame.assign(deal_id=[f"o{i}" for i in range(len(rows))], process="default")


HISTORY = passages(
    ("a", "First", "2025-01-01", "2025-01-11", "Second", "ann"),
    ("a", "Second", "2025-01-11", "2025-01-21", "won", "ann"),
    ("b", "First", "2025-01-01", "2025-01-21", "lost", "ann"),
    ("c", "First", "2025-01-01", "2025-01-31", "Third", "bo"),
    ("c", "Third", "2025-01-31", "2025-02-05", "First", "bo"),
    ("c", "First", "2025-02-05", "2025-02-10", "lost", "bo"),
    ("d", "First", "2025-05-31", None, None, "bo"),
)
DEALS = open_deals(("First", 1000.0, "bo"), ("First", None, None), ("Third", 50.0, "bo"))


def rows_of(scope: str, **options: float) -> pd.DataFrame:
    found = funnel(DEALS, HISTORY, AS_OF, [PROCESS], **options)
    return found[found["scope"] == scope].set_index("stage")


def test_the_columns_are_those_of_the_contract_and_empty_stages_are_there() -> None:
    found = funnel(DEALS, HISTORY, AS_OF, [PROCESS])
    assert tuple(found.columns) == COLUMNS
    assert found["scope"].drop_duplicates().tolist() == ["company", "(none)", "ann", "bo"]
    assert (found.groupby("scope")["stage"].agg(list).map(len) == 3).all()


def test_what_is_in_each_stage() -> None:
    company = rows_of("company")
    assert company["deal_count"].tolist() == [2, 0, 1]
    assert company["amount"].tolist() == [1000.0, 0.0, 50.0]
    assert company["weighted_fixed"].iloc[:2].tolist() == [100.0, 0.0]
    assert np.isnan(company["weighted_fixed"].iloc[2])
    assert rows_of("bo")["deal_count"].tolist() == [1, 0, 1]


def test_conversion_is_later_stage_or_won_of_those_decided() -> None:
    """First: a and c moved on, b was lost, d is too young to say (censored after one day)."""
    first = rows_of("company").loc["First"]
    assert first["entered_count"] == 4
    assert first["conversion_rate"] == pytest.approx(2 / 3)
    low, high = wilson(np.array([2 / 3]), np.array([3]))
    assert first["conversion_low"] == pytest.approx(low[0])
    assert first["conversion_high"] == pytest.approx(high[0])
    assert rows_of("ann").loc["First", "conversion_rate"] == pytest.approx(0.5)
    assert rows_of("company").loc["Second", "conversion_rate"] == 1.0


def test_dwell_is_of_every_stay_and_null_where_too_few_ended() -> None:
    """Stays in First of 5, 10, 20, 30 days, and one of a day that goes on."""
    first = rows_of("company").loc["First"]
    assert (first["dwell_q50_days"], first["dwell_q80_days"]) == (10.0, 30.0)
    young = funnel(DEALS, HISTORY[HISTORY["deal_id"] == "d"], AS_OF, [PROCESS])
    assert np.isnan(young.iloc[0]["dwell_q50_days"])


def test_a_deleted_deal_is_neither_won_nor_lost_and_followed_until_then() -> None:
    """Of three in First one moved on after 10 days, one was deleted after 20, one lost after 30."""
    stays = passages(
        ("a", "First", "2025-01-01", "2025-01-11", "Second", "ann"),
        ("a", "Second", "2025-01-11", "2025-01-12", "won", "ann"),
        ("b", "First", "2025-01-01", "2025-01-21", "deleted", "ann"),
        ("c", "First", "2025-01-01", "2025-01-31", "lost", "ann"),
    )
    first = funnel(DEALS, stays, AS_OF, [PROCESS]).iloc[0]
    assert (first["entered_count"], first["conversion_rate"]) == (3, pytest.approx(1 / 3))
    assert (first["dwell_q50_days"], first["dwell_q80_days"]) == (30.0, 30.0)


def test_an_entry_before_the_window_is_not_counted() -> None:
    assert rows_of("company", window_days=10.0)["entered_count"].tolist() == [1, 0, 0]


def test_history_rates_by_hand_shrunk_to_the_fixed_rate() -> None:
    """First: 1 of 3 ended deals was won; Second: 1 of 1. Third has no fixed rate: the process'."""
    rates = historical_stage_rates(HISTORY, AS_OF, [PROCESS]).set_index("stage")
    assert rates["ended_count"].tolist() == [3, 1, 1]
    expected = [
        (1 / 3 * 3 + PRIOR_DEALS * 0.1) / (3 + PRIOR_DEALS),
        (1 + PRIOR_DEALS * 0.5) / (1 + PRIOR_DEALS),
        (0 + PRIOR_DEALS / 3) / (1 + PRIOR_DEALS),
    ]
    assert rates["history_rate"].tolist() == pytest.approx(expected)


def test_with_much_history_the_rate_is_the_share_won_and_open_deals_do_not_lower_it() -> None:
    ends = ["won", "lost"] * 200
    ended = [
        (f"d{i}", "First", "2025-01-01", "2025-01-31", end, "ann") for i, end in enumerate(ends)
    ]
    still = [(f"e{i}", "First", "2025-05-20", None, None, "ann") for i in range(400)]
    many = pd.concat([passages(*ended), passages(*still)])
    rates = historical_stage_rates(many, AS_OF, [PROCESS])
    assert rates["history_rate"].iloc[0] == pytest.approx(0.5, abs=0.011)


def test_a_reopened_deal_counts_by_its_last_end() -> None:
    reopened = passages(
        ("a", "First", "2025-01-01", "2025-01-11", "lost", "ann"),
        ("a", "Second", "2025-02-01", "2025-02-11", "won", "ann"),
    )
    found = funnel(DEALS, reopened, AS_OF, [PROCESS])
    assert found.loc[found["stage"] == "First", "conversion_rate"].iloc[0] == 1.0


def test_without_deals_and_passages_the_company_has_its_empty_stages() -> None:
    found = funnel(DEALS.iloc[:0], HISTORY.iloc[:0], AS_OF, [PROCESS])
    assert found["scope"].tolist() == ["company"] * 3
    assert found["deal_count"].sum() == found["entered_count"].sum() == 0
    assert found["conversion_rate"].isna().all()
    assert found["history_rate"].iloc[:2].tolist() == [0.1, 0.5]


def test_scopes_of_a_kind_add_up_to_the_company() -> None:
    found = funnel(DEALS, HISTORY, AS_OF, [PROCESS])
    numbers = ["deal_count", "amount", "entered_count"]
    company, owners = (
        found[found["scope_kind"] == kind].groupby("stage")[numbers].sum()
        for kind in ("company", "owner")
    )
    pd.testing.assert_frame_equal(owners, company)


def test_passages_without_a_needed_column_are_refused() -> None:
    with pytest.raises(UsageError, match="left_at"):
        funnel(DEALS, HISTORY.drop(columns="left_at"), AS_OF, [PROCESS])
