"""Rates to the company's currency: of the day, or the same at every instant."""

from datetime import date

import pandas as pd
import pytest

from closecurve.features.money import CONSTANT_RATES, ConstantRates, with_company_rate
from closecurve.features.tables import HistoryTables

RATES = pd.DataFrame(
    {
        "date": ["2025-01-01", "2025-06-01", "2025-06-01", "2025-03-01", "2025-09-01"],
        "currency": ["EUR", "EUR", "EUR", "CNY", "CNY"],
        "rate": [1.1, 1.3, 1.2, 0.14, 0.15],
    }
)
ASKED = [(at, name) for at in ("2025-02-01", "2025-07-01", "2026-01-01") for name in ("EUR", "CNY")]


@pytest.fixture(scope="module")
def history() -> HistoryTables:
    asked = pd.DataFrame(ASKED, columns=["created_at", "currency"])
    deals = asked.assign(deal_id=[f"d{place}" for place in range(len(ASKED))])
    return HistoryTables.from_frames({"fx_rates": RATES, "deals": deals})


def rates(tables: HistoryTables) -> list[float | None]:
    """The rates at which the asked deals are valued, in their order."""
    rows = tables.deals.select("deal_id", "currency", as_of="created_at")
    found = with_company_rate(tables, rows, company_currency="USD").execute()
    told = found.sort_values("deal_id")["company_rate"].astype(object)
    return [None if pd.isna(rate) else float(rate) for rate in told]


def test_without_constant_rates_each_day_has_its_own(history: HistoryTables) -> None:
    assert rates(history) == [1.1, None, 1.3, 0.14, 1.3, 0.15]
    assert ConstantRates().over(history) is history


@pytest.mark.parametrize(
    ("constant", "expected"),
    [
        (ConstantRates(fixed={"EUR": 2.0}), [2.0, None, 2.0, 0.14, 2.0, 0.15]),
        (ConstantRates(day=date(2025, 6, 1)), [1.1, 0.14, 1.1, 0.14, 1.1, 0.14]),
        (ConstantRates(day=date(2025, 6, 2)), [1.3, 0.14, 1.3, 0.14, 1.3, 0.14]),
        (ConstantRates(day=date(2025, 2, 1)), [1.1, None, 1.1, 0.14, 1.1, 0.15]),
        (
            ConstantRates(fixed={"EUR": 2.0, "GBP": 1.4}, day=date(2025, 12, 1)),
            [2.0, 0.15, 2.0, 0.15, 2.0, 0.15],
        ),
    ],
    ids=["fixed", "before-a-day", "higher-of-a-day", "not-rated-yet", "fixed-before-day"],
)
def test_a_constant_rate_holds_at_every_instant(
    history: HistoryTables, constant: ConstantRates, expected: list[float | None]
) -> None:
    assert rates(constant.over(history)) == expected
    assert rates(history)[0] == 1.1


def test_a_currency_that_only_the_constants_know_is_valued(history: HistoryTables) -> None:
    named = ConstantRates(fixed={"GBP": 1.4}).over(history)
    assert named.fx_rates.get_name() == CONSTANT_RATES
    assert set(named.fx_rates.execute()["currency"]) == {"EUR", "CNY", "GBP"}
