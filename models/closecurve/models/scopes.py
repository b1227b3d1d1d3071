"""Scopes: the company, its teams, owners, regions and products, and which rows belong to each.

Every scope kind divides the same rows, rows without a value going to `NOBODY`, so that the scopes
of a kind add up to the company whatever is summed. Managers are the exception: a manager's scope
holds the manager and everybody below, so that scopes lie inside each other.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csc_array

COMPANY = "company"
"""The scope kind, and the scope, of the whole company."""

MANAGER = "manager"
"""The scope kind of a manager with everybody below, at any depth; the scope is the owner's id."""

NOBODY = "(none)"
"""The scope of rows without an owner, team, region or product."""

ELSEWHERE = -1
"""The place of a row in none of the scopes of a kind."""

SCOPE_COLUMNS = {"team": "team", "owner": "owner_id", "region": "region", "product": "product"}
"""The column that divides rows by each scope kind below the company."""

Chains = Mapping[str, tuple[str, ...]]
"""By owner: the managers whose scope the owner is in, nearest first."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scopes:
    """Every scope of a company: `kinds` and `names` are aligned; the first is the company."""

    kinds: tuple[str, ...]
    names: tuple[str, ...]
    chains: Chains = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.kinds)

    def frame(self) -> pd.DataFrame:
        """One row for each scope: scope_kind, scope."""
        return pd.DataFrame({"scope_kind": list(self.kinds), "scope": list(self.names)})

    def membership(self, rows: pd.DataFrame) -> csc_array:
        """(scopes, rows) of 0 and 1: times a column of `rows` it is the sum by scope.

        A row whose owner (team, …) is none of the scopes still belongs to the company.
        """
        codes = [column for kind in dict.fromkeys(self.kinds) for column in self._codes(kind, rows)]
        scope, row = np.concatenate(codes), np.tile(np.arange(len(rows)), len(codes))
        belongs = scope != ELSEWHERE
        places = (scope[belongs], row[belongs])
        return csc_array((np.ones(len(places[0])), places), shape=(len(self), len(rows)))

    def sums(self, rows: pd.DataFrame, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """(scopes,) sum of `values` (rows,) by scope."""
        return np.asarray(self.membership(rows) @ values, dtype=np.float64)

    def _codes(self, kind: str, rows: pd.DataFrame) -> list[NDArray[np.intp]]:
        """The place of each row's scope of a kind; of managers once for every level above."""
        places = {name: i for i, name in enumerate(self.names) if self.kinds[i] == kind}
        if kind != MANAGER:
            return [_placed(labels_of(kind, rows), places)]
        owners = labels_of("owner", rows)
        deepest = max(map(len, self.chains.values()), default=0)
        levels = [
            {owner: chain[level] for owner, chain in self.chains.items() if level < len(chain)}
            for level in range(deepest)
        ]
        return [_placed(owners.map(level), places) for level in levels]


def _placed(labels: pd.Series, places: Mapping[str, int]) -> NDArray[np.intp]:
    found = labels.map(places).astype("float64").fillna(ELSEWHERE)
    return np.asarray(found, dtype=np.intp)


def labels_of(kind: str, rows: pd.DataFrame) -> pd.Series:
    """The scope of every row for one scope kind but managers, `NOBODY` where it has none."""
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


def chains_of(manager_of: Mapping[str, str | None]) -> Chains:
    """Every owner's managers upwards, the owner first who is a manager too.

    A circle of managers ends where it closes.

    >>> chains_of({"ann": None, "bo": "ann", "cy": "bo"})
    {'ann': ('ann',), 'bo': ('bo', 'ann'), 'cy': ('bo', 'ann')}
    """
    managers = {manager for manager in manager_of.values() if manager is not None}
    return {owner: tuple(_upwards(owner, manager_of, managers)) for owner in manager_of}


def _upwards(owner: str, manager_of: Mapping[str, str | None], managers: set[str]) -> list[str]:
    chain = [owner] if owner in managers else []
    above = manager_of.get(owner)
    while above is not None and above not in chain:
        chain.append(above)
        above = manager_of.get(above)
    return chain


def below(manager: str, chains: Chains) -> frozenset[str]:
    """The owners in a manager's scope: the manager and everybody under them, at any depth.

    >>> sorted(below("bo", chains_of({"ann": None, "bo": "ann", "cy": "bo"})))
    ['bo', 'cy']
    """
    return frozenset(owner for owner, chain in chains.items() if manager in chain)


def scopes_of(frames: Sequence[pd.DataFrame], chains: Chains | None = None) -> Scopes:
    """All scopes that appear in the frames; a kind that no row has a value for is left out.

    With `chains` also every manager above an owner that appears.

    >>> scopes_of([pd.DataFrame({"owner_id": ["ann", None]})]).names
    ('company', '(none)', 'ann')
    """
    kinds, names, owners = [COMPANY], [COMPANY], set[str]()
    for kind in present_kinds(frames):
        found = sorted({label for frame in frames for label in labels_of(kind, frame).unique()})
        kinds += [kind] * len(found)
        names += found
        owners |= set(found) if kind == "owner" else set()
    used = {owner: chain for owner, chain in (chains or {}).items() if owner in owners}
    managers = sorted({manager for chain in used.values() for manager in chain})
    return Scopes(
        kinds=(*kinds, *[MANAGER] * len(managers)), names=(*names, *managers), chains=used
    )
