"""The split of a company's target over its owners, and so over teams and regions.

Three readings of who can carry what, each a share of the company:
- `history`: won in the year before;
- `pipeline`: open amounts in hand;
- `capacity`: days left of the period that an owner works, less while new: nobody wins before a
  cycle.

They weigh by how well each would have split the won amounts of earlier periods. Teams get their
share first, of all who ever worked there; within a team it goes to those who work in the period.
So what leaves with an owner stays with the team, and every roll-up adds up.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from closecurve.crm.calendar import Period
from closecurve.models.forecast.inputs import known
from closecurve.models.scopes import COMPANY, NOBODY

BASES = ("history", "pipeline", "capacity")

HISTORY_DAYS = 365
"""A year holds every season once."""

PRIOR_PERIODS = 2.0
"""The bases are taken as equally good, as if two periods had said so."""

GROUPS = {"team": "team", "region": "region", "owner": "owner_id"}
"""The column that divides owners by scope kind."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Staff:
    """Who sells: owners (owner_id, team, region, hired_date, left_date; the last four may lack).

    `ramp_days` is how long a new owner takes to full capacity: the usual days from a deal's
    creation to its win.
    """

    owners: pd.DataFrame
    ramp_days: float

    def listed(self) -> pd.DataFrame:
        """One row for each owner, by owner_id, with all five columns; gaps in names are NOBODY."""
        rows = self.owners.reindex(
            columns=["owner_id", "team", "region", "hired_date", "left_date"]
        ).drop_duplicates("owner_id")
        names = {name: rows[name].astype("str").fillna(NOBODY) for name in ("team", "region")}
        return rows.assign(**names).set_index("owner_id").sort_index()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PastSplit:
    """An earlier period: the bases as they stood when it began, and each owner's won amount."""

    bases: pd.DataFrame
    won: pd.Series


def bases_of(
    staff: Staff, wins: pd.DataFrame, open_deals: pd.DataFrame, period: Period, as_of: pd.Timestamp
) -> pd.DataFrame:
    """Each owner's share by each basis: index owner_id, columns `BASES` and `is_working`.

    A column sums to 1, or is 0 where nobody has anything. `wins` has owner_id, closed_at, known_at,
    amount_company; `open_deals` owner_id and amount_company, as of `as_of`.
    """
    listed = staff.listed()
    recent = known(wins, as_of)
    recent = recent[recent["closed_at"] >= as_of - pd.Timedelta(days=HISTORY_DAYS)]
    capacity = _capacity(listed, period, as_of, staff.ramp_days)
    amounts = {
        "history": _by_owner(recent, listed.index),
        "pipeline": _by_owner(open_deals, listed.index),
        "capacity": capacity,
    }
    shares = pd.DataFrame({name: _share(values) for name, values in amounts.items()})
    return shares.assign(is_working=capacity > 0)


def weights_of(past: Sequence[PastSplit], staff: Staff) -> dict[str, float]:
    """The weight of each basis; they sum to 1.

    Inverse mean squared errors of the teams' shares (owners' where there is one team) over earlier
    periods, each shrunk to the mean of all: without a past all three weigh the same.
    """
    listed = staff.listed()
    by = listed["team"] if listed["team"].nunique() > 1 else pd.Series(listed.index, listed.index)
    errors = np.array([_errors(one, by) for one in past if one.won.sum() > 0])
    if not len(errors):
        return dict.fromkeys(BASES, 1 / len(BASES))
    squares = (errors.sum(axis=0) + PRIOR_PERIODS * errors.mean()) / (len(errors) + PRIOR_PERIODS)
    inverse = 1 / np.maximum(squares, np.finfo(float).eps)
    return dict(zip(BASES, map(float, inverse / inverse.sum()), strict=True))


