"""The forecast of the running and the next quarter, put together from curves and history."""

from collections.abc import Sequence
from dataclasses import dataclass

import ibis
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.crm.calendar import FiscalCalendar, Period
from closecurve.features.facts import closes
from closecurve.features.money import with_company_rate
from closecurve.features.selected import FeatureSelection
from closecurve.features.subjects import DEAL
from closecurve.features.tables import HistoryTables
from closecurve.models.forecast.inputs import (
    ForecastInputs,
    rest_days,
    win_probability_between,
)
from closecurve.models.forecast.rules import origins, past_origins, period_at
from closecurve.models.forecast.totals import expected_rest, forecast
from closecurve.models.held_back import Curves
from closecurve.pipelines.fitting import Fitted
from closecurve.pipelines.panels import open_rows, snapshots

DEAL_COLUMNS = ("deal_id", "owner_id", "team", "region", "amount_company", "expected_close_date")
RATE_COLUMNS = ("stage_rate_fixed", "stage_rate_history")

AMOUNT_RATIO_BOUNDS = (0.1, 10.0)
"""A win at a tenth or ten times the open amount is taken as a mistyped amount, not as a habit."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RevenueFacts:
    """What the forecast reads of the history besides open deals; made once per as-of.

    `wins` are the wins that stood at the as-of, and those that became known after it: the latter
    serve `actual` only.
    """

    tables: HistoryTables
    wins: pd.DataFrame
    created: pd.DataFrame
    targets: pd.DataFrame
    data_until: pd.Timestamp
    calendar: FiscalCalendar

    @classmethod
    def of(
        cls,
        tables: HistoryTables,
        as_of: pd.Timestamp,
        data_until: pd.Timestamp,
        calendar: FiscalCalendar,
        currency: str,
    ) -> "RevenueFacts":
        """The facts at an as-of of a history that is known up to `data_until`."""
        after = data_until + pd.Timedelta(microseconds=1)
        then, now = (
            closes(tables, at, company_currency=currency).execute() for at in (as_of, after)
        )
        closed = pd.concat([then, now[now["known_at"] >= as_of]], ignore_index=True)
        return cls(
            tables=tables,
            wins=closed[closed["outcome"] == "won"].reset_index(drop=True),
            created=_created(tables),
            targets=_targets(tables, currency),
            data_until=data_until,
            calendar=calendar,
        )


def quarters(calendar: FiscalCalendar, as_of: pd.Timestamp) -> tuple[Period, Period]:
    """The running quarter and the next."""
    running = calendar.quarter_at(as_of)
    return running, calendar.quarter_after(running)


def forecast_quarters(
    facts: RevenueFacts,
    open_deals: pd.DataFrame,
    curve: Curves,
    held_back: "HeldBack | None",
    as_of: pd.Timestamp,
    *,
    seed: int = 0,
) -> pd.DataFrame:
    """The rows of both quarters for every scope.

    `open_deals` are snapshots of the cohort with both stage rates. Without held-back curves (too
    little history) the past says nothing of the curves, and their error is the prior's: wider.
    """
    periods = quarters(facts.calendar, as_of)
    past = None if held_back is None else held_back.past(facts, periods, as_of)
    ratios = np.ones(1) if past is None else amount_ratios(past, facts.wins, as_of)
    won = _won_between(curve, open_deals, periods, as_of)
    rows = []
    for period in periods:
        inputs = _inputs(facts, open_deals, won[period.name], ratios)
        rests = None if past is None else past_rests(facts, past, period, as_of)
        learnt = past_origins(facts.wins, period, as_of, facts.calendar, rests)
        rows.append(forecast(inputs, period, as_of, learnt, seed=seed))
    return pd.concat(rows, ignore_index=True)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeldBack:
    """A curve that was trained on what was known before `start`: honest at any later origin."""

    curve: Curves
    start: pd.Timestamp
    selection: FeatureSelection

    @classmethod
    def of(cls, fitted: Fitted) -> "HeldBack | None":
        """The held-back curve of a training; None where held-back time was too short."""
        model, start = fitted.deal.held_back_model, fitted.deal.held_back_start
        if model is None or start is None:
            return None
        return cls(curve=model, start=start, selection=fitted.selection)

    def past(
        self, facts: RevenueFacts, periods: Sequence[Period], as_of: pd.Timestamp
    ) -> pd.DataFrame:
        """Snapshots of what was open at every past origin of the periods since `start`.

        A column named after each period holds the probability of a win in the rest of its like:
        past origins are moved by whole weeks, so these lie equally many days ahead at each.
        """
        grids = [origins(period, as_of, facts.calendar).iloc[1:] for period in periods]
        as_ofs = sorted({at for grid in grids for at in grid["as_of"] if at >= self.start})
        asked = open_rows(facts.tables, DEAL, as_ofs)
        rows = snapshots(facts.tables, DEAL, asked, self.selection)
        return rows.assign(**_won_between(self.curve, rows, periods, as_of))


def past_rests(
    facts: RevenueFacts, past: pd.DataFrame, period: Period, as_of: pd.Timestamp
) -> pd.DataFrame:
    """What held-back curves and arrivals gave for the rest of the period at each past origin."""
    deals = past.assign(win_probability_period=past[period.name])
    at_origin = dict(iter(deals.groupby("as_of")))
    grid = origins(period, as_of, facts.calendar)
    rests = {}
    for place in range(1, len(grid)):
        at = grid["as_of"].iloc[place]
        if at in at_origin:
            moved = period_at(grid, place, facts.calendar)
            inputs = ForecastInputs(
                open_deals=at_origin[at], wins=facts.wins, created=facts.created
            )
            rests[at] = expected_rest(inputs, moved, at)
    return pd.DataFrame({"as_of": list(rests), "rest": list(rests.values())})


def amount_ratios(
    past: pd.DataFrame, wins: pd.DataFrame, as_of: pd.Timestamp
) -> NDArray[np.float64]:
    """(n,) amount at the win over the amount while it was open, once per deal won by `as_of`."""
    latest = past.drop_duplicates("deal_id", keep="last")[["deal_id", "amount_company"]]
    won = wins[wins["known_at"] < as_of][["deal_id", "amount_company"]]
    both = latest.merge(won, on="deal_id", suffixes=("_open", "_won"))
    both = both[(both["amount_company_open"] > 0) & both["amount_company_won"].notna()]
    ratio = (both["amount_company_won"] / both["amount_company_open"]).to_numpy(dtype=np.float64)
    return np.clip(ratio, *AMOUNT_RATIO_BOUNDS) if len(ratio) else np.ones(1)


def _inputs(
    facts: RevenueFacts,
    open_deals: pd.DataFrame,
    won: NDArray[np.float64],
    ratios: NDArray[np.float64],
) -> ForecastInputs:
    columns = [*DEAL_COLUMNS, *(name for name in RATE_COLUMNS if name in open_deals)]
    return ForecastInputs(
        open_deals=open_deals[columns].assign(win_probability_period=won),
        wins=facts.wins,
        created=facts.created,
        targets=facts.targets,
        amount_ratios=ratios,
        data_until=facts.data_until,
    )


def _won_between(
    curve: Curves, rows: pd.DataFrame, periods: Sequence[Period], as_of: pd.Timestamp
) -> dict[str, NDArray[np.float64]]:
    """By the period's name: (n,) the probability of a win in the rest of it."""
    days = [rest_days(period, as_of) for period in periods]
    if rows.empty:
        return {period.name: np.zeros(0) for period in periods}
    cif = curve.predict_cumulative_incidence(rows, np.ravel(days))[:, 1].reshape(len(rows), -1, 2)
    return {
        period.name: win_probability_between(cif[:, place]) for place, period in enumerate(periods)
    }


