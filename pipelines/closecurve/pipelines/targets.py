"""How the company's target is split, and the pace of each forecast period, at an as-of."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from closecurve.crm.calendar import Period
from closecurve.features.selected import FeatureSelection
from closecurve.features.snapshot import deal_snapshots, open_deals
from closecurve.features.tables import HistoryTables
from closecurve.models.forecast.inputs import known
from closecurve.models.spans import days_of
from closecurve.models.targets.pace import pace, periods_before
from closecurve.models.targets.split import PastSplit, Staff, bases_of, split, weights_of
from closecurve.pipelines.forecasting import RevenueFacts

RAMP_DAYS = 90.0
"""How long a new owner takes to full capacity where no win tells the company's cycle."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TargetPlan:
    """The columns of `target_shares`, and what the summary says: weights, and pace by period."""

    shares: pd.DataFrame
    summary: dict[str, Any]


def plan_targets(
    facts: RevenueFacts, periods: Sequence[Period], as_of: pd.Timestamp, currency: str
) -> TargetPlan:
    """The split and the pace of each period. Without owners there is a pace, and no split."""
    calendar = facts.calendar
    past = _past_quarters(facts, as_of)
    openings = _open_amounts(facts.tables, [as_of, *(q.start_at for q in past)], currency)
    staff = _staff(facts, openings, as_of)
    weights = weights_of([_past_split(staff, facts, openings, q, as_of) for q in past], staff)
    rows = [
        split(staff, bases_of(staff, facts.wins, openings[as_of], period, as_of), weights).assign(
            period_name=period.name, period_start=period.start_date, period_end=period.end_date
        )
        for period in periods
    ]
    return TargetPlan(
        shares=pd.concat(rows, ignore_index=True),
        summary={
            "weights": weights,
            "weights_from": len(past),
            "pace": {p.name: asdict(pace(facts.wins, p, as_of, calendar)) for p in periods},
        },
    )


def _past_quarters(facts: RevenueFacts, as_of: pd.Timestamp) -> list[Period]:
    """The quarters that ended by the as-of and began after the first win."""
    won = known(facts.wins, as_of)
    first_at = won["closed_at"].min() if len(won) else as_of
    return periods_before(facts.calendar.quarter_at(as_of), facts.calendar, first_at)


def _open_amounts(
    tables: HistoryTables, as_ofs: Sequence[pd.Timestamp], currency: str
) -> dict[pd.Timestamp, pd.DataFrame]:
    """By as-of: owner_id and amount_company of what was open."""
    wanted = ["owner_id", "amount_company"]
    selection = FeatureSelection(company_currency=currency)
    cohorts = open_deals(tables, sorted(set(as_ofs)))
    rows: pd.DataFrame = deal_snapshots(tables, cohorts, selection, columns=wanted).execute()
    return {at: rows.loc[rows["as_of"] == at, wanted] for at in as_ofs}


def _past_split(
    staff: Staff,
    facts: RevenueFacts,
    openings: dict[pd.Timestamp, pd.DataFrame],
    quarter: Period,
    as_of: pd.Timestamp,
) -> PastSplit:
    """A quarter's bases as they stood when it began, and what its owners won."""
    at = quarter.start_at
    staff = _as_known(staff, at)
    won = known(facts.wins, as_of)
    won = won[won["closed_at"].between(quarter.start_at, quarter.end_at, inclusive="left")]
    return PastSplit(
        bases=bases_of(staff, facts.wins, openings[at], quarter, at),
        won=won["amount_company"].fillna(0.0).groupby(won["owner_id"]).sum(),
    )


def _as_known(staff: Staff, at: pd.Timestamp) -> Staff:
    """The staff of an earlier day: who came or left since was not known to come or leave."""
    owners = staff.owners
    hired, left = (pd.to_datetime(owners[name]) for name in ("hired_date", "left_date"))
    there = owners.assign(left_date=left.where(left <= at))
    return replace(staff, owners=there[~(hired > at)])


def _staff(
    facts: RevenueFacts, openings: dict[pd.Timestamp, pd.DataFrame], as_of: pd.Timestamp
) -> Staff:
    """The owners that have a deal or are listed with a team; a manager without either is none."""
    listed: pd.DataFrame = facts.tables.owners.execute()
    busy = pd.concat(
        [known(facts.wins, as_of)["owner_id"], *(o["owner_id"] for o in openings.values())]
    )
    names = pd.Index(busy.dropna().unique(), name="owner_id")
    seen = pd.DataFrame(index=names).reset_index()
    teamed = listed[listed["team"].notna()] if "team" in listed else listed.iloc[:0]
    owners = pd.concat([teamed, listed[listed["owner_id"].isin(names)], seen], ignore_index=True)
    return Staff(owners=owners, ramp_days=_cycle_days(facts, as_of))


def _cycle_days(facts: RevenueFacts, as_of: pd.Timestamp) -> float:
    """The median days from a deal's creation to its win."""
    won = known(facts.wins, as_of)[["deal_id", "closed_at"]].merge(facts.created, on="deal_id")
    days = days_of(won["closed_at"] - won["created_at"])
    return max(float(np.median(days)), 0.0) if len(days) else RAMP_DAYS
