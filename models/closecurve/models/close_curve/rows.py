"""Deals as a close curve reads them: the matrix of features, and the codes of the stage curves."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.models.encoding import Encoding
from closecurve.models.panel import texts
from closecurve.models.stage_lookup import StageLookup

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CurveRows:
    """n deals: `features` (n, p), and `codes` (n, 3) of process, stage and age."""

    features: NDArray[np.float32]
    codes: Codes

    def __len__(self) -> int:
        return len(self.features)

    def at(self, rows: slice | Codes) -> "CurveRows":
        """Some of the deals."""
        return CurveRows(features=self.features[rows], codes=self.codes[rows])


def rows_of_frame(X: pd.DataFrame, encoding: Encoding, lookup: StageLookup) -> CurveRows:
    """The deals of a frame of snapshots."""
    process, by, age = lookup.columns
    names = [texts(X[name]) if name in X else [""] * len(X) for name in (process, by)]
    ages = X[age].to_numpy(dtype=np.float64, na_value=np.nan) if age in X else np.zeros(len(X))
    codes = lookup.codes(names[0], names[1], ages)
    return CurveRows(features=encoding.matrix(X), codes=codes)


def row_of_record(values: Mapping[str, Any], encoding: Encoding, lookup: StageLookup) -> CurveRows:
    """The one deal of a plain snapshot: a text, a number, or None for each column."""
    process, by, age = lookup.columns
    names = [[str(values.get(name) or "")] for name in (process, by)]
    found = values.get(age)
    codes = lookup.codes(names[0], names[1], [np.nan if found is None else found])
    return CurveRows(features=encoding.row(values), codes=codes)
