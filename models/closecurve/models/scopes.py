"""Scopes: the company, its teams, owners, regions and products, and which rows belong to each.

Every scope kind divides the same rows, rows without a value going to `NOBODY`, so that the scopes
of a kind add up to the company whatever is summed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csc_array

COMPANY = "company"
"""The scope kind, and the scope, of the whole company."""

NOBODY = "(none)"
"""The scope of rows without an owner, team, region or product."""

ELSEWHERE = -1
"""The place of a row in none of the scopes of a kind."""

SCOPE_COLUMNS = {"team": "team", "owner": "owner_id", "region": "region", "product": "product"}
"""The column that divides rows by each scope kind below the company."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scopes:
    """Every scope of a company: `kinds` and `names` are aligned; the first is the company."""

    kinds: tuple[str, ...]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.kinds)

    def frame(self) -> pd.DataFrame:
        """One row for each scope: scope_kind, scope."""
        return pd.DataFrame({"scope_kind": list(self.kinds), "scope": list(self.names)})

    def membership(self, rows: pd.DataFrame) -> csc_array:
        """(scopes, rows) of 0 and 1: times a column of `rows` it is the sum by scope.

        A row whose owner (team, …) is none of the scopes still belongs to the company.
        """
        codes = [self._codes(kind, rows) for kind in dict.fromkeys(self.kinds)]
        scope, row = np.concatenate(codes), np.tile(np.arange(len(rows)), len(codes))
        belongs = scope != ELSEWHERE
        places = (scope[belongs], row[belongs])
        return csc_array((np.ones(len(places[0])), places), shape=(len(self), len(rows)))

    def sums(self, rows: pd.DataFrame, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """(scopes,) sum of `values` (rows,) by scope."""
        return np.asarray(self.membership(rows) @ values, dtype=np.float64)

    def _codes(self, kind: str, rows: pd.DataFrame) -> NDArray[np.intp]:
        places = {name: i for i, name in enumerate(self.names) if self.kinds[i] == kind}
        found = labels_of(kind, rows).map(places).astype("float64").fillna(ELSEWHERE)
        return np.asarray(found, dtype=np.intp)


def labels_of(kind: str, rows: pd.DataFrame) -> pd.Series:
    """The scope of every row for one scope kind, `NOBODY` where it has none."""
    if kind == COMPANY:
        return pd.Series(COMPANY, index=rows.index, dtype="str")
    if (column := SCOPE_COLUMNS[kind]) not in rows:
        return pd.Series(NOBODY, index=rows.index, dtype="str")
    return rows[column].astype("str").fillna(NOBODY)


def present_kinds(frames: Iterable[pd.DataFrame]) -> tuple[str, ...]:
    """The scope kinds below the company for which some row of some frame has a value."""
    listed = list(frames)
    return tuple(
        kind
        for kind, column in SCOPE_COLUMNS.items()
        if any(column in frame and frame[column].notna().any() for frame in listed)
    )


def scopes_of(frames: Sequence[pd.DataFrame]) -> Scopes:
    """All scopes that appear in the frames; a kind that no row has a value for is left out.

    >>> scopes_of([pd.DataFrame({"owner_id": ["ann", None]})]).names
    ('company', '(none)', 'ann')
    """
    kinds, names = [COMPANY], [COMPANY]
    for kind in present_kinds(frames):
        found = sorted({label for frame in frames for label in labels_of(kind, frame).unique()})
        kinds += [kind] * len(found)
        names += found
    return Scopes(kinds=tuple(kinds), names=tuple(names))
