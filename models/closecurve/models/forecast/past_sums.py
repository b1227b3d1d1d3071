"""What curves and arrivals gave at past origins for every scope, beside what came."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csc_array

from closecurve.crm.calendar import Period
from closecurve.models.forecast.arrivals import ArrivalHistory
from closecurve.models.forecast.inputs import known, recent_won, rest_start
from closecurve.models.scopes import COMPANY, scopes_of

COLUMNS = ("as_of", "scope_kind", "scope", "expected", "actual", "squares")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PastSums:
    """Deals that were open at past origins, in order of their as_of, wins known by now, and created
    deals, with the scopes of each worked out once.

    `named` are the scopes (`Scopes.frame`), `amounts` (wins, 2) the won amounts and their squares.
    """

    named: pd.DataFrame
    deals: pd.DataFrame
    wins: pd.DataFrame
    history: ArrivalHistory
    of_deal: csc_array
    of_win: csc_array
    of_leaf: csc_array
    amounts: NDArray[np.float64]

    @classmethod
    def of(
        cls, deals: pd.DataFrame, wins: pd.DataFrame, created: pd.DataFrame, as_of: pd.Timestamp
    ) -> "PastSums":
        """From the frames of `ForecastInputs`; `deals` have as_of and need no probability."""
        told, history = known(wins, as_of), ArrivalHistory.of(created, wins)
        scopes = scopes_of([deals, told])
        amount = told["amount_company"].fillna(0.0).to_numpy(dtype=np.float64)
        return cls(
            named=scopes.frame(),
            deals=deals,
            wins=told,
            history=history,
            of_deal=scopes.membership(deals),
            of_win=scopes.membership(told),
            of_leaf=scopes.membership(history.leaves),
            amounts=np.column_stack([amount, amount**2]),
        )

    def at(
        self,
        rows: slice,
        won: NDArray[np.float64],
        periods: Sequence[Period],
        at: pd.Timestamp,
        ratio: float,
    ) -> list[pd.DataFrame]:
        """For each period one row by scope: the columns `COLUMNS`, see `shocks.SCOPE_SUMS`.

        `rows` are the deals open at the origin, `won` (rows, periods) the probability that each is
        won in the rest of the period, `ratio` the mean of the amount at the win over that before.
        Expected is what was known at the origin, actual what is known now and was not then.
        """
        usual = recent_won(self.wins, at)["amount_company"].mean()
        amount = self.deals["amount_company"].iloc[rows].fillna(0.0 if np.isnan(usual) else usual)
        new = self.history.at(periods, at).expected()
        brings = won * (amount.to_numpy(dtype=np.float64) * ratio)[:, None]
        expected = self.of_deal[:, rows] @ brings + self.of_leaf @ new
        return [self._rows(expected[:, place], period, at) for place, period in enumerate(periods)]

    def _rows(
        self, expected: NDArray[np.float64], period: Period, at: pd.Timestamp
    ) -> pd.DataFrame:
        closed, told = self.wins["closed_at"], self.wins["known_at"]
        came = (closed >= rest_start(period, at)) & (closed < period.end_at) & (told >= at)
        sums = self.of_win @ (self.amounts * came.to_numpy()[:, None])
        named = {name: self.named[name] for name in ("scope_kind", "scope")}
        found = {"expected": expected, "actual": sums[:, 0], "squares": sums[:, 1]}
        return pd.DataFrame({"as_of": at} | named | found)


def company_rests(sums: pd.DataFrame) -> pd.DataFrame:
    """The company's expected rest by origin (as_of, rest), as `rules.past_origins` takes it."""
    company = sums[sums["scope_kind"] == COMPANY]
    return company[["as_of", "expected"]].rename(columns={"expected": "rest"})
