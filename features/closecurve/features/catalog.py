"""Every feature column: what it means, its unit, and what its absence says.

Null means unknown, in every column; `absent` says when that is so.
"""

from collections.abc import Iterable
from dataclasses import replace

from closecurve.features.catalog_specs import DEAL_SPECS, LEAD_SPECS, FeatureSpec

_ALL = {spec.name: spec for spec in (*DEAL_SPECS, *LEAD_SPECS)}
_FAMILIES = sorted(
    (spec for spec in _ALL.values() if spec.is_family), key=lambda spec: -len(spec.prefix)
)
GROUP_WORDS = {
    "product": ("product", "产品"),
    "authority": ("title", "role", "position", "seniority", "authority", "职位", "职务"),
    "budget and timing": ("budget", "timing", "timeline", "timeframe", "预算"),
}
"""An attribute with one of these words in its name belongs to the group before them."""


DATES = ("days_since_date_", "days_since_account_date_")
"""Beginnings of the columns that tell how long ago an attribute's day was."""


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
    if family.prefix in DATES:
        return replace(family, name=column, group=_group(column, family.group))
    if not family.prefix.startswith("attribute_"):
        return replace(family, name=column)
    kind = "number" if is_number else "category"
    return replace(family, name=column, kind=kind, group=_group(column, family.group))


def _group(column: str, usual: str) -> str:
    """The group that the name speaks of, else the usual one."""
    found = (
        group for group, words in GROUP_WORDS.items() if any(w in column.lower() for w in words)
    )
    return next(found, usual)


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