def _created(tables: HistoryTables) -> pd.DataFrame:
    """Every deal with its creation and its first owner."""
    owners = tables.deal_changes.filter(tables.deal_changes.field == "owner_id")
    window = ibis.window(group_by="deal_id", order_by=["event_at", "seq"])
    first = owners.mutate(place=ibis.row_number().over(window)).filter(lambda t: t.place == 0)
    listed = tables.owners.select("owner_id", "team", "region")
    deals = tables.deals.select("deal_id", "created_at", "known_at")
    owned = deals.left_join(first.select("deal_id", owner_id="new_value"), "deal_id")
    owned = owned.select("deal_id", "created_at", "known_at", "owner_id")
    joined = owned.left_join(listed, "owner_id")
    found: pd.DataFrame = joined.select(*owned.columns, "team", "region").execute()
    return found


def _targets(tables: HistoryTables, currency: str) -> pd.DataFrame:
    """Targets in the company's currency at the last rate dated before their period."""
    dated = tables.targets.mutate(as_of=tables.targets.period_start.cast("timestamp(6)"))
    rated = with_company_rate(tables, dated, company_currency=currency)
    columns = ["scope_kind", "scope", "period_start", "period_end"]
    found: pd.DataFrame = rated.select(
        *columns, amount_company=lambda t: t.amount * t.company_rate
    ).execute()
    return found
