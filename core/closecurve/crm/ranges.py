"""How an import is cut into ranges, each small enough for memory: all rows of some ids together."""

from dataclasses import dataclass

RANGE_CELLS = 250_000
"""About so many values are held as frames at a time; the rows of one id always stay together."""

MOST_ROW_CELLS = 50
"""A wider row counts as no more: a range costs its time per column, and has some 5,000 rows."""


def row_cells(width: int) -> int:
    """How many values a row of so many columns counts as, where ranges are cut.

    >>> row_cells(8), row_cells(150)
    (8, 50)
    """
    return min(width, MOST_ROW_CELLS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Tables that are cut alike, by the id `key`; without one they are one range.

    A row that has the id `unless` belongs to another cut, and so does one without a key where
    `everyone` is false.
    """

    name: str
    tables: tuple[str, ...]
    key: str | None = None
    unless: str | None = None
    everyone: bool = True


CUTS = (
    Cut(name="deals", tables=("deals", "deal_changes"), key="deal_id"),
    Cut(name="leads", tables=("leads", "lead_changes"), key="lead_id"),
    Cut(name="of_leads", tables=("activities",), key="lead_id", unless="deal_id"),
    Cut(name="of_deals", tables=("activities",), key="deal_id", everyone=False),
    Cut(name="accounts", tables=("accounts",), key="account_id"),
    Cut(name="others", tables=("owners", "targets", "fx_rates")),
)
"""Every canonical table. Activities come after the deals and leads that they are held against, and
in the order of their table in a history: those of leads alone first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdRange:
    """The rows of a cut whose ids lie from `first` on and before `end`; None is no bound.

    Ids are ordered by their code points, as DuckDB, Arrow and Python order text.
    """

    cut: Cut
    number: int = 0
    first: str | None = None
    end: str | None = None
