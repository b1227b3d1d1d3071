"""Back-tests: kept beside the publications, every run with its scores, the newest with its rows."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import pandas as pd
from sqlalchemy import delete, func, insert, select

from closecurve.crm.errors import UsageError
from closecurve.stores.results.bulk import write
from closecurve.stores.results.cells import cells, json_text
from closecurve.stores.results.columns import BACKTEST_FORECASTS
from closecurve.stores.results.paging import check_filters
from closecurve.stores.results.publication import Row, Rows
from closecurve.stores.results.schema import BACKTEST_ROWS, BACKTESTS, SqlPart, one_writer


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Backtest:
    """A run to store: `forecasts` has the columns of `BACKTEST_FORECASTS`, in any order.

    `made_at` is naive UTC; `metrics` is anything that JSON can write, numbers that are not finite
    become null. Raises UsageError `backtest-columns` for other columns and `backtest-key` for a
    doubled key.
    """

    made_at: pd.Timestamp
    history_id: str
    cutoffs: tuple[pd.Timestamp, ...]
    metrics: Mapping[str, Any]
    forecasts: pd.DataFrame

    def __post_init__(self) -> None:
        strange = set(map(str, self.forecasts.columns)) ^ set(BACKTEST_FORECASTS.names)
        if strange:
            raise UsageError(
                "backtest-columns",
                f"a back-test has the columns of {BACKTEST_FORECASTS.name}, got others or not all:"
                f" {sorted(strange)}",
            )
        doubled = self.forecasts.duplicated(list(BACKTEST_FORECASTS.key))
        if doubled.any():
            key = self.forecasts.loc[doubled, list(BACKTEST_FORECASTS.key)].iloc[0].to_dict()
            raise UsageError("backtest-key", f"a scope is asked once at an origin, got {key} again")

    def head(self) -> Row:
        """The row of the run, but for its id; lists and objects as JSON text."""
        return {
            "made_at": self.made_at.to_pydatetime(),
            "history_id": self.history_id,
            "cutoffs": json_text([cutoff.isoformat() for cutoff in self.cutoffs]),
            "metrics": json_text(dict(self.metrics)),
        }

    def rows(self) -> Rows:
        """The forecasts as plain values. Raises UsageError for values of another kind."""
        columns = tuple(cells(self.forecasts[c.name], c) for c in BACKTEST_FORECASTS.columns)
        return Rows(names=BACKTEST_FORECASTS.names, columns=columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestHead:
    """A stored run: `backtest_id` counts up."""

    backtest_id: int
    made_at: pd.Timestamp
    history_id: str
    cutoffs: tuple[pd.Timestamp, ...]
    metrics: Mapping[str, Any]

    @classmethod
    def of(cls, row: Row) -> "BacktestHead":
        """From a row of the store, its JSON opened."""
        cutoffs = tuple(pd.Timestamp(text) for text in row["cutoffs"])
        return cls(**(row | {"made_at": pd.Timestamp(row["made_at"]), "cutoffs": cutoffs}))


class BacktestStore(Protocol):
    """The runs of a company. Methods raise EnvironmentFailure as ResultsStore's do."""

    def put(self, backtest: Backtest) -> int:
        """Store a run in one transaction and return its id; the rows of the one before go."""
        ...

    def newest(self) -> BacktestHead | None:
        """The newest run; None before the first."""
        ...

    def rows(self, backtest_id: int, filters: Mapping[str, str | None] | None = None) -> list[Row]:
        """The forecasts of the newest run that match the texts of `filters`, by scope and as-of.

        Empty for the id of an earlier run. Raises UsageError: filter-text.
        """
        ...


class MemoryBacktests:
    """Back-tests that live as long as the object: the reference."""

    def __init__(self) -> None:
        self._heads: list[BacktestHead] = []
        self._rows: list[Row] = []

    def put(self, backtest: Backtest) -> int:
        rows, backtest_id = backtest.rows(), len(self._heads) + 1
        head = backtest.head()
        head |= {name: json.loads(head[name]) for name in ("cutoffs", "metrics")}
        self._heads.append(BacktestHead.of({"backtest_id": backtest_id, **head}))
        self._rows = [dict(zip(rows.names, row, strict=True)) for row in rows.tuples()]
        return backtest_id

    def newest(self) -> BacktestHead | None:
        return self._heads[-1] if self._heads else None

    def rows(self, backtest_id: int, filters: Mapping[str, str | None] | None = None) -> list[Row]:
        wanted = check_filters(dict(filters or {})).items()
        held = self._rows if backtest_id == len(self._heads) else []
        found = [dict(row) for row in held if all(row[name] == value for name, value in wanted)]
        return sorted(found, key=lambda row: [row[name] for name in BACKTEST_FORECASTS.key])


class SqlBacktests(SqlPart):
    """Back-tests in the results database."""

    def put(self, backtest: Backtest) -> int:
        head, rows = backtest.head(), backtest.rows()
        with self._writing() as connection:
            one_writer(connection, BACKTESTS)  # so that ids count up in the order of commits
            last = connection.scalar(select(func.max(BACKTESTS.c.backtest_id)))
            backtest_id = int(last or 0) + 1
            connection.execute(insert(BACKTESTS), {"backtest_id": backtest_id, **head})
            connection.execute(delete(BACKTEST_ROWS))
            write(connection, BACKTEST_ROWS, backtest_id, rows)
        return backtest_id

    def newest(self) -> BacktestHead | None:
        last = select(BACKTESTS).order_by(BACKTESTS.c.backtest_id.desc()).limit(1)
        return next((BacktestHead.of(row) for row in self._read(last)), None)

    def rows(self, backtest_id: int, filters: Mapping[str, str | None] | None = None) -> list[Row]:
        wanted = check_filters(dict(filters or {})).items()
        columns = [BACKTEST_ROWS.c[name] for name in BACKTEST_FORECASTS.names]
        return self._read(
            select(*columns)
            .where(
                BACKTEST_ROWS.c.backtest_id == backtest_id,
                *(BACKTEST_ROWS.c[name] == value for name, value in wanted),
            )
            .order_by(*(BACKTEST_ROWS.c[name] for name in BACKTEST_FORECASTS.key))
        )
