"""What every results store can do; one contract test runs on each of them."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Protocol

from closecurve.stores.results.backtests import BacktestStore
from closecurve.stores.results.paging import Page
from closecurve.stores.results.publication import Publication, PublicationHead, Row
from closecurve.stores.results.snoozes import SnoozeStore


class ResultsStore(Protocol):
    """Publications, written whole and read by their id.

    A reader asks for `latest()` once and passes its `publication_id` on: all that it then reads
    belongs together, whatever is published meanwhile. An id that is not there reads as empty.
    Every method raises EnvironmentFailure where the store cannot be reached or refuses.
    """

    @property
    def backtests(self) -> BacktestStore:
        """How forecasts came out at past origins, whatever is published."""
        ...

    @property
    def snoozes(self) -> SnoozeStore:
        """The deals whose flags are put off, whatever is published."""
        ...

    def publish(self, publication: Publication) -> int:
        """Store it in one transaction and return its id.

        Content that is there already (the same as_of, history_id and bundle_digest) changes nothing
        and gives the id it has. Raises UsageError for values that are not of their column's kind.
        """
        ...

    def latest(self) -> PublicationHead | None:
        """The newest publication; None before the first."""
        ...

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
        """Deals of one page, all columns; `after` is a `next_cursor`.

        Raises UsageError: order-unknown, limit-range, cursor-invalid, filter-text.
        """
        ...

    def deal(self, publication_id: int, deal_id: str) -> Row | None:
        """One deal with all columns; None where it has no score."""
        ...

    def deal_history(
        self, deal_id: str, limit: int = 100, *, until: int | None = None
    ) -> list[Row]:
        """The deal in earlier publications, newest first, up to the publication `until`.

        Rows have publication_id, as_of, stage, amount, currency, win_probability_eventual and
        win_probability_quarter.
        """
        ...

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
        """Leads of one page; as `deals`."""
        ...

    def lead(self, publication_id: int, lead_id: str) -> Row | None:
        """One lead with all columns; None where it has no score."""
        ...

    def forecast(
        self,
        publication_id: int,
        scope_kind: str | None = None,
        scope: str | None = None,
        period_start: date | None = None,
    ) -> list[Row]:
        """Forecasts by period, scope kind and scope, as far as they are asked for."""
        ...

    def funnel(self, publication_id: int, scope_kind: str, scope: str) -> list[Row]:
        """The funnel of one scope by process and stage order."""
        ...

    def owner_facts(self, publication_id: int) -> list[Row]:
        """The facts of every owner, with owner_id, by owner_id; instants are ISO text."""
        ...

    def account_facts(self, publication_id: int, account_id: str) -> Row | None:
        """The facts of one account, with account_id; None where there are none."""
        ...

    def publications(self, limit: int = 100) -> list[PublicationHead]:
        """The heads of the newest publications, newest first. Raises UsageError: limit-range."""
        ...

    def publication(self, publication_id: int) -> PublicationHead | None:
        """One head; None where there is none of that id."""
        ...

    def rows(
        self,
        publication_id: int,
        table: str,
        filters: Mapping[str, str | None] | None = None,
        columns: Sequence[str] | None = None,
    ) -> list[Row]:
        """All rows of a table of `RESULT_TABLES` that match the texts of `filters`, by its key.

        A filter of None lets everything through; `columns` None asks for all of them. Raises
        UsageError: filter-text.
        """
        ...

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
        """One page of a table whose key is one column; as `deals`."""
        ...

    def counts(self, publication_id: int) -> dict[str, int]:
        """Rows of each table of the publication."""
        ...

    def close(self) -> None:
        """Let go of connections; the store is not used after."""
        ...
