"""Money: an amount has a currency; sums are made in the company's currency only."""

import pandas as pd

from closecurve.crm.errors import DataError


def company_amount(
    amount: pd.Series,
    currency: pd.Series,
    rates: pd.DataFrame,
    company_currency: str,
    as_of: pd.Timestamp,
) -> pd.Series:
    """Amounts in the company's currency at the last rate dated before `as_of`.

    `rates` has date, currency, rate (one unit of `currency` in the company's). A null currency is
    the company's own. Raises DataError for a currency that has no rate by then.

    >>> rates = pd.DataFrame({"date": ["2026-01-01"], "currency": ["EUR"], "rate": [1.1]})
    >>> amount, currency = pd.Series([100.0]), pd.Series(["EUR"])
    >>> got = company_amount(amount, currency, rates, "USD", pd.Timestamp("2026-02-01"))
    >>> float(got.round(2).iloc[0])
    110.0
    """
    dates = pd.to_datetime(rates["date"])
    known = rates[dates < as_of].assign(date=dates).sort_values("date")
    last = known.groupby("currency")["rate"].last().to_dict() | {company_currency: 1.0}
    used = currency.fillna(company_currency)
    missing = sorted(set(used[amount.notna()]) - set(last))
    if missing:
        raise DataError(
            "rate-missing",
            f"an amount needs a rate to {company_currency} dated before {as_of},"
            f" got none for {missing}",
        )
    return amount * used.map(last).astype(float)
