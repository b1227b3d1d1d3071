"""What a feature is once the parts are joined, where it is not a joined column itself."""

import ibis
import ibis.expr.types as ir
from ibis import _

from closecurve.features.engagement import ANSWERED, response_hours
from closecurve.features.selected import FeatureSelection
from closecurve.features.states import ENTERED
from closecurve.features.subjects import DEAL, LEAD
from closecurve.features.timeline import INSTANT, days_between


def _of_lead(count: str) -> ir.Value:
    """The count; 0 where the deal has a lead around which nothing happened."""
    return _.deal_lead.notnull().ifelse(_[count].fill_null(0.0), ibis.null("float64"))


DEAL_TOLD: dict[str, ir.Value] = {
    "age_days": days_between(_.created_at, _.as_of),
    "days_in_stage": days_between(_.stage_at, _.as_of),
    "stage_dwell_ratio": days_between(_.stage_at, _.as_of) / _.median_days.nullif(0.0),
    "amount_company": _.amount * _.company_rate,
    "expected_close_date": _.expected_at.cast("date"),
    "days_to_expected_close": days_between(_.as_of, _.expected_at),
    "days_since_push": days_between(_.push_at, _.as_of),
    "region": _.owner_region,
    "owner_win_rate": _.success_rate,
    "owner_cycle_days": _.cycle_days,
    "owner_open_count": _.open_count,
    "account_deal_count": _.deal_count,
    "account_deal_count_365": _.recent_count,
    "account_won_count": _.won_count,
    "account_won_amount": _.won_amount,
    "days_since_account_win": days_between(_.last_win_at, _.as_of),
    "lead_activity_count": _of_lead("lead_activity_count"),
    "lead_inbound_count": _of_lead("lead_inbound_count"),
    "lead_age_days": days_between(_.lead_created_at, _.created_at),
    "lead_response_hours": response_hours(_.lead_created_at, _[ANSWERED]),
}
"""Features of a deal, by the columns that its parts join."""

LEAD_TOLD: dict[str, ir.Value] = {
    "age_days": days_between(_.created_at, _.as_of),
    "responded_at": _[ANSWERED],
    "responded": _[ANSWERED].notnull().cast("float64"),
    "response_hours": response_hours(_.created_at, _[ANSWERED]),
    "created_weekday": _.created_at.day_of_week.index().cast("float64"),
    "created_hour": _.created_at.hour().cast("float64"),
    "owner_conversion_rate": _.success_rate,
    "owner_open_lead_count": _.open_count,
}
"""Features of a lead."""

TOLD = {DEAL.name: DEAL_TOLD, LEAD.name: LEAD_TOLD}


def first_entries(selection: FeatureSelection) -> dict[str, ir.Value]:
    """Days since the deal first entered each of the selected stages."""
    return {
        f"days_since_stage_{stage}": days_between(_[f"{ENTERED}{i}"], _.as_of)
        for i, stage in enumerate(selection.deals.stages)
    }


def calendar(selection: FeatureSelection) -> dict[str, ir.Value]:
    """Where the as-of stands in the fiscal year: the quarter, and the days that it has left."""
    month = (_.as_of.month() + (12 - selection.year_start_month)) % 12
    place = month % 3
    starts_at = _.as_of.truncate("M").cast(INSTANT)
    ends = {left: (starts_at + ibis.interval(months=left)).cast(INSTANT) for left in (1, 2, 3)}
    ends_at = (place == 0).ifelse(ends[3], (place == 1).ifelse(ends[2], ends[1]))
    return {
        "fiscal_quarter": ((month - place) / 3 + 1).cast("float64"),
        "days_to_quarter_end": days_between(_.as_of, ends_at),
    }
