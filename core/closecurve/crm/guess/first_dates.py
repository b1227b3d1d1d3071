"""When a record was made, where no name of a column tells: the first date of nearly every row."""

from collections.abc import Collection, Mapping
from typing import Final

import pandas as pd

from closecurve.crm.guess.formats import LEAST_DATES, date_share
from closecurve.crm.guess.seen import SeenTable
from closecurve.crm.values import read_instants

LEAST_SHARE: Final = 0.98
"""Share of the rows that such a column is filled on, and on which it is not after another date."""


def first_date(
    table: SeenTable, taken: Collection[str], planned: Collection[str] = ()
) -> str | None:
    """The date column that is filled on nearly every row and hardly ever a later day than another.

    None where no column, or more than one, is such. Columns that are `taken` mean something else;
    those that are `planned` may lie before anything.
    """
    days = {
        name: read_instants(table.rows[name], table.written).dt.normalize()
        for name in table.columns
        if name not in planned and date_share(table.text(name)) >= LEAST_DATES
    }
    found = [name for name in days if name not in taken and _comes_first(name, days)]
    return found[0] if len(found) == 1 else None


def _comes_first(name: str, days: Mapping[str, pd.Series]) -> bool:
    own = days[name]
    both = [(own, other.dropna()) for each, other in days.items() if each != name]
    is_late = [float((mine[there.index] > there).mean()) for mine, there in both if len(there)]
    return bool(own.notna().mean() >= LEAST_SHARE) and max(is_late, default=0.0) <= 1 - LEAST_SHARE
