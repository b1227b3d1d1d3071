"""What conversions brought: the closed deals of converted leads, as known at an as-of."""

import ibis
import pandas as pd

from closecurve.features.facts import closes, known_before, lead_closes
from closecurve.features.snapshot import lead_snapshots
from closecurve.features.subjects import LEAD
from closecurve.features.tables import HistoryTables
from closecurve.models.explanation.cohort import feature_groups
from closecurve.models.lead_quality.value import LeadValues
from closecurve.pipelines.bundling import Bundle

FIT = "fit"
"""The group of features that may tell how much a lead is worth."""


def lead_values(
    tables: HistoryTables, bundle: Bundle, currency: str, as_of: pd.Timestamp
) -> LeadValues:
    """The values of conversions, in the company's currency."""
    deals = closes(tables, as_of, company_currency=currency).execute()
    converted = _conversions(tables, as_of)
    sources = converted.set_index("lead_id")["source"]
    lead_ids = deals["lead_id"].fillna(deals["deal_id"].map(_named_deals(tables, as_of)))
    known = pd.DataFrame(
        {
            "lead_id": lead_ids.where(lead_ids.isin(sources.index)),
            "source": lead_ids.map(sources),
            "outcome": deals["outcome"],
            "amount": deals["amount_company"],
        }
    )
    if deals["owner_id"].notna().any():
        known["owner_id"] = deals["owner_id"]
    behind = converted[converted["lead_id"].isin(known["lead_id"].dropna())]
    return LeadValues.learned(known, _fit_at_conversion(tables, bundle, behind))


def _conversions(tables: HistoryTables, as_of: pd.Timestamp) -> pd.DataFrame:
    """The last conversion of each lead: lead_id, source, closed_at."""
    decided = lead_closes(tables, as_of)
    found = decided.filter(decided.outcome == "converted").select("lead_id", "source", "closed_at")
    ordered: pd.DataFrame = found.execute().sort_values(["lead_id", "closed_at"])
    return ordered.drop_duplicates("lead_id", keep="last", ignore_index=True)


def _named_deals(tables: HistoryTables, as_of: pd.Timestamp) -> dict[str, str]:
    """The lead that names a deal as what it was converted to, by deal."""
    changes = known_before(tables, as_of).lead_changes
    named = changes.filter(changes.field == "converted_deal_id", changes.new_value.notnull())
    found = named.order_by("known_at", "seq").select("lead_id", "new_value").execute()
    return dict(zip(found["new_value"], found["lead_id"], strict=True))


def _fit_at_conversion(
    tables: HistoryTables, bundle: Bundle, converted: pd.DataFrame
) -> pd.DataFrame:
    """The features of fit of leads as they converted, by lead_id."""
    kinds = bundle.lead.encoding_.kinds if bundle.lead else {}
    features = feature_groups(kinds).get(FIT, [])
    if converted.empty or not features:
        return pd.DataFrame(index=pd.Index([], name=LEAD.id_column))
    pairs = converted.rename(columns={"closed_at": "as_of"})[["lead_id", "as_of"]]
    found = lead_snapshots(tables, ibis.memtable(pairs), bundle.selection, columns=features)
    told: pd.DataFrame = found.execute().set_index("lead_id")[features]
    return told.sort_index()
