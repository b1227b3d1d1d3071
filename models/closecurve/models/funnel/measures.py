"""The metrics of whole funnels: by scope, process and period.

Every function gives long rows: the keys of `KEYS`, metric, value, low, high (null where the metric
has no interval) and count (the records that the value rests on). What each metric means is declared
in `declared`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import chi2
from scipy.stats import t as student

from closecurve.crm.calendar import Period
from closecurve.models.funnel.quantiles import duration_quantiles
from closecurve.models.funnel.stages import (
    FUNNEL_SCOPES,
    SCOPE,
    conversion,
    dwell,
    repeated,
    wilson,
)
from closecurve.models.scopes import COMPANY, present_kinds
from closecurve.models.spans import days_of
from closecurve.models.stage_rates import FAILED, LOST, SUCCEEDED, WON, shares

EVERY = "(all)"
"""The process, or the stage, of a row that is of all of them together."""

KEYS = [*SCOPE, "process", "period"]
VALUES = ["metric", "value", "low", "high", "count"]
COLUMNS = (*KEYS, "period_start", "period_end", "stage", *VALUES)

LEAST_DECIDED = 0.5
"""Of a cohort less than half decided, only the quick ends are known: nothing is said."""

OWNERS = ["owner_id", "team", "region"]
ENTERED = [
    *("process", "stage", "entered_at", "left_at", "next", "moved_cause", "moved_days"),
    *OWNERS,
]

CYCLES = {"cycle_q50_days": 0.5, "cycle_q80_days": 0.8}
DAYS_A_WEEK = 7.0
TAIL = 0.025


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FunnelFacts:
    """What whole funnels are measured by, all of it known before `as_of`.

    `deals`: every open and closed deal, with deal_id, process, created_at, closed_at, outcome (both
    null while open), amount_company, owner_id, team, region. `passages`: see `stage_rates`;
    `entered`: its `entries` of all time. `due`: the deals that were due in a period as it began,
    with process, due_at (in that period) and has_slipped. `periods` may overlap; `year` is the one
    of the past 365 days.
    """

    deals: pd.DataFrame
    passages: pd.DataFrame
    entered: pd.DataFrame
    due: pd.DataFrame
    periods: Sequence[Period]
    year: Period
    as_of: pd.Timestamp


def measures(facts: FunnelFacts) -> pd.DataFrame:
    """All metrics that facts alone tell, in the columns `COLUMNS`.

    Metrics of a funnel are given for all processes together (`EVERY`), and for each where there are
    several; those of stages for each process. Owners are measured over the year only.
    """
    found = pd.concat([*_of_funnels(facts), *_of_stages(facts)], ignore_index=True)
    found = found.dropna(subset="value")
    return dated(found, (*facts.periods, facts.year))


def dated(rows: pd.DataFrame, periods: Sequence[Period]) -> pd.DataFrame:
    """The rows with the days of their periods, in the columns `COLUMNS`."""
    starts = {period.name: pd.Timestamp(period.start_date) for period in periods}
    ends = {period.name: pd.Timestamp(period.end_date) for period in periods}
    dates = {"period_start": rows["period"].map(starts), "period_end": rows["period"].map(ends)}
    stage = rows["stage"].fillna(EVERY) if "stage" in rows else EVERY
    return rows.assign(**dates, stage=stage)[list(COLUMNS)]


def _of_funnels(facts: FunnelFacts) -> Iterator[pd.DataFrame]:
    closed = _spread(facts, facts.deals, "closed_at", ["outcome", "amount_company"])
    created = _spread(facts, facts.deals, "created_at", ["closed_at", "outcome"])
    yield _counts(closed, WON, "won_count")
    yield _counts(closed, LOST, "lost_count")
    yield _won_amounts(closed)
    yield _share(closed.assign(hit=closed["outcome"] == WON), "win_rate_closed")
    yield _win_rate_created(created, facts.as_of)
    yield from _cycles(created, facts.as_of)
    yield _moves(_spread(facts, _forward(facts.passages), "left_at", []), facts)
    due = _spread(facts, facts.due, "due_at", ["has_slipped"])
    yield _share(due.assign(hit=due["has_slipped"]), "slippage_rate")


def _of_stages(facts: FunnelFacts) -> Iterator[pd.DataFrame]:
    """Conversion and dwell of the quarters; those of the year stand in the funnel itself."""
    keys = [*KEYS, "stage"]
    parts = [_entered_in(facts, period) for period in facts.periods]
    entered = pd.concat(parts, ignore_index=True)
    if len(entered):
        yield _conversions(conversion(entered, keys))
        yield from _dwells(dwell(entered, facts.as_of, keys), entered.groupby(keys).size())


def _entered_in(facts: FunnelFacts, period: Period) -> pd.DataFrame:
    """The first entries of one period by scope, without owners; each of its own process."""
    at = facts.entered["entered_at"]
    inside = facts.entered.loc[(at >= period.start_at) & (at < period.end_at), ENTERED]
    spread = repeated(inside, [kind for kind in _kinds(facts) if kind != "owner"])
    return spread.astype(dict.fromkeys([*SCOPE, "process", "stage"], "str")).assign(
        period=period.name
    )


def _conversions(found: pd.DataFrame) -> pd.DataFrame:
    named = {"conversion_rate": "value", "conversion_low": "low", "conversion_high": "high"}
    rated = found.rename(columns={**named, "decided_count": "count"})
    rated = rated.assign(metric="conversion_rate").drop(columns="entered_count")
    entered = found[[*KEYS, "stage"]].assign(
        metric="entered_count", value=found["entered_count"].astype("float64")
    )
    return pd.concat([rated, entered], ignore_index=True)


def _dwells(found: pd.DataFrame, counts: "pd.Series[int]") -> Iterator[pd.DataFrame]:
    counted = found.join(counts.rename("count"), on=[*KEYS, "stage"])
    for name in ("dwell_q50_days", "dwell_q80_days"):
        yield _quantile(counted, name, [*KEYS, "stage"])


def _kinds(facts: FunnelFacts) -> tuple[str, ...]:
    present = present_kinds([facts.deals])
    return (COMPANY, *(kind for kind in FUNNEL_SCOPES if kind in present))


def _spread(
    facts: FunnelFacts, rows: pd.DataFrame, at: str, columns: Sequence[str]
) -> pd.DataFrame:
    """Each row once for every scope, process and period that it belongs to by its instant `at`."""
    several = rows["process"].nunique() > 1
    narrow = rows[["process", at, *columns, *OWNERS]]
    in_processes = [narrow.assign(process=EVERY), *([narrow] if several else [])]
    parts = []
    for period in (*facts.periods, facts.year):
        kinds = [kind for kind in _kinds(facts) if kind != "owner" or period is facts.year]
        for part in in_processes:
            inside = part[(part[at] >= period.start_at) & (part[at] < period.end_at)]
            parts.append(repeated(inside.assign(stage=EVERY), kinds).assign(period=period.name))
    found = pd.concat(parts, ignore_index=True)
    return found.astype(dict.fromkeys(KEYS, "str"))


def _counts(closed: pd.DataFrame, outcome: str, metric: str) -> pd.DataFrame:
    hit = (closed["outcome"] == outcome).astype("float64")
    found = hit.groupby([closed[key] for key in KEYS]).agg(["sum", "size"]).reset_index()
    return found.rename(columns={"sum": "value", "size": "count"}).assign(metric=metric)


def _won_amounts(closed: pd.DataFrame) -> pd.DataFrame:
    """The sum and the mean of the amounts won."""
    won = closed[(closed["outcome"] == WON) & closed["amount_company"].notna()]
    found = won.groupby(KEYS)["amount_company"].agg(["sum", "mean", "sem", "size"]).reset_index()
    half = found["sem"] * student.ppf(1 - TAIL, np.maximum(found["size"] - 1, 1))
    named = found[KEYS].assign(count=found["size"])
    mean = named.assign(
        metric="won_amount_mean",
        value=found["mean"],
        low=(found["mean"] - half).clip(lower=0.0),
        high=found["mean"] + half,
    )
    return pd.concat([mean, named.assign(metric="won_amount", value=found["sum"])])


def _share(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The share of rows with `hit`."""
    hit = rows["hit"].astype("float64")
    found = hit.groupby([rows[key] for key in KEYS]).agg(["mean", "size"]).reset_index()
    low, high = wilson(found["mean"].to_numpy(), found["size"].to_numpy())
    named = found.rename(columns={"mean": "value", "size": "count"})
    return named.assign(metric=metric, low=low, high=high)


