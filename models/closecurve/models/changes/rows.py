"""The moves of a change as plain rows, for tables, files and the API."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from closecurve.models.changes.pipeline import Changes

Row = Mapping[str, Any]

TOLD_OF_A_DEAL = ("owner_id", "team", "stage")
"""What is said of a deal beside its move."""


def kind_rows(changes: "Changes") -> list[Row]:
    """kind, effect and deal_count (0: of no single deal) in the order of a waterfall."""
    found = changes.moves.groupby("kind", sort=False)
    return [
        {
            "kind": str(kind),
            "effect": float(rows["effect"].sum()),
            "deal_count": int(rows["deal_id"].notna().sum()),
        }
        for kind, rows in found
    ]


def move_rows(changes: "Changes", before: pd.DataFrame, after: pd.DataFrame) -> list[Row]:
    """The moves, the largest first, with owner, team and stage of the deal and `is_open` at the
    end.

    `before` and `after` are the open deals of the two standings; the later one's word counts.
    """
    both = pd.concat([before, after]).drop_duplicates("deal_id", keep="last")
    known = both.set_index("deal_id").reindex(columns=list(TOLD_OF_A_DEAL))
    known = known.assign(is_open=known.index.isin(after["deal_id"]))
    told = changes.moves.join(known, on="deal_id")
    order = (-told["effect"].abs()).sort_values(kind="stable").index
    plain = told.loc[order].astype(object)
    rows = plain.where(plain.notna(), None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]
