"""Event logs: a row per event of a case, told by the name of an activity, as process mining
exports them.

A case is a deal. Activities that stand about once in a case are its stages, those whose words say
how it ends are outcomes, and what comes again and again is what people do.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import pandas as pd

from closecurve.crm.guess.formats import LEAST_DATES, date_share
from closecurve.crm.guess.names import columns_by_name, concepts_of, find_column, normal
from closecurve.crm.guess.outcome import outcome_word
from closecurve.crm.guess.seen import SeenTable, one_of, quoted
from closecurve.crm.values import read_instants

MOST_ACTIVITIES: Final = 200
MOST_ONCE: Final = 1.1
"""Times that the activity of an end stands in a case, in the mean: a case ends once."""
MOST_OFTEN: Final = 1.5
"""Times that a stage stands in a case, in the mean: some are gone through again."""
LEAST_FINAL: Final = 0.5
"""Share of the cases with an end's activity in which no stage is reached after it."""
LEAST_LAST: Final = 0.9
"""Share of its cases in which an activity comes last of all, from which on it ends a case although
no word says how."""
LEAST_CASES: Final = 0.01
"""Share of all cases that have such an activity: an end that is rarer is not taken for one."""
MOST_ENDED: Final = 0.05
"""Share of its cases that end by a word, up to which it is an end beside those."""

_CASE: Final = (
    "caseconceptname caseid case casenumber traceid processinstanceid instanceid dealid"
    " opportunityid 案例编号 案例 案件编号 流程编号 实例编号 商机编号"
)
_ACTIVITY: Final = (
    "conceptname activity activityname event eventname task taskname 活动 活动名称 事件 事件名称"
    " 节点 节点名称"
)
_AT: Final = (
    "timetimestamp timestamp completetimestamp endtimestamp eventtime eventat activitytime at time"
    " datetime date starttimestamp 时间戳 发生时间 完成时间 时间"
)
_RESOURCE: Final = "orgresource resource user performer agent 执行人 处理人 资源 操作人 负责人"
_LIFECYCLE: Final = "lifecycletransition lifecycle transition 状态变迁"
_COMPLETE: Final = frozenset(("complete", "completed", "完成"))
_WON: Final = (
    "approved activated registered purchased ordered converted accepted paid funded disbursed"
    " enrolled subscribed 批准 放款 下单 签约 赢单 成交 付款 已付款"
)
_LOST: Final = (
    "rejected refused denied withdrawn expired lapsed terminated cancel discarded 拒绝"
    " 取消 撤回 撤销 放弃 终止 过期 输单 丢单"
)
_OF_PEOPLE: Final = re.compile(
    r"call|phone|e?-?mail|meeting|visit|note|sms|follow|电话|邮件|会议|拜访|跟进|短信|回访"
)


