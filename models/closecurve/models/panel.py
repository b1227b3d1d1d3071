"""What every model reads from a panel of snapshots beside its features: ids, as-ofs, strata."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.crm.errors import DataError, UsageError
from closecurve.features.catalog import spec_of
from closecurve.models.encoding import as_text, plain_texts
from closecurve.models.unfold import Labels, read_labels

ID_COLUMNS = ("deal_id", "lead_id")
AS_OF = "as_of"
_JOIN = "\x1f"


def id_column(X: pd.DataFrame) -> str | None:
    """The column that names the deal or lead of a row; None where each row is its own."""
    return next((column for column in ID_COLUMNS if column in X.columns), None)


def labels_of(X: pd.DataFrame, y: pd.DataFrame) -> Labels:
    """The labels of a panel, row by row as the panel. Raises DataError where they do not match."""
    if len(X) != len(y):
        raise DataError("label-rows", f"each snapshot has one label, got {len(X)} and {len(y)}")
    return read_labels(y, as_ofs_of(X))


def as_ofs_of(X: pd.DataFrame, *, required: bool = False) -> pd.Series | None:
    """The as-ofs of a panel; None where it has none.

    Raises DataError for an as-of that is no naive UTC instant, UsageError where it must be there.
    """
    if AS_OF not in X.columns:
        if required:
            raise UsageError("as-of-missing", "the panel of a dated model has as_of, got none")
        return None
    as_of = X[AS_OF]
    if not pd.api.types.is_datetime64_dtype(as_of) or as_of.isna().any():
        raise DataError("as-of-format", f"an as-of is a naive UTC instant, got {as_of.dtype}")
    return as_of


def feature_kinds(X: pd.DataFrame) -> dict[str, str]:
    """The feature columns of a panel and the kind of each.

    Those that the feature catalog knows; all, in a table without as-of and id (no snapshot).
    """
    is_snapshot = AS_OF in X.columns or id_column(X) is not None
    kinds = {}
    for column in X.columns:
        is_number = pd.api.types.is_numeric_dtype(X[column])
        spec = spec_of(column, is_number=is_number)
        if spec is not None:
            kinds[column] = spec.kind
        elif not is_snapshot:
            kinds[column] = "number" if is_number else "category"
    return kinds


def closed_count(X: pd.DataFrame, labels: Labels) -> int:
    """How many deals (not landmarks) closed: what a panel really knows about closing."""
    column = id_column(X)
    closed = labels.event > 0
    return int(closed.sum()) if column is None else int(X[column][closed].nunique())


def rows_per_deal(X: pd.DataFrame) -> float:
    """Landmarks per deal, 1 where the panel is empty or has no ids."""
    column = id_column(X)
    return 1.0 if column is None or X.empty else len(X) / max(X[column].nunique(), 1)


def strata_keys(X: pd.DataFrame, columns: Sequence[str]) -> pd.Series:
    """One text per row that names its stratum: the values of the columns there are, joined."""
    parts = [as_text(X[column]).fillna("") for column in columns if column in X.columns]
    keys = pd.Series("", index=X.index, dtype="string")
    for part in parts:
        keys = keys + _JOIN + part
    return keys


def stratum(values: Sequence[str]) -> str:
    """The key of one stratum, as `strata_keys` writes it."""
    return "".join(_JOIN + value for value in values)


def parts_of(key: str) -> list[str]:
    """The values that a stratum's key was written of.

    >>> parts_of(stratum(["Default", "Proposal"]))
    ['Default', 'Proposal']
    """
    return key.split(_JOIN)[1:]


def texts(column: pd.Series) -> list[str]:
    """A category column as plain text, as `strata_keys` reads it: empty where missing."""
    return [value or "" for value in plain_texts(column)]


def age_bins(X: pd.DataFrame, column: str, edges: Sequence[float]) -> pd.Series:
    """The bin of each row's age as text; a missing age is the first bin."""
    ages = X[column].to_numpy(dtype=np.float64, na_value=np.nan)
    bins: NDArray[np.int64] = np.searchsorted(np.asarray(edges), np.nan_to_num(ages), side="right")
    return pd.Series(bins, index=X.index).astype("string")
