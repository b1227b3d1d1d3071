"""The deals of two standings side by side, and what each was worth at both."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.models.changes.standing import Choice, Floats, Standing, numbers
from closecurve.models.scopes import Chains

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Side:
    """One instant's answer for every deal of both, (n,) each: what it is worth is the product.

    A deal that is not open then is in no scope and no period, and worth nothing.
    """

    is_open: Flags
    in_scope: Flags
    in_period: Flags
    amount: Floats
    rate: Floats
    chance: Floats

    @property
    def counts(self) -> Flags:
        """(n,) whether the deal is part of what is looked at."""
        return self.in_scope & self.in_period

    @property
    def worth(self) -> Floats:
        """(n,) amount x rate x chance where the deal counts, else 0."""
        return np.where(self.counts, self.amount * self.rate * self.chance, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pairs:
    """Every deal that was open at either instant, and how far a new model moved its chance."""

    deal_ids: pd.Index
    before: Side
    after: Side
    model_shift: Floats


def paired(before: Standing, after: Standing, choice: Choice) -> Pairs:
    """The deals of both standings.

    A deal's own amount and the rate to the company's currency are told apart where both are known;
    a rate that cannot be known (no amount) is taken as that of the other instant.
    """
    ids = pd.Index(before.deals["deal_id"]).union(pd.Index(after.deals["deal_id"]))
    then, now = (_aligned(standing, ids) for standing in (before, after))
    was, is_now = _told_apart(_priced(then), _priced(now), _currency(then) == _currency(now))
    return Pairs(
        deal_ids=ids,
        before=_side(then, was, choice, before.chains),
        after=_side(now, is_now, choice, after.chains),
        model_shift=np.nan_to_num(numbers(now, "model_shift", 0.0)),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Price:
    """(n,) the deal's own amount, in the company's currency, and the rate (NaN: not known)."""

    amount: Floats
    company: Floats
    rate: Floats


def _aligned(standing: Standing, ids: pd.Index) -> pd.DataFrame:
    deals = standing.deals.set_index("deal_id").assign(is_open=True).reindex(ids)
    return deals.assign(is_open=deals["is_open"].eq(True))


def _priced(rows: pd.DataFrame) -> _Price:
    company = numbers(rows, "amount_company")
    own = numbers(rows, "amount")
    own = np.where(np.isnan(own), company, own)
    amount, known = np.nan_to_num(own), np.nan_to_num(company)
    rate = np.divide(known, amount, out=np.full(len(rows), np.nan), where=amount != 0)
    return _Price(amount=amount, company=known, rate=rate)


def _told_apart(first: _Price, second: _Price, same_money: Flags) -> tuple[_Price, _Price]:
    """Both prices with rates that compare: of deals in two currencies only the company's amount."""

    def comparable(own: _Price, other: _Price) -> _Price:
        known = np.where(np.isnan(own.rate), other.rate, own.rate)
        return _Price(
            amount=np.where(same_money, own.amount, own.company),
            company=own.company,
            rate=np.where(same_money & ~np.isnan(known), known, 1.0),
        )

    return comparable(first, second), comparable(second, first)


def _currency(rows: pd.DataFrame) -> NDArray[np.object_]:
    """(rows,) the currency, empty where it is not known."""
    if "currency" not in rows:
        return np.full(len(rows), "", dtype=object)
    return rows["currency"].astype(object).where(rows["currency"].notna(), "").to_numpy(object)


def _side(rows: pd.DataFrame, price: _Price, choice: Choice, chains: Chains) -> Side:
    is_open = rows["is_open"].to_numpy(dtype=bool)
    return Side(
        is_open=is_open,
        in_scope=is_open & choice.in_scope(rows, chains),
        in_period=is_open & choice.in_period(rows),
        amount=price.amount,
        rate=price.rate,
        chance=np.nan_to_num(numbers(rows, "chance", 1.0)),
    )
