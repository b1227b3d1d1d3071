"""What a track record calls nodes, peers and failures; nothing heavy, as the service reads it."""

from typing import Any

POOLED = "(each)"
"""The scope of all owners scored together."""

FIRST_DAY = "first_day"
"""The group of the origins on the first day of their quarter."""

PEERS = {
    "weighted_fixed": "booked + weighted pipeline, fixed rates",
    "weighted_history": "booked + weighted pipeline, rates of history",
    "run_rate": "run rate of the last 90 days",
    "same_days": "the same days of last quarter",
    "last_quarter": "last quarter's total",
    "last_year": "the same quarter last year",
    "ets": "AutoETS of monthly won amounts",
}
"""What a forecast is measured against, in words; each is a total of the period."""


def node_words(node: dict[str, Any]) -> str:
    """What a scored node is called.

    >>> node_words({"scope_kind": "owner", "scope": POOLED})
    'owners, each by itself'
    """
    if node["scope_kind"] == "company":
        return "the company"
    if node["scope"] == POOLED:
        return f"{node['scope_kind']}s, each by itself"
    return f"{node['scope_kind']} {node['scope']}"


def failure_words(failure: dict[str, Any]) -> str:
    """A failure as a sentence.

    >>> failure_words({"scope_kind": "team", "scope": "North", "quarter_count": 12, "level": 80,
    ...                "share": 0.45, "verdict": "too narrow"})
    '80% intervals of team North held 45% of 12 quarters: too narrow.'
    """
    return (
        f"{failure['level']}% intervals of {node_words(failure)} held {failure['share']:.0%} of"
        f" {failure['quarter_count']} quarters: {failure['verdict']}."
    )
