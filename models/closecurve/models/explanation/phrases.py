"""The parts that a reason's sentence is made of, for one feature in one language."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from closecurve.features.catalog_specs import DEAL_SPECS, LEAD_SPECS


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrases:
    """`label` names the feature, `here` tells a deal's value, `who` those of a fact.

    `typical` sets a typical category beside it; `absent` and `absent_who` say that there is none,
    `present_who` that there is one. An empty part is said in the language's usual words.
    """

    label: str
    here: str
    who: str
    typical: str = ""
    absent: str = ""
    absent_who: str = ""
    present_who: str = ""


def phrases(rows: Iterable[Sequence[str]]) -> dict[str, Phrases]:
    """Phrases by the name of the feature or its family; a row leaves off what it has not."""
    parts = ("label", "here", "who", "typical", "absent", "absent_who", "present_who")
    return {row[0]: Phrases(**dict(zip(parts, row[1:], strict=False))) for row in rows}


_FAMILIES = sorted(
    {spec for spec in (*DEAL_SPECS, *LEAD_SPECS) if spec.is_family},
    key=lambda spec: -len(spec.prefix),
)
_NAMES = {spec.name for spec in (*DEAL_SPECS, *LEAD_SPECS)}


def family_of(feature: str) -> tuple[str, str]:
    """The catalog's name of a feature and, where it is named after data, the data's own part.

    >>> family_of("days_since_stage_Proposal")
    ('days_since_stage_<stage>', 'Proposal')
    >>> family_of("push_count")
    ('push_count', '')
    """
    if feature in _NAMES:
        return feature, ""
    for spec in _FAMILIES:
        if feature.startswith(spec.prefix):
            return spec.name, feature.removeprefix(spec.prefix)
    return "attribute_<name>", feature
