"""What the forecast reads of the history besides open deals."""

from dataclasses import dataclass

import ibis
import pandas as pd

from closecurve.crm.calendar import FiscalCalendar
from closecurve.features.facts import closes
from closecurve.features.money import with_company_rate
from closecurve.features.subjects import DEAL
from closecurve.features.tables import HistoryTables
from closecurve.features.timeline import field_spans, instant_literal
from closecurve.models.scopes import Chains, chains_of
from closecurve.models.spans import days_of

YEAR_DAYS = 365
PRIOR_CLOSES = 20.0
"""Few closes make no year a good or a bad one."""

PRODUCT = "product"
"""The attribute of deals that is a scope."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RevenueFacts:
    """What the forecast reads of the history besides open deals; made once per as-of.

    `closed` are the closes that stood at the as-of (`features.facts.closes`), `wins` the wins among
    them and those that became known after it: the latter serve `actual` only. `chains` are the
    managers above each owner, `products` the product by deal_id and `categories` the forecast
    category, empty where deals have none; `win_rate_ratio` is the win rate of the year before the
    last over that of the last.
    """

    tables: HistoryTables
    closed: pd.DataFrame
    wins: pd.DataFrame
    created: pd.DataFrame
    targets: pd.DataFrame
    chains: Chains
    products: pd.Series
    categories: pd.Series
    win_rate_ratio: float
    data_until: pd.Timestamp
    calendar: FiscalCalendar

    @classmethod
    def of(
        cls,
        tables: HistoryTables,
        as_of: pd.Timestamp,
        data_until: pd.Timestamp,
        calendar: FiscalCalendar,
        currency: str,
    ) -> "RevenueFacts":
        """The facts at an as-of of a history that is known up to `data_until`."""
        after = data_until + pd.Timedelta(microseconds=1)
        then, now = (
            closes(tables, at, company_currency=currency).execute() for at in (as_of, after)
        )
        every = pd.concat([then, now[now["known_at"] >= as_of]], ignore_index=True)
        wins = every[every["outcome"] == "won"].reset_index(drop=True)
        products = products_of(tables)
        return cls(
            tables=tables,
            closed=then,
            wins=with_product(wins, products),
            created=with_product(_created(tables), products),
            targets=_targets(tables, currency),
            chains=manager_chains(tables),
            products=products,
            categories=_categories(tables, as_of),
            win_rate_ratio=win_rate_ratio(then, as_of),
            data_until=data_until,
            calendar=calendar,
        )


def with_product(rows: pd.DataFrame, products: pd.Series) -> pd.DataFrame:
    """The rows (deal_id) with the product of each, where deals have any."""
    if products.empty:
        return rows
    return rows.assign(product=rows["deal_id"].map(products))


def products_of(tables: HistoryTables) -> pd.Series:
    """By deal_id; an attribute of the record is known as soon as the record is."""
    if PRODUCT not in tables.deals.columns:
        return pd.Series(dtype="str")
    found = tables.deals.select("deal_id", product=tables.deals[PRODUCT].cast("string")).execute()
    return pd.Series(found.set_index("deal_id")[PRODUCT]).dropna()


def _categories(tables: HistoryTables, as_of: pd.Timestamp) -> pd.Series:
    """The forecast category by deal_id, as known strictly before the instant."""
    spans, at = field_spans(tables, DEAL, "forecast_category"), instant_literal(as_of)
    held = spans.filter(spans.known_at < at, at <= spans.until_at)
    found = held.select("deal_id", "new_value").execute().set_index("deal_id")["new_value"]
    return pd.Series(found).dropna()


def win_rate_ratio(closes: pd.DataFrame, as_of: pd.Timestamp) -> float:
    """The share won of the closes one to two years before an instant over that of the last year.

    Both are drawn to the rate of all of them by `PRIOR_CLOSES`; 1 without closes.
    """
    age = days_of(as_of - closes["closed_at"]) / YEAR_DAYS
    won = (closes["outcome"] == "won")[age < 2]
    if not won.sum():
        return 1.0
    last, before = (won[(age[age < 2] >= low) & (age[age < 2] < low + 1)] for low in (0, 1))
    rates = [
        (part.sum() + PRIOR_CLOSES * won.mean()) / (len(part) + PRIOR_CLOSES)
        for part in (before, last)
    ]
    return float(rates[0] / rates[1])


def manager_chains(tables: HistoryTables) -> Chains:
    """The managers above each owner; like teams they have no time of their own."""
    owners = tables.owners.select("owner_id", "manager_id").execute()
    manager = owners["manager_id"].astype(object).where(owners["manager_id"].notna(), None)
    return chains_of(dict(zip(owners["owner_id"], manager, strict=True)))


def _created(tables: HistoryTables) -> pd.DataFrame:
    """Every deal with its creation and its first owner."""
    owners = tables.deal_changes.filter(tables.deal_changes.field == "owner_id")
    window = ibis.window(group_by="deal_id", order_by=["event_at", "seq"])
    first = owners.mutate(place=ibis.row_number().over(window)).filter(lambda t: t.place == 0)
    listed = tables.owners.select("owner_id", "team", "region")
    deals = tables.deals.select("deal_id", "created_at", "known_at")
    owned = deals.left_join(first.select("deal_id", owner_id="new_value"), "deal_id")
    owned = owned.select("deal_id", "created_at", "known_at", "owner_id")
    joined = owned.left_join(listed, "owner_id")
    found: pd.DataFrame = joined.select(*owned.columns, "team", "region").execute()
    return found


def _targets(tables: HistoryTables, currency: str) -> pd.DataFrame:
    """Targets in the company's currency at the last rate dated before their period."""
    dated = tables.targets.mutate(as_of=tables.targets.period_start.cast("timestamp(6)"))
    rated = with_company_rate(tables, dated, company_currency=currency)
    columns = ["scope_kind", "scope", "period_start", "period_end"]
    found: pd.DataFrame = rated.select(
        *columns, amount_company=lambda t: t.amount * t.company_rate
    ).execute()
    return found
