"""The reference: what a results store answers, in the plainest way, in memory."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from closecurve.stores.results.backtests import MemoryBacktests
from closecurve.stores.results.columns import (
    ACCOUNT_FACTS,
    DEAL_SCORES,
    FORECASTS,
    FUNNEL,
    LEAD_SCORES,
    OWNER_FACTS,
    RESULT_TABLES,
    Kind,
    ResultTable,
)
from closecurve.stores.results.paging import (
    Order,
    Page,
    Position,
    check_filters,
    check_limit,
    order_of,
    page_of,
    plain_day,
    position_of,
)
from closecurve.stores.results.publication import (
    CONTENT,
    CURVES_KEPT,
    HISTORY_COLUMNS,
    Publication,
    PublicationHead,
    Row,
    unpacked,
)
from closecurve.stores.results.snoozes import MemorySnoozes


class MemoryResultsStore:
    """A results store that lives as long as the object; see ResultsStore for its methods."""

    def __init__(self) -> None:
        self._heads: list[Row] = []
        self._tables: list[dict[str, list[Row]]] = []
        self.snoozes = MemorySnoozes()
        self.backtests = MemoryBacktests()

    def publish(self, publication: Publication) -> int:
        head = publication.head()
        tables = {
            name: [
                dict(zip(table.names, row, strict=True)) for row in publication.rows(table).tuples()
            ]
            for name, table in RESULT_TABLES.items()
        }
        for number, earlier in enumerate(self._heads, 1):
            if all(earlier[name] == head[name] for name in CONTENT):
                return number
        self._heads.append(head)
        self._tables.append(tables)
        self._drop_old_curves()
        return len(self._heads)

    def latest(self) -> PublicationHead | None:
        return self.publication(len(self._heads))

    def publications(self, limit: int = 100) -> list[PublicationHead]:
        check_limit(limit)
        newest = range(len(self._heads), 0, -1)
        return [head for number in newest[:limit] if (head := self.publication(number))]

    def publication(self, publication_id: int) -> PublicationHead | None:
        if not 1 <= publication_id <= len(self._heads):
            return None
        head = self._heads[publication_id - 1]
        opened = {**head, "summary": json.loads(head["summary"])}
        return PublicationHead.of({"publication_id": publication_id, **opened})

    def rows(
        self,
        publication_id: int,
        table: str,
        filters: Mapping[str, str | None] | None = None,
        columns: Sequence[str] | None = None,
    ) -> list[Row]:
        found = self._rows(RESULT_TABLES[table], publication_id, dict(filters or {}))
        ordered = _sorted(found, RESULT_TABLES[table].key)
        kept = RESULT_TABLES[table].names if columns is None else columns
        return [{name: row[name] for name in kept} for row in ordered]

    def page(
        self,
        publication_id: int,
        table: str,
        filters: Mapping[str, str | None],
        *,
        order: str,
        after: str | None = None,
        limit: int = 50,
    ) -> Page:
        check_limit(limit)
        ordered = order_of(order, RESULT_TABLES[table])
        position = position_of(after, publication_id, ordered)
        rows = _in_order(self._rows(RESULT_TABLES[table], publication_id, dict(filters)), ordered)
        left = [row for row in rows if _is_after(row, position, ordered)]
        return page_of(left[: limit + 1], publication_id, ordered, limit)

    def deals(
        self,
        publication_id: int,
        *,
        owner_id: str | None = None,
        team: str | None = None,
        stage: str | None = None,
        order: str = "-win_probability_quarter",
        after: str | None = None,
        limit: int = 50,
    ) -> Page:
        filters = {"owner_id": owner_id, "team": team, "stage": stage}
        return self.page(
            publication_id, "deal_scores", filters, order=order, after=after, limit=limit
        )

    def deal(self, publication_id: int, deal_id: str) -> Row | None:
        return _first(self._rows(DEAL_SCORES, publication_id, {"deal_id": deal_id}))

    def deal_history(
        self, deal_id: str, limit: int = 100, *, until: int | None = None
    ) -> list[Row]:
        check_limit(limit)
        newest = len(self._heads) if until is None else min(until, len(self._heads))
        history = []
        for number in range(newest, 0, -1):
            row = self.deal(number, deal_id)
            if row is not None:
                kept = {name: row[name] for name in HISTORY_COLUMNS}
                as_of = self._heads[number - 1]["as_of"]
                history.append({"publication_id": number, "as_of": as_of, **kept})
        return history[:limit]

    def leads(
        self,
        publication_id: int,
        *,
        grade: str | None = None,
        owner_id: str | None = None,
        order: str = "queue_rank",
        after: str | None = None,
        limit: int = 50,
    ) -> Page:
        filters = {"grade": grade, "owner_id": owner_id}
        return self.page(
            publication_id, "lead_scores", filters, order=order, after=after, limit=limit
        )

    def lead(self, publication_id: int, lead_id: str) -> Row | None:
        return _first(self._rows(LEAD_SCORES, publication_id, {"lead_id": lead_id}))

    def forecast(
        self,
        publication_id: int,
        scope_kind: str | None = None,
        scope: str | None = None,
        period_start: date | None = None,
    ) -> list[Row]:
        filters = {"scope_kind": scope_kind, "scope": scope}
        rows = self._rows(FORECASTS, publication_id, filters)
        if period_start is not None:
            rows = [row for row in rows if row["period_start"] == plain_day(period_start)]
        return _sorted(rows, ("period_start", "scope_kind", "scope"))

    def funnel(self, publication_id: int, scope_kind: str, scope: str) -> list[Row]:
        filters: dict[str, str | None] = {"scope_kind": scope_kind, "scope": scope}
        rows = self._rows(FUNNEL, publication_id, filters)
        return _sorted(rows, ("process", "stage_order", "stage"))

    def owner_facts(self, publication_id: int) -> list[Row]:
        rows = self._rows(OWNER_FACTS, publication_id, {})
        return [unpacked(row) for row in _sorted(rows, ("owner_id",))]

    def account_facts(self, publication_id: int, account_id: str) -> Row | None:
        row = _first(self._rows(ACCOUNT_FACTS, publication_id, {"account_id": account_id}))
        return None if row is None else unpacked(row)

    def counts(self, publication_id: int) -> dict[str, int]:
        tables = self._of(publication_id)
        return {name: len(tables.get(name, [])) for name in RESULT_TABLES}

    def close(self) -> None:
        self._heads, self._tables = [], []

    def _of(self, publication_id: int) -> dict[str, list[Row]]:
        known = 1 <= publication_id <= len(self._tables)
        return self._tables[publication_id - 1] if known else {}

    def _rows(
        self, table: ResultTable, publication_id: int, filters: dict[str, str | None]
    ) -> list[Row]:
        wanted = check_filters(filters).items()
        rows = self._of(publication_id).get(table.name, [])
        return [
            _opened(row, table) for row in rows if all(row[name] == value for name, value in wanted)
        ]

    def _drop_old_curves(self) -> None:
        for tables in self._tables[:-CURVES_KEPT]:
            for name in ("deal_scores", "lead_scores"):
                tables[name] = [{**row, "curve": None} for row in tables[name]]


def _first(rows: Sequence[Row]) -> Row | None:
    return rows[0] if rows else None


def _opened(row: Row, table: ResultTable) -> Row:
    """A copy with JSON cells read anew, so that no caller can change what is stored."""
    texts = [c.name for c in table.columns if c.kind is Kind.JSON and row[c.name] is not None]
    return {**row, **{name: json.loads(row[name]) for name in texts}}


def _sorted(rows: Iterable[Row], names: tuple[str, ...]) -> list[Row]:
    """By the columns, a gap last."""
    return sorted(rows, key=lambda row: [(row[name] is None, row[name] or 0) for name in names])


def _in_order(rows: list[Row], order: Order) -> list[Row]:
    name = order.column.name
    by_key = sorted(rows, key=lambda row: row[order.key])
    known = [row for row in by_key if row[name] is not None]
    gaps = [row for row in by_key if row[name] is None]
    return sorted(known, key=lambda row: row[name], reverse=order.descending) + gaps


def _is_after(row: Row, position: Position | None, order: Order) -> bool:
    if position is None:
        return True
    value: Any = row[order.column.name]
    if value == position.value:
        return bool(row[order.key] > position.key)
    if value is None or position.value is None:
        return value is None
    return bool(value < position.value if order.descending else value > position.value)