def split(staff: Staff, bases: pd.DataFrame, weights: dict[str, float]) -> pd.DataFrame:
    """Shares by scope: scope_kind, scope, share, share_history, share_pipeline, share_capacity.

    Company first, then teams, regions and owners; the shares of each kind sum to 1. A team in which
    nobody works keeps its share, under the owner NOBODY.
    """
    listed = staff.listed()
    named = bases.rename(columns={name: f"share_{name}" for name in BASES})
    weighed = bases[list(BASES)] @ pd.Series(weights)[list(BASES)]
    rows = named.assign(
        share=_share(weighed), team=listed["team"], region=listed["region"]
    ).reset_index(names="owner_id")
    carried = _carried(rows)
    parts = [_rolled(carried.assign(company=COMPANY), COMPANY, "company")]
    parts += [_rolled(carried, kind, column) for kind, column in GROUPS.items()]
    return pd.concat(parts, ignore_index=True)


def _carried(rows: pd.DataFrame) -> pd.DataFrame:
    """With each team's shares moved to those of it who work in the period, in proportion."""
    shares = ["share", *(f"share_{name}" for name in BASES)]
    if rows.empty:
        return rows
    return pd.concat([_team_carried(team, shares) for _, team in rows.groupby("team")])


def _team_carried(team: pd.DataFrame, shares: list[str]) -> pd.DataFrame:
    working = team[team["is_working"]]
    if working.empty:
        kept = team.iloc[:1].assign(owner_id=NOBODY, region=NOBODY)
        return kept.assign(**{name: [team[name].sum()] for name in shares})
    return working.assign(**{name: _moved(team, working, name) for name in shares})


def _moved(team: pd.DataFrame, working: pd.DataFrame, name: str) -> pd.Series:
    """The team's share in proportion to what those who work have of it; evenly if that is none."""
    own = working[name]
    parts = _share(own) if own.sum() > 0 else pd.Series(1 / len(own), own.index)
    return parts * team[name].sum()


def _rolled(rows: pd.DataFrame, kind: str, column: str) -> pd.DataFrame:
    shares = ["share", *(f"share_{name}" for name in BASES)]
    found = rows.groupby(column, sort=True)[shares].sum().clip(upper=1.0).reset_index(names="scope")
    return found.assign(scope_kind=kind)[["scope_kind", "scope", *shares]]


def _errors(past: PastSplit, by: pd.Series) -> list[float]:
    """The sum of squared errors of each basis, shares against shares of what was won."""
    groups = by.reindex(past.bases.index)
    actual = _share(past.won.reindex(past.bases.index).fillna(0.0)).groupby(groups).sum()
    said = past.bases[list(BASES)].groupby(groups).sum()
    return [float(((said[name] - actual) ** 2).sum()) for name in BASES]


def _by_owner(rows: pd.DataFrame, owners: pd.Index) -> pd.Series:
    """The positive amounts of each owner; rows of owners who are not listed are left out."""
    amounts = rows["amount_company"].fillna(0.0).clip(lower=0.0).astype("float64")
    return amounts.groupby(rows["owner_id"]).sum().reindex(owners).fillna(0.0)


def _share(values: pd.Series) -> pd.Series:
    total = float(values.sum())
    return values / total if total > 0 else values * 0.0


def _capacity(
    listed: pd.DataFrame, period: Period, as_of: pd.Timestamp, ramp_days: float
) -> pd.Series:
    """Days of the rest of the period that each owner works, the first `ramp_days` after hiring
    rising from 0.

    Without a hiring date an owner is fully there.
    """
    start, end = pd.Timestamp(period.start_date), pd.Timestamp(period.end_date)
    start = min(max(start, as_of.normalize()), end)
    hired = pd.to_datetime(listed["hired_date"]).fillna(start - pd.Timedelta(days=36500))
    left = pd.to_datetime(listed["left_date"]).fillna(end)
    first, last = hired.where(hired > start, start), left.where(left < end, end)
    day = pd.Timedelta(days=1)
    begun, ended = ((at - hired) / day for at in (first, last))
    worked = _ramped(ended, ramp_days) - _ramped(begun, ramp_days)
    return worked.where(last > first, 0.0).astype("float64")


def _ramped(days: pd.Series, ramp_days: float) -> pd.Series:
    """The full days that `days` since hiring are worth: the area under a line that rises to 1."""
    rising = days.clip(upper=ramp_days) ** 2 / (2 * ramp_days) if ramp_days > 0 else 0.0 * days
    return rising + (days - ramp_days).clip(lower=0.0)
