import pandas as pd
import pytest

from closecurve.crm.errors import DataError
from closecurve.crm.money import company_amount

RATES = pd.DataFrame(
    {
        "date": pd.to_datetime(["2026-01-01", "2026-03-01", "2026-01-01"]),
        "currency": ["EUR", "EUR", "CNY"],
        "rate": [1.1, 1.3, 0.14],
    }
)


def test_the_last_rate_before_the_as_of_counts_and_no_later_one() -> None:
    amounts, currencies = pd.Series([100.0, 100.0, 7.0]), pd.Series(["EUR", "CNY", None])
    early = company_amount(amounts, currencies, RATES, "USD", pd.Timestamp("2026-03-01"))
    late = company_amount(amounts, currencies, RATES, "USD", pd.Timestamp("2026-03-02"))
    assert early.round(2).tolist() == [110.0, 14.0, 7.0]
    assert late.round(2).tolist() == [130.0, 14.0, 7.0]


def test_a_currency_without_a_rate_is_named() -> None:
    with pytest.raises(DataError, match=r"got none for \['GBP'\]"):
        company_amount(
            pd.Series([1.0]), pd.Series(["GBP"]), RATES, "USD", pd.Timestamp("2026-02-01")
        )


def test_an_empty_amount_needs_no_rate() -> None:
    got = company_amount(
        pd.Series([None], dtype=float), pd.Series(["GBP"]), RATES, "USD", pd.Timestamp("2026-02-01")
    )
    assert got.isna().all()
