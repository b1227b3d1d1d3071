"""Every feature column: what it means, its unit, and what its absence says.

Null means unknown, in every column; `absent` says when that is so.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from closecurve.crm.errors import UsageError

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
        for days in (7, 30, 90)
    ),
    ("inbound_count_30", "number", "activities", "from the customer, 30 days", "never absent"),
    ("outbound_count_30", "number", "activities", "to the customer, 30 days", "never absent"),
    (
        "activity_trend",
        "number",
        "-1 to 1",
        "last 30 days against the 30 before: difference over sum",
        "nothing in 60 days",
    ),
    ("days_since_activity", "clock", "days", "since the last activity", "there was none"),
    (
        "activity_count_90_<kind>",
        "number",
        "activities",
        "of that kind in the last 90 days",
        "never absent",
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
    *ATTRIBUTE,
)
"""The features of a deal, families included."""

LEAD_SPECS = (
    *AGE,
    *SOURCE,
    *FIT,
    *CALENDAR,
    *RESPONSE,
    *ENGAGEMENT,
    *OWNER,
    *LEAD_OWNER,
    *(spec for spec in ACCOUNT if spec.is_family),
    *ATTRIBUTE,
)
"""The features of a lead, families included."""

_ALL = {spec.name: spec for spec in (*DEAL_SPECS, *LEAD_SPECS)}
_FAMILIES = sorted(
    (spec for spec in _ALL.values() if spec.is_family), key=lambda spec: -len(spec.prefix)
)
PRODUCT_WORD = "product"
"""An attribute with this in its name belongs to the group `product`."""


def spec_of(column: str, *, is_number: bool = False) -> FeatureSpec | None:
    """The spec of a feature column, families resolved; None for any other column.

    An attribute is a category unless `is_number` says that its values are numbers.

    >>> spec_of("days_since_stage_Proposal").kind
    'clock'
    >>> spec_of("attribute_size", is_number=True).kind
    'number'
    >>> spec_of("created_at") is None
    True
    """
    if column in _ALL:
        return _ALL[column]
    for family in _FAMILIES:
        if column.startswith(family.prefix):
            return _member(family, column, is_number)
    return None


def feature_columns(columns: Iterable[str]) -> list[str]:
    """Those of the columns that are features, in their order."""
    return [column for column in columns if spec_of(column) is not None]


def _member(family: FeatureSpec, column: str, is_number: bool) -> FeatureSpec:
    member = replace(family, name=column)
    if not family.prefix.startswith("attribute_"):
        return member
    kind = "number" if is_number else "category"
    group = "product" if PRODUCT_WORD in column.lower() else family.group
    return replace(member, kind=kind, group=group)


def catalog_page() -> str:
    """The table of docs/features.md, in Markdown: every feature of deals and of leads."""
    parts = (("Deals", DEAL_SPECS), ("Leads", LEAD_SPECS))
    return "\n\n".join(f"## {title}\n\n{_page_table(specs)}" for title, specs in parts) + "\n"


def _page_table(specs: Iterable[FeatureSpec]) -> str:
    head = "| feature | group | kind | unit | meaning | null says |\n|---|---|---|---|---|---|"
    rows = (
        f"| `{s.name}` | {s.group} | {s.kind} | {s.unit} | {s.meaning} | {s.absent} |"
        for s in specs
    )
    return "\n".join((head, *rows))
