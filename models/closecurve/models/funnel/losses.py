"""Why deals are lost: by the stage they were lost in, the owner, and what attributes say."""

from collections.abc import Iterator, Sequence

import pandas as pd

from closecurve.models.funnel.measures import EVERY
from closecurve.models.funnel.stages import SCOPE, by_scope, wilson
from closecurve.models.scopes import COMPANY

COLUMNS = (
    *(*SCOPE, "process", "dimension", "value"),
    *("lost_count", "lost_amount", "share", "share_low", "share_high"),
)
UNTOLD = "(not told)"
"""The value of deals of which the history does not say it."""

MOST_VALUES = 12
OTHERS = "(others)"
"""The value of all those beyond the first twelve of a dimension: a longer list is read by nobody,
and free text would be one value a deal."""


def losses(lost: pd.DataFrame, dimensions: Sequence[str], kinds: Sequence[str]) -> pd.DataFrame:
    """The lost deals by scope, process and value of each dimension, in the columns `COLUMNS`.

    `lost`: deal_id, process, stage (the last open one), amount_company, owner_id, team, region, and
    the columns of `dimensions`; null is `UNTOLD`. share is of the lost deals of that scope, process
    and dimension, with its 95 % interval (Wilson). Over all processes, and by each where there are
    several.
    """
    several = lost["process"].nunique() > 1
    both = [lost.assign(process=EVERY), *([lost] if several else [])]
    rows = pd.concat([by_scope(part, [COMPANY, *kinds]) for part in both], ignore_index=True)
    found = [table for name in dimensions for table in _by_value(rows, name)]
    if not found:
        return pd.DataFrame(columns=list(COLUMNS))
    return pd.concat(found, ignore_index=True)[list(COLUMNS)]


def _by_value(rows: pd.DataFrame, dimension: str) -> Iterator[pd.DataFrame]:
    """Nothing where no deal has a value."""
    if rows[dimension].isna().all():
        return
    told = rows[dimension].astype("str").fillna(UNTOLD)
    common = told.value_counts().index[:MOST_VALUES]
    keys = [*SCOPE, "process"]
    plain = rows.astype(dict.fromkeys(keys, "str")).assign(
        value=told.where(told.isin(common), OTHERS)
    )
    found = plain.groupby([*keys, "value"])["amount_company"].agg(["size", "sum"]).reset_index()
    whole = found.groupby(keys)["size"].transform("sum")
    share = found["size"] / whole
    low, high = wilson(share.to_numpy(), whole.to_numpy())
    named = found.rename(columns={"size": "lost_count", "sum": "lost_amount"})
    yield named.assign(dimension=dimension, share=share, share_low=low, share_high=high)
