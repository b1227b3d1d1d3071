"""Rates to the company's currency as of an instant, as expressions, or the same at all instants."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date

import ibis
import ibis.expr.types as ir
import pandas as pd

from closecurve.features.engines import load_rows
from closecurve.features.tables import HistoryTables, arrow_table
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


def last_rates(tables: HistoryTables, instant: pd.Timestamp) -> pd.DataFrame:
    """date, currency, rate: the last rate of each currency dated before an instant.

    Of two rates of one day the higher holds.
    """
    rates: pd.DataFrame = tables.fx_rates.execute()
    known = rates[pd.to_datetime(rates["date"]) < instant]
    return known.sort_values(["date", "rate"]).drop_duplicates("currency", keep="last")


FIRST_DAY = date(1900, 1, 1)
"""A constant rate is dated before any instant that a company can ask for (`crm.calendar.utc`)."""

CONSTANT_RATES = "constant_rates"
"""The name of the table of rates in an engine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstantRates:
    """Rates that hold at every instant, so that no sum moves with the market.

    `fixed` by currency, one unit in the company's; of the other currencies the last rate dated
    before `day` (None: none of them). A currency with neither keeps the rates of its days.
    """

    fixed: Mapping[str, float] = field(default_factory=dict)
    day: date | None = None

    def over(self, tables: HistoryTables) -> HistoryTables:
        """The history with these rates in place of its own, on the same engine."""
        constant = self._of_day(tables) | dict(self.fixed)
        if not constant:
            return tables
        own: pd.DataFrame = tables.fx_rates.execute()
        made = pd.DataFrame({"currency": list(constant), "rate": list(constant.values())})
        kept = own[~own["currency"].isin(constant)]
        rows = pd.concat([kept, made.assign(date=FIRST_DAY)], ignore_index=True)
        loaded = arrow_table("fx_rates", rows)
        backend = tables.fx_rates.get_backend()
        return replace(tables, fx_rates=load_rows(backend, CONSTANT_RATES, loaded))

    def _of_day(self, tables: HistoryTables) -> dict[str, float]:
        if self.day is None:
            return {}
        last = last_rates(tables, pd.Timestamp(self.day)).set_index("currency")["rate"]
        return {str(currency): float(rate) for currency, rate in last.items()}
