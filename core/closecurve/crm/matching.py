"""Rows of one table beside those of another: which are new, and which values differ."""

from collections.abc import Collection, Sequence
from functools import reduce

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.crm.facts import value_text


def unmatched(rows: pd.DataFrame, known: pd.DataFrame, keys: Sequence[str]) -> NDArray[np.bool_]:
    """(rows,) whether each row has no partner of the same keys among the known ones.

    A known row is the partner of one row: of three rows alike beside two known ones the last is
    new. Null equals null.

    >>> unmatched(pd.DataFrame({"a": [1, 1, 2]}), pd.DataFrame({"a": [1]}), ["a"]).tolist()
    [False, True, True]
    """
    codes = _codes(pd.concat([known[[*keys]], rows[[*keys]]], ignore_index=True))
    old, new = codes[: len(known)], codes[len(known) :]
    count = np.bincount(old, minlength=codes.max(initial=0) + 1)
    nth = pd.Series(new).groupby(new).cumcount().to_numpy()
    return np.asarray(nth >= count[new], dtype=bool)


def differs(values: pd.Series, others: pd.Series) -> pd.Series:
    """Whether two aligned columns differ; null equals null."""
    return (values != others).astype(bool) & ~(values.isna() & others.isna())


def stacked(first: pd.DataFrame, second: pd.DataFrame, empty: Collection[str]) -> pd.DataFrame:
    """The rows of both, under the columns of both; a column keeps the kind that `first` gives it.

    Text that is no number is null in a column of numbers. The columns of `first` that are `empty`
    have no value in any range of rows: they take the kind of the other.
    """
    names = first.columns.union(second.columns)
    pairs = {name: _alike(first, second, str(name), name in empty) for name in names}
    order = [*first.columns, *(name for name in second.columns if name not in first)]
    made = {name: pd.concat(pairs[name], ignore_index=True) for name in order}
    return pd.DataFrame(made, columns=order)


def empty_columns(frame: pd.DataFrame) -> frozenset[str]:
    """The columns without any value."""
    return frozenset(str(name) for name in frame if frame[name].isna().all())


def _alike(first: pd.DataFrame, second: pd.DataFrame, name: str, is_empty: bool) -> list[pd.Series]:
    if name not in first or name not in second:
        there = first[name] if name in first else second[name]
        sides = [side[name] if name in side else _nulls(there, side) for side in (first, second)]
        return sides
    one, two = first[name], second[name]
    if one.dtype == two.dtype:
        return [one, two]
    if is_empty:
        return [_nulls(two, first), two]
    if pd.api.types.is_numeric_dtype(one):
        return [one, pd.to_numeric(two, errors="coerce").astype(one.dtype)]
    return [one, value_text(two)]


def _nulls(like: pd.Series, frame: pd.DataFrame) -> pd.Series:
    return pd.Series(None, frame.index, like.dtype)


def _codes(rows: pd.DataFrame) -> NDArray[np.int64]:
    """One number for each combination of values."""
    columns = [pd.factorize(rows[name], use_na_sentinel=False)[0] for name in rows]
    return reduce(_paired, columns).astype(np.int64)


def _paired(one: NDArray[np.int64], two: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.asarray(pd.factorize(one * (two.max(initial=0) + 1) + two)[0], dtype=np.int64)
