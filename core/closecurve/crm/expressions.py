"""What a mapping may hold: scalar DuckDB SQL expressions over a row's columns, and whole queries.

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
UNREADABLE = (
    sqlglot.errors.SqlglotError,
    RecursionError,
    *(ValueError, TypeError, AttributeError, IndexError),
)
"""What parsing raises where a text is no SQL: the last four on a keyword that stands alone."""

_NO_QUERY = (exp.Placeholder, exp.Parameter, exp.Into, exp.TableSample, exp.Columns)
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
        _check_repeatable(node, key, text)
    return text


def check_query(text: object, key: str) -> tuple[str, ...]:
    """The sources that a query of the mapping reads, in the order in which it names them.

    It is one SELECT over sources, with whatever a SELECT may hold but comments, functions as
    tables and what gives another value in the next run. `key` is where it stands in the file.
    Raises UsageError naming the key.

    >>> check_query("SELECT d.id FROM deals d JOIN owners USING (owner)", "tables.deals.query")
    ('deals', 'owners')
    """
    if not isinstance(text, str):
        raise _refused(key, "is text", text)
    tree = _one_tree(text, key)
    if not isinstance(tree, exp.Query) or text.rstrip().endswith(";"):
        raise _refused(key, "is one SELECT", text)
    for node in tree.walk():
        if isinstance(node, _NO_QUERY) or node.comments:
            raise _refused(key, "is one SELECT without comments and parameters", text)
        _check_repeatable(node, key, text)
    return _tables_read(tree, key, text)


def reads_one_column(text: str) -> bool:
    """Whether the text, as an expression, is the name of a column and nothing else.

    >>> reads_one_column("stage"), reads_one_column("if"), reads_one_column("current_date")
    (True, False, False)
    """
    try:
        return isinstance(sqlglot.parse_one(text, read="duckdb"), exp.Column)
    except UNREADABLE:
        return False


def columns_of(text: str) -> set[str]:
    """The columns that an expression reads, in lower case.

    >>> sorted(columns_of('concat(Region, "Id")'))
    ['id', 'region']
    """
    tree = sqlglot.parse_one(text, read="duckdb")
    return {each.name.lower() for each in tree.find_all(exp.Column)}


def _tables_read(tree: exp.Expr, key: str, text: str) -> tuple[str, ...]:
    own = {each.alias.lower() for each in tree.find_all(exp.CTE)}
    tables = list(tree.find_all(exp.Table, bfs=False))
    if any(not isinstance(each.this, exp.Identifier) or each.db for each in tables):
        raise _refused(key, "reads sources only, by their names", text)
    names = dict.fromkeys(each.name.lower() for each in tables)
    read = tuple(name for name in names if name not in own)
    if not read:
        raise _refused(key, "reads a source", text)
    return read


def _check_repeatable(node: exp.Expr, key: str, text: str) -> None:
    if isinstance(node, _NOT_REPEATABLE) or _function_name(node) in _REFUSED_FUNCTIONS:
        raise _refused(key, "gives the same value in every run", text)


def _one_tree(text: str, key: str) -> exp.Expr | None:
    try:
        trees = sqlglot.parse(text, read="duckdb")
    except UNREADABLE as error:
        raise _refused(key, "is SQL", text) from error
    return trees[0] if len(trees) == 1 else None


def _parsed(text: str, key: str) -> exp.Expr:
    tree = _one_tree(text, key)
    if not isinstance(tree, exp.Condition) or text.rstrip().endswith(";"):
        raise _refused(key, "is one scalar SQL expression", text)
    return tree


def _function_name(node: exp.Expr) -> str:
    return node.name.lower() if isinstance(node, exp.Anonymous) else ""


def _refused(key: str, rule: str, got: object) -> UsageError:
    return UsageError("mapping-expression", f"{key} {rule}, got {got!r}")
