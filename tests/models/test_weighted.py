"""The weighted pipeline, by hand, and which target belongs to a period."""

import numpy as np
import pandas as pd

from closecurve.crm.calendar import FiscalCalendar
from closecurve.models.forecast.targets import targets_for
from closecurve.models.scopes import scopes_of
from closecurve.models.weighted import category_amounts, due, weighted_pipeline

QUARTER = FiscalCalendar().quarter_at(pd.Timestamp("2025-05-01"))
DEALS = pd.DataFrame(
    {
        "amount_company": [2_000_000.0, 5_000_000.0, 9.0, np.nan, 7.0],
        "stage_rate_fixed": [0.25, 0.2, 0.5, 0.5, np.nan],
        "expected_close_date": pd.to_datetime(
            pd.Series(["2025-04-01", None, "2025-07-01", "2025-06-30", "2025-06-30"])
        ),
        "owner_id": ["ann", "bo", "bo", "bo", "cy"],
    }
)
SCOPES = scopes_of([DEALS])


def test_a_deal_is_due_on_the_days_of_the_period_and_without_a_date_always() -> None:
    assert due(DEALS, QUARTER).tolist() == [True, True, False, True, True]
    assert due(DEALS.drop(columns="expected_close_date"), QUARTER).all()


def test_amount_times_rate_by_hand() -> None:
    found = weighted_pipeline(DEALS, "stage_rate_fixed", SCOPES, QUARTER)
    assert found[:3].tolist() == [1_500_000.0, 500_000.0, 1_000_000.0]


def test_a_scope_whose_deals_have_no_rate_has_no_number_and_one_without_deals_has_0() -> None:
    found = weighted_pipeline(DEALS, "stage_rate_fixed", SCOPES, QUARTER)
    assert np.isnan(found[3])
    assert weighted_pipeline(DEALS.iloc[:2], "stage_rate_fixed", SCOPES, QUARTER)[3] == 0.0
    assert np.isnan(weighted_pipeline(DEALS, "stage_rate_history", SCOPES, QUARTER)[0])


def targets(*rows: tuple[str, str, str, float]) -> pd.DataFrame:
    columns = ["scope", "period_start", "period_end", "amount_company"]
    kinds = {"ann": "owner", "Acme": "company"}
    frame = pd.DataFrame(rows, columns=columns)
    return frame.assign(scope_kind=frame["scope"].map(kinds))


def found(frame: pd.DataFrame | None) -> dict[str, float]:
    values = targets_for(frame, SCOPES, QUARTER)
    named = dict(zip(SCOPES.names, values.tolist(), strict=True))
    return {name: value for name, value in named.items() if not np.isnan(value)}


def test_a_target_of_the_period_counts_however_its_last_day_is_written() -> None:
    whole = targets(("ann", "2025-04-01", "2025-06-30", 5), ("Acme", "2025-04-01", "2025-07-01", 9))
    assert found(whole) == {"ann": 5.0, "company": 9.0}


def test_months_that_fill_the_period_are_added_up_and_others_are_not() -> None:
    months = [
        ("2025-04-01", "2025-04-30"),
        ("2025-05-01", "2025-05-31"),
        ("2025-06-01", "2025-06-30"),
    ]
    filled = targets(*(("ann", start, end, 2.0) for start, end in months))
    assert found(filled) == {"ann": 6.0}
    assert found(filled.iloc[:2]) == {}


def test_a_quarter_beside_its_months_is_not_counted_twice() -> None:
    both = targets(
        ("ann", "2025-04-01", "2025-06-30", 5),
        ("ann", "2025-04-01", "2025-04-30", 1),
        ("ann", "2025-04-01", "2025-06-30", 6),
    )
    assert found(both) == {"ann": 6.0}


def test_targets_of_a_year_or_of_none_leave_the_period_without_one() -> None:
    assert found(targets(("ann", "2025-01-01", "2025-12-31", 5))) == {}
    assert found(targets()) == {}
    assert found(None) == {}


def test_commit_counts_what_is_committed_or_closed_and_best_case_more() -> None:
    deals = pd.DataFrame(
        {
            "owner_id": ["ann", "ann", "bo", "bo", "bo"],
            "amount_company": [1.0, 10.0, 100.0, 1000.0, np.nan],
            "forecast_category": ["commit", "best_case", "pipeline", "closed", "commit"],
            "expected_close_date": pd.to_datetime(
                ["2025-05-01", "2025-05-01", "2025-05-01", "2025-06-30", "2025-05-01"]
            ),
        }
    )
    amounts = category_amounts(deals, scopes_of([deals]), QUARTER)
    assert amounts["commit_amount"].tolist() == [1001.0, 1.0, 1000.0]
    assert amounts["best_case_amount"].tolist() == [1011.0, 11.0, 1000.0]


def test_a_crm_without_categories_promises_nothing() -> None:
    deals = pd.DataFrame({"amount_company": [1.0], "forecast_category": [None]})
    assert np.isnan(category_amounts(deals, scopes_of([deals]), QUARTER)["commit_amount"]).all()
