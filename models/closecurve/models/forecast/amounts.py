"""How the amount of a deal changes from while it is open to its win, learnt from past wins."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

RATIO_BOUNDS = (0.1, 10.0)
"""A win at a tenth or ten times the open amount is taken as a mistyped amount, not as a habit."""

PRIOR_WINS = 20.0
"""A stage's mean ratio is believed against all deals' as that of so many wins."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AmountChanges:
    """`ratios` (n,), the amount at the win over the amount while open, once per won deal and stage
    that it was seen in; `stage_factors` is how a stage's mean ratio differs from that of all."""

    ratios: NDArray[np.float64] = field(default_factory=lambda: np.ones(1))
    stage_factors: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, past: pd.DataFrame, wins: pd.DataFrame, as_of: pd.Timestamp) -> "AmountChanges":
        """From snapshots of open deals (deal_id, as_of, stage, amount_company) in order of their
        as_of, and the wins known before `as_of`."""
        columns = ["deal_id", "stage", "amount_company"]
        latest = past.reindex(columns=columns).drop_duplicates(["deal_id", "stage"], keep="last")
        won = wins[wins["known_at"] < as_of][["deal_id", "amount_company"]]
        both = latest.merge(won, on="deal_id", suffixes=("_open", "_won"))
        both = both[(both["amount_company_open"] > 0) & both["amount_company_won"].notna()]
        if both.empty:
            return cls()
        ratio = (both["amount_company_won"] / both["amount_company_open"]).clip(*RATIO_BOUNDS)
        mean = float(ratio.mean())
        by_stage = ratio.groupby(both["stage"]).agg(["sum", "size"])
        shrunk = (by_stage["sum"] + PRIOR_WINS * mean) / (by_stage["size"] + PRIOR_WINS)
        return cls(
            ratios=ratio.to_numpy(dtype=np.float64),
            stage_factors={str(stage): float(each / mean) for stage, each in shrunk.items()},
        )

    def factors(self, deals: pd.DataFrame) -> NDArray[np.float64]:
        """(deals,) the factor of each deal's stage; 1 for a stage that no win was seen in."""
        if "stage" not in deals:
            return np.ones(len(deals))
        found = deals["stage"].map(self.stage_factors).astype("float64").fillna(1.0)
        return np.asarray(found, dtype=np.float64)
