"""What a mapping may hold: one scalar DuckDB SQL expression over a row's own columns.

This check is the first of two fences. The second is the locked connection (`sources.extract`), on
which nothing outside the loaded rows can be reached whatever an expression says.
"""

import sqlglot
from sqlglot import exp

from closecurve.crm.errors import UsageError

_NOT_SCALAR = (
    exp.Query,
    exp.Exists,
    exp.AggFunc,
    exp.Window,
    exp.Explode,
    exp.Star,
    exp.Columns,
    exp.Alias,
    exp.Placeholder,
    exp.Parameter,
    exp.Table,
)
_NOT_REPEATABLE = (
    exp.Rand,
    exp.Uuid,
    exp.CurrentDate,
    exp.CurrentTime,
    exp.CurrentTimestamp,
    exp.CurrentDatetime,
    exp.Localtime,
    exp.Localtimestamp,
)
_REFUSED_FUNCTIONS = frozenset(
    "current_setting getvariable getenv write_log sleep_ms nextval currval txid_current setseed"
    " uuidv4 uuidv7 now get_current_timestamp get_current_time transaction_timestamp".split()
)


def check_expression(text: object, key: str) -> str:
    """The expression as it was written, once it is known to be one scalar over a row.

    No statement, no sub-query, no aggregate or window, no star, no comment, and nothing whose
    value differs from one run to the next: the same file must always give the same history.
    `key` is where it stands in the file. Raises UsageError naming the key.

    >>> check_expression("CASE WHEN stage = 'Won' THEN 'won' END", "tables.deals.columns.outcome")
    "CASE WHEN stage = 'Won' THEN 'won' END"
    """
    if not isinstance(text, str):
        raise _refused(key, "is text", text)
    tree = _parsed(text, key)
    for node in tree.walk():
        if isinstance(node, _NOT_SCALAR) or node.comments:
            raise _refused(key, "holds one value of a row (no query, aggregate, comment)", text)
        if isinstance(node, _NOT_REPEATABLE) or _function_name(node) in _REFUSED_FUNCTIONS:
            raise _refused(key, "gives the same value in every run", text)
    return text


def _parsed(text: str, key: str) -> exp.Expr:
    try:
        trees = sqlglot.parse(text, read="duckdb")
    except (sqlglot.errors.SqlglotError, RecursionError) as error:
        raise _refused(key, "is one SQL expression", text) from error
    tree = trees[0] if len(trees) == 1 else None
    if not isinstance(tree, exp.Condition) or text.rstrip().endswith(";"):
        raise _refused(key, "is one scalar SQL expression", text)
    return tree


def _function_name(node: exp.Expr) -> str:
    return node.name.lower() if isinstance(node, exp.Anonymous) else ""


def _refused(key: str, rule: str, got: object) -> UsageError:
    return UsageError("mapping-expression", f"{key} {rule}, got {got!r}")