def _followed(created: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    days = days_of(created["closed_at"].fillna(as_of) - created["created_at"])
    cause = np.select([created["outcome"] == WON, created["outcome"] == LOST], [SUCCEEDED, FAILED])
    return created.assign(won_cause=cause, won_days=np.maximum(days, 0.0))


def _win_rate_created(created: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    found = shares(_followed(created, as_of), KEYS, "won")
    found = found[found["ended_count"] >= LEAST_DECIDED * found["entered_count"]]
    low, high = wilson(found["share"].to_numpy(), found["ended_count"].to_numpy())
    named = found.rename(columns={"share": "value", "ended_count": "count"})
    return named.drop(columns="entered_count").assign(metric="win_rate_created", low=low, high=high)


def _cycles(created: pd.DataFrame, as_of: pd.Timestamp) -> Iterator[pd.DataFrame]:
    followed = _followed(created, as_of)
    decided = (followed["won_cause"] > 0).groupby([followed[key] for key in KEYS])
    known = decided.transform("mean") >= LEAST_DECIDED
    followed = followed[known]
    found = duration_quantiles(
        followed[KEYS],
        followed["won_days"].to_numpy(),
        followed["won_cause"].to_numpy(dtype=np.intp),
        CYCLES,
        SUCCEEDED,
    ).rename(columns={"ended_count": "count"})
    for name in CYCLES:
        yield _quantile(found, name, KEYS)


def _quantile(found: pd.DataFrame, name: str, keys: Sequence[str]) -> pd.DataFrame:
    named = {name: "value", f"{name}_low": "low", f"{name}_high": "high"}
    rows = found[[*keys, *named, "count"]].rename(columns=named)
    return rows.assign(metric=name)


def _forward(passages: pd.DataFrame) -> pd.DataFrame:
    """The stays that ended in a later stage or in a win."""
    orders = passages[["process", "stage", "stage_order"]].drop_duplicates(["process", "stage"])
    onward = orders.rename(columns={"stage": "next", "stage_order": "next_order"})
    joined = passages.merge(onward, on=["process", "next"], how="left")
    return joined[(joined["next"] == WON) | (joined["next_order"] > joined["stage_order"])]


def _moves(forward: pd.DataFrame, facts: FunnelFacts) -> pd.DataFrame:
    """Moves a week; an exact Poisson interval (Garwood, 1936)."""
    weeks = {
        period.name: (min(period.end_at, facts.as_of) - period.start_at)
        / pd.Timedelta(days=DAYS_A_WEEK)
        for period in (*facts.periods, facts.year)
    }
    found = forward.groupby(KEYS).size().rename("count").reset_index()
    count, length = found["count"], found["period"].map(weeks).astype("float64")
    return found.assign(
        metric="moves_a_week",
        value=count / length,
        low=chi2.ppf(TAIL, 2 * count) / 2 / length,
        high=chi2.ppf(1 - TAIL, 2 * (count + 1)) / 2 / length,
    )
