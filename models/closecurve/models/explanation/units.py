"""Values and bounds as people say them, in English and in Chinese."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

HOURS_IN_DAY = 24.0
WEEKDAYS = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "zh": ("周一", "周二", "周三", "周四", "周五", "周六", "周日"),
}
ANSWERED = {"en": ("not answered yet", "answered"), "zh": ("尚未响应", "已响应")}
TRENDS = {"en": ("down", "unchanged", "up"), "zh": ("减少", "持平", "增加")}
TREND_LEAST = 0.1
"""A difference over sum of activities below this is no trend."""

NOUNS = {
    "activities": (("activity", "activities"), "次"),
    "stages": (("stage", "stages"), "个阶段"),
    "deals": (("deal", "deals"), "个商机"),
    "leads": (("lead", "leads"), "条线索"),
}
TIMES = ("moves", "pushes", "changes")
TOLD_AS_TIMES = ("account_won_count",)
"""Counts of deals that are told as how often the account bought."""

TOLD_AS_PERCENT = ("amount_change_ratio",)
"""Ratios near 1, which are told as shares."""

COUNTDOWNS = ("days_to_expected_close", "days_to_quarter_end")
DATED = ("days_since_date_", "days_since_account_date_")
"""Days that lie ahead or behind: told as "in 3 days" and "3 days ago"."""

ENGLISH_STEPS = ((1e9, "B"), (1e6, "M"), (1e3, "k"))
CHINESE_STEPS = ((1e8, " 亿"), (1e4, " 万"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """How the values of one feature are said: its unit, the language, the company's currency."""

    feature: str
    unit: str
    language: str
    currency: str

    def value(self, value: float | str) -> str:
        """A value with its unit."""
        if isinstance(value, str):
            return self._named(value)
        if self._is_day:
            return self._day_ahead(value if self.feature in COUNTDOWNS else -value)
        return self._counted(value) or self._said(value)

    def bound(self, side: str, bound: float | str) -> str:
        """The deals at least or below a bound, or with a value."""
        if isinstance(bound, str):
            return self._named(bound)
        if self.unit == "0 or 1":
            return self._answered(1.0 if side == "at_least" else 0.0, is_population=True)
        if self._is_day:
            return self._day_bound(side, bound)
        if side == "below" and bound <= 1 and self._is_english and self._counted(0.0):
            return self._counted(0.0)
        return self._bounded(side, self._counted(bound) or self._said(bound))

    @property
    def _is_english(self) -> bool:
        return self.language == "en"

    def _named(self, name: str) -> str:
        return name if self._is_english else f"“{name}”"

    @property
    def _is_day(self) -> bool:
        """Whether the value is a day that may lie ahead or behind."""
        return self.feature in COUNTDOWNS or self.feature.startswith(DATED)

    def _day_bound(self, side: str, bound: float) -> str:
        if self.feature in COUNTDOWNS:
            return self._days_ahead(side, bound)
        return self._days_ahead("below" if side == "at_least" else "at_least", -bound)

    @property
    def _is_times(self) -> bool:
        return self.unit in TIMES or self.feature in TOLD_AS_TIMES

    def _bounded(self, side: str, said: str) -> str:
        if not self._is_english:
            return f"至少 {said}" if side == "at_least" else f"不到 {said}"
        below = "fewer than" if self.unit in NOUNS and not self._is_times else "less than"
        return f"{'at least' if side == 'at_least' else below} {said}"

    def _counted(self, value: float) -> str:
        """A count with its noun; empty for what is not counted."""
        if self._is_times:
            return _times(value) if self._is_english else f"{_number(value)} 次"
        if self.unit not in NOUNS:
            return ""
        (one, many), chinese = NOUNS[self.unit]
        if not self._is_english:
            return f"{_number(value)} {chinese}"
        return f"{_number(value) if value else 'no'} {one if value == 1 else many}"

    def _said(self, value: float) -> str:
        said: Mapping[str, Callable[[float], str]] = {
            "days": self._days,
            "hours": self._hours,
            "company currency": self._money,
            "rate": _percent,
            "times": lambda ratio: f"{_number(ratio)} {'times' if self._is_english else '倍'}",
            "-1 to 1": self._trend,
            "0 or 1": self._answered,
            "0 to 6": lambda day: WEEKDAYS[self.language][int(day)],
            "0 to 23": lambda hour: f"{hour:.0f}:00 UTC",
        }
        if self.feature in TOLD_AS_PERCENT:
            return _percent(value)
        return said.get(self.unit, _number)(value)

    def _days(self, days: float) -> str:
        if not self._is_english:
            return "不到 1 天" if 0 < days < 1 else f"{days:,.0f} 天"
        if 0 < days < 1:
            return "less than a day"
        return f"{days:,.0f} {'day' if round(days) == 1 else 'days'}"

    def _hours(self, hours: float) -> str:
        if hours >= 2 * HOURS_IN_DAY:
            return self._days(hours / HOURS_IN_DAY)
        if not self._is_english:
            return f"{hours:.0f} 小时" if hours >= 1 else "不到 1 小时"
        if hours < 1:
            return "less than an hour"
        return f"{hours:.0f} {'hour' if round(hours) == 1 else 'hours'}"

    def _day_ahead(self, days: float) -> str:
        """A day before or after the as-of."""
        if abs(days) < 1:
            return "today" if self._is_english else "为今天"
        said = self._days(abs(days))
        if self._is_english:
            return f"in {said}" if days > 0 else f"{said} ago"
        return f"还有 {said}" if days > 0 else f"已过 {said}"

    def _days_ahead(self, side: str, days: float) -> str:
        """Days from one on, or before one, that may lie in the past."""
        said = self._days(max(abs(days), 1.0))
        is_later, is_past = side == "at_least", days < 0
        if self._is_english:
            words = (("in less than {}", "in {} or more"), ("more than {} ago", "{} ago or later"))
        else:
            words = (("不到 {}", "至少还有 {}"), ("已过 {}以上", "最多已过 {}"))
        return words[is_past][is_later].format(said)

    def _money(self, amount: float) -> str:
        steps = ENGLISH_STEPS if self._is_english else CHINESE_STEPS
        for step, letter in steps:
            if abs(amount) >= step:
                return f"{amount / step:.3g}{letter} {self.currency}".rstrip()
        return f"{amount:.0f} {self.currency}".rstrip()

    def _trend(self, trend: float) -> str:
        place = 1 + (trend > TREND_LEAST) - (trend < -TREND_LEAST)
        return TRENDS[self.language][place]

    def _answered(self, answered: float, *, is_population: bool = False) -> str:
        said = ANSWERED[self.language][int(answered >= 0.5)]
        return f"that were {said}" if is_population and self._is_english and answered else said


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%"


def _number(value: float) -> str:
    """A number with no more figures than say something.

    >>> _number(28.33), _number(1234.5), _number(0.25)
    ('28', '1,234', '0.25')
    """
    if value == round(value) or abs(value) >= 10:
        return f"{value:,.0f}"
    return f"{value:.2g}"


def _times(count: float) -> str:
    """How often, in English.

    >>> _times(0), _times(1), _times(3)
    ('never', 'once', '3 times')
    """
    return {0.0: "never", 1.0: "once", 2.0: "twice"}.get(count) or f"{_number(count)} times"
