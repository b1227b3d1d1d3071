"""A publication: everything that readers see after one run, checked before it is stored."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from closecurve.crm.errors import UsageError
from closecurve.stores.results.cells import cells, is_storable_text, json_text
from closecurve.stores.results.columns import RESULT_TABLES, ResultTable

Row = dict[str, Any]
"""One stored row: column name to a plain value (datetime is naive UTC, a gap is None)."""

CURVES_KEPT = 3
"""Publications whose curves are kept: the newest ones. A curve is most of a score's bytes, and only
the current one is drawn; probabilities and reasons of every publication stay."""


CONTENT = ("as_of", "history_id", "bundle_digest")
"""What makes two publications the same content."""

HISTORY_COLUMNS = (
    "stage",
    "amount",
    "currency",
    "win_probability_eventual",
    "win_probability_quarter",
)
"""What a deal's score history shows of each publication."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicationHead:
    """Which results these are: versions and summary; `publication_id` counts up from 1."""

    publication_id: int
    as_of: pd.Timestamp
    published_at: pd.Timestamp
    history_id: str
    bundle_digest: str
    deal_model_version: str | None
    lead_model_version: str | None
    summary: Row

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "PublicationHead":
        """The head kept in a row of the table `publications`, its summary opened."""
        instants = {name: pd.Timestamp(row[name]) for name in ("as_of", "published_at")}
        return cls(**{**row, **instants})


def unpacked(row: Row) -> Row:
    """A row of facts with each fact as a column of its own."""
    key = {name: value for name, value in row.items() if name != "facts"}
    return {**row["facts"], **key}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Publication:
    """The results of one run, to be published whole.

    Each frame has exactly the columns of its table in `RESULT_TABLES`, in any order; one without
    rows may lack them. `owner_facts` and `account_facts` have the id and any further columns.
    Raises UsageError for ids and versions that are no text, for missing or unknown columns, and for
    a key that is null or doubled; values of another kind than the column's are refused by `rows`.
    """

    as_of: pd.Timestamp
    published_at: pd.Timestamp
    history_id: str
    bundle_digest: str
    deal_model_version: str | None = None
    lead_model_version: str | None = None
    summary: Row = field(default_factory=dict)
    deal_scores: pd.DataFrame = field(default_factory=pd.DataFrame)
    lead_scores: pd.DataFrame = field(default_factory=pd.DataFrame)
    forecasts: pd.DataFrame = field(default_factory=pd.DataFrame)
    period_forecasts: pd.DataFrame = field(default_factory=pd.DataFrame)
    forecast_basis: pd.DataFrame = field(default_factory=pd.DataFrame)
    funnel: pd.DataFrame = field(default_factory=pd.DataFrame)
    funnel_metrics: pd.DataFrame = field(default_factory=pd.DataFrame)
    funnel_leaks: pd.DataFrame = field(default_factory=pd.DataFrame)
    funnel_losses: pd.DataFrame = field(default_factory=pd.DataFrame)
    concentrations: pd.DataFrame = field(default_factory=pd.DataFrame)
    owner_ranks: pd.DataFrame = field(default_factory=pd.DataFrame)
    seasons: pd.DataFrame = field(default_factory=pd.DataFrame)
    owner_facts: pd.DataFrame = field(default_factory=pd.DataFrame)
    account_facts: pd.DataFrame = field(default_factory=pd.DataFrame)
    stalls: pd.DataFrame = field(default_factory=pd.DataFrame)
    stall_owners: pd.DataFrame = field(default_factory=pd.DataFrame)
    target_shares: pd.DataFrame = field(default_factory=pd.DataFrame)
    deal_steps: pd.DataFrame = field(default_factory=pd.DataFrame)
    lead_steps: pd.DataFrame = field(default_factory=pd.DataFrame)
    closed_deals: pd.DataFrame = field(default_factory=pd.DataFrame)

    def __post_init__(self) -> None:
        for name in ("as_of", "published_at"):
            _check_instant(name, getattr(self, name))
        for name in ("history_id", "bundle_digest"):
            _check_text(name, getattr(self, name))
        for name in ("deal_model_version", "lead_model_version"):
            if getattr(self, name) is not None:
                _check_text(name, getattr(self, name))
        for table in RESULT_TABLES.values():
            frame = getattr(self, table.name)
            if len(frame):
                _check_columns(frame, table)
                _check_key(frame, table)

    def head(self) -> Row:
        """The row of the table `publications`, but for its id."""
        return {
            "as_of": self.as_of.to_pydatetime(),
            "published_at": self.published_at.to_pydatetime(),
            "history_id": self.history_id,
            "bundle_digest": self.bundle_digest,
            "deal_model_version": self.deal_model_version,
            "lead_model_version": self.lead_model_version,
            "summary": json_text(self.summary),
        }

    def rows(self, table: ResultTable) -> "Rows":
        """The rows of a table as plain values. Raises UsageError for values of another kind."""
        frame = getattr(self, table.name)
        if not len(frame):
            return Rows(names=table.names, columns=tuple([] for _ in table.names))
        if "facts" in table.names:
            frame = _packed(frame, table)
        columns = tuple(cells(frame[column.name], column) for column in table.columns)
        return Rows(names=table.names, columns=columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Plain values column by column; a row is made only when it is asked for."""

    names: tuple[str, ...]
    columns: tuple[list[Any], ...]

    def __len__(self) -> int:
        return len(self.columns[0])

    def tuples(self) -> Iterator[tuple[Any, ...]]:
        """The rows in order, values in the order of `names`."""
        return zip(*self.columns, strict=True)


def _check_instant(name: str, value: object) -> None:
    if not isinstance(value, pd.Timestamp) or value.tzinfo is not None:
        raise UsageError("publication-instant", f"{name} is a naive UTC instant, got {value!r}")


def _check_text(name: str, value: object) -> None:
    if not value or not is_storable_text(value):
        raise UsageError(
            "publication-text", f"{name} is text without NUL and surrogates, got {value!r}"
        )


def _check_columns(frame: pd.DataFrame, table: ResultTable) -> None:
    free = "facts" in table.names
    missing = sorted(set(table.key if free else table.names) - set(frame.columns))
    unknown = [] if free else sorted(set(map(str, frame.columns)) - set(table.names))
    if missing or unknown or not frame.columns.is_unique:
        raise UsageError(
            "publication-columns",
            f"{table.name} has each of its columns once and no other,"
            f" got missing {missing}, unknown {unknown}, of {list(frame.columns)}",
        )


def _check_key(frame: pd.DataFrame, table: ResultTable) -> None:
    key = frame[list(table.key)]
    wrong = key[key.isna().any(axis=1) | key.duplicated()]
    if len(wrong):
        raise UsageError(
            "publication-key",
            f"{table.key} is set and unique in {table.name}, got {wrong.iloc[0].to_dict()}",
        )


def _packed(frame: pd.DataFrame, table: ResultTable) -> pd.DataFrame:
    (key,) = table.key
    facts = frame.drop(columns=key).to_dict("records")
    return pd.DataFrame({key: frame[key].to_numpy(), "facts": pd.Series(facts, dtype=object)})
