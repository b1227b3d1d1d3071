"""Rates to the company's currency as of an instant, as expressions."""

import ibis
import ibis.expr.types as ir

from closecurve.features.tables import HistoryTables
from closecurve.features.timeline import (
    FOREVER,
    INSTANT,
    attach,
    instant_literal,
)


def with_company_rate(
    tables: HistoryTables, rows: ir.Table, *, at: str = "as_of", company_currency: str | None
) -> ir.Table:
    """The rows (currency and `at`) with `company_rate`: one unit in the company's currency.

    The last rate dated before `at`; 1 for the company's currency and where none is named; null
    for a currency without a rate by then.
    """
    rated = attach(rows, rate_spans(tables), "currency", at=at, payload=["rate"])
    is_own = rated.currency.isnull()
    if company_currency is not None:
        is_own = is_own | (rated.currency == company_currency)
    return rated.select(*rows.columns, company_rate=is_own.ifelse(1.0, rated.rate))


def rate_spans(tables: HistoryTables) -> ir.Table:
    """Rates with the span in which each is the last: currency, known_at, until_at, rate.

    Of two rates of one day the higher holds.
    """
    rates = tables.fx_rates
    daily = rates.group_by("currency", "date").aggregate(rate=rates.rate.max())
    dated = daily.select("currency", "rate", known_at=daily.date.cast(INSTANT))
    window = ibis.window(group_by="currency", order_by="known_at")
    following = dated.known_at.lead().over(window)
    return dated.mutate(until_at=following.fill_null(instant_literal(FOREVER)))
