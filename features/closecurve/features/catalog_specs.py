"""The features of deals and of leads, each with its meaning: the table behind `catalog`."""

from dataclasses import dataclass

from closecurve.crm.errors import UsageError
from closecurve.features.definitions import WINDOWS

GROUPS = (
    "stage",
    "age",
    "amount",
    "expected close",
    "engagement",
    "owner",
    "account",
    "product",
    "lead",
    "fit",
    "authority",
    "budget and timing",
    "source",
    "calendar",
)
"""What explanations speak in: each feature has one."""

KINDS = ("number", "category", "clock", "countdown")
"""A clock grows by a day each day, a countdown falls by one; the others stand still."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSpec:
    """One feature column, or a family of them where the name ends in `<…>`."""

    name: str
    group: str
    kind: str
    unit: str
    meaning: str
    absent: str

    def __post_init__(self) -> None:
        if self.group not in GROUPS:
            raise UsageError("feature-group", f"a group is one of {GROUPS}, got {self.group!r}")
        if self.kind not in KINDS:
            raise UsageError("feature-kind", f"a kind is one of {KINDS}, got {self.kind!r}")

    @property
    def prefix(self) -> str:
        """The name without its `<…>`."""
        return self.name.partition("<")[0]

    @property
    def is_family(self) -> bool:
        """Whether the columns' names come from the data."""
        return "<" in self.name


def _specs(group: str, *rows: tuple[str, str, str, str, str]) -> tuple[FeatureSpec, ...]:
    return tuple(
        FeatureSpec(name=name, group=group, kind=kind, unit=unit, meaning=meaning, absent=absent)
        for name, kind, unit, meaning, absent in rows
    )


