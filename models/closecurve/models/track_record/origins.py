"""One origin of a track record: a forecast with its peers, and what came by component."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.crm.calendar import Period
from closecurve.models.forecast.inputs import known
from closecurve.models.forecast.rules import WEEK, WonAmounts, origins
from closecurve.models.scopes import COMPANY, Scopes
from closecurve.models.track_record.months import MonthlySmoothing

Floats = NDArray[np.float64]

NODE_KINDS = (COMPANY, "region", "team")
"""Scope kinds whose every scope is scored by itself; owners are too small for that."""

KINDS = (*NODE_KINDS, "owner")


def peer_column(name: str) -> str:
    """The column of a peer."""
    return f"peer_{name}"


def beside_peers(
    rows: pd.DataFrame,
    wins: pd.DataFrame,
    created: pd.DataFrame,
    period: Period,
    smoothing: MonthlySmoothing,
) -> pd.DataFrame:
    """Rows of a running period's forecast at one as-of, of `KINDS` only, with more columns.

    - `weeks_left`: whole weeks to the period's end, begun ones counted;
    - `open_actual`, `new_actual`: what deals known at the as-of, and later ones, brought after it:
      with `booked` they add up to `actual`;
    - one for each of `PEERS`; NaN where a peer has no history yet.

    `wins` and `created` are those of the forecast's own inputs (`RevenueFacts`).
    """
    told = rows[rows["scope_kind"].isin(KINDS)].reset_index(drop=True)
    as_of = pd.Timestamp(told["as_of"].iloc[0])
    scopes = Scopes(kinds=tuple(told["scope_kind"]), names=tuple(told["scope"]), chains={})
    came = _came(scopes, wins, created, period, as_of)
    peers = {
        peer_column(f"weighted_{rate}"): told["booked"]
        + told[f"weighted_pipeline_{rate}"].fillna(0.0)
        for rate in ("fixed", "history")
    }
    rules = _rules(scopes, wins, period, as_of, smoothing)
    weeks = int(np.ceil((period.end_at - as_of) / WEEK))
    return pd.concat([told.assign(weeks_left=weeks, **came, **peers), rules], axis=1)


def _came(
    scopes: Scopes,
    wins: pd.DataFrame,
    created: pd.DataFrame,
    period: Period,
    as_of: pd.Timestamp,
) -> dict[str, Floats]:
    """(scopes,) won in the period and not known at the as-of, by whether the deal was known."""
    closed = wins["closed_at"]
    later = wins[
        (closed >= period.start_at) & (closed < period.end_at) & (wins["known_at"] >= as_of)
    ]
    was_known = later["deal_id"].isin(known(created, as_of)["deal_id"])
    amount = later["amount_company"].fillna(0.0).to_numpy(dtype=np.float64)
    return {
        "open_actual": scopes.sums(later, amount * was_known.to_numpy()),
        "new_actual": scopes.sums(later, amount * ~was_known.to_numpy()),
    }


def _rules(
    scopes: Scopes,
    wins: pd.DataFrame,
    period: Period,
    as_of: pd.Timestamp,
    smoothing: MonthlySmoothing,
) -> pd.DataFrame:
    """(scopes, peers from won amounts) totals of the period."""
    grid = origins(period, as_of, smoothing.calendar, most=0)
    members = scopes.membership(wins).tocsr()
    found = []
    for place, scope in enumerate(zip(scopes.kinds, scopes.names, strict=True)):
        own = wins.iloc[np.sort(members[[place]].indices)]
        totals = won_totals(own, grid)
        if scope[0] in NODE_KINDS:
            totals["ets"] = totals["booked"] + smoothing.rest(scope, own, period, as_of)
        found.append(totals)
    made = pd.DataFrame(found).reindex(columns=["run_rate", "same_days", *_WHOLE, "ets"])
    return made.rename(columns=peer_column)


_WHOLE = {"last_quarter": "last_end", "last_year": "year_end"}
"""Peers that are the total of an earlier period, by the column of `origins` where that ended."""


def won_totals(wins: pd.DataFrame, grid: pd.DataFrame) -> dict[str, float]:
    """What the won amounts of a scope make of the period of today's origin, the first of `grid`.

    Never less than what is booked by then, which everybody sees; `booked` itself is in it.
    """
    today = grid.iloc[:1]
    won = WonAmounts.of(wins)
    booked = float(won.booked(today)[0])
    rests = won.rules(today).iloc[0]
    totals = {name: booked + rests[name] for name in ("run_rate", "same_days")}
    length = today["period_end"] - today["period_start"]
    for name, end in _WHOLE.items():
        start = today[end] - length
        is_seen = (start >= won.first_close_at).iloc[0]
        total = float(won.between(start, today[end], today["as_of"])[0])
        totals[name] = max(total, booked) if is_seen else np.nan
    return {"booked": booked, **{name: float(value) for name, value in totals.items()}}
