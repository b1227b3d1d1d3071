"""What changed in the pipeline between any two dates, recomputed from the history.

Both dates are read as they were known: no publication is needed, and none is looked at. What has no
time of its own (teams, regions, managers, exported with today's values) is the same at both.
"""

from dataclasses import dataclass

import pandas as pd

from closecurve.crm.calendar import FiscalCalendar, Period
from closecurve.crm.errors import UsageError
from closecurve.crm.tables import DELETED
from closecurve.features.facts import closes
from closecurve.features.selected import FeatureSelection
from closecurve.features.snapshot import deal_snapshots, open_deals
from closecurve.features.tables import HistoryTables
from closecurve.models.changes.pipeline import Changes, pipeline_changes
from closecurve.models.changes.standing import Choice, Standing, measured
from closecurve.models.forecast.horizon import all_periods
from closecurve.models.scopes import COMPANY, scopes_of
from closecurve.pipelines.rates import StageFacts
from closecurve.pipelines.revenue import manager_chains, products_of, with_product
from closecurve.settings import Settings

DEAL_COLUMNS = (
    *("stage", "process", "owner_id", "team", "region", "created_at"),
    *("currency", "amount", "amount_company", "expected_close_date"),
)
"""What a comparison reads of an open deal beside its stage rates."""

SCOPES_NAMED = 8
"""Scopes that a message lists; a company may have hundreds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What is compared: two instants, a measure of the pipeline, a scope, a period by its name.

    Raises UsageError where the first instant is not the earlier one.
    """

    start: pd.Timestamp
    end: pd.Timestamp
    measure: str = "amount"
    scope_kind: str = COMPANY
    scope: str = COMPANY
    period: str | None = None

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise UsageError(
                "changes-dates",
                "the first of two dates that are compared is the earlier one,"
                f" got {self.start} and {self.end}",
            )

    def choice(self, calendar: FiscalCalendar) -> Choice:
        """The part of the company. Raises UsageError for a period that neither instant sees."""
        return Choice(
            scope_kind=self.scope_kind, scope=self.scope, period=self._period_of(calendar)
        )

    def _period_of(self, calendar: FiscalCalendar) -> Period | None:
        if self.period is None:
            return None
        seen = {
            period.name: period
            for at in (self.start, self.end)
            for _, period in all_periods(calendar, at).periods
        }
        if self.period not in seen:
            raise UsageError(
                "changes-period",
                f"a period is one of {', '.join(sorted(seen))}, got {self.period!r}",
            )
        return seen[self.period]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PipelineChange:
    """The moves that add up to the difference, and the open deals of both instants."""

    changes: Changes
    before: pd.DataFrame
    after: pd.DataFrame


def pipeline_between(
    tables: HistoryTables, settings: Settings, compared: Compared
) -> PipelineChange:
    """The change of the open pipeline from one instant to the other, deal by deal.

    Raises UsageError for a scope that no deal is in.
    """
    choice = compared.choice(settings.calendar)
    before, after = (
        standing_at(tables, settings, at, compared.measure) for at in (compared.start, compared.end)
    )
    after = _with_deletions(before, after)
    _check_scope(compared, (before, after))
    return PipelineChange(
        changes=pipeline_changes(before, after, choice), before=before.deals, after=after.deals
    )


def standing_at(
    tables: HistoryTables, settings: Settings, as_of: pd.Timestamp, measure: str
) -> Standing:
    """The deals that were open as of an instant, and those that had closed, as known by then."""
    currency, products = settings.company.currency, products_of(tables)
    cohort = open_deals(tables, [as_of])
    selection = FeatureSelection(company_currency=currency)
    rows: pd.DataFrame = deal_snapshots(tables, cohort, selection, columns=DEAL_COLUMNS).execute()
    deals = StageFacts.of(tables, as_of, settings).beside(rows)
    closed: pd.DataFrame = closes(tables, as_of, company_currency=currency).execute()
    return Standing(
        as_of=as_of,
        deals=measured(with_product(deals, products), measure),
        closed=with_product(closed, products),
        chains=manager_chains(tables),
    )


def _with_deletions(before: Standing, after: Standing) -> Standing:
    """What was open and is neither open nor closed any more has gone from the source."""
    known = pd.concat([after.deals["deal_id"], after.closed["deal_id"]])
    gone = before.deals[~before.deals["deal_id"].isin(known)]
    if gone.empty:
        return after
    deleted = gone[["deal_id", "owner_id", "team", "region"]].assign(outcome=DELETED)
    closed = pd.concat([after.closed, deleted], ignore_index=True)
    return Standing(as_of=after.as_of, deals=after.deals, closed=closed, chains=after.chains)


def _check_scope(compared: Compared, standings: tuple[Standing, Standing]) -> None:
    frames = [frame for each in standings for frame in (each.deals, each.closed)]
    scopes = scopes_of(frames, standings[0].chains)
    pairs = zip(scopes.kinds, scopes.names, strict=True)
    names = [name for kind, name in pairs if kind == compared.scope_kind]
    if compared.scope not in names:
        shown = ", ".join(names[:SCOPES_NAMED]) + (", …" if len(names) > SCOPES_NAMED else "")
        raise UsageError(
            "changes-scope",
            f"a scope of the kind {compared.scope_kind} is one of {shown or '(there are none)'},"
            f" got {compared.scope!r}",
        )