STAGE = _specs(
    "stage",
    ("stage", "category", "", "stage that the deal stands in", "no stage is recorded"),
    (
        "stage_order",
        "number",
        "place",
        "place of the stage in its process, from 1",
        "unknown stage",
    ),
    ("days_in_stage", "clock", "days", "since the last move into the stage", "no stage"),
    ("forward_move_count", "number", "moves", "moves to a later stage", "no stage is recorded"),
    ("backward_move_count", "number", "moves", "moves to an earlier stage", "no stage is recorded"),
    (
        "skipped_stage_count",
        "number",
        "stages",
        "stages jumped over by moves forward",
        "no stage is recorded",
    ),
    (
        "stage_dwell_ratio",
        "number",
        "times",
        "days in stage over the median stay there of deals won in the year before this week",
        "no deal that was won has left this stage",
    ),
    (
        "days_since_stage_<stage>",
        "clock",
        "days",
        "since the deal first entered that stage",
        "it never did",
    ),
)
AGE = _specs(
    "age", ("age_days", "clock", "days", "since the deal or lead was created", "never absent")
)
AMOUNT = _specs(
    "amount",
    (
        "amount_company",
        "number",
        "company currency",
        "amount at the last rate dated before the as-of",
        "no amount, or no rate of its currency",
    ),
    ("amount_change_count", "number", "changes", "recorded changes of the amount", "no amount"),
    (
        "amount_change_ratio",
        "number",
        "times",
        "last amount over the first one",
        "no amount, or a first one of zero",
    ),
)
EXPECTED_CLOSE = _specs(
    "expected close",
    (
        "days_to_expected_close",
        "countdown",
        "days",
        "until the expected close date; below 0 when overdue",
        "no date is set",
    ),
    ("push_count", "number", "pushes", "recorded moves of that date to a later one", "no date yet"),
    ("pushed_days", "number", "days", "by which the pushes moved it in all", "no date yet"),
    ("days_since_push", "clock", "days", "since the last push", "never pushed"),
)
ENGAGEMENT = _specs(
    "engagement",
    *(
        (
            f"activity_count_{days}",
            "number",
            "activities",
            f"in the last {days} days",
            "never absent",
        )
        for days in WINDOWS
    ),
    *(
        (
            f"{way}_count_{days}",
            "number",
            "activities",
            f"{side} the customer in the last {days} days",
            "never absent",
        )
        for way, side in (("inbound", "from"), ("outbound", "to"))
        for days in WINDOWS
    ),
    (
        "activity_trend",
        "number",
        "-1 to 1",
        "last 30 days against the 30 before: difference over sum",
        "nothing in 60 days",
    ),
    ("days_since_activity", "clock", "days", "since the last activity", "there was none"),
    *(
        (
            f"activity_count_{days}_<kind>",
            "number",
            "activities",
            f"of that kind in the last {days} days",
            "never absent",
        )
        for days in WINDOWS
    ),
    (
        "days_since_<kind>",
        "clock",
        "days",
        "since the last activity of that kind",
        "there was none",
    ),
)
OWNER = _specs(
    "owner",
    ("owner_id", "category", "", "who works on it", "nobody does"),
)
DEAL_OWNER = _specs(
    "owner",
    (
        "owner_win_rate",
        "number",
        "rate",
        "share won of the owner's closes in 365 days, shrunk to the team's and the company's",
        "no owner, or no close in the company",
    ),
    (
        "owner_cycle_days",
        "number",
        "days",
        "mean time to a win of the owner in 365 days, shrunk in the same way",
        "no owner, or no win in the company",
    ),
    ("owner_open_count", "number", "deals", "open deals of the owner, this one too", "no owner"),
    ("owner_changed_count", "number", "changes", "hand-overs to another owner", "no owner"),
)
LEAD_OWNER = _specs(
    "owner",
    (
        "owner_conversion_rate",
        "number",
        "rate",
        "share converted of the owner's decided leads in 365 days, shrunk in the same way",
        "no owner, or no decided lead in the company",
    ),
    (
        "owner_open_lead_count",
        "number",
        "leads",
        "open leads of the owner, this one too",
        "no owner",
    ),
)
ACCOUNT = _specs(
    "account",
    ("account_deal_count", "number", "deals", "deals of the account, this one too", "no account"),
    (
        "account_deal_count_365",
        "number",
        "deals",
        "deals of the account that came up in 365 days, this one too",
        "no account",
    ),
    ("account_won_count", "number", "deals", "deals of the account that were won", "no account"),
    (
        "account_won_amount",
        "number",
        "company currency",
        "what they brought, at the rates of their closes",
        "no account",
    ),
    ("days_since_account_win", "clock", "days", "since the account's last win", "it has none"),
    (
        "attribute_account_<name>",
        "category",
        "",
        "attribute of the account; a number where its values are",
        "not filled in",
    ),
)
PRODUCT = _specs("product", ("process", "category", "", "sales process", "none is recorded"))
DEAL_LEAD = _specs(
    "lead",
    ("lead_source", "category", "", "source of the deal's lead", "no lead, or no source"),
    ("lead_age_days", "number", "days", "age of the lead as the deal was created", "no lead"),
    (
        "lead_response_hours",
        "number",
        "hours",
        "until the lead's first outbound activity",
        "no lead, or no answer yet",
    ),
    ("lead_activity_count", "number", "activities", "around the lead, ever", "no lead"),
    ("lead_inbound_count", "number", "activities", "of them from the customer", "no lead"),
)
SOURCE = _specs("source", ("source", "category", "", "where the lead came from", "not recorded"))
RESPONSE = _specs(
    "engagement",
    ("responded", "number", "0 or 1", "whether the lead was answered", "never absent"),
    ("response_hours", "number", "hours", "until the first outbound activity", "no answer yet"),
)
FIT = _specs("fit", ("region", "category", "", "region of the lead", "not recorded"))
CALENDAR = _specs(
    "calendar",
    ("fiscal_quarter", "number", "1 to 4", "fiscal quarter of the as-of, in UTC", "never absent"),
    ("days_to_quarter_end", "countdown", "days", "until that quarter ends", "never absent"),
)
CREATION = _specs(
    "calendar",
    ("created_weekday", "number", "0 to 6", "weekday of the creation in UTC, 0 Monday", "never"),
    ("created_hour", "number", "0 to 23", "hour of the creation in UTC", "never"),
)
ATTRIBUTE = _specs(
    "fit",
    (
        "attribute_<name>",
        "category",
        "",
        "attribute of the deal or lead; a number where its values are",
        "not filled in",
    ),
    (
        "days_since_date_<name>",
        "clock",
        "days",
        "since the day that an attribute holds; below 0 while it is ahead",
        "not filled in, or no day",
    ),
)
ACCOUNT_DATE = _specs(
    "account",
    (
        "days_since_account_date_<name>",
        "clock",
        "days",
        "since the day that an attribute of the account holds; below 0 while it is ahead",
        "not filled in, or no day",
    ),
)

DEAL_SPECS = (
    *STAGE,
    *AGE,
    *AMOUNT,
    *EXPECTED_CLOSE,
    *ENGAGEMENT,
    *OWNER,
    *DEAL_OWNER,
    *ACCOUNT,
    *PRODUCT,
    *DEAL_LEAD,
    *CALENDAR,
    *ATTRIBUTE,
    *ACCOUNT_DATE,
)
"""The features of a deal, families included."""

LEAD_SPECS = (
    *AGE,
    *SOURCE,
    *FIT,
    *CALENDAR,
    *CREATION,
    *RESPONSE,
    *ENGAGEMENT,
    *OWNER,
    *LEAD_OWNER,
    *(spec for spec in ACCOUNT if spec.is_family),
    *ATTRIBUTE,
    *ACCOUNT_DATE,
)
"""The features of a lead, families included."""
