"""The words of a reason: what a feature holds here, what is typical, and what that does."""

from closecurve.features.catalog import DEAL_SPECS, LEAD_SPECS, FeatureSpec, spec_of

_FAMILIES = sorted(
    {spec.prefix for spec in (*DEAL_SPECS, *LEAD_SPECS) if spec.is_family}, key=lambda p: -len(p)
)
_ATTRIBUTE = "attribute_"
NOT_NAMED = ("owner_id",)
"""Columns whose commonest value is not told: it would name a colleague to the reader."""

Value = float | str | None


def sentence(feature: str, value: Value, typical: Value, delta: float) -> str:
    """One plain sentence with the value, the typical one, and the effect in points.

    >>> sentence("push_count", 3.0, 0.0, -0.08).partition("; ")[2]
    'lowers the probability by 8 points.'
    """
    spec = spec_of(feature, is_number=isinstance(value, float) or isinstance(typical, float))
    fact = f"{_subject(feature, spec)}: {_said(value, spec)}"
    if feature not in NOT_NAMED:
        fact += f", typically {_said(typical, spec)}"
    effect = "raises" if delta > 0 else "lowers"
    return f"{fact}; {effect} the probability by {_points(delta)}."


def _subject(feature: str, spec: FeatureSpec | None) -> str:
    family = next((prefix for prefix in _FAMILIES if feature.startswith(prefix)), "")
    member = feature.removeprefix(family)
    if spec is None or family.startswith(_ATTRIBUTE):
        name = member.replace("_", " ").strip() or feature
        return name[:1].upper() + name[1:]
    subject = spec.meaning[:1].upper() + spec.meaning[1:]
    return f"{subject} ({member})" if spec.name not in _NAMES and family else subject


_NAMES = {spec.name for spec in (*DEAL_SPECS, *LEAD_SPECS) if not spec.is_family}


def _said(value: Value, spec: FeatureSpec | None) -> str:
    """A value with its unit; an absent one in the catalog's words."""
    if value is None:
        return "not known" if spec is None else spec.absent
    if isinstance(value, str):
        return value
    if spec is not None and spec.unit == "rate":
        return f"{100 * value:.0f} %"
    unit = "" if spec is None else spec.unit
    return f"{_number(value)} {unit}".strip()


def _number(value: float) -> str:
    """A number as people write it: no more figures than say something."""
    if abs(value) >= 100 or value == round(value):
        return f"{value:,.0f}"
    return f"{value:.1f}"


def _points(delta: float) -> str:
    points = abs(delta) * 100
    shown = f"{points:.0f}" if points >= 1 else f"{points:.1f}"
    return f"{shown} point" if shown == "1" else f"{shown} points"
