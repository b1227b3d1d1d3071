"""Odoo's predictive lead scoring: a naive Bayes of counts, the open-source peer.

Written from the description of its rules: for each team, field and value it counts won and lost
records by the value at the close.
"""

from collections.abc import Mapping
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from closecurve.models.baselines import FixedStageRate
from closecurve.models.encoding import as_text
from closecurve.models.incidence import at_times, with_open
from closecurve.models.panel import id_column

Floats = NDArray[np.float64]
Counts = dict[str, tuple[float, float]]

ADDED = 0.1
"""Added to the count of won and of lost, once per value."""

LOWEST = 1e-4
BINS = 6


class OdooNaiveBayes:
    """The share of won times the product of won_v / won over the fields, against that for lost.

    A field of the record is a category, an amount or a number attribute (in six quantile bins);
    what is derived from history is none. A value that is missing or was never seen counts 1. The
    answer has no date: asked within a horizon, it comes at the pace at which deals have closed. Of
    deals, those that closed are counted; a lead that has not converted counts as lost.
    """

    def __init__(self, *, kinds: Mapping[str, str], is_lead: bool) -> None:
        self.kinds = kinds
        self.is_lead = is_lead

    def fit(self, X: pd.DataFrame, y: pd.DataFrame) -> Self:
        """Count the last row of each closed deal, of leads each row."""
        self.pace_ = FixedStageRate(by="stage").fit(X, y)
        self.edges_ = {name: _bin_edges(X[name]) for name in self._numbers(X)}
        orders = X[["stage", "stage_order"]].dropna() if "stage_order" in X else X.iloc[:0, :0]
        self.orders_ = dict(orders.itertuples(index=False, name=None))
        kept = X.index if self.is_lead else _last_of_closed(X, y)
        values, won = self._values(X.loc[kept]), y["event"].loc[kept] == 1
        self.tables_ = {
            team: self._count(part, won[part.index])
            for team, part in values.groupby(_teams(X.loc[kept]))
        } | {"": self._count(values, won)}
        return self

    def predict_cumulative_incidence(self, X: pd.DataFrame, times: ArrayLike) -> Floats:
        """Curves (n, 3, n_times): the probability times the share of closes that come by then."""
        edges, pace = self.pace_.edges_, np.asarray(self.pace_.pace_)
        said = self.win_probability(X)
        cif = np.zeros((len(X), 3, len(edges)))
        cif[:, 1] = said[:, None] * pace
        cif[:, 2] = (1 - said)[:, None] * pace
        return at_times(with_open(cif), edges, times)

    def win_probability(self, X: pd.DataFrame) -> Floats:
        """The probability (n,) that Odoo shows."""
        values, said = self._values(X), np.empty(len(X))
        for team, places in values.groupby(_teams(X)).indices.items():
            table = self.tables_.get(team, self.tables_[""])
            said[places] = _probabilities(table, values.iloc[places])
        return np.clip(said, LOWEST, 1 - LOWEST)

    def _numbers(self, X: pd.DataFrame) -> list[str]:
        plain = ("attribute_", "amount_company")
        return [n for n, kind in self.kinds.items() if kind == "number" and n.startswith(plain)]

    def _values(self, X: pd.DataFrame) -> pd.DataFrame:
        """Every field as text; missing stays missing."""
        columns = {n: as_text(X[n]) for n, kind in self.kinds.items() if kind == "category"}
        for name, edges in self.edges_.items():
            number = X[name].to_numpy(dtype=np.float64, na_value=np.nan)
            bins = pd.Series(np.searchsorted(edges, number, side="right"), index=X.index)
            columns[name] = as_text(bins).where(~np.isnan(number))
        return pd.DataFrame(columns, index=X.index)

    def _count(self, values: pd.DataFrame, won: pd.Series) -> dict[str, Counts]:
        """Counts of (won, lost) by field and value; the field "" holds those of all."""
        table: dict[str, Counts] = {"": {"": (float(won.sum()), float((~won).sum()))}}
        for name in values:
            hits = won.groupby(values[name]).agg(["sum", "size"])
            table[name] = {
                str(value): (hit + ADDED, size - hit + ADDED)
                for value, hit, size in hits.itertuples(name=None)
            }
        if self.orders_:
            table["stage"] = self._stage_counts(values["stage"], won)
        return table

    def _stage_counts(self, stage: pd.Series, won: pd.Series) -> Counts:
        """A won record counts for every stage, a lost one for its own and all before."""
        reached = stage[~won].map(self.orders_)
        return {
            name: (float(won.sum()) + ADDED, float((reached >= order).sum()) + ADDED)
            for name, order in self.orders_.items()
        }


def _last_of_closed(X: pd.DataFrame, y: pd.DataFrame) -> pd.Index:
    """The last row of each deal that closed: its values are those of the close."""
    closed = X.index[y["event"] > 0]
    return closed[~X.loc[closed, id_column(X)].duplicated(keep="last").to_numpy()]


def _teams(X: pd.DataFrame) -> pd.Series:
    teams = X["team"] if "team" in X else pd.Series("", index=X.index)
    return as_text(teams).fillna("")


def _bin_edges(column: pd.Series) -> Floats:
    known = column.dropna().to_numpy(dtype=np.float64)
    return np.unique(np.quantile(known, np.arange(1, BINS) / BINS)) if len(known) else np.empty(0)


def _probabilities(table: Mapping[str, Counts], values: pd.DataFrame) -> Floats:
    """The chance of won against lost, multiplied up over the fields."""
    won, lost = table[""][""]
    odds = np.full(len(values), np.log(max(won, ADDED)) - np.log(max(lost, ADDED)))
    for name in values:
        ratios = {
            value: np.log(hit / max(won, ADDED)) - np.log(miss / max(lost, ADDED))
            for value, (hit, miss) in table[name].items()
        }
        odds += values[name].map(ratios).astype(np.float64).fillna(0.0).to_numpy()
    return 1 / (1 + np.exp(-odds))
