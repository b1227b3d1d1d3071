"""Results in a database: SQLite beside one service, PostgreSQL where several run."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    func,
    insert,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.exc import SQLAlchemyError

from closecurve.crm.errors import EnvironmentFailure
from closecurve.stores.results.backtests import SqlBacktests
from closecurve.stores.results.bulk import write
from closecurve.stores.results.columns import RESULT_TABLES
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
    Rows,
    unpacked,
)
from closecurve.stores.results.schema import PUBLICATIONS, TABLES, engine_of, one_writer, prepare
from closecurve.stores.results.snoozes import SqlSnoozes


class SqlResultsStore:
    """A results store at a database URL; makes its tables at the first use.

    See ResultsStore for the methods. Raises UsageError for a URL of another database, and
    EnvironmentFailure where it cannot be reached or its schema is of another release.
    """

    def __init__(self, url: str) -> None:
        self._engine = engine_of(url)
        with self._writing() as connection:
            prepare(connection)
        self.snoozes = SqlSnoozes(self._read, self._writing)
        self.backtests = SqlBacktests(self._read, self._writing)

    def publish(self, publication: Publication) -> int:
        head = publication.head()
        rows = {name: publication.rows(table) for name, table in RESULT_TABLES.items()}
        with self._writing() as connection:
            one_writer(connection, PUBLICATIONS)  # so that ids count up in the order of commits
            same = [PUBLICATIONS.c[name] == head[name] for name in CONTENT]
            existing = connection.scalar(select(PUBLICATIONS.c.publication_id).where(*same))
            if existing is not None:
                return int(existing)
            return _insert(connection, head, rows)

    def latest(self) -> PublicationHead | None:
        return next(iter(self.publications(limit=1)), None)

    def publications(self, limit: int = 100) -> list[PublicationHead]:
        check_limit(limit)
        newest = select(PUBLICATIONS).order_by(PUBLICATIONS.c.publication_id.desc()).limit(limit)
        return [PublicationHead.of(row) for row in self._read(newest)]

    def publication(self, publication_id: int) -> PublicationHead | None:
        wanted = select(PUBLICATIONS).where(PUBLICATIONS.c.publication_id == publication_id)
        return next((PublicationHead.of(row) for row in self._read(wanted)), None)

    def rows(
        self,
        publication_id: int,
        table: str,
        filters: Mapping[str, str | None] | None = None,
        columns: Sequence[str] | None = None,
    ) -> list[Row]:
        key = [TABLES[table].c[name] for name in RESULT_TABLES[table].key]
        wanted = _select(table, publication_id, filters or {}).order_by(*key)
        if columns is not None:
            wanted = wanted.with_only_columns(*(TABLES[table].c[name] for name in columns))
        return self._read(wanted)

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
        wanted = _in_order(_select(table, publication_id, filters), TABLES[table], ordered)
        rows: list[Row] = []
        for part in _parts_after(TABLES[table], position, ordered):
            if len(rows) <= limit:
                rows += self._read(wanted.where(part).limit(limit + 1 - len(rows)))
        return page_of(rows, publication_id, ordered, limit)

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
        return self._one("deal_scores", publication_id, {"deal_id": deal_id})

    def deal_history(
        self, deal_id: str, limit: int = 100, *, until: int | None = None
    ) -> list[Row]:
        check_limit(limit)
        check_filters({"deal_id": deal_id})
        scores = TABLES["deal_scores"]
        wanted = scores.c.deal_id == deal_id
        if until is not None:
            wanted = and_(wanted, scores.c.publication_id <= until)
        columns = [scores.c[name] for name in HISTORY_COLUMNS]
        return self._read(
            select(scores.c.publication_id, PUBLICATIONS.c.as_of, *columns)
            .join(PUBLICATIONS, PUBLICATIONS.c.publication_id == scores.c.publication_id)
            .where(wanted)
            .order_by(scores.c.publication_id.desc())
            .limit(limit)
        )

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
        return self._one("lead_scores", publication_id, {"lead_id": lead_id})

    def forecast(
        self,
        publication_id: int,
        scope_kind: str | None = None,
        scope: str | None = None,
        period_start: date | None = None,
    ) -> list[Row]:
        forecasts = TABLES["forecasts"].c
        filters = {"scope_kind": scope_kind, "scope": scope}
        wanted = _select("forecasts", publication_id, filters)
        if period_start is not None:
            wanted = wanted.where(forecasts.period_start == plain_day(period_start))
        order = (forecasts.period_start, forecasts.scope_kind, forecasts.scope)
        return self._read(wanted.order_by(*order))

    def funnel(self, publication_id: int, scope_kind: str, scope: str) -> list[Row]:
        funnel = TABLES["funnel"].c
        wanted = _select("funnel", publication_id, {"scope_kind": scope_kind, "scope": scope})
        order = (funnel.process, funnel.stage_order.nulls_last(), funnel.stage)
        return self._read(wanted.order_by(*order))

    def owner_facts(self, publication_id: int) -> list[Row]:
        wanted = _select("owner_facts", publication_id, {})
        rows = self._read(wanted.order_by(TABLES["owner_facts"].c.owner_id))
        return [unpacked(row) for row in rows]

    def account_facts(self, publication_id: int, account_id: str) -> Row | None:
        row = self._one("account_facts", publication_id, {"account_id": account_id})
        return None if row is None else unpacked(row)

    def counts(self, publication_id: int) -> dict[str, int]:
        numbers = [
            select(func.count())
            .where(table.c.publication_id == publication_id)
            .scalar_subquery()
            .label(name)
            for name, table in TABLES.items()
        ]
        return self._read(select(*numbers))[0]

    def close(self) -> None:
        self._engine.dispose()

    def _one(self, name: str, publication_id: int, key: dict[str, str | None]) -> Row | None:
        rows = self._read(_select(name, publication_id, key))
        return rows[0] if rows else None

    def _read(self, wanted: Select[Any]) -> list[Row]:
        with _translated(), self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(wanted).mappings()]

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with _translated(), self._engine.connect() as connection:
            writing = connection.execution_options(writing=True)
            with writing.begin():
                yield writing


@contextmanager
def _translated() -> Iterator[None]:
    """Any failure of the database as EnvironmentFailure: by class, as messages differ by disk."""
    try:
        yield
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        raise EnvironmentFailure(
            "results-failed",
            f"the results database does its work, got {type(cause).__name__}: {cause}",
        ) from error


def _insert(connection: Connection, head: Row, rows: Mapping[str, Rows]) -> int:
    newest = connection.scalar(select(func.max(PUBLICATIONS.c.publication_id)))
    publication_id = (newest or 0) + 1
    connection.execute(insert(PUBLICATIONS), {"publication_id": publication_id, **head})
    for name, table in TABLES.items():
        write(connection, table, publication_id, rows[name])
    # Ids have no gaps, so one publication loses its curves each time.
    for name in ("deal_scores", "lead_scores"):
        old = TABLES[name].c.publication_id == publication_id - CURVES_KEPT
        connection.execute(update(TABLES[name]).where(old).values(curve=None))
        # Without numbers on the new rows PostgreSQL sorts them all for one page.
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"ANALYZE {name}")
    return publication_id


def _select(name: str, publication_id: int, filters: Mapping[str, str | None]) -> Select[Any]:
    table = TABLES[name]
    columns = [table.c[column] for column in RESULT_TABLES[name].names]
    wanted = check_filters(dict(filters))
    return select(*columns).where(
        table.c.publication_id == publication_id,
        *(table.c[column] == value for column, value in wanted.items()),
    )


def _in_order(wanted: Select[Any], table: Table, order: Order) -> Select[Any]:
    column = table.c[order.column.name]
    direction = column.desc() if order.descending else column.asc()
    return wanted.order_by(direction.nulls_last(), table.c[order.key])


def _parts_after(
    table: Table, position: Position | None, order: Order
) -> list[ColumnElement[bool]]:
    """What follows the position, in stretches that each are one walk along an index."""
    column, key = table.c[order.column.name], table.c[order.key]
    if position is None:
        return [true()]
    if position.value is None:
        return [and_(column.is_(None), key > position.key)]
    value = position.value
    reach = column <= value if order.descending else column >= value
    return [and_(reach, or_(column != value, key > position.key)), column.is_(None)]
