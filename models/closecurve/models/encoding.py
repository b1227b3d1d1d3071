"""From feature columns to the matrix that trees are grown on: categories become integer codes.

The code table is kept beside the model (`encoding.json`), so that a model file holds no value of a
category in clear and a value can be erased from the table without touching the model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.crm.errors import UsageError

KINDS = ("number", "category", "clock", "countdown")
POOLED_CODE = 0
"""The code that all rare values of a category share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """The columns of the matrix in order, the kind of each, and the codes of the categories."""

    kinds: Mapping[str, str]
    codes: Mapping[str, Mapping[str, int]]

    def __post_init__(self) -> None:
        unknown = {column: kind for column, kind in self.kinds.items() if kind not in KINDS}
        if unknown:
            raise UsageError("feature-kind", f"a feature's kind is one of {KINDS}, got {unknown}")

    @property
    def columns(self) -> list[str]:
        """The feature columns, in the matrix' order."""
        return list(self.kinds)

    def places(self, *kinds: str) -> list[int]:
        """Where the columns of these kinds stand in the matrix."""
        return [place for place, kind in enumerate(self.kinds.values()) if kind in kinds]

    def matrix(self, X: pd.DataFrame) -> NDArray[np.float32]:
        """The matrix (n, p); NaN where a value is missing or was never seen in training.

        Raises UsageError where a column that the model knows is absent, or a number is none.
        """
        missing = [column for column in self.columns if column not in X.columns]
        if missing:
            raise _missing(missing)
        made = np.empty((len(X), len(self.kinds)), dtype=np.float32)
        for place, column in enumerate(self.columns):
            made[:, place] = self._values(X[column])
        return made

    def row(self, values: Mapping[str, Any]) -> NDArray[np.float32]:
        """The matrix (1, p) of one record: a text, a number, or None (missing) for each column.

        The same as `matrix` gives for a frame of that record, in a hundredth of the time.
        """
        try:
            made = [self._value(values[column], column) for column in self.kinds]
        except KeyError as error:
            raise _missing([str(error.args[0])]) from error
        return np.array([made], dtype=np.float64).astype(np.float32)

    def _value(self, value: Any, column: str) -> float:
        if value is None:
            return np.nan
        if self.kinds[column] == "category":
            return self.codes[column].get(str(value), np.nan)
        try:
            return float(value)
        except (TypeError, ValueError) as error:
            raise _no_number(column) from error

    def _values(self, column: pd.Series) -> NDArray[np.float64]:
        name = str(column.name)
        if self.kinds[name] == "category":
            return _coded(column, self.codes[name])
        try:
            return column.to_numpy(dtype=np.float64, na_value=np.nan)
        except (TypeError, ValueError) as error:
            raise _no_number(name) from error

    def to_json(self) -> dict[str, Any]:
        """A value that `from_json` reads back."""
        codes = {column: dict(table) for column, table in self.codes.items()}
        return {"kinds": dict(self.kinds), "codes": codes}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The encoding that `to_json` wrote."""
        return cls(kinds=dict(value["kinds"]), codes=dict(value["codes"]))


def learn_encoding(X: pd.DataFrame, kinds: Mapping[str, str], *, rarest: int) -> Encoding:
    """The encoding of a panel; category values seen in fewer than `rarest` rows share one code.

    >>> X = pd.DataFrame({"stage": ["a", "a", "b", None]})
    >>> dict(learn_encoding(X, {"stage": "category"}, rarest=2).codes["stage"])
    {'a': 1, 'b': 0}
    """
    categories = [column for column, kind in kinds.items() if kind == "category"]
    return Encoding(
        kinds=dict(kinds), codes={column: _code_table(X[column], rarest) for column in categories}
    )


def _code_table(column: pd.Series, rarest: int) -> dict[str, int]:
    counts = as_text(column).value_counts().sort_index()
    common = [str(value) for value, count in counts.items() if count >= rarest]
    numbered = {value: code for code, value in enumerate(common, POOLED_CODE + 1)}
    return {str(value): numbered.get(str(value), POOLED_CODE) for value in counts.index}


def _coded(column: pd.Series, codes: Mapping[str, int]) -> NDArray[np.float64]:
    """The code of each value (n,), NaN for none; each distinct text is looked up once."""
    texts = column if isinstance(column.dtype, pd.StringDtype) else as_text(column)
    places, distinct = pd.factorize(texts)
    table = [codes.get(text, np.nan) for text in distinct.tolist()]
    # A missing value has the place -1, which is the last one.
    return np.array([*table, np.nan], dtype=np.float64)[places]


def as_text(column: pd.Series) -> pd.Series:
    """A category column as text; missing stays missing."""
    return column.astype("string")


def plain_texts(column: pd.Series) -> list[str | None]:
    """The same as a list; None for missing. Many times faster where the values are text already."""
    values = column.tolist()
    if not all(type(value) is str or _is_missing(value) for value in values):
        values = as_text(column).tolist()
    return [None if _is_missing(value) else value for value in values]


def _is_missing(value: object) -> bool:
    return value is None or value is pd.NA or value != value


def _missing(columns: Sequence[str]) -> UsageError:
    return UsageError(
        "feature-missing", f"a panel has every column of the model, got none of {list(columns)}"
    )


def _no_number(column: str) -> UsageError:
    return UsageError("feature-number", f"this feature holds numbers, got a text in {column!r}")
