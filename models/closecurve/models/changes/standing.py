"""What two instants are compared by: the open deals, what had closed, and the part looked at."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.crm.calendar import Period
from closecurve.crm.errors import UsageError
from closecurve.models.scopes import COMPANY, MANAGER, SCOPE_COLUMNS, Chains, below, labels_of
from closecurve.models.weighted import due

Floats = NDArray[np.float64]

MEASURES = {
    "amount": None,
    "weighted_fixed": "stage_rate_fixed",
    "weighted_history": "stage_rate_history",
    "expected": "win_probability_eventual",
}
"""What the pipeline may be measured in, and the column that an amount is multiplied by."""

REQUIRED = {
    "deals": ("deal_id", "amount_company"),
    "closed": ("deal_id", "outcome", "closed_at", "amount_company"),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Standing:
    """A company as of an instant. Amounts `…_company` are in its currency; a gap counts as 0.

    - `deals`, the open ones: deal_id, amount_company; where there are: `chance` (what the amount is
      multiplied by, 1 where absent), `model_shift` (how far new models alone moved that since the
      earlier standing), amount and currency of the deal itself, expected_close_date, created_at,
      owner_id, team, region, product.
    - `closed`, the ends known by then: deal_id, outcome (won, lost, deleted), closed_at,
      amount_company, and the scope columns.
    - `chains`, the managers above each owner; without any, no manager has a scope.

    Raises UsageError for a missing column, and for a deal that is named twice.
    """

    as_of: pd.Timestamp
    deals: pd.DataFrame
    closed: pd.DataFrame
    chains: Chains = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, columns in REQUIRED.items():
            frame = getattr(self, name)
            missing = [column for column in columns if column not in frame]
            if missing or frame["deal_id"].duplicated().any():
                raise UsageError(
                    "change-standing",
                    f"{name} has {columns} and each deal once, got none of {missing}"
                    f" and {len(frame)} rows",
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which part of a company is looked at: a scope and, for deals due in one, a period."""

    scope_kind: str = COMPANY
    scope: str = COMPANY
    period: Period | None = None

    def __post_init__(self) -> None:
        kinds = (COMPANY, *SCOPE_COLUMNS, MANAGER)
        if self.scope_kind not in kinds:
            raise UsageError(
                "change-scope", f"a scope kind is one of {kinds}, got {self.scope_kind!r}"
            )

    def in_scope(self, rows: pd.DataFrame, chains: Chains) -> NDArray[np.bool_]:
        """(rows,) whether each belongs to the scope, with the managers above owners at the time."""
        if self.scope_kind == MANAGER:
            return labels_of("owner", rows).isin(below(self.scope, chains)).to_numpy(dtype=bool)
        return np.asarray(labels_of(self.scope_kind, rows) == self.scope, dtype=bool)

    def in_period(self, deals: pd.DataFrame) -> NDArray[np.bool_]:
        """(deals,) whether each is due in the period; a deal without a date always is."""
        if self.period is None:
            return np.ones(len(deals), dtype=bool)
        return due(deals, self.period)


def numbers(rows: pd.DataFrame, column: str, absent: float = np.nan) -> Floats:
    """(rows,) a column as numbers, `absent` where there is no such column."""
    if column not in rows:
        return np.full(len(rows), absent)
    return pd.to_numeric(rows[column]).to_numpy(dtype=np.float64, na_value=np.nan)


def measured(deals: pd.DataFrame, measure: str) -> pd.DataFrame:
    """The deals with `chance`, the factor of a measure; a deal without one counts 0.

    Raises UsageError for a measure that is none of `MEASURES`.
    """
    if measure not in MEASURES:
        raise UsageError(
            "change-measure", f"a measure is one of {tuple(MEASURES)}, got {measure!r}"
        )
    column = MEASURES[measure]
    return deals.assign(chance=1.0 if column is None else np.nan_to_num(numbers(deals, column)))