@dataclass(frozen=True, kw_only=True)
class EventLog:
    """A table of events with its columns; `complete` are the values of `lifecycle` that say an
    event is done. Without slots, as what is counted of the events is kept."""

    table: SeenTable
    case: str
    activity: str
    at: str
    resource: str | None = None
    lifecycle: str | None = None
    complete: tuple[str, ...] = ()

    @cached_property
    def events(self) -> pd.DataFrame:
        """The events of the sample that are done, in order: `case`, `activity`, `at`."""
        rows = self.table.rows
        said = {"case": rows[self.case].str.strip(), "activity": rows[self.activity].str.strip()}
        made = pd.DataFrame({**said, "at": read_instants(rows[self.at], self.table.written)})
        if self.lifecycle:
            made = made[rows[self.lifecycle].str.strip().isin(self.complete)]
        return made.dropna().sort_values("at", kind="stable")

    @cached_property
    def times_per_case(self) -> Mapping[str, float]:
        """How often each activity stands in a case that has it, the most frequent first."""
        counts = self.events.groupby("activity", sort=False)["case"].agg(["size", "nunique"])
        counts = counts.sort_values("size", ascending=False, kind="stable")
        return {str(name): float(n / cases) for name, n, cases in counts.itertuples()}

    @cached_property
    def ends(self) -> Mapping[str, str]:
        """The activities that end a case, with `won` or `lost`: by their words, and `by_place`."""
        return {**self.by_word, **self.by_place}

    @cached_property
    def by_place(self) -> Mapping[str, str]:
        """Where words tell only won or only lost cases: the one activity with which nearly all of
        its cases end, and that no end by a word follows, says the other."""
        said = set(self.by_word.values())
        if len(said) != 1:
            return {}
        ended = set(self.events.loc[self.events["activity"].isin([*self.by_word]), "case"])
        found = [name for name in self._stages_besides(self.by_word) if self._is_last(name, ended)]
        return {found[0]: "won" if "lost" in said else "lost"} if len(found) == 1 else {}

    @cached_property
    def by_word(self) -> Mapping[str, str]:
        """The activities whose words say how a case ends, where no stage comes after them."""
        words = {name: end_word(name) for name in self.times_per_case}
        told = {name: word for name, word in words.items() if word}
        return {
            name: word
            for name, word in told.items()
            if self.times_per_case[name] <= MOST_ONCE
            and self._final_share(name, self._stages_besides(told)) >= LEAST_FINAL
        }

    @cached_property
    def stages(self) -> list[str]:
        """The activities that are stages. A word of an end makes one only where it stands once a
        case, and not where it would be read as the end that it is not."""
        return [
            name
            for name in self._stages_besides(self.ends)
            if outcome_word(name) not in ("won", "lost")
            and (end_word(name) is None or self.times_per_case[name] <= MOST_ONCE)
        ]

    @cached_property
    def work(self) -> frozenset[str]:
        """The activities that are begun before they are done, where the log tells: people's."""
        if self.lifecycle is None:
            return frozenset()
        rows = self.table.rows
        begun = rows[self.lifecycle].notna() & ~rows[self.lifecycle].isin(self.complete)
        return frozenset(rows.loc[begun, self.activity].dropna().str.strip())

    def _stages_besides(self, others: Collection[str]) -> list[str]:
        return [
            name
            for name, times in self.times_per_case.items()
            if times <= MOST_OFTEN
            and name not in {*others, *self.work}
            and not _OF_PEOPLE.search(name.casefold())
        ]

    def _is_last(self, name: str, ended: Collection[str]) -> bool:
        """Whether nearly all cases with an activity end with it, and none by another end."""
        last = self.events.drop_duplicates("case", keep="last").set_index("case")["activity"]
        cases = pd.Series(self.events.loc[self.events["activity"] == name, "case"].unique())
        return (
            self.times_per_case[name] <= MOST_ONCE
            and len(cases) >= LEAST_CASES * len(last)
            and float((cases.map(last) == name).mean()) >= LEAST_LAST
            and float(cases.isin(ended).mean()) <= MOST_ENDED
        )

    def _final_share(self, name: str, stages: Sequence[str]) -> float:
        events = self.events
        ended = events[events["activity"] == name].groupby("case")["at"].max()
        last = events[events["activity"].isin(stages)].groupby("case")["at"].max()
        return float((~(last.reindex(ended.index) > ended)).mean())

    def done_sql(self) -> list[str]:
        """The condition of an event that is done, where the log tells."""
        if self.lifecycle is None:
            return []
        return [one_of(quoted(self.lifecycle), [*self.complete])]


def end_word(activity: str) -> str | None:
    """Whether the name of an activity speaks of a win or a loss.

    >>> [end_word(each) for each in ("A_DECLINED", "Contract signed", "客户签约", "O_SENT")]
    ['lost', 'won', 'won', None]
    """
    said = outcome_word(activity.replace("_", " "))
    if said in ("won", "lost"):
        return said
    pieces = {normal(each) for each in re.split(r"[\W_]+", activity)}
    for word, known in (("lost", _LOST), ("won", _WON)):
        if any(each in (pieces if each.isascii() else activity) for each in known.split()):
            return word
    return None


def event_log(tables: Sequence[SeenTable]) -> EventLog | None:
    """The first table that is an event log; None where there is none."""
    return next((log for log in map(_log_of, tables) if log), None)


def _log_of(table: SeenTable) -> EventLog | None:
    columns = columns_by_name(table.columns)
    activity, at = find_column(columns, _ACTIVITY), find_column(columns, _AT)
    if activity is None or at is None or {"field", "new"} <= set(concepts_of(columns, "changes")):
        return None
    case = find_column(columns, _CASE) or _some_id(table, (activity, at))
    if case is None or table.is_key(case) or table.text(activity).nunique() > MOST_ACTIVITIES:
        return None
    if date_share(table.text(at)) < LEAST_DATES:
        return None
    lifecycle = find_column(columns, _LIFECYCLE)
    values = table.distinct(lifecycle) if lifecycle else []
    complete = tuple(each for each in values if each.casefold() in _COMPLETE)
    return EventLog(
        table=table,
        case=case,
        activity=activity,
        at=at,
        resource=find_column(columns, _RESOURCE),
        lifecycle=lifecycle if complete else None,
        complete=complete,
    )


def _some_id(table: SeenTable, others: Sequence[str]) -> str | None:
    """A log calls its case after what it is: `application_id`."""
    ids = [each for each in table.columns if normal(each).endswith("id") and each not in others]
    return ids[0] if ids else None
