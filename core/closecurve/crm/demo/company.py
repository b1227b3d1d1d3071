"""The demo company and its oracle."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from closecurve.crm.calendar import utc
from closecurve.crm.demo import export, frames
from closecurve.crm.demo.chain import Chain, incidence
from closecurve.crm.demo.days import TRUTH_DAYS, Floats, Ints
from closecurve.crm.demo.paths import Paths
from closecurve.crm.demo.world import World, make_world
from closecurve.crm.errors import UsageError

UNTIL = pd.Timestamp("2026-02-16")
"""Where the history ends by default: in the middle of a quarter, so that a forecast has work."""

MOST_DEALS = 5_000_000

AsOf = str | date | datetime | pd.Timestamp | pd.Series | pd.DatetimeIndex
"""One instant for all, or one for each id."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DemoCompany:
    """A simulated company whose true chances are known.

    The truth is conditional on everything hidden (a deal's quality, whether the customer has gone
    silent) and on the true state of all events before the as-of. Its mean over any group of deals
    that is chosen from what was known before the as-of is the expected share of them that is won.
    """

    seed: int
    until: pd.Timestamp
    world: World

    @property
    def deal_ids(self) -> pd.Index:
        """The ids of all deals, in order of their creation."""
        return _all_ids("D", len(self.world.deals.created))

    @property
    def lead_ids(self) -> pd.Index:
        """The ids of all leads, in order of their creation."""
        return _all_ids("L", len(self.world.leads.created))

    def frames(self) -> dict[str, pd.DataFrame]:
        """The canonical tables by name, clean and typed: instants naive UTC, days as dates."""
        return {
            name: build(self.world, slice(None)).to_pandas()
            for name, build in frames.TABLES.items()
        }

    def write_export(self, folder: Path) -> None:
        """Writes a CSV file for every canonical table, and closecurve.toml, into the folder.

        Two rows in a thousand are dirty. The same company writes the same bytes again; a file is
        replaced whole.
        """
        export.write(self.world, self.seed, folder)

    def true_win_probability(
        self, deal_ids: Iterable[str], as_of: AsOf, times_days: Sequence[float] | None = None
    ) -> Floats:
        """The true probability of being won: (n,) in the end, (n, n_times) by days from the as-of.

        1 for a deal that is won before the as-of, 0 for a lost one (until it is re-opened). `as_of`
        may hold an instant for each deal. Raises UsageError for a deal that is not of this company,
        or an as-of before it was created or after the history's end.

        >>> company = simulate(deals=200)
        >>> day = pd.Timestamp("2025-06-01")
        >>> float(company.true_win_probability(["D-0000001"], day)[0]) in (0.0, 1.0)
        True
        """
        return _won(self.true_deal_incidence(deal_ids, as_of, times_days), times_days)

    def true_conversion_probability(
        self, lead_ids: Iterable[str], as_of: AsOf, times_days: Sequence[float] | None = None
    ) -> Floats:
        """The true probability that leads convert; as `true_win_probability` otherwise."""
        return _won(self.true_lead_incidence(lead_ids, as_of, times_days), times_days)

    def true_deal_incidence(
        self, deal_ids: Iterable[str], as_of: AsOf, times_days: Sequence[float] | None = None
    ) -> Floats:
        """The true close curves: (n, 3, n_times), index 0 open, 1 won, 2 lost; one time if None."""
        world = self.world
        return self._incidence("D", deal_ids, as_of, times_days, world.deal_chain, world.deal_paths)

    def true_lead_incidence(
        self, lead_ids: Iterable[str], as_of: AsOf, times_days: Sequence[float] | None = None
    ) -> Floats:
        """The same for leads: index 1 converted, 2 disqualified."""
        world = self.world
        return self._incidence("L", lead_ids, as_of, times_days, world.lead_chain, world.lead_paths)

    def _incidence(
        self,
        prefix: str,
        given: Iterable[str],
        as_of: AsOf,
        times_days: Sequence[float] | None,
        chain: Chain,
        paths: Paths,
    ) -> Floats:
        subjects = _codes(prefix, given, len(paths.first_second))
        seconds = self._seconds(as_of, len(subjects))
        if (seconds <= paths.first_second[subjects]).any():
            raise UsageError("demo-as-of", f"a truth is asked after the creation, got {as_of!r}")
        times = None if times_days is None else np.asarray(times_days, dtype=float)
        if times is not None and not ((times >= 0) & (times <= TRUTH_DAYS)).all():
            raise UsageError("demo-times", f"times are 0 to {TRUTH_DAYS} days, got {times_days!r}")
        return incidence(chain, paths.standing(subjects, seconds), times)

    def _seconds(self, as_of: AsOf, count: int) -> Ints:
        """The as-ofs as seconds, rounded up, so that what was strictly before stays so."""
        if isinstance(as_of, pd.Series | pd.DatetimeIndex):
            stamps = pd.DatetimeIndex(as_of)
            stamps = stamps if stamps.tz is None else stamps.tz_convert(None)
        else:
            stamps = pd.DatetimeIndex([utc(as_of)] * count)
        if len(stamps) != count or (stamps > self.until).any() or stamps.hasnans:
            raise UsageError(
                "demo-as-of",
                f"an as-of is one instant, or one for each id, not after {self.until},"
                f" got {as_of!r}",
            )
        return stamps.ceil("s").to_numpy().astype("M8[s]").astype(np.int64)


def _all_ids(prefix: str, count: int) -> pd.Index:
    index: pd.Index = frames.ids(prefix, np.arange(count)).to_pandas().pipe(pd.Index)
    return index


def _won(curves: Floats, times_days: Sequence[float] | None) -> Floats:
    return curves[:, 1, 0] if times_days is None else curves[:, 1]


def _codes(prefix: str, given: Iterable[str], count: int) -> Ints:
    """The places of ids. Raises UsageError for one that is not of this company."""
    text = pd.Series(list(given), dtype="str")
    known = text.str.fullmatch(rf"{prefix}-\d{{7}}")
    codes = pd.to_numeric(text.where(known).str.slice(2)).fillna(0).to_numpy(dtype=np.int64) - 1
    strange = text[(codes < 0) | (codes >= count)]
    if len(strange):
        raise UsageError(
            "demo-id", f"an id is one of the company's {count}, got {strange.head(5).tolist()}"
        )
    return codes


def simulate(
    *, deals: int, seed: int = 7, until: str | date | datetime | pd.Timestamp = UNTIL
) -> DemoCompany:
    """A company with that many deals, one and a half times as many leads, over 4.5 years and more.

    The history begins with a quarter, 18 quarters before the one that holds `until`. Raises
    UsageError for a number of deals outside 1 to 5,000,000 or a negative seed.

    >>> company = simulate(deals=50, seed=1)
    >>> len(company.frames()["deals"])
    50
    """
    if not 1 <= deals <= MOST_DEALS:
        raise UsageError("demo-deals", f"deals are 1 to {MOST_DEALS}, got {deals!r}")
    if seed < 0:
        raise UsageError("demo-seed", f"a seed is 0 or more, got {seed!r}")
    end = utc(until)
    return DemoCompany(seed=seed, until=end, world=make_world(deals, seed, end))
