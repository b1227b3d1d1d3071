"""What the expressions and the plain-Python reference define alike. Needs no engine."""

WINDOWS = (7, 30, 90)
"""Days back over which activities are counted."""
INBOUND, OUTBOUND = "inbound", "outbound"
"""The directions of an activity; any other value is neither."""
TREND_DAYS = 30
NUMBER_PATTERN = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$"
"""A number as text: engines differ in what else they take for one."""
DAY_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
"""A day as text."""
DATE_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T].*)?$"
"""A day as text, perhaps with a time: an attribute of such values is a date."""
DAY_LENGTH = 10
"""Characters of the day in it."""
CODE_PATTERN = r"^[+-]?0[0-9]"
"""A number with a zero before it is a code: a post code, a serial number."""

CARRIED_DEAL = (
    "owner_id",
    "team",
    "region",
    "account_id",
    "process",
    "stage",
    "currency",
    "amount",
    "amount_company",
    "expected_close_date",
    "created_at",
    "lead_id",
)
"""Shown beside a deal's score, features or not."""

CARRIED_LEAD = ("owner_id", "team", "region", "account_id", "source", "created_at", "responded_at")
"""Shown beside a lead's score; `region` is the lead's own."""
