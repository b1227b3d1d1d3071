"""The rates of the classic funnel beside each open deal."""

from dataclasses import dataclass

import pandas as pd

from closecurve.features.facts import funnel_facts
from closecurve.features.tables import HistoryTables
from closecurve.models.stage_rates import historical_stage_rates
from closecurve.settings import Settings

RATES = {"fixed_rate": "stage_rate_fixed", "history_rate": "stage_rate_history"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StageFacts:
    """The passages through the stages known at an as-of, and the rates they show."""

    passages: pd.DataFrame
    rates: pd.DataFrame

    @classmethod
    def of(cls, tables: HistoryTables, as_of: pd.Timestamp, settings: Settings) -> "StageFacts":
        """The facts of a history as of an instant."""
        currency = settings.company.currency
        passages: pd.DataFrame = funnel_facts(tables, as_of, company_currency=currency).execute()
        rates = historical_stage_rates(passages, as_of, settings.processes)
        return cls(passages=passages, rates=rates)

    def beside(self, deals: pd.DataFrame) -> pd.DataFrame:
        """The deals with `stage_rate_fixed` and `stage_rate_history`; null where there is none."""
        keys = ["process", "stage"]
        rates = self.rates[[*keys, *RATES]].rename(columns=RATES)
        return deals.merge(rates, on=keys, how="left", validate="many_to_one")
