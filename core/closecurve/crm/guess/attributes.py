"""Which further columns of a table become attributes, and why the others do not."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import pandas as pd

from closecurve.crm.guess.draft import Entry, Section
from closecurve.crm.guess.formats import LEAST_DATES, date_share
from closecurve.crm.guess.names import LIVE, normal
from closecurve.crm.guess.seen import SeenTable, quoted
from closecurve.crm.naming import attribute_name
from closecurve.crm.tables import CANONICAL, HISTORY_TABLES

MOST_ATTRIBUTES: Final = 40
LEAST_FILLED: Final = 0.02
"""A column that is filled more rarely tells nothing of most records."""
MOST_CATEGORIES: Final = 50
"""A category has so many values, or at most a fifth as many as there are rows."""
LONGEST_CATEGORY: Final = 60
"""Longer text on average is a remark of a person, no category."""
FEWEST_ENDED: Final = 10
"""Open and closed records below which nothing is said of where a column is filled."""

_NAMES = re.compile(
    r"name|title|description|subject|email|phone|mobile|url|website|notes?|nextstep|recordtypeid"
    r"|externalid|.*(?:uuid|guid|checksum)|名称|备注|电话|邮箱|描述"
)
_LIVE = re.compile(r"hs(?:v2)?(?:cumulative|latest)?timein.*|(?:cumulative|latest)timein.*")
_PLAIN_NUMBER = r"-?\d+(?:\.\d+)?"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeGuess:
    """The attributes of a table, and remarks on the columns that are left out."""

    entries: tuple[Entry, ...]
    left_out: tuple[str, ...]

    def sections(self) -> list[Section]:
        """The part `attributes` of a table; none where there is nothing to say."""
        if not self.entries and not self.left_out:
            return []
        return [Section(name="attributes", entries=self.entries, remarks=self.left_out)]


def guess_attributes(
    table: SeenTable,
    role: str,
    used: Collection[str],
    ended: pd.Series | None = None,
) -> AttributeGuess:
    """Attributes out of the columns that are not `used`.

    `ended` says by row whether the record has ended: a column that is filled on those alone is
    kept with a remark, as the leakage guard judges it with all the data.
    """
    entries: dict[str, Entry] = {}
    left_out: dict[str, list[str]] = {}
    for column in table.columns:
        reason = None if column in used else _reason_against(table, column)
        if column in used:
            continue
        name = _free_name(column, role)
        if reason is None and (name in entries or len(entries) >= MOST_ATTRIBUTES):
            reason = f"beyond {MOST_ATTRIBUTES} attributes, or named as another one"
        if reason is None:
            entries[name] = _entry(table, column, name, ended)
        else:
            left_out.setdefault(reason, []).append(column)
    remarks = (f"left out ({why}): {', '.join(map(repr, cs))}" for why, cs in left_out.items())
    return AttributeGuess(entries=tuple(entries.values()), left_out=tuple(remarks))


def _free_name(column: str, role: str) -> str:
    """The attribute's name; a canonical column's name is taken."""
    name = attribute_name(re.sub(r"([a-z])([A-Z])", r"\1 \2", re.sub(r"__c$", "", column)))
    reserved = {*CANONICAL[role].names, *(c.name for c in HISTORY_TABLES[role])}
    return f"{role.removesuffix('s')}_{name}" if name in reserved else name


def _reason_against(table: SeenTable, column: str) -> str | None:
    """Why a column is no attribute; None where it may be one."""
    bare, values = normal(column), table.text(column)
    if bare in LIVE or _LIVE.fullmatch(bare):
        return "today's state, which on a past day would tell the future"
    if table.filled_share(column) < LEAST_FILLED:
        return "empty on nearly all rows"
    distinct = values.nunique()
    if distinct < 2:
        return "one value only"
    if date_share(values) >= LEAST_DATES:
        return "a date without a known meaning"
    if _NAMES.fullmatch(bare) or _is_text_or_id(values, distinct, len(table.rows)):
        return "looks like a name, an id or free text"
    return None


def _is_text_or_id(values: pd.Series, distinct: int, row_count: int) -> bool:
    many = distinct > max(MOST_CATEGORIES, row_count / 5)
    plain = bool(values.str.fullmatch(_PLAIN_NUMBER).all())
    is_id = plain and distinct == len(values) and len(values) > MOST_CATEGORIES
    is_id &= not bool(values.str.contains(".", regex=False).any())
    if plain:
        return is_id
    return many or float(values.str.len().mean()) > LONGEST_CATEGORY or distinct == len(values) > 5


def _entry(table: SeenTable, column: str, name: str, ended: pd.Series | None) -> Entry:
    values = table.text(column)
    distinct = values.nunique()
    why = f"filled on {table.filled_share(column):.0%} of rows, {distinct} values"
    is_number = distinct > 12 and bool(values.str.fullmatch(_PLAIN_NUMBER).all())
    expression = quoted(column)
    if is_number and column not in table.typed:
        expression = f"TRY_CAST({expression} AS DOUBLE)"
    if ended is not None and _only_on_ended(table, column, ended):
        why += "; on closed records only, so the leakage guard may set it aside"
        return Entry(key=name, value=expression, why=why, sure=False)
    return Entry(key=name, value=expression, why=why, sure=None)


def _only_on_ended(table: SeenTable, column: str, ended: pd.Series) -> bool:
    filled = table.rows[column].notna()
    if min(ended.sum(), (~ended).sum()) < FEWEST_ENDED:
        return False
    return bool(filled[ended].any()) and not bool(filled[~ended].any())
