"""Which deals are won and which lost, guessed from whatever column of an export says so."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pandas as pd

from closecurve.crm.guess.draft import Entry
from closecurve.crm.guess.names import normal
from closecurve.crm.guess.seen import SeenTable, one_of, quoted

_WON = frozenset(
    "won win closedwon gewonnen ganada ganado gagne gagné vinto closedsuccessful successful signed"
    " 赢单 已赢单 赢 成交 已成交 签约 已签约".split()
)
_LOST = frozenset(
    "lost closedlost verloren perdida perdido perdu perso abandoned cancelled canceled dead"
    " closedunsuccessful unsuccessful disqualified declined 输单 已输单 输 丢单 已丢单 失败 流失"
    " 无效 已关闭 作废".split()
)
_OPEN = frozenset(
    "open inprogress pending active offen ongoing new working 进行中 跟进中 打开 未成交".split()
)
_TRUE = frozenset("true yes 1 t y ja wahr oui 是 x".split())
_STATE_CODES = {"0": "open", "1": "won", "2": "lost"}


def outcome_word(text: str) -> str | None:
    """What the name of a stage or status says: `won`, `lost`, `open`, or None.

    >>> [outcome_word(each) for each in ("6 - Closed Won", "closedlost", "赢单", "Proposal")]
    ['won', 'lost', 'won', None]
    """
    bare = re.sub(r"\(.*\)\s*$", "", text)
    names = {re.sub(r"^\d+", "", normal(bare)), *(normal(each) for each in re.split(r"\W+", bare))}
    for word, known in (("won", _WON), ("lost", _LOST), ("open", _OPEN)):
        if names & known:
            return word
    return None


def truths(table: SeenTable, column: str) -> list[str]:
    """The values of a flag that mean yes; `true` where the sample holds none."""
    return [each for each in table.distinct(column) if each.casefold() in _TRUE] or ["true"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeGuess:
    """How deals end.

    `entry` is the column `outcome` of the mapping and `values` its value map; both absent where
    the stage alone tells. `closed` is the SQL condition of a closed deal, None where nothing
    tells. `said` has `won`, `lost` or null by row; `tells_stages`: it follows from the stage, so
    it says what kind a stage is of.
    """

    entry: Entry | None
    closed: str | None
    said: pd.Series
    values: Mapping[str, str] = field(default_factory=dict)
    tells_stages: bool = False


def guess_outcome(table: SeenTable, columns: Mapping[str, str]) -> OutcomeGuess:
    """The first of these that there is: a status, flags, an archive with a probability, a stage
    by its name, times of winning and losing."""
    return next(_outcomes(table, columns))


def _outcomes(table: SeenTable, columns: Mapping[str, str]) -> Iterator[OutcomeGuess]:
    for guess in (_by_status, _by_flags, _by_archive, _by_stage, _by_times):
        found = guess(table, columns)
        if found is not None:
            yield found
    why = "no column tells won from lost deals: map one under columns.outcome"
    nobody = pd.Series(None, table.rows.index, "str")
    entry = Entry(key="outcome", value="NULL", why=why, sure=False)
    yield OutcomeGuess(entry=entry, closed=None, said=nobody)


def _by_status(table: SeenTable, columns: Mapping[str, str]) -> OutcomeGuess | None:
    column = columns.get("outcome")
    words = status_words(table, column) if column else {}
    ended = [value for value, word in words.items() if word in ("won", "lost")]
    if column is None or not (ended or (words and all(words.values()))):
        return None
    plain = all(value.casefold() == word for value, word in words.items())
    said = table.rows[column].str.strip().map(words)
    listed = ", ".join(repr(each) for each in list(words)[:6])
    unread = [value for value, word in words.items() if word is None]
    why = f"the name {column!r} and its values {listed}"
    if unread:
        why += f"; taken as open: {', '.join(map(repr, unread[:6]))}"
    return OutcomeGuess(
        entry=Entry(key="outcome", value=quoted(column), why=why, sure=not unread),
        values={} if plain else {value: word or "open" for value, word in words.items()},
        closed=one_of(quoted(column), ended or ["won", "lost"]),
        said=said.where(said.isin(["won", "lost"])).astype("str"),
    )


def status_words(table: SeenTable, column: str) -> dict[str, str | None]:
    """What each value of a status says; Dynamics writes its states as 0, 1 and 2."""
    values = table.distinct(column)
    if normal(column) == "statecode" and set(values) <= set(_STATE_CODES):
        return {value: _STATE_CODES[value] for value in _STATE_CODES}
    return {value: outcome_word(value) for value in values}


def _by_flags(table: SeenTable, columns: Mapping[str, str]) -> OutcomeGuess | None:
    won, other = columns.get("is_won"), columns.get("is_lost") or columns.get("is_closed")
    if won is None:
        return None
    is_won, won_sql = _flag(table, won)
    if other is None:
        return _won_flag_and_stage(table, columns, won)
    is_other, other_sql = _flag(table, other)
    said = pd.Series(None, table.rows.index, "str").mask(is_other, "lost").mask(is_won, "won")
    return OutcomeGuess(
        entry=Entry(
            key="outcome",
            value=f"CASE WHEN {won_sql} THEN 'won' WHEN {other_sql} THEN 'lost' END",
            why=f"the names {won!r} and {other!r}, both yes or no",
        ),
        closed=other_sql if "is_closed" in columns else f"{won_sql} OR {other_sql}",
        said=said,
        tells_stages=True,
    )


def _won_flag_and_stage(
    table: SeenTable, columns: Mapping[str, str], won: str
) -> OutcomeGuess | None:
    """Only won deals have a flag: the lost ones are told by their stage."""
    by_stage = _by_stage(table, columns)
    if by_stage is None or "stage" not in columns:
        return None
    is_won, won_sql = _flag(table, won)
    stage = columns["stage"]
    lost = [each for each in table.distinct(stage) if outcome_word(each) == "lost"]
    lost_sql = one_of(quoted(stage), lost)
    return (
        OutcomeGuess(
            entry=Entry(
                key="outcome",
                value=f"CASE WHEN {won_sql} THEN 'won' WHEN {lost_sql} THEN 'lost' END",
                why=f"the name {won!r}, and the names of the stages {', '.join(map(repr, lost))}",
            ),
            closed=f"{won_sql} OR {lost_sql}",
            said=by_stage.said.mask(is_won, "won"),
            tells_stages=True,
        )
        if lost
        else by_stage
    )


def _flag(table: SeenTable, column: str) -> tuple[pd.Series, str]:
    """Which rows say yes, and the same in SQL."""
    yes = truths(table, column)
    return table.rows[column].str.strip().isin(yes), one_of(quoted(column), yes)


def _by_archive(table: SeenTable, columns: Mapping[str, str]) -> OutcomeGuess | None:
    """Odoo: a lost deal is archived, a won one has a probability of 100."""
    active, probability = columns.get("active"), columns.get("probability")
    if active is None or probability is None:
        return None
    is_active, active_sql = _flag(table, active)
    number = pd.to_numeric(table.rows[probability], errors="coerce")
    won_sql = f"TRY_CAST({quoted(probability)} AS DOUBLE) >= 100"
    said = pd.Series(None, table.rows.index, "str").mask(~is_active, "lost")
    why = f"an archived deal ({active!r}) is lost, one of a {probability!r} of 100 is won"
    if is_active.all():
        why += "; the sample holds no archived one: lost deals are exported with the archive only"
    lost_sql = f"NOT ({active_sql})"
    return OutcomeGuess(
        entry=Entry(
            key="outcome",
            value=f"CASE WHEN {won_sql} THEN 'won' WHEN {lost_sql} THEN 'lost' END",
            why=why,
            sure=not is_active.all(),
        ),
        closed=f"{won_sql} OR {lost_sql}",
        said=said.mask(number >= 100, "won"),
    )


def _by_stage(table: SeenTable, columns: Mapping[str, str]) -> OutcomeGuess | None:
    column = columns.get("stage")
    words = {value: outcome_word(value) for value in table.distinct(column)} if column else {}
    ended = [value for value, word in words.items() if word in ("won", "lost")]
    if column is None or not ended:
        return None
    said = table.rows[column].str.strip().map(words)
    return OutcomeGuess(
        entry=None,
        closed=one_of(quoted(column), ended),
        said=said.where(said.isin(["won", "lost"])).astype("str"),
        tells_stages=True,
    )


def _by_times(table: SeenTable, columns: Mapping[str, str]) -> OutcomeGuess | None:
    won, lost = columns.get("won_at"), columns.get("lost_at")
    if won is None or lost is None:
        return None
    said = pd.Series(None, table.rows.index, "str")
    said = said.mask(table.rows[lost].notna(), "lost").mask(table.rows[won].notna(), "won")
    return OutcomeGuess(
        entry=Entry(
            key="outcome",
            value=f"CASE WHEN {quoted(won)} IS NOT NULL THEN 'won'"
            f" WHEN {quoted(lost)} IS NOT NULL THEN 'lost' END",
            why=f"the names {won!r} and {lost!r}",
        ),
        closed=f"{quoted(won)} IS NOT NULL OR {quoted(lost)} IS NOT NULL",
        said=said,
    )
