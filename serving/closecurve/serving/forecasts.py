"""The forecast as the API and the page read it, and what if."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from closecurve.serving.problems import Problem
from closecurve.stores.results import PublicationHead, ResultsStore

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


Row = Mapping[str, Any]
COMPANY = "company"
QUARTER = "quarter"
LEVELS = {"q05": 0.05, "q10": 0.1, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q90": 0.9, "q95": 0.95}


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A scope of the company: its kind and its name."""

    kind: str = COMPANY
    name: str = COMPANY

    @property
    def address(self) -> str:
        """What an address says of it: `kind:name`, nothing of the company."""
        return "" if self == Node() else f"{self.kind}:{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is asked: deals that are not won or that slip by a quarter, by id, the biggest of the
    scope among them or not; last year's win rates; more reps."""

    without: tuple[str, ...] = ()
    slipped: tuple[str, ...] = ()
    without_biggest: bool = False
    last_year_win_rates: bool = False
    more_reps: int = 0

    @property
    def is_none(self) -> bool:
        """Whether nothing is asked to be otherwise."""
        return self == Change()


def read_rows(
    results: ResultsStore,
    head: PublicationHead,
    *,
    period_kind: str,
    scope_kind: str | None = None,
    scope: str | None = None,
    period_start: date | None = None,
) -> list[Row]:
    """The forecasts of one kind of period, by period, scope kind and scope.

    A publication of an earlier release has quarters only, without weights and categories.
    """
    filters = {"scope_kind": scope_kind, "scope": scope}
    if period_kind == QUARTER:
        found = results.rows(head.publication_id, "forecasts", filters)
    else:
        filters["period_kind"] = period_kind
        found = results.rows(head.publication_id, "period_forecasts", filters)
    rows = [{**row, "period_kind": row["period_kind"] or QUARTER} for row in found]
    wanted = [row for row in rows if period_start in (None, row["period_start"])]
    return sorted(
        wanted, key=lambda row: (row["period_start"], _rank(row["scope_kind"]), row["scope"])
    )


def _rank(kind: str) -> tuple[bool, str]:
    return kind != COMPANY, kind


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WhatIfRead:
    """A forecast row beside the same with a change: `before` and `after` hold the mean, the
    quantiles and the target's probability."""

    row: Row
    without: Sequence[str]
    slipped: Sequence[str]
    win_rate_ratio: float
    before: Row
    after: Row


def read_what_if(
    results: ResultsStore, head: PublicationHead, node: Node, row: Row, change: Change
) -> WhatIfRead:
    """The period of a forecast row with a change, from the draws that were published.

    Raises Problem `not-found` where the publication holds no basis, and UsageError `what-if-deal`
    for a deal that is not open.
    """
    # Drawing needs NumPy's friends, which no other answer does.
    from closecurve.models.forecast.published import PublishedBasis
    from closecurve.models.forecast.what_if import WhatIf, answer, biggest

    basis = next(iter(results.rows(head.publication_id, "forecast_basis")), None)
    if basis is None:
        raise Problem("not-found")
    published = PublishedBasis.from_json(basis["content"])
    scope, period = (node.kind, node.name), row["period_name"]
    top = biggest(published, scope, period) if change.without_biggest else None
    without = (*change.without, *([top] if top is not None else []))
    what_if = WhatIf(
        without=frozenset(without),
        slipped=frozenset(change.slipped),
        win_rates_of_last_year=change.last_year_win_rates,
        more_reps=change.more_reps,
    )
    made = answer(published, what_if, scope, period, row["booked"])
    return WhatIfRead(
        row=row,
        without=sorted(set(without)),
        slipped=sorted(set(change.slipped)),
        win_rate_ratio=published.win_rate_ratio,
        before=_spread(made.before, row),
        after=_spread(made.after, row),
    )


def _spread(totals: "NDArray[np.float64]", row: Row) -> Row:
    import numpy as np

    from closecurve.models.forecast.totals import reached

    target = np.array([np.nan if row["target"] is None else row["target"]])
    chance = float(reached(totals[None, :], np.array([row["booked"]]), target)[0])
    found = np.quantile(totals, list(LEVELS.values())).tolist()
    return {
        "mean": float(totals.mean()),
        **dict(zip(LEVELS, found, strict=True)),
        "target_probability": None if np.isnan(chance) else chance,
    }
